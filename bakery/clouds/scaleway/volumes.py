"""Disks of a zone: block storage, or disks of machines themselves, which an API of its own knows."""

from collections.abc import Mapping
from typing import Any

from scaleway.instance.v1.types import VolumeServerTemplate, VolumeVolumeType

from bakery.cloud import naming
from bakery.cloud.inventory import Loose
from bakery.clouds.scaleway import answers, deletion
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.clouds.scaleway.tags import tag_list, tags_of
from bakery.definition.scaleway import Volume

FREE_DEADLINE_S = 120.0
"""How long a disk may be held by a server that is gone."""


def template(volume: Volume, *, size_gb: int) -> Any:
    """Return what a server is told of its root disk; *size_gb* is in GiB."""
    return VolumeServerTemplate(volume_type=VolumeVolumeType(volume.value), size=answers.bytes_of(size_gb), boot=True)


def tag(zone: Zone, volume: str, tags: Mapping[str, str]) -> None:
    """Give a disk the tags of its server: it can be left alone."""
    method = zone.blocks.update_volume if _is_block(zone, volume) else zone.instances.update_volume
    zone.call(method, volume_id=volume, tags=tag_list(tags))


def loose(zone: Zone) -> list[Loose]:
    """Return the disks of ours that no server has."""
    local = zone.all(zone.instances.list_volumes, "volumes", project=zone.project)
    found = [answers.volume(one) for one in local if one.server is None and naming.is_ours(tags_of(one.tags))]
    if zone.has_blocks:
        asked = {"project_id": zone.project, "include_deleted": False}
        blocks = zone.all(zone.blocks.list_volumes, "volumes", **asked)
        found += [answers.volume(one) for one in blocks if not one.references and naming.is_ours(tags_of(one.tags))]
    return found


def remove(zone: Zone, volume: str) -> None:
    """Delete a disk, as soon as the server that is gone lets go of it; one that is gone is no mistake.

    Raises ApiError when it is held still after FREE_DEADLINE_S.
    """

    def delete() -> None:
        method = zone.blocks.delete_volume if _is_block(zone, volume) else zone.instances.delete_volume
        zone.call(method, volume_id=volume)

    deletion.until_let_go(zone, delete, deadline_s=FREE_DEADLINE_S)


def _is_block(zone: Zone, volume: str) -> bool:
    if not zone.has_blocks:
        return False
    try:
        zone.call(zone.blocks.get_volume, volume_id=volume)
    except ApiError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return False
    return True
