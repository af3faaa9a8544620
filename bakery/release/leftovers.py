"""What killed runs have left in a region: found by our tags, and only what no living run can be using."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bakery.cloud import naming
from bakery.cloud.reconcile import failure, tags_of
from bakery.clouds.aws import instances as machines
from bakery.clouds.aws import removal
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.inventory import Found, Inventory

LONGEST_RUN = timedelta(hours=6)
"""No bake takes as long."""
SETTLED = timedelta(days=1)
"""A younger snapshot may belong to an image that is still being made."""


class Kind(StrEnum):
    """What can be left, in the order in which it is removed: each may hold the next one."""

    INSTANCE = "instance"
    IMAGE = "image"
    SNAPSHOT = "snapshot"
    GROUP = "security group"
    KEY = "key pair"


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """One thing to remove, and why it is nobody's."""

    kind: Kind
    region: str
    id: str
    """What AWS removes it by; a key pair's is its name."""
    why: str
    found: Found


def find(inventory: Inventory, *, now: datetime, is_now: bool) -> list[Orphan]:
    """Return what a region has of killed runs; *is_now*: also what belongs to runs that may still go on."""
    instances = list(_instances(inventory, now=now, is_now=is_now))
    ending = {orphan.id for orphan in instances}
    staying = [instance for instance in inventory.instances if instance["InstanceId"] not in ending]
    return [
        *instances,
        *_images(inventory),
        *_snapshots(inventory, now=now),
        *_groups(inventory, staying),
        *_keys(inventory, staying, now=now, is_now=is_now),
    ]


def remove(region: Region, orphan: Orphan) -> str:
    """Remove an orphan; return until when an image is protected, empty when it is gone."""
    match orphan.kind:
        case Kind.INSTANCE:
            machines.terminate(region, [orphan.id])
        case Kind.IMAGE:
            return removal.remove_image(region, orphan.found, parameter="")
        case Kind.SNAPSHOT:
            removal.remove_snapshot(region, orphan.id)
        case Kind.GROUP:
            removal.remove_group(region, orphan.id)
        case Kind.KEY:
            removal.remove_key(region, orphan.id)
    return ""


def _instances(inventory: Inventory, *, now: datetime, is_now: bool) -> Iterator[Orphan]:
    for one in inventory.instances:
        tags, since = tags_of(one), one["LaunchTime"]
        is_ending = one["State"]["Name"] == "shutting-down"
        if naming.RUN in tags and not is_ending and (is_now or now - since > LONGEST_RUN):
            why = f"{tags.get('Name', tags[naming.RUN])}: runs since {since:%Y-%m-%d %H:%M}"
            yield _orphan(Kind.INSTANCE, inventory, one, identity="InstanceId", why=why)


def _images(inventory: Inventory) -> Iterator[Orphan]:
    for one in inventory.images.values():
        if one["State"] == "failed" and naming.is_ours(tags_of(one)):
            yield _orphan(Kind.IMAGE, inventory, one, identity="ImageId", why=f"{one['Name']} failed: {failure(one)}")


def _snapshots(inventory: Inventory, *, now: datetime) -> Iterator[Orphan]:
    for one in inventory.snapshots:
        tags = tags_of(one)
        if naming.REMOVING in tags or now - one["StartTime"] > SETTLED:
            what = tags.get("Name") or one.get("Description", "")
            yield _orphan(Kind.SNAPSHOT, inventory, one, identity="SnapshotId", why=f"no image uses it: {what}")


def _groups(inventory: Inventory, staying: Sequence[Found]) -> Iterator[Orphan]:
    used = {group["GroupId"] for instance in staying for group in instance.get("SecurityGroups", ())}
    for one in inventory.groups:
        if one["GroupId"] not in used:
            yield _orphan(Kind.GROUP, inventory, one, identity="GroupId", why=f"no instance is in {one['GroupName']}")


def _keys(inventory: Inventory, staying: Sequence[Found], *, now: datetime, is_now: bool) -> Iterator[Orphan]:
    used = {instance.get("KeyName") for instance in staying}
    for one in inventory.keys:
        is_old = "CreateTime" not in one or now - one["CreateTime"] > LONGEST_RUN
        if one["KeyName"] not in used and (is_old or is_now):
            yield _orphan(Kind.KEY, inventory, one, identity="KeyName", why="no instance has it")


def _orphan(kind: Kind, inventory: Inventory, found: Found, *, identity: str, why: str) -> Orphan:
    return Orphan(kind=kind, region=inventory.region, id=str(found[identity]), why=why, found=found)
