"""What there is of ours in one zone, and what of it is in use; everything is asked, nothing is changed.

Ours is what carries our tag, whatever its name: an image that only has a name like ours is looked at, and stays.
"""

from collections.abc import Sequence

from bakery.catalog.catalog import LATEST
from bakery.cloud import naming
from bakery.cloud.inventory import Inventory, Question
from bakery.cloud.values import Image
from bakery.clouds.scaleway import answers, buckets, groups, images, latest, servers, snapshots, volumes
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.tags import tags_of

BAKING = ("dokku-bakery-bake", "dokku-bakery-verify")
"""Groups that are made for the time of a bake, and left for the next one."""


def take(zone: Zone, question: Question) -> Inventory:
    """Return what there is; raises like `Zone.call`."""
    own = images.own(zone)
    found = {one.id: one for one in own if _is_ours(one)}
    used = {snapshot for one in own for snapshot in one.snapshots}
    names = {*question.pointers, *_usual_pointers([*found.values()])}
    addresses = zone.all(zone.instances.list_ips, "ips", project=zone.project)
    free = [answers.address(one) for one in addresses if one.server is None and naming.is_ours(tags_of(one.tags))]
    return Inventory(
        place=zone.name,
        images=found,
        instances=servers.own(zone),
        pointers={name: one.image_id for name, one in latest.pointers(own, names).items()},
        snapshots=[
            one for one in snapshots.own(zone) if one.id not in used and {naming.IMAGE, naming.REMOVING} & {*one.tags}
        ],
        groups=[answers.group(one) for one in groups.ours(zone) if one.name.startswith(BAKING)],
        loose=[*volumes.loose(zone), *free, *buckets.rests(zone)],
    )


def _is_ours(image: Image) -> bool:
    return naming.IMAGE in image.tags or image.name.startswith(f"{naming.OWNER}/")


def _usual_pointers(found: Sequence[Image]) -> set[str]:
    """Return what leads to images of another checkout, unless it has a prefix of its own."""
    return {
        naming.usual_pointer(one.tags[naming.IMAGE], LATEST, one.tags[naming.ARCH])
        for one in found
        if {naming.IMAGE, naming.ARCH} <= {*one.tags}
    }
