"""Block storage: snapshots, volumes, and the import of a snapshot from an object; it-mil-1 has none of it."""

from typing import Any

from scaleway.block.v1 import types as block

from bakery.rehearsal.scaleway import disks, images, refusals
from bakery.rehearsal.scaleway.ground import Kind, Thing, stamp
from bakery.rehearsal.scaleway.routes import Asked, Route, matching, owner

BASE = "/block/v1/zones/{zone}"
SMALLEST, LARGEST = 5 * disks.GB, 10_000 * disks.GB
"""Of a volume (scaleway.com/en/docs, "Block Storage": 5 GB to 10 TB)."""
IOPS = (5000, 15000)


def shown(name: str, *, size: int, project: str, tags: list[str] | None = None) -> dict[str, Any]:
    """Return what a snapshot and a volume show alike."""
    return {
        "name": name,
        "size": size,
        "project_id": project,
        "tags": [*(tags or ())],
        "status": "available",
        "created_at": stamp(),
        "updated_at": stamp(),
    }


def _snapshot(asked: Asked, *, size: int) -> Thing:
    project = owner(asked, kind="block_snapshots")
    given = asked.body
    made = {"class": "sbs", "public": False}
    told = shown(given.get("name") or "snapshot", size=size, project=project, tags=given.get("tags"))
    return asked.ground.add(Kind.BLOCK_SNAPSHOT, asked.zone, {**told, **made}, project=project)


def import_(asked: Asked) -> dict[str, Any]:
    """Make a snapshot of an object; what is wrong inside the object shows later, as the state `error`."""
    given, ground = asked.body, asked.ground
    made = _snapshot(asked, size=given.get("size") or 0)
    try:
        disk = disks.fetch(ground, zone=asked.zone, bucket=given["bucket"], key=given["key"], name=made.id)
    except refusals.RefusedError:
        ground.drop(made)
        raise
    failure, size = disks.problem(disk, size=given.get("size") or 0)
    made.shown["size"] = size or made.shown["size"]
    made.disk = None if failure else disk
    made.turn("creating", to="error" if failure else "available", after_s=ground.pending_s())
    return view_snapshot(asked, made)


def create_snapshot(asked: Asked) -> dict[str, Any]:
    """Make a snapshot of a volume."""
    volume = asked.ground.one(Kind.BLOCK_VOLUME, asked.zone, asked.body["volume_id"], project=asked.project)
    if volume.state not in {"available", "in_use"}:
        raise refusals.transient(volume.kind, volume.id, volume.state)
    content = volume.content()
    made = _snapshot(asked, size=volume.shown["size"])
    made.disk = content
    made.shown["parent_volume"] = {
        **{key: volume.shown[key] for key in ("id", "name", "type")},
        "status": volume.state,
    }
    made.turn("creating", to="available", after_s=asked.ground.pending_s())
    return view_snapshot(asked, made)


def view_snapshot(asked: Asked, snapshot: Thing) -> dict[str, Any]:
    """Return a snapshot as the API shows it: with a reference for each image that is made of it."""
    references = [
        {
            "id": one.id,
            "product_resource_type": "instance_image",
            "product_resource_id": one.id,
            "type": "link",
            "status": "attached",
            "created_at": one.shown["creation_date"],
        }
        for one in images.using(asked.ground, snapshot)
    ]
    state = "in_use" if references and snapshot.state == "available" else snapshot.state
    return {**snapshot.shown, "references": references, "status": state}


def get_snapshot(asked: Asked) -> dict[str, Any]:
    """Show one."""
    return view_snapshot(asked, _one(asked, Kind.BLOCK_SNAPSHOT, "snapshot_id"))


def list_snapshots(asked: Asked) -> list[dict[str, Any]]:
    """Show this project's."""
    found = matching([*asked.ground.of(Kind.BLOCK_SNAPSHOT, asked.zone)], asked)
    return [view_snapshot(asked, one) for one in found if one.project == asked.project]


def update_snapshot(asked: Asked) -> dict[str, Any]:
    """Rename it or tag it anew."""
    found = _one(asked, Kind.BLOCK_SNAPSHOT, "snapshot_id")
    if asked.body.get("public"):
        raise refusals.denied("block_snapshots", "publish")
    images.change(found, asked, "name", "tags")
    return view_snapshot(asked, found)


def delete_snapshot(asked: Asked) -> None:
    """Delete it, unless an image needs it."""
    found = _one(asked, Kind.BLOCK_SNAPSHOT, "snapshot_id")
    if found.state in {"creating", "exporting"}:
        raise refusals.transient(found.kind, found.id, found.state)
    if images.using(asked.ground, found):
        raise refusals.still_referenced(found.kind, found.id)
    asked.ground.drop(found)


def export(asked: Asked) -> dict[str, Any]:
    """Put a snapshot into an object of the zone's own region."""
    found = _one(asked, Kind.BLOCK_SNAPSHOT, "snapshot_id")
    disks.export(asked.ground, found, bucket=asked.body["bucket"], key=asked.body["key"])
    return view_snapshot(asked, found)


def _one(asked: Asked, kind: Kind, part: str) -> Thing:
    return asked.ground.one(kind, asked.zone, asked.ids[part], project=asked.project)


SNAPSHOTS = BASE + "/snapshots"
ROUTES = (
    Route(
        action="ImportSnapshotFromObjectStorage",
        method="POST",
        path=SNAPSHOTS + "/import-from-object-storage",
        handler=import_,
        request=block.ImportSnapshotFromObjectStorageRequest,
        answer=block.Snapshot,
    ),
    Route(
        action="ExportSnapshotToObjectStorage",
        method="POST",
        path=SNAPSHOTS + "/{snapshot_id}/export-to-object-storage",
        handler=export,
        request=block.ExportSnapshotToObjectStorageRequest,
        answer=block.Snapshot,
    ),
    Route(
        action="CreateSnapshot",
        method="POST",
        path=SNAPSHOTS,
        handler=create_snapshot,
        request=block.CreateSnapshotRequest,
        answer=block.Snapshot,
    ),
    Route(
        action="ListSnapshots",
        method="GET",
        path=SNAPSHOTS,
        handler=list_snapshots,
        request=block.ListSnapshotsRequest,
        answer=block.ListSnapshotsResponse,
        listed="snapshots",
    ),
    Route(
        action="GetSnapshot",
        method="GET",
        path=SNAPSHOTS + "/{snapshot_id}",
        handler=get_snapshot,
        answer=block.Snapshot,
    ),
    Route(
        action="UpdateSnapshot",
        method="PATCH",
        path=SNAPSHOTS + "/{snapshot_id}",
        handler=update_snapshot,
        request=block.UpdateSnapshotRequest,
        answer=block.Snapshot,
    ),
    Route(action="DeleteSnapshot", method="DELETE", path=SNAPSHOTS + "/{snapshot_id}", handler=delete_snapshot),
)
