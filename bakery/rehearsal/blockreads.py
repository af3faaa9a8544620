"""What the EBS direct APIs read: blocks of completed snapshots, listed with tokens, and given for a token."""

import base64
import hmac
import secrets
import struct
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult, BaseResponse

from bakery.rehearsal import blockrules, snapshots, uploads
from bakery.rehearsal.blockrules import BLOCK_SIZE, Refused, invalid
from bakery.rehearsal.world import ACCOUNT, Snapshot, World

if TYPE_CHECKING:
    from bakery.rehearsal.stage import Rehearsal

BLOCK_TOKEN_DAYS = 7
PAGE_TOKEN_S = 3600
"""How long tokens are good ("Frequently asked questions for EBS direct APIs")."""

MAX_RESULTS = 10000

SECRET = secrets.token_bytes(32)
"""Tokens are sealed with it, so that none can be made elsewhere, or for another thing."""

HEAD = struct.Struct(">dI")
"""A token begins with when it expires, in seconds of the world's clock, and a block's index; the seal follows."""


class BlockReads(BaseResponse):
    """The three actions that read, and how snapshots are found; whoever serves them sets the rehearsal."""

    rehearsal: "Rehearsal"

    @property
    def _world(self) -> World:
        """The world as it is now: a reset makes a new one."""
        return self.rehearsal.world

    def list_snapshot_blocks(self) -> ActionResult:
        """List the blocks of a completed snapshot."""
        snapshot = self._completed(self._get_param("SnapshotId"))
        page, following = self._page(sorted(self._digests(snapshot)), what=snapshot.id)
        blocks = [{"BlockIndex": index, "BlockToken": block_token(snapshot, index)} for index in page]
        return listing(snapshot, following, Blocks=blocks)

    def list_changed_blocks(self) -> ActionResult:
        """List the blocks that differ between two snapshots of one lineage; without a first one, all of the second.

        A page looks at as many blocks as it may hold, so it can be empty and others follow ("Read snapshots").
        """
        second = self._completed(self._get_param("SecondSnapshotId"))
        first_id = self._get_param("FirstSnapshotId")
        first = self._completed(first_id) if first_id else None
        if first and uploads.lineage_of(first) != uploads.lineage_of(second):
            raise invalid(f"{first.id} and {second.id} are not of one lineage", reason="UNRELATED_SNAPSHOTS")
        old, new = self._digests(first) if first else {}, self._digests(second)
        page, following = self._page(sorted({*old, *new}), what=f"{first_id} {second.id}")
        changed = []
        for index in page:
            if old.get(index) != new.get(index):
                block: dict[str, object] = {"BlockIndex": index}
                block |= {"FirstBlockToken": block_token(first, index)} if first and index in old else {}
                block |= {"SecondBlockToken": block_token(second, index)} if index in new else {}
                changed.append(block)
        return listing(second, following, ChangedBlocks=changed)

    def get_snapshot_block(self) -> ActionResult:
        """Return one block of a completed snapshot, for the token that a list gave for it."""
        snapshot, index = self._completed(self._get_param("SnapshotId")), self._get_param("BlockIndex")
        if opened(self._get_param("BlockToken"), what=f"block {snapshot.id}") != index:
            raise invalid("The block token is none of this block, or has expired", reason="INVALID_BLOCK_TOKEN")
        data = uploads.read_block(uploads.raw_disk(snapshot, folder=self._world.folder), index)
        checksum = base64.b64encode(self._digests(snapshot)[index]).decode()
        told = {"DataLength": BLOCK_SIZE, "BlockData": data, "Checksum": checksum, "ChecksumAlgorithm": "SHA256"}
        return ActionResult(told)

    def _find(self, name: str) -> Snapshot:
        """Return a snapshot that is ours or shared with us.

        The APIs do not know public ones ("Concepts for EBS direct APIs"), nor for a while new ones, which coldsnap met
        (awslabs/coldsnap, src/upload.rs: it tries again for two minutes).
        """
        snapshot = self._world.snapshots.get(name)
        is_ours = snapshot and snapshot.region == self.region and ACCOUNT in {snapshot.owner, *snapshot.readers}
        if not snapshot or not is_ours or World.now() < snapshot.visible_at:
            message = f"The snapshot {name} does not exist"
            raise Refused("ResourceNotFoundException", message, reason="SNAPSHOT_NOT_FOUND")
        return snapshot

    def _completed(self, name: str) -> Snapshot:
        """Return a snapshot that may be read: a pending one may not ("Frequently asked questions")."""
        snapshot = self._find(name)
        state = snapshots.state(snapshot, now=World.now())
        if state != "completed":
            raise invalid(f"The snapshot {name} is not completed, it is {state}", reason="INVALID_SNAPSHOT_ID")
        return snapshot

    def _digests(self, snapshot: Snapshot) -> Mapping[int, bytes]:
        return uploads.digests_of(snapshot, folder=self._world.folder)

    def _page(self, indexes: Sequence[int], *, what: str) -> tuple[Sequence[int], str | None]:
        """Return the asked-for part of *indexes*, which ascend, and the token of the next part where there is one."""
        limit, token = self._get_param("MaxResults"), self._get_param("NextToken")
        blockrules.require_range("MaxResults", limit, 100, MAX_RESULTS)
        first = opened(token, what=f"page {what}") if token else self._get_param("StartingBlockIndex") or 0
        if first is None:
            raise invalid("The page token is none of this list, or has expired", reason="INVALID_PAGE_TOKEN")
        begin = bisect_left(indexes, first)
        end = begin + (limit or MAX_RESULTS)
        following = sealed(indexes[end], what=f"page {what}", valid_s=PAGE_TOKEN_S) if end < len(indexes) else None
        return indexes[begin:end], following


def listing(snapshot: Snapshot, following: str | None, **blocks: object) -> ActionResult:
    """Return what a list answers."""
    expiry = World.today() + timedelta(days=BLOCK_TOKEN_DAYS)
    told = {"ExpiryTime": expiry, "VolumeSize": snapshot.size_gb, "BlockSize": BLOCK_SIZE, "NextToken": following}
    return ActionResult({**blocks, **told})


def block_token(snapshot: Snapshot, index: int) -> str:
    """Return what GetSnapshotBlock wants to see."""
    return sealed(index, what=f"block {snapshot.id}", valid_s=BLOCK_TOKEN_DAYS * 86400)


def sealed(index: int, *, what: str, valid_s: int) -> str:
    """Return a token for an index of *what*, good for *valid_s* seconds."""
    head = HEAD.pack(World.now() + valid_s, index)
    return base64.b64encode(head + hmac.digest(SECRET, head + what.encode(), "sha256")).decode()


def opened(token: str, *, what: str) -> int | None:
    """Return the index that a token is for; None when it is not one of ours for *what*, or has expired."""
    text = blockrules.decoded(token)
    head, seal = text[: HEAD.size], text[HEAD.size :]
    if not hmac.compare_digest(seal, hmac.digest(SECRET, head + what.encode(), "sha256")):
        return None
    until, index = HEAD.unpack(head)
    return int(index) if World.now() <= until else None
