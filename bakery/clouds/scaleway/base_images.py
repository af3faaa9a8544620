"""Finds the image a base has in a zone: asked of Scaleway's marketplace each time, by the base's label there.

A label has an image for each kind of disk and each processor, and each says which types of servers it is for.
"""

from typing import Any

from bakery.cloud.values import BaseImage
from bakery.clouds.scaleway import answers, images, server_types
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.core.errors import missing
from bakery.definition.bases import Arch, Base
from bakery.definition.scaleway import Volume

KINDS = {Volume.BLOCK: "instance_sbs", Volume.LOCAL: "instance_local"}
"""What the marketplace calls images that start from such a disk."""


def usual_volume(zone: Zone) -> Volume:
    """Return the kind of disk that an image starts from where nobody says another."""
    return Volume.BLOCK if zone.has_blocks else Volume.LOCAL


def newest(zone: Zone, base: Base, arch: Arch, *, volume: Volume | None = None) -> BaseImage:
    """Return a base's image in a zone, for a kind of disk. Raises BakeryError (exit code 3) when the zone has none."""
    kind = KINDS[volume or usual_volume(zone)]
    listed = [one for one in _listed(zone, base, kind) if str(one.arch) == answers.ARCHES[arch]]
    if not listed:
        said = f"{zone.name}: there is no image of {base.name} for {arch} (label {base.scaleway_label}, {kind})"
        raise missing(said, hint=f"./inv regions --base {base.name}  (shows where there is one)")
    # Of several, one that is for the servers that we use.
    usual = {*server_types.USUAL[arch]}
    chosen = max(listed, key=lambda one: len(usual & {str(name) for name in one.compatible_commercial_types}))
    found = images.at(zone, str(chosen.id))
    if found is None:
        raise missing(f"{zone.name}: the marketplace names {chosen.id}, which is not there", hint="again later")
    return BaseImage(
        id=found.id,
        name=found.name,
        created=found.created_at,
        root_device="",
        size_gb=found.root_size_gb,
        boot_mode="",
        owner=found.owner,
        found_by=f"label {base.scaleway_label}",
    )


def _listed(zone: Zone, base: Base, kind: str) -> list[Any]:
    asked = {"image_label": base.scaleway_label, "type_": kind}
    try:
        return [*zone.all(zone.market.list_local_images, "local_images", **asked)]
    except ApiError as error:
        # A label that nobody knows is a thing that is not found, and no list without anything in it.
        if error.code not in {Code.NOT_FOUND, Code.INVALID}:
            raise
        return []
