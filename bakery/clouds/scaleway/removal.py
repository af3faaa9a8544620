"""Removes what is ours in one zone: every act may be done twice, and what is gone already is no mistake.

An image is tagged before anything else, with its snapshots: whoever comes after a kill knows what was meant.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from bakery.cloud import naming
from bakery.cloud.inventory import Kind
from bakery.cloud.values import Image
from bakery.clouds.scaleway import buckets, groups, images, latest, servers, snapshots, volumes
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code


def remove_image(zone: Zone, image: Image, *, pointer: str) -> None:
    """Remove an image, its snapshots, and the tag that makes it `latest`."""
    try:
        if naming.REMOVING not in image.tags:
            images.tag(zone, image, {naming.REMOVING: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"})
        forget(zone, pointer, image_id=image.id)
        zone.call(zone.instances.delete_image, image_id=image.id)
    except ApiError as error:
        if error.code is not Code.NOT_FOUND:
            raise
    for snapshot in image.snapshots:
        snapshots.remove(zone, snapshot, is_freed=True)


def forget(zone: Zone, pointer: str, *, image_id: str) -> None:
    """Take `latest` from an image if it has it."""
    holder = next((one for one in latest.holders(images.own(zone), pointer) if one.id == image_id), None)
    if holder is not None:
        images.retag(zone, image_id, add={}, drop={latest.TAG: holder.tags[latest.TAG]})


REMOVERS: dict[Kind, Callable[[Zone, str], None]] = {
    Kind.INSTANCE: lambda zone, thing: servers.end(zone, [thing]),
    Kind.SNAPSHOT: snapshots.remove,
    Kind.VOLUME: volumes.remove,
    Kind.ADDRESS: servers.remove_address,
    Kind.OBJECT: buckets.remove_rest,
    Kind.GROUP: groups.remove,
}
"""What is no image, and how it ends; keys are the organization's here, and none is ever made."""
