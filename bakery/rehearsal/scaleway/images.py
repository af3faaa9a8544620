"""Images of a zone: made of a snapshot that is there, listed, renamed, deleted."""

from typing import Any

from scaleway.instance.v1 import types as instance

from bakery.rehearsal import service
from bakery.rehearsal.scaleway import refusals
from bakery.rehearsal.scaleway.ground import Ground, Kind, Thing, stamp
from bakery.rehearsal.scaleway.routes import Asked, Route, matching, owner

WHOLE = frozenset({"available", "in_use", "exporting"})
"""States of a snapshot that holds all that it shall hold."""
PATH = "/instance/v1/zones/{zone}/images"


def create(asked: Asked) -> dict[str, Any]:
    """Make an image of snapshots of the same zone."""
    project = owner(asked, kind="compute_images")
    if asked.body.get("public"):
        # Only Scaleway's own images and its partners' are for everybody.
        raise refusals.denied("compute_images", "publish")
    if asked.body["arch"] not in {"x86_64", "arm64"}:
        raise refusals.constraint("arch", "x86_64 or arm64")
    others = [one["id"] for one in (asked.body.get("extra_volumes") or {}).values()]
    snapshots = [snapshot_of(asked, identity) for identity in (asked.body["root_volume"], *others)]
    made = asked.ground.add(
        Kind.IMAGE,
        asked.zone,
        shown(asked.body.get("name") or "image", arch=asked.body["arch"], project=project, tags=asked.body.get("tags")),
        project=project,
    )
    made.parts = snapshots
    made.turn("creating", to="available", after_s=asked.ground.pending_s())
    return {"image": view(made)}


def shown(name: str, *, arch: str, project: str, tags: list[str] | None = None, public: bool = False) -> dict[str, Any]:
    """Return what an image shows of itself, without its volumes."""
    return {
        "name": name,
        "arch": arch,
        "extra_volumes": {},
        "from_server": "",
        "organization": service.ORGANIZATION if project == service.PROJECT else project,
        "project": project,
        "public": public,
        "state": "available",
        "tags": [*(tags or ())],
        "creation_date": stamp(),
        "modification_date": stamp(),
    }


def snapshot_of(asked: Asked, identity: object) -> Thing:
    """Return a snapshot that an image can be made of. Raises RefusedError where it is not whole, or not there."""
    ground, zone = asked.ground, asked.zone
    block = ground.find(Kind.BLOCK_SNAPSHOT, zone, identity)
    found = block or ground.one(Kind.SNAPSHOT, zone, identity, project=asked.project)
    if found.project != asked.project:
        raise refusals.denied(found.kind, "read")
    if found.state not in WHOLE:
        raise refusals.transient(found.kind, found.id, found.state)
    return found


def view(image: Thing) -> dict[str, Any]:
    """Return an image as the API shows it."""
    root, *others = [_volume(part) for part in image.parts]
    extra = {
        str(number): {
            **one,
            **{key: image.shown[key] for key in ("organization", "project", "tags", "zone")},
            "state": "available",
        }
        for number, one in enumerate(others, start=1)
    }
    return {**image.shown, "root_volume": root, "extra_volumes": extra}


def _volume(snapshot: Thing) -> dict[str, Any]:
    kind = "sbs_snapshot" if snapshot.kind is Kind.BLOCK_SNAPSHOT else "l_ssd"
    return {**{key: snapshot.shown[key] for key in ("id", "name", "size")}, "volume_type": kind}


def visible(asked: Asked, identity: object) -> Thing:
    """Return an image that this project may read: its own, or everybody's."""
    found = asked.ground.find(Kind.IMAGE, asked.zone, identity)
    if found is None or not (found.project == asked.project or found.shown["public"]):
        raise refusals.not_found(Kind.IMAGE, str(identity))
    return found


def get(asked: Asked) -> dict[str, Any]:
    """Show one."""
    return {"image": view(visible(asked, asked.ids["image_id"]))}


def list_(asked: Asked) -> list[dict[str, Any]]:
    """Show those of this project, and everybody's unless a project is asked for."""
    query = asked.query
    wanted = {"true": True, "false": False}.get(query.get("public", "").lower())
    found = [
        one
        for one in matching([*asked.ground.of(Kind.IMAGE, asked.zone)], asked)
        if (one.project == asked.project or one.shown["public"])
        and query.get("arch", one.shown["arch"]) == one.shown["arch"]
        and wanted in {None, one.shown["public"]}
    ]
    return [view(one) for one in reversed(found)]


def update(asked: Asked) -> dict[str, Any]:
    """Rename it or tag it anew."""
    found = asked.ground.one(Kind.IMAGE, asked.zone, asked.ids["image_id"], project=asked.project)
    if asked.body.get("public"):
        raise refusals.denied("compute_images", "publish")
    change(found, asked, "name", "tags")
    return {"image": view(found)}


def change(thing: Thing, asked: Asked, *names: str) -> None:
    """Take what was sent of these fields; null leaves one as it is."""
    thing.shown |= {name: asked.body[name] for name in names if asked.body.get(name) is not None}
    thing.shown["updated_at" if "updated_at" in thing.shown else "modification_date"] = stamp()


def delete(asked: Asked) -> None:
    """Delete it; its snapshots stay (packer-plugin-scaleway, pull request 88)."""
    found = asked.ground.one(Kind.IMAGE, asked.zone, asked.ids["image_id"], project=asked.project)
    if found.state == "creating":
        raise refusals.transient(found.kind, found.id, found.state)
    asked.ground.drop(found)


def using(ground: Ground, snapshot: Thing) -> list[Thing]:
    """Return the images that are made of a snapshot."""
    return [one for one in ground.of(Kind.IMAGE, snapshot.zone) if snapshot in one.parts]


ROUTES = (
    Route(
        action="CreateImage",
        method="POST",
        path=PATH,
        handler=create,
        request=instance.CreateImageRequest,
        answer=instance.CreateImageResponse,
    ),
    Route(
        action="ListImages",
        method="GET",
        path=PATH,
        handler=list_,
        request=instance.ListImagesRequest,
        answer=instance.ListImagesResponse,
        listed="images",
    ),
    Route(action="GetImage", method="GET", path=PATH + "/{image_id}", handler=get, answer=instance.GetImageResponse),
    Route(
        action="UpdateImage",
        method="PATCH",
        path=PATH + "/{image_id}",
        handler=update,
        request=instance.UpdateImageRequest,
        answer=instance.UpdateImageResponse,
    ),
    Route(action="DeleteImage", method="DELETE", path=PATH + "/{image_id}", handler=delete),
)
