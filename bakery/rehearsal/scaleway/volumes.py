"""Volumes: a machine's own disks (`l_ssd`, by the Instance API alone) and block storage (by the Block API alone)."""

from typing import Any

from scaleway.block.v1 import types as block
from scaleway.instance.v1 import types as instance

from bakery.rehearsal import service
from bakery.rehearsal.scaleway import blocks, images, refusals
from bakery.rehearsal.scaleway.ground import Ground, Kind, Thing, stamp
from bakery.rehearsal.scaleway.routes import Asked, Route, matching

LOCAL, BLOCK = "l_ssd", "sbs_volume"
GONE = frozenset({"b_ssd", "unified"})
"""Not made any more (scaleway.com/en/docs, "Migrating to SBS": since April and June 2025)."""


def make(asked: Asked, kind: str, *, name: str, size: int, source: Thing | None) -> Thing:
    """Make a volume of a kind. Raises RefusedError for a kind that there is no more, and a size that cannot be."""
    if kind in GONE:
        raise refusals.constraint("volume_type", f"{kind} is deprecated")
    if kind not in {LOCAL, BLOCK}:
        raise refusals.constraint("volume_type", f"one of {LOCAL}, {BLOCK}")
    if source is not None and size < source.shown["size"]:
        raise refusals.constraint("size", f"at least {source.shown['size']}, the size of the snapshot")
    if kind == BLOCK and not blocks.SMALLEST <= size <= blocks.LARGEST:
        raise refusals.constraint("size", f"from {blocks.SMALLEST} to {blocks.LARGEST}")
    if kind == BLOCK:
        told = {**blocks.shown(name, size=size, project=asked.project), "type": "sbs_5k"}
        told |= {"parent_snapshot_id": source.id if source else None, "specs": {"class": "sbs", "perf_iops": 5000}}
        made = asked.ground.add(Kind.BLOCK_VOLUME, asked.zone, told, project=asked.project)
    else:
        made = asked.ground.add(Kind.VOLUME, asked.zone, local(asked, name=name, size=size), project=asked.project)
    made.disk = (source.disk or asked.ground.world.base_disks.get(source.base)) if source else None
    return made


def local(asked: Asked, *, name: str, size: int) -> dict[str, Any]:
    """Return what a machine's own disk and its snapshots show of themselves."""
    return {
        "name": name,
        "size": size,
        "volume_type": LOCAL,
        "organization": service.ORGANIZATION,
        "project": asked.project,
        "tags": [*(asked.body.get("tags") or ())],
        "state": "available",
        "creation_date": stamp(),
        "modification_date": stamp(),
    }


def holder(ground: Ground, volume: Thing) -> Thing | None:
    """Return the server that has a volume."""
    return next((one for one in ground.of(Kind.SERVER, volume.zone) if volume in one.parts), None)


def view(ground: Ground, volume: Thing) -> dict[str, Any]:
    """Return a volume as its own API shows it, with the server that has it."""
    server = holder(ground, volume)
    if volume.kind is Kind.VOLUME:
        held = None if server is None else {"id": server.id, "name": server.shown["name"]}
        return {**volume.shown, "server": held}
    references = [] if server is None else [_reference(server)]
    return {**volume.shown, "references": references, "status": "in_use" if references else volume.state}


def _reference(server: Thing) -> dict[str, Any]:
    return {
        "id": server.id,
        "product_resource_type": "instance_server",
        "product_resource_id": server.id,
        "type": "exclusive",
        "status": "attached",
        "created_at": server.shown["creation_date"],
    }


def _kind(asked: Asked) -> Kind:
    return Kind.VOLUME if asked.api == "instance" else Kind.BLOCK_VOLUME


def _told(asked: Asked, volume: Thing) -> dict[str, Any]:
    shown = view(asked.ground, volume)
    return {"volume": shown} if volume.kind is Kind.VOLUME else shown


def _one(asked: Asked) -> Thing:
    return asked.ground.one(_kind(asked), asked.zone, asked.ids["volume_id"], project=asked.project)


def list_(asked: Asked) -> list[dict[str, Any]]:
    """Show this project's."""
    found = matching([*asked.ground.of(_kind(asked), asked.zone)], asked)
    return [view(asked.ground, one) for one in found if one.project == asked.project]


def get(asked: Asked) -> dict[str, Any]:
    """Show one."""
    return _told(asked, _one(asked))


def update(asked: Asked) -> dict[str, Any]:
    """Rename it or tag it anew."""
    found = _one(asked)
    if asked.body.get("size"):
        raise refusals.not_rehearsed("volumes that grow")
    images.change(found, asked, "name", "tags")
    return _told(asked, found)


def delete(asked: Asked) -> None:
    """Delete one that no server has."""
    found = _one(asked)
    if holder(asked.ground, found) is not None:
        if found.kind is Kind.VOLUME:
            raise refusals.wrong_state("volume is still attached to a server")
        raise refusals.still_referenced(found.kind, found.id)
    asked.ground.drop(found)


def _routes(base: str, types: Any, answer: type, changed: type) -> tuple[Route, ...]:
    one = base + "/{volume_id}"
    return (
        Route(
            action="ListVolumes",
            method="GET",
            path=base,
            handler=list_,
            request=types.ListVolumesRequest,
            answer=types.ListVolumesResponse,
            listed="volumes",
        ),
        Route(action="GetVolume", method="GET", path=one, handler=get, answer=answer),
        Route(
            action="UpdateVolume",
            method="PATCH",
            path=one,
            handler=update,
            request=types.UpdateVolumeRequest,
            answer=changed,
        ),
        Route(action="DeleteVolume", method="DELETE", path=one, handler=delete),
    )


ROUTES = (
    *_routes(blocks.BASE + "/volumes", block, block.Volume, block.Volume),
    *_routes("/instance/v1/zones/{zone}/volumes", instance, instance.GetVolumeResponse, instance.UpdateVolumeResponse),
)
