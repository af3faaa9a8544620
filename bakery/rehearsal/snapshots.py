"""Snapshots as the rehearsal cloud knows them: which there are, their state, and how DescribeSnapshots words them."""

import re
from math import inf

from bakery.rehearsal import keys, refusals, tags
from bakery.rehearsal.listing import Described
from bakery.rehearsal.world import ACCOUNT, Snapshot, World

_ID = re.compile(r"snap-([0-9a-f]{8}|[0-9a-f]{17})")

EVERYBODY = "all"

MOST_COPIES = 20
"""Snapshot copies under way into one region at once (EBS User Guide, "Quotas for Amazon EBS")."""

FILTERS = {
    "description": "Description",
    "encrypted": "Encrypted",
    "owner-alias": "",
    "owner-id": "OwnerId",
    "progress": "Progress",
    "snapshot-id": "SnapshotId",
    "start-time": "StartTime",
    "status": "State",
    "storage-tier": "StorageTier",
    "tag-key": "Tags.Key",
    "transfer-type": "TransferType",
    "volume-id": "VolumeId",
    "volume-size": "VolumeSize",
}
"""DescribeSnapshots in botocore, Filters, and where each looks."""


def state(snapshot: Snapshot, *, now: float) -> str:
    """Return what DescribeSnapshots calls the state of a snapshot: pending, completed or error."""
    # A copy fails when its time has come; an upload that is never completed has no such time.
    if snapshot.failure and (now >= snapshot.ready_at or snapshot.ready_at == inf):
        return "error"
    return "pending" if now < snapshot.ready_at else "completed"


def named(world: World, snapshot_id: str, *, region: str) -> Snapshot:
    """Return the snapshot of this id in this region.

    Raises InvalidSnapshotID.Malformed or InvalidSnapshot.NotFound (also while a new one is not seen yet).
    """
    if not _ID.fullmatch(snapshot_id):
        raise refusals.malformed_snapshot(snapshot_id)
    snapshot = world.snapshots.get(snapshot_id)
    if not snapshot or snapshot.region != region or world.now() < snapshot.visible_at:
        raise refusals.no_snapshot(snapshot_id)
    return snapshot


def owned(world: World, snapshot_id: str, *, region: str) -> Snapshot:
    """Return a snapshot that is ours to change.

    Raises like `named`; somebody else's is not found either, which is assumed.
    """
    snapshot = named(world, snapshot_id, region=region)
    if snapshot.owner != ACCOUNT:
        raise refusals.no_snapshot(snapshot_id)
    return snapshot


def completed(world: World, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot.

    Raises IncorrectState when it is pending or failed.
    """
    if state(snapshot, now=world.now()) != "completed":
        raise refusals.incomplete_snapshot(snapshot.id)
    return snapshot


def may_read(snapshot: Snapshot) -> bool:
    """Say whether we may make volumes and copies of it: it is ours, public, or shared with us."""
    return snapshot.owner == ACCOUNT or bool(snapshot.readers & {EVERYBODY, ACCOUNT})


def require_room_for_a_copy(world: World, *, region: str) -> None:
    """Raise ResourceLimitExceeded when as many copies are under way into this region as it takes."""
    now = world.now()
    pending = [one for one in world.snapshots_in(region) if one.is_copy and state(one, now=now) == "pending"]
    if len(pending) >= MOST_COPIES:
        raise refusals.too_many_copies(MOST_COPIES)


def described(snapshot: Snapshot, *, now: float) -> Described:
    """Return what DescribeSnapshots says of a snapshot: the names are those of Snapshot in botocore."""
    found = state(snapshot, now=now)
    row = {
        "Description": snapshot.description,
        "Encrypted": snapshot.is_encrypted,
        "OwnerId": snapshot.owner,
        "Progress": "100%" if found == "completed" else "0%",
        "SnapshotId": snapshot.id,
        "StartTime": snapshot.started,
        "State": found,
        "StateMessage": snapshot.failure if found == "error" else "",
        "StorageTier": "standard",
        "Tags": tags.listed(snapshot.tags) or "",
        "TransferType": "standard" if snapshot.is_copy else "",
        "VolumeId": snapshot.volume,
        "VolumeSize": snapshot.size_gb,
    }
    if snapshot.is_encrypted:
        row["KmsKeyId"] = snapshot.kms_key or keys.default(snapshot.region)
    # An empty description is told as such; what does not apply is left out.
    return {name: value for name, value in row.items() if value != "" or name == "Description"}
