"""Snapshots made of blocks in one AWS region, by the EBS direct APIs: no instance, no bucket, no role.

Every act may be done twice: a snapshot is found again by its tags, and its client token never makes a second one.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakery.cloud import naming
from bakery.cloud.values import Snapshot, SnapshotState
from bakery.clouds.aws import answers, lateness
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.tags import tag_list
from bakery.core.errors import BakeryError

TIMEOUT_MIN = 240
"""AWS gives a snapshot up when no block came for so long (StartSnapshot, Timeout: 10 to 4320 minutes)."""
UNKNOWN = "ResourceNotFoundException"
"""What a snapshot that was started a moment ago may be answered with, for a while."""
UNKNOWN_DEADLINE_S = 60.0
INVALID = "ValidationException"
CLOSED = (INVALID, "INVALID_SNAPSHOT_ID")
"""What is answered to whoever writes to a snapshot that is complete, or that AWS has given up (EBS direct APIs, "Common
errors", ValidationExceptionReason)."""
COMPLETED_DEADLINE_S = 3600.0
MOST_LISTED = 10000
"""Blocks on a page of a list (ListSnapshotBlocks, MaxResults)."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A snapshot to start: size in GiB, tags, and the snapshot it differs from (empty: from nothing)."""

    size_gb: int
    description: str
    tags: Mapping[str, str]
    parent: str = ""
    is_encrypted: bool = False
    """Of its own; with a parent, what the parent is counts."""
    kms_key: str = ""
    """The ARN of a key; AWS takes no other form here."""

    def token(self, attempt: str) -> str:
        """Return the client token: the same beginning and attempt never makes a second snapshot."""
        told = (self.size_gb, self.description, sorted(self.tags.items()), self.parent, self.is_encrypted, self.kms_key)
        return hashlib.sha256(f"{told} {attempt}".encode()).hexdigest()


def find(region: Region, tags: Mapping[str, str]) -> list[Snapshot]:
    """Return our snapshots that have all these tags and are not being removed, the oldest first."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in sorted(tags.items())]
    found = region.all("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)
    alive = [snapshot for snapshot in map(answers.snapshot, found) if naming.REMOVING not in snapshot.tags]
    return sorted(alive, key=lambda snapshot: (snapshot.started_at, snapshot.id))


def start(region: Region, beginning: Beginning, *, attempt: str = "") -> str:
    """Start a snapshot that takes blocks and return its id; the one that a killed run has started is found again.

    *attempt* names those that were removed before, which the token would lead to once more. Raises ApiError when AWS
    refuses, and BakeryError when what it has started does not show for a minute.
    """
    encryption: dict[str, object] = {}
    if beginning.parent:
        encryption["ParentSnapshotId"] = beginning.parent
    elif beginning.is_encrypted:
        encryption["Encrypted"] = True
        encryption |= {"KmsKeyArn": beginning.kms_key} if beginning.kms_key else {}
    for _ in range(3):
        answer = region.call(
            "ebs",
            "start_snapshot",
            VolumeSize=beginning.size_gb,
            Description=beginning.description,
            Tags=tag_list(dict(sorted(beginning.tags.items()))),
            ClientToken=beginning.token(attempt),
            Timeout=TIMEOUT_MIN,
            **encryption,
        )
        attempt = str(answer["SnapshotId"])
        if _state(region, attempt) in {SnapshotState.PENDING, SnapshotState.COMPLETED}:
            return attempt
        # The token's snapshot was given up or removed since: another attempt is another token.
    raise BakeryError(f"{region.name}: {attempt} was started and does not show", hint="run it again: it goes on")


def _state(region: Region, snapshot: str) -> str:
    """Return AWS's word for a new snapshot's state as soon as it shows; empty when it never does."""

    def look() -> str:
        try:
            return answers.snapshot(region.ec2("describe_snapshots", SnapshotIds=[snapshot])["Snapshots"][0]).state
        except ApiError as error:
            if error.code != "InvalidSnapshot.NotFound":
                raise
            return ""

    return lateness.until(region, look, is_enough=bool, deadline_s=UNKNOWN_DEADLINE_S)


def put(region: Region, snapshot: str, *, index: int, data: bytes, digest: bytes) -> None:
    """Write a block; *digest* is its SHA-256. Raises ApiError when AWS refuses it, or the deadline of a call passes."""
    _call(
        region,
        "put_snapshot_block",
        SnapshotId=snapshot,
        BlockIndex=index,
        BlockData=data,
        DataLength=len(data),
        Checksum=base64.b64encode(digest).decode(),
        ChecksumAlgorithm="SHA256",
    )


def is_closed(error: BakeryError | None) -> bool:
    """Return whether an error says that a snapshot takes no blocks any more."""
    return isinstance(error, ApiError) and (error.code, error.reason) == CLOSED


def complete(region: Region, snapshot: str, digests: Mapping[int, bytes]) -> None:
    """Close a snapshot; *digests* are the SHA-256 of every block that was put, by index.

    The checksum is over the raw digests in ascending order of blocks (CompleteSnapshot, LINEAR).
    """
    linear = hashlib.sha256(b"".join(digests[index] for index in sorted(digests))).digest()
    _call(
        region,
        "complete_snapshot",
        SnapshotId=snapshot,
        ChangedBlocksCount=len(digests),
        Checksum=base64.b64encode(linear).decode(),
        ChecksumAlgorithm="SHA256",
        ChecksumAggregationMethod="LINEAR",
    )


def wait_completed(region: Region, snapshot: str) -> None:
    """Return as soon as images can be made of a snapshot.

    Raises BakeryError (exit code 1) when AWS gave it up, or when it is not complete after an hour.
    """
    state = lateness.until(
        region,
        lambda: _state(region, snapshot),
        is_enough=lambda state: state != SnapshotState.PENDING,
        deadline_s=COMPLETED_DEADLINE_S,
    )
    if state != SnapshotState.COMPLETED:
        said = f"{region.name}: {snapshot} is {state or 'gone'} instead of completed"
        raise BakeryError(said, hint="run it again: it goes on")


def tokens(region: Region, snapshot: str) -> dict[int, str]:
    """Return every block of a completed snapshot with the token that reads it."""
    listed = region.all("ebs", "list_snapshot_blocks", "Blocks", SnapshotId=snapshot, MaxResults=MOST_LISTED)
    return {int(block["BlockIndex"]): str(block["BlockToken"]) for block in listed}


def read(region: Region, snapshot: str, *, index: int, token: str) -> bytes:
    """Return a block of a completed snapshot."""
    answer = region.call("ebs", "get_snapshot_block", SnapshotId=snapshot, BlockIndex=index, BlockToken=token)
    data: bytes = answer["BlockData"]
    return data


def _call(region: Region, operation: str, **arguments: Any) -> None:
    """Call what writes to a snapshot, which may be so new that not everybody knows it."""

    def act() -> None:
        region.call("ebs", operation, **arguments)

    lateness.known(region, act, codes={UNKNOWN}, deadline_s=region.account.patience_s)
