"""What killed runs have left in a region: found by our tags, and only what no living run can be using."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bakery.cloud import naming
from bakery.cloud.inventory import Inventory, Kind
from bakery.cloud.values import Image, ImageState, Instance, InstanceState
from bakery.places.place import Place

LONGEST_RUN = timedelta(hours=6)
"""No bake takes as long."""
SETTLED = timedelta(days=1)
"""A younger snapshot may belong to an image that is still being made."""


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One thing to remove, and why it is nobody's."""

    kind: Kind
    region: str
    id: str
    """What the cloud removes it by; a key pair's is its name."""
    why: str
    image: Image | None = None
    """Itself, where it is one."""


def find(inventory: Inventory, *, now: datetime, is_now: bool) -> list[Leftover]:
    """Return what a region has of killed runs; *is_now*: also what belongs to runs that may still go on."""
    running = list(_instances(inventory, now=now, is_now=is_now))
    ending = {leftover.id for leftover in running}
    staying = [instance for instance in inventory.instances if instance.id not in ending]
    return [
        *running,
        *_images(inventory),
        *_snapshots(inventory, now=now),
        *_loose(inventory, now=now, is_now=is_now),
        *(_groups(inventory, staying) if is_now else ()),
        *_keys(inventory, staying, now=now, is_now=is_now),
    ]


def remove(place: Place, leftover: Leftover) -> str:
    """Remove a leftover; return until when an image is protected, empty when it is gone."""
    if leftover.image:
        return place.remove_image(leftover.image, pointer="")
    place.remove(leftover.kind, leftover.id)
    return ""


def _instances(inventory: Inventory, *, now: datetime, is_now: bool) -> Iterator[Leftover]:
    for one in inventory.instances:
        tags, since = one.tags, one.started_at
        is_ending = one.state == InstanceState.ENDING
        if naming.RUN in tags and not is_ending and (is_now or now - since > LONGEST_RUN):
            why = f"{tags.get(naming.TITLE, tags[naming.RUN])}: runs since {since:%Y-%m-%d %H:%M}"
            yield Leftover(kind=Kind.INSTANCE, region=inventory.place, id=one.id, why=why)


def _images(inventory: Inventory) -> Iterator[Leftover]:
    for one in inventory.images.values():
        if one.state == ImageState.FAILED and naming.is_ours(one.tags):
            why = f"{one.name} failed: {one.failure}"
            yield Leftover(kind=Kind.IMAGE, region=inventory.place, id=one.id, why=why, image=one)


def _snapshots(inventory: Inventory, *, now: datetime) -> Iterator[Leftover]:
    for one in inventory.snapshots:
        if naming.REMOVING in one.tags or now - one.started_at > SETTLED:
            why = f"no image uses it: {one.tags.get(naming.TITLE) or one.description}"
            yield Leftover(kind=Kind.SNAPSHOT, region=inventory.place, id=one.id, why=why)


def _loose(inventory: Inventory, *, now: datetime, is_now: bool) -> Iterator[Leftover]:
    for one in inventory.loose:
        if is_now or now - one.made_at > LONGEST_RUN:
            yield Leftover(kind=one.kind, region=inventory.place, id=one.id, why=f"nothing uses it: {one.what}")


def _groups(inventory: Inventory, staying: Sequence[Instance]) -> Iterator[Leftover]:
    """Give the groups without a machine: all runs share them, and one may be about to start its machine there."""
    used = {group for instance in staying for group in instance.groups}
    for one in inventory.groups:
        if one.id not in used:
            yield Leftover(kind=Kind.GROUP, region=inventory.place, id=one.id, why=f"no instance is in {one.name}")


def _keys(inventory: Inventory, staying: Sequence[Instance], *, now: datetime, is_now: bool) -> Iterator[Leftover]:
    used = {instance.key_name for instance in staying}
    for one in inventory.keys:
        is_old = one.created_at is None or now - one.created_at > LONGEST_RUN
        if one.name not in used and (is_old or is_now):
            yield Leftover(kind=Kind.KEY, region=inventory.place, id=one.name, why="no instance has it")
