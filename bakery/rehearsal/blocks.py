"""The EBS direct APIs, as strict as AWS: six actions on snapshots whose blocks are on this machine's disk.

botocore's model of ebs (2019-11-02) and the EBS user guide's chapter on them say what is right.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from math import isinf
from secrets import token_hex
from threading import Lock
from typing import Any, ClassVar

from moto import settings
from moto.core.exceptions import ServiceException
from moto.core.request import Request
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends

from bakery.rehearsal import blockrules, keys, snapshots, tags, uploads
from bakery.rehearsal.blockreads import BlockReads
from bakery.rehearsal.blockrules import BLOCK_SIZE, Refused, invalid
from bakery.rehearsal.uploads import Upload
from bakery.rehearsal.world import ACCOUNT, World, new_id

MAX_PENDING = 100
"""Snapshots of an account that are pending at one time ("Quotas for Amazon EBS", Pending snapshots per account)."""

BLOCK_PATH = re.compile(r"/snapshots/([^/]+)/blocks/(\d+)")

START = ("VolumeSize", "ParentSnapshotId", "Tags", "Description", "ClientToken", "Encrypted", "KmsKeyArn", "Timeout")
PUT = ("BlockIndex", "BlockData", "DataLength", "Progress", "Checksum", "ChecksumAlgorithm")


class BlockActions(BlockReads):
    """The six actions, to stand before moto's own class."""

    starting: ClassVar[Lock] = Lock()
    """Held while a snapshot starts: a token makes one only, and the world does not wait for the copy of a parent."""

    def _dispatch(self, request: Request, full_url: str | None = None, headers: Any = None) -> Any:
        """Answer a call; a block that is right takes a short way, since an upload puts thousands of them.

        moto's own way finds the action four times (1.15 ms a block in all, and this one 0.7). It words what is refused,
        and it alone knows policies, once they are enforced.
        """
        found = BLOCK_PATH.fullmatch(request.path) if request.method == "PUT" else None
        if found and isinf(settings.INITIAL_NO_AUTH_ACTION_COUNT):
            with suppress(ServiceException, ValueError):
                return self._put_at_once(request, snapshot=found[1], index=int(found[2]))
        return super()._dispatch(request, full_url, headers)

    def _put_at_once(self, request: Request, *, snapshot: str, index: int) -> tuple[int, dict[str, str], str]:
        self.region, self.uri_match = self.get_region_from_url(request, request.url), {}
        self.params = {
            "SnapshotId": snapshot,
            "BlockIndex": index,
            "BlockData": request.data,
            "DataLength": int(request.headers.get("x-amz-Data-Length", "")),
            "Progress": int(request.headers.get("x-amz-Progress", "0")),
            "Checksum": request.headers.get("x-amz-Checksum"),
            "ChecksumAlgorithm": request.headers.get("x-amz-Checksum-Algorithm"),
        }
        self.put_snapshot_block()
        written = {f"x-amz-{name}": request.headers[f"x-amz-{name}"] for name in ("Checksum", "Checksum-Algorithm")}
        return 201, {"Content-Type": "application/json", "x-amzn-RequestId": token_hex(16), **written}, "{}"

    def start_snapshot(self) -> ActionResult:
        """Start a snapshot that takes blocks; a token that was seen before is answered as it was before."""
        order = {name: self._get_param(name) for name in START}
        blockrules.check_order(order, region=self.region)
        token = (self.region, "StartSnapshot", order["ClientToken"] or token_hex(16))
        with self.starting:
            known: Any = self._world.tokens.get(token)
            if known is None:
                self._require_room()
                upload = self._begin(order)
                known = (order, told(upload))
                with self._world.lock:
                    self._world.snapshots[upload.id] = upload
                    self._world.tokens[token] = known
        if known[0] != order:
            raise Refused("ConflictException", "The client token was used for another request")
        return ActionResult(known[1])

    def put_snapshot_block(self) -> ActionResult:
        """Write one block."""
        upload = self._upload()
        put = {name: self._get_param(name) for name in PUT}
        digest = hashlib.sha256(put["BlockData"] or b"").digest()
        blockrules.check_block(put, size_gb=upload.size_gb, digest=digest)
        upload.put(put["BlockIndex"], put["BlockData"], digest=digest)
        return ActionResult({"Checksum": put["Checksum"], "ChecksumAlgorithm": "SHA256"})

    def complete_snapshot(self) -> ActionResult:
        """Complete a snapshot; EC2 says so only after a while."""
        checksum = self._get_param("Checksum")
        ways = (self._get_param("ChecksumAlgorithm"), self._get_param("ChecksumAggregationMethod"))
        if checksum and ways != ("SHA256", "LINEAR"):
            raise invalid("A checksum is SHA256, and aggregated LINEAR")
        self._upload().complete(
            count=self._get_param("ChangedBlocksCount"),
            checksum=blockrules.decoded(checksum) if checksum else None,
            pending_s=self.rehearsal.faults.pending_s,
        )
        return ActionResult({"Status": "pending"})

    def _begin(self, order: Mapping[str, Any]) -> Upload:
        """Make a snapshot as ordered."""
        parent = self._completed(order["ParentSnapshotId"]) if order["ParentSnapshotId"] else None
        if parent and parent.size_gb > order["VolumeSize"]:
            raise invalid(f"The parent snapshot has {parent.size_gb} GiB", reason="INVALID_VOLUME_SIZE")
        key = blockrules.encryption(
            order,
            parent=parent,
            default_key=keys.default(self.region),
            is_default=ec2_backends[ACCOUNT][self.region].ebs_encryption_by_default,
        )
        name, timeout_s = new_id("snap"), 60 * (order["Timeout"] or 60)
        upload = Upload(
            id=name,
            region=self.region,
            size_gb=order["VolumeSize"],
            started=World.today(),
            description=order["Description"] or "",
            tags={tag["Key"]: tag.get("Value", "") for tag in order["Tags"] or []},
            is_encrypted=parent.is_encrypted if parent else bool(key),
            kms_key=key,
            file=self._world.folder / f"{name}.raw",
            timeout_s=timeout_s,
            deadline=World.now() + timeout_s,
            visible_at=World.now() + self.rehearsal.faults.hidden_s,
        )
        uploads.begin(upload, parent=parent, folder=self._world.folder)
        return upload

    def _require_room(self) -> None:
        with self._world.lock:
            states = [snapshots.state(one, now=World.now()) for one in self._world.snapshots_in(self.region)]
        if states.count("pending") >= MAX_PENDING:
            raise Refused("ConcurrentLimitExceededException", f"{MAX_PENDING} snapshots are pending already")

    def _upload(self) -> Upload:
        snapshot = self._find(self._get_param("SnapshotId"))
        if not isinstance(snapshot, Upload):
            raise invalid(f"The snapshot {snapshot.id} is not pending", reason="INVALID_SNAPSHOT_ID")
        return snapshot


def told(upload: Upload) -> dict[str, object]:
    """Return what StartSnapshot answers."""
    answer = {
        "SnapshotId": upload.id,
        "OwnerId": upload.owner,
        "Status": "pending",
        "StartTime": upload.started,
        "VolumeSize": upload.size_gb,
        "BlockSize": BLOCK_SIZE,
        "Description": upload.description,
        "Tags": tags.listed(upload.tags),
        "ParentSnapshotId": upload.parent,
        "KmsKeyArn": upload.kms_key,
    }
    return {name: value for name, value in answer.items() if value}
