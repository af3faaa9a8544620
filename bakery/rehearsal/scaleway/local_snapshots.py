"""Snapshots of machines' own disks, by the Instance API: made of a volume, or of an object."""

from typing import Any

from scaleway.instance.v1 import types as instance

from bakery.rehearsal.scaleway import disks, images, refusals, routes
from bakery.rehearsal.scaleway.ground import Kind, Thing
from bakery.rehearsal.scaleway.routes import Asked, Route, matching, owner
from bakery.rehearsal.scaleway.volumes import LOCAL, local


def create_snapshot(asked: Asked) -> dict[str, Any]:
    """Make a snapshot of a machine's own disk, or import one."""
    owner(asked, kind="compute_snapshots")
    given, ground = asked.body, asked.ground
    if given.get("volume_type", LOCAL) not in {LOCAL, "unknown_volume_type"}:
        raise refusals.constraint("volume_type", f"{given['volume_type']} is deprecated")
    if ("volume_id" in given) == ("bucket" in given):
        raise refusals.constraint("volume_id", "either volume_id, or bucket and key")
    volume = content = None
    if "volume_id" in given:
        volume = ground.one(Kind.VOLUME, asked.zone, given["volume_id"], project=asked.project)
        content = volume.content()
    shown = local(asked, name=given.get("name") or "snapshot", size=volume.shown["size"] if volume else 0)
    if volume is not None:
        shown["base_volume"] = {"id": volume.id, "name": volume.shown["name"]}
    made = ground.add(Kind.SNAPSHOT, asked.zone, shown, project=asked.project)
    if volume is not None:
        made.disk = content
        made.turn("snapshotting", to="available", after_s=ground.pending_s())
    else:
        _import(asked, made)
    return {"snapshot": made.shown, "task": None}


def _import(asked: Asked, made: Thing) -> None:
    given, ground = asked.body, asked.ground
    try:
        disk = disks.fetch(ground, zone=asked.zone, bucket=given["bucket"], key=given.get("key", ""), name=made.id)
    except refusals.RefusedError:
        ground.drop(made)
        raise
    failure, size = disks.problem(disk, size=given.get("size") or 0)
    made.disk = None if failure else disk
    made.shown |= {"size": size, "error_reason": failure or None}
    made.turn("importing", to="invalid_data" if failure else "available", after_s=ground.pending_s())


def export_snapshot(asked: Asked) -> dict[str, Any]:
    """Put a snapshot into an object of the zone's own region."""
    found = _snapshot(asked)
    disks.export(asked.ground, found, bucket=asked.body["bucket"], key=asked.body["key"])
    return {"task": routes.task(asked, "export_snapshot", about=f"/snapshots/{found.id}")}


def _snapshot(asked: Asked) -> Thing:
    return asked.ground.one(Kind.SNAPSHOT, asked.zone, asked.ids["snapshot_id"], project=asked.project)


def get_snapshot(asked: Asked) -> dict[str, Any]:
    """Show one."""
    return {"snapshot": _snapshot(asked).shown}


def list_snapshots(asked: Asked) -> list[dict[str, Any]]:
    """Show this project's."""
    found = matching([*asked.ground.of(Kind.SNAPSHOT, asked.zone)], asked)
    return [one.shown for one in found if one.project == asked.project]


def update_snapshot(asked: Asked) -> dict[str, Any]:
    """Rename it or tag it anew."""
    found = _snapshot(asked)
    images.change(found, asked, "name", "tags")
    return {"snapshot": found.shown}


def delete_snapshot(asked: Asked) -> None:
    """Delete one that no image needs; its words are assumed."""
    found = _snapshot(asked)
    if found.becomes:
        raise refusals.transient(found.kind, found.id, found.state)
    if images.using(asked.ground, found):
        raise refusals.in_use("one or more images depend on this snapshot")
    asked.ground.drop(found)


SNAPSHOTS = "/instance/v1/zones/{zone}/snapshots"
ROUTES = (
    Route(
        action="CreateSnapshot",
        method="POST",
        path=SNAPSHOTS,
        handler=create_snapshot,
        request=instance.CreateSnapshotRequest,
        answer=instance.CreateSnapshotResponse,
    ),
    Route(
        action="ListSnapshots",
        method="GET",
        path=SNAPSHOTS,
        handler=list_snapshots,
        request=instance.ListSnapshotsRequest,
        answer=instance.ListSnapshotsResponse,
        listed="snapshots",
    ),
    Route(
        action="GetSnapshot",
        method="GET",
        path=SNAPSHOTS + "/{snapshot_id}",
        handler=get_snapshot,
        answer=instance.GetSnapshotResponse,
    ),
    Route(
        action="UpdateSnapshot",
        method="PATCH",
        path=SNAPSHOTS + "/{snapshot_id}",
        handler=update_snapshot,
        request=instance.UpdateSnapshotRequest,
        answer=instance.UpdateSnapshotResponse,
    ),
    Route(
        action="ExportSnapshot",
        method="POST",
        path=SNAPSHOTS + "/{snapshot_id}/export",
        handler=export_snapshot,
        request=instance.ExportSnapshotRequest,
        answer=instance.ExportSnapshotResponse,
    ),
    Route(action="DeleteSnapshot", method="DELETE", path=SNAPSHOTS + "/{snapshot_id}", handler=delete_snapshot),
)
