"""Blocks of a rehearsal cloud: clients that ask once, blocks to put, and snapshots that have some."""

import base64
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bakery.clouds.aws import ebs
from bakery.clouds.aws.account import Region
from bakery.core.errors import BakeryError
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.uploads import Upload
from bakery.rehearsal.world import ACCOUNT, Snapshot, new_id

REGION = "eu-west-1"
SIZE = 524288
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b6a3a3c-7a5e-4b53-9d0c-1f2e3d4c5b6a"
AWS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/ebs"
INVALID = ("ValidationException", "INVALID_PARAMETER_VALUE")
NOT_PENDING = NOT_COMPLETED = ("ValidationException", "INVALID_SNAPSHOT_ID")
NOT_FOUND = ("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")
DAY_S = 86400


@dataclass
class Clock:
    seconds: float = 1000.0


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, index: int, *, region: str = "") -> Iterator[None]:
    """Let one block fail that a run of ours sends while the body runs, in one region or in all."""
    right = ebs.put

    def put(at: Region, snapshot: str, **block: Any) -> None:
        if block["index"] == index and region in {"", at.name}:
            raise BakeryError(f"{at.name}: this block fails for ever")
        right(at, snapshot, **block)

    with monkeypatch.context() as patched:
        patched.setattr(ebs, "put", put)
        yield


def client(rehearsal: Rehearsal, service: str, region: str = REGION) -> Any:
    """Return a client that asks once, and leaves it to the cloud what is right."""
    return _client(rehearsal.url, service, region)


@functools.cache
def _client(url: str, service: str, region: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, max_pool_connections=16)
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, endpoint_url=url, region_name=region, config=config, **keys)


def refused(call: Callable[..., object], **asked: object) -> tuple[str, str]:
    """Return code and reason of what refuses a call."""
    with pytest.raises(ClientError) as caught:
        call(**asked)
    answer: Any = caught.value.response
    return answer["Error"]["Code"], answer.get("Reason", "")


def data(mark: int) -> bytes:
    return mark.to_bytes(4, "big") * (SIZE // 4)


def base64_of(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def block(index: int, content: bytes, **others: object) -> dict[str, object]:
    return {
        "BlockIndex": index,
        "BlockData": content,
        "DataLength": SIZE,
        "Checksum": base64_of(hashlib.sha256(content).digest()),
        "ChecksumAlgorithm": "SHA256",
        **others,
    }


def started(ebs: Any, **asked: object) -> str:
    return str(ebs.start_snapshot(**{"VolumeSize": 1, **asked})["SnapshotId"])


def uploaded(ebs: Any, blocks: Mapping[int, bytes], **asked: object) -> str:
    """Return a completed snapshot with these blocks."""
    name = started(ebs, **asked)
    for index, content in blocks.items():
        ebs.put_snapshot_block(SnapshotId=name, **block(index, content))
    ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=len(blocks))
    return name


def tokens(ebs: Any, name: str) -> dict[int, str]:
    return {one["BlockIndex"]: one["BlockToken"] for one in ebs.list_snapshot_blocks(SnapshotId=name)["Blocks"]}


def content(ebs: Any, name: str) -> dict[int, bytes]:
    """Return all that is read of a snapshot."""
    return {
        index: ebs.get_snapshot_block(SnapshotId=name, BlockIndex=index, BlockToken=token)["BlockData"].read()
        for index, token in tokens(ebs, name).items()
    }


def state(ec2: Any, name: str) -> str:
    return str(ec2.describe_snapshots(SnapshotIds=[name])["Snapshots"][0]["State"])


def upload_of(rehearsal: Rehearsal, name: str) -> Upload:
    upload = rehearsal.world.snapshots[name]
    assert isinstance(upload, Upload)
    return upload


def foreign(rehearsal: Rehearsal, disk: Path | None, **fields: Any) -> str:
    """Return a snapshot that was not put block by block."""
    world = rehearsal.world
    snapshot = Snapshot(
        **{"id": new_id("snap"), "region": REGION, "size_gb": 1, "started": world.today(), "disk": disk, **fields}
    )
    world.snapshots[snapshot.id] = snapshot
    return snapshot.id
