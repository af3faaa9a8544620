"""The marketplace: the distributions' images of each zone, for both kinds of disks and both architectures."""

import uuid
from typing import Any

from scaleway.marketplace.v2 import types as marketplace

from bakery.rehearsal.scaleway import blocks, disks, images, refusals, server_types, zones
from bakery.rehearsal.scaleway.ground import MAKER, Ground, Kind, Thing
from bakery.rehearsal.scaleway.routes import Asked, Route

LABELS = {
    "debian_bookworm": "Debian Bookworm",
    "debian_trixie": "Debian Trixie",
    "ubuntu_jammy": "Ubuntu 22.04 Jammy Jellyfish",
    "ubuntu_noble": "Ubuntu 24.04 Noble Numbat",
}
"""Names that people use in public files; they are written down apart from our own table of bases."""
BASES = {
    "debian_bookworm": "debian-12",
    "debian_trixie": "debian-13",
    "ubuntu_jammy": "ubuntu-22.04",
    "ubuntu_noble": "ubuntu-24.04",
}
"""What `World.base_disks` calls their disks, which only machines of this machine's kind boot from."""
ARCHES = {"x86_64": "amd64", "arm64": "arm64"}
"""Scaleway's names, and the distributions'."""
SIZE = 10 * disks.GB
SORTS = {"instance_sbs": Kind.BLOCK_SNAPSHOT, "instance_local": Kind.SNAPSHOT}


def sow(ground: Ground) -> None:
    """Put every image into every zone, where it can start from such disks."""
    for zone in zones.ZONES:
        for label, name in LABELS.items():
            for arch in ARCHES:
                for sort in SORTS:
                    if sort == "instance_local" or zone not in zones.WITHOUT_BLOCKS:
                        _sow_one(ground, zone, label, name=name, arch=arch, sort=sort)


def image_id(zone: str, label: str, *, arch: str, sort: str) -> str:
    """Return an image's id: always the same for the same image of a zone."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{zone} {label} {arch} {sort}"))


def _sow_one(ground: Ground, zone: str, label: str, *, name: str, arch: str, sort: str) -> None:
    told = blocks.shown(name, size=SIZE, project=MAKER)
    root = Thing(
        kind=SORTS[sort],
        zone=zone,
        project=MAKER,
        shown={**told, "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{zone} {label} {arch} {sort} root")), "zone": zone},
        base=f"{BASES[label]}-{ARCHES[arch]}",
    )
    shown = images.shown(name, arch=arch, project=MAKER, public=True)
    identity = image_id(zone, label, arch=arch, sort=sort)
    ground.add(Kind.IMAGE, zone, shown, project=MAKER, identity=identity).parts = [root]


def local_images(asked: Asked) -> list[dict[str, Any]]:
    """Show a label's images of one zone or all. Raises RefusedError for a label that nobody knows."""
    query = asked.query
    if sum(name in query for name in ("image_label", "image_id", "version_id")) != 1:
        raise refusals.constraint("image_label", "exactly one of image_id, version_id and image_label")
    if "image_label" not in query:
        raise refusals.not_rehearsed("images of the marketplace by id: ask by label")
    label, zone = query["image_label"], query.get("zone", "")
    if label not in LABELS:
        raise refusals.not_found("image", label)
    if zone and zone not in zones.ZONES:
        raise refusals.constraint("zone", "no such zone")
    return [
        {
            "id": image_id(one, label, arch=arch, sort=sort),
            "compatible_commercial_types": server_types.compatible(one, arch=arch, sort=sort),
            "arch": arch,
            "zone": one,
            "label": label,
            "type": sort,
        }
        for one in zones.ZONES
        for arch in ARCHES
        for sort in SORTS
        if zone in {"", one}
        and query.get("arch", arch) == arch
        and query.get("type", sort) in {sort, "unknown_type"}
        and asked.ground.find(Kind.IMAGE, one, image_id(one, label, arch=arch, sort=sort))
    ]


ROUTES = (
    Route(
        action="ListLocalImages",
        method="GET",
        path="/marketplace/v2/local-images",
        handler=local_images,
        request=marketplace.ListLocalImagesRequest,
        answer=marketplace.ListLocalImagesResponse,
        listed="local_images",
    ),
)
