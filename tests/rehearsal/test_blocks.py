"""The EBS direct APIs of the rehearsal cloud refuse what AWS refuses; above each fact is where AWS says it.

"model" is botocore's of ebs (2019-11-02), "guide" the chapter of the EBS user guide on these APIs.
"""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import settings

from bakery.rehearsal import uploads
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.uploads import Upload
from bakery.rehearsal.world import ACCOUNT, World, new_id
from tests.rehearsed_blocks import (
    AWS_KEY,
    DAY_S,
    INVALID,
    KEY,
    NOT_COMPLETED,
    NOT_FOUND,
    NOT_PENDING,
    REGION,
    SIZE,
    Clock,
    base64_of,
    block,
    client,
    content,
    data,
    foreign,
    refused,
    started,
    state,
    tokens,
    uploaded,
)


@pytest.fixture
def ebs(rehearsal: Rehearsal) -> Any:
    return client(rehearsal, "ebs")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(World, "now", staticmethod(lambda: clock.seconds))
    return clock


# Model, PutSnapshotBlock, DataLength: "Currently, the only supported size is 524288 bytes".
def test_a_block_has_512_kib(ebs: Any) -> None:
    assert ebs.start_snapshot(VolumeSize=1)["BlockSize"] == SIZE
    assert ebs.list_snapshot_blocks(SnapshotId=uploaded(ebs, {}))["BlockSize"] == SIZE


# Guide, "Write snapshots": the example of an answer; model, StartSnapshot, Tags.
def test_a_started_snapshot_is_pending_and_has_what_was_asked_for(ebs: Any, ec2: Any) -> None:
    tags = [{"Key": "Name", "Value": "golden"}, {"Key": "empty", "Value": ""}]
    answer = ebs.start_snapshot(VolumeSize=8, Description="a disk", Tags=tags)
    assert (answer["Status"], answer["VolumeSize"], answer["OwnerId"]) == ("pending", 8, ACCOUNT)
    assert (answer["Description"], answer["Tags"]) == ("a disk", tags)
    seen = ec2.describe_snapshots(SnapshotIds=[answer["SnapshotId"]])["Snapshots"][0]
    assert (seen["State"], seen["VolumeSize"], seen["Tags"]) == ("pending", 8, tags)
    assert seen["StartTime"].replace(microsecond=0) == answer["StartTime"].replace(microsecond=0)


# Model, StartSnapshot, VolumeSize: "The maximum size is 65536 GiB", at least 1.
@pytest.mark.parametrize(("size_gb", "is_good"), [(0, False), (1, True), (65536, True), (65537, False)])
def test_a_volume_has_1_to_65536_gib(ebs: Any, size_gb: int, is_good: bool) -> None:
    if is_good:
        assert ebs.start_snapshot(VolumeSize=size_gb)["VolumeSize"] == size_gb
    else:
        assert refused(ebs.start_snapshot, VolumeSize=size_gb) == ("ValidationException", "INVALID_VOLUME_SIZE")


# Model, Timeout (10 to 4320), Description (255), KmsKeyArn; guide, "Ensure idempotency": a token has up to 64.
@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"Timeout": 9}, INVALID),
        ({"Timeout": 4321}, INVALID),
        ({"Description": "x" * 256}, INVALID),
        ({"ClientToken": "x" * 65}, INVALID),
        ({"ClientToken": "two words"}, INVALID),
        ({"KmsKeyArn": "alias/own"}, ("ValidationException", "INVALID_CUSTOMER_KEY")),
        ({"KmsKeyArn": KEY.replace(REGION, "eu-west-2")}, ("ValidationException", "INVALID_CUSTOMER_KEY")),
    ],
)
def test_what_a_snapshot_cannot_start_with(ebs: Any, asked: dict[str, object], refusal: tuple[str, str]) -> None:
    assert refused(ebs.start_snapshot, VolumeSize=1, **asked) == refusal


@pytest.mark.parametrize("asked", [{"Timeout": 10}, {"Timeout": 4320}, {"Description": "x" * 255, "KmsKeyArn": KEY}])
def test_what_a_snapshot_can_just_start_with(ebs: Any, asked: dict[str, object]) -> None:
    assert started(ebs, ClientToken="x" * 64, **asked)


# Model, Tag; StartSnapshot, Tags: "up to 50 tags"; EC2 user guide, "Tag restrictions": aws: is reserved.
@pytest.mark.parametrize(
    "tags",
    [{f"key{number}": "" for number in range(51)}, {"aws:name": "x"}, {"": "x"}, {"k" * 128: "x"}, {"k": "v" * 256}],
    ids=["51", "aws:", "no key", "long key", "long value"],
)
def test_what_cannot_be_a_tag(ebs: Any, tags: dict[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    assert refused(ebs.start_snapshot, VolumeSize=1, Tags=listed) == ("ValidationException", "INVALID_TAG")


def test_a_tag_comes_once(ebs: Any) -> None:
    twice = [{"Key": "Name", "Value": "a"}, {"Key": "Name", "Value": "b"}]
    assert refused(ebs.start_snapshot, VolumeSize=1, Tags=twice) == ("ValidationException", "INVALID_TAG")


# Guide, "Ensure idempotency in StartSnapshot API requests".
def test_the_same_token_starts_one_snapshot(rehearsal: Rehearsal, ebs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = uploads.begin

    def slow(*asked: Any, **others: Any) -> None:
        time.sleep(0.1)
        begin(*asked, **others)

    monkeypatch.setattr(uploads, "begin", slow)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: started(ebs, ClientToken="bake-1"), range(8)))
    assert len(names) == 1
    assert len([one for one in rehearsal.world.snapshots_in(REGION) if isinstance(one, Upload)]) == 1


def test_a_token_with_other_parameters_is_a_conflict(ebs: Any) -> None:
    started(ebs, ClientToken="bake-1")
    assert refused(ebs.start_snapshot, VolumeSize=2, ClientToken="bake-1") == ("ConflictException", "")


def test_a_token_is_of_one_region(rehearsal: Rehearsal, ebs: Any) -> None:
    assert started(client(rehearsal, "ebs", "us-east-1"), ClientToken="bake-1") != started(ebs, ClientToken="bake-1")


# Guide, "Write snapshots"; model, ParentSnapshotId.
def test_a_child_begins_with_all_that_its_parent_has(ebs: Any) -> None:
    parent = uploaded(ebs, {0: data(1), 7: data(2)})
    child = uploaded(ebs, {7: data(3), 2048: data(4)}, ParentSnapshotId=parent, VolumeSize=2)
    assert content(ebs, child) == {0: data(1), 7: data(3), 2048: data(4)}
    assert content(ebs, parent) == {0: data(1), 7: data(2)}


def test_a_child_names_its_parent(ebs: Any) -> None:
    parent = uploaded(ebs, {})
    assert ebs.start_snapshot(VolumeSize=1, ParentSnapshotId=parent)["ParentSnapshotId"] == parent


def test_a_parent_must_exist(ebs: Any) -> None:
    assert refused(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=new_id("snap")) == NOT_FOUND


def test_a_parent_must_be_completed(ebs: Any) -> None:
    assert refused(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=started(ebs)) == NOT_COMPLETED


def test_a_child_is_not_smaller_than_its_parent(ebs: Any) -> None:
    parent = uploaded(ebs, {}, VolumeSize=2)
    assert refused(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=parent) == (
        "ValidationException",
        "INVALID_VOLUME_SIZE",
    )


# Model, StartSnapshot: "You can't specify ParentSnapshotId and Encrypted in the same request".
@pytest.mark.parametrize("asked", [{"Encrypted": True}, {"Encrypted": False}, {"KmsKeyArn": KEY}])
def test_a_childs_encryption_is_its_parents_alone(ebs: Any, asked: dict[str, object]) -> None:
    parent = uploaded(ebs, {})
    assert refused(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=parent, **asked) == INVALID


# Guide, "Encryption outcomes for EBS direct APIs", the tables with encryption by default disabled.
@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ({}, ""),
        ({"Encrypted": False}, ""),
        ({"Encrypted": True}, AWS_KEY),
        ({"Encrypted": True, "KmsKeyArn": KEY}, KEY),
        ({"KmsKeyArn": KEY}, KEY),
    ],
)
def test_a_snapshot_is_encrypted_as_asked_and_its_child_alike(
    rehearsal: Rehearsal, ebs: Any, asked: dict[str, object], key: str
) -> None:
    parent = uploaded(ebs, {}, **asked)
    child = ebs.start_snapshot(VolumeSize=1, ParentSnapshotId=parent)
    assert child.get("KmsKeyArn", "") == key
    for name in (parent, child["SnapshotId"]):
        snapshot = rehearsal.world.snapshots[name]
        assert (snapshot.kms_key, snapshot.is_encrypted) == (key, bool(key))


def test_a_key_without_encryption_is_refused(ebs: Any) -> None:
    assert refused(ebs.start_snapshot, VolumeSize=1, Encrypted=False, KmsKeyArn=KEY) == INVALID


# The same tables with encryption by default enabled.
def test_encryption_by_default_leaves_nothing_unencrypted(ebs: Any, ec2: Any) -> None:
    parent = uploaded(ebs, {})
    ec2.enable_ebs_encryption_by_default()
    assert ebs.start_snapshot(VolumeSize=1)["KmsKeyArn"] == AWS_KEY
    assert refused(ebs.start_snapshot, VolumeSize=1, Encrypted=False) == INVALID
    assert refused(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=parent) == INVALID


# EBS user guide, "Quotas for Amazon EBS": pending snapshots per account.
def test_100_snapshots_are_pending_at_most(ebs: Any) -> None:
    names = [started(ebs) for _ in range(100)]
    assert refused(ebs.start_snapshot, VolumeSize=1) == ("ConcurrentLimitExceededException", "")
    ebs.complete_snapshot(SnapshotId=names[0], ChangedBlocksCount=0)
    assert started(ebs)


# Guide, "Write snapshots": "The snapshot moves to an error state if there are no put or complete requests made for the
# snapshot within the specified 60 minute timeout period"; model, Timeout: "defaults to 60 minutes".
@pytest.mark.parametrize(("asked", "minutes"), [({}, 60), ({"Timeout": 10}, 10)])
def test_a_snapshot_without_blocks_is_given_up(
    ebs: Any, ec2: Any, clock: Clock, asked: dict[str, object], minutes: int
) -> None:
    name = started(ebs, **asked)
    clock.seconds += 60 * minutes
    assert state(ec2, name) == "pending"
    clock.seconds += 1
    assert state(ec2, name) == "error"
    assert refused(ebs.put_snapshot_block, SnapshotId=name, **block(0, data(1))) == NOT_PENDING
    assert refused(ebs.complete_snapshot, SnapshotId=name, ChangedBlocksCount=0) == NOT_PENDING


# Model, Timeout: "The snapshot is not completed after writing the last block of data."
def test_each_block_begins_the_time_anew(ebs: Any, ec2: Any, clock: Clock) -> None:
    name = started(ebs, Timeout=10)
    for index in range(3):
        clock.seconds += 590
        ebs.put_snapshot_block(SnapshotId=name, **block(index, data(index)))
    clock.seconds += 601
    assert state(ec2, name) == "error"


def test_a_completed_snapshot_is_not_given_up(ebs: Any, ec2: Any, clock: Clock) -> None:
    name = uploaded(ebs, {}, Timeout=10)
    clock.seconds += 7 * DAY_S
    assert state(ec2, name) == "completed"


# Model, PutSnapshotBlock: BlockIndex, DataLength, Checksum, ChecksumAlgorithm, Progress. That data which is too short
# is "Failed to read block data" with this reason was seen at AWS (nanovms/ops, pull request 1268).
@pytest.mark.parametrize(
    ("put", "refusal"),
    [
        (block(0, data(1)[:-1]), INVALID),
        (block(0, data(1) + b"x"), INVALID),
        (block(0, b""), INVALID),
        (block(0, data(1), DataLength=512), INVALID),
        (block(0, data(1), ChecksumAlgorithm="SHA1"), INVALID),
        (block(0, data(1), Progress=101), INVALID),
        (
            block(0, data(1), Checksum=base64_of(hashlib.sha256(data(2)).digest())),
            ("ValidationException", "INVALID_BLOCK"),
        ),
        (block(0, data(1), Checksum="none"), ("ValidationException", "INVALID_BLOCK")),
        (block(2048, data(1)), ("ValidationException", "INVALID_BLOCK")),
    ],
    ids=["short", "long", "empty", "length", "algorithm", "progress", "sum", "no base64", "beyond the volume"],
)
def test_what_cannot_be_a_block(ebs: Any, put: dict[str, object], refusal: tuple[str, str]) -> None:
    name = started(ebs)
    assert refused(ebs.put_snapshot_block, SnapshotId=name, **put) == refusal
    assert ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=0)


# Guide, "Write snapshots": the answer repeats the checksum. Where policies may be enforced, moto's own way is taken.
@pytest.mark.parametrize("calls_without_policy", [float("inf"), 1e9])
def test_the_last_block_of_a_volume_is_taken_on_either_way(
    ebs: Any, monkeypatch: pytest.MonkeyPatch, calls_without_policy: float
) -> None:
    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", calls_without_policy)
    name = started(ebs)
    put = block(2047, data(1), Progress=100)
    answer = ebs.put_snapshot_block(SnapshotId=name, **put)
    assert (answer["Checksum"], answer["ChecksumAlgorithm"]) == (put["Checksum"], "SHA256")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=1)
    assert content(ebs, name) == {2047: data(1)}


def test_a_block_needs_permission_where_policies_are_enforced(ebs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = started(ebs)
    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    with pytest.raises(ClientError) as caught:
        ebs.put_snapshot_block(SnapshotId=name, **block(0, data(1)))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


# Model, PutSnapshotBlock: "If the specified block contains data, the existing data is overwritten".
def test_a_block_that_is_put_again_is_overwritten_and_counts_once(ebs: Any) -> None:
    name = started(ebs)
    for mark in (1, 2):
        ebs.put_snapshot_block(SnapshotId=name, **block(5, data(mark)))
    ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=1)
    assert content(ebs, name) == {5: data(2)}


def test_blocks_are_at_their_place_of_a_sparse_disk(rehearsal: Rehearsal, ebs: Any) -> None:
    name = uploaded(ebs, {2047: data(9), 3: data(1)}, VolumeSize=2)
    disk = rehearsal.world.snapshots[name].disk
    assert disk == rehearsal.world.folder / f"{name}.raw"
    assert disk.stat().st_size == 2 << 30
    assert disk.stat().st_blocks * 512 <= 2 * SIZE
    assert uploads.scanned(disk) == {
        3: hashlib.sha256(data(1)).digest(),
        2047: hashlib.sha256(data(9)).digest(),
    }


def test_a_disk_is_nobodys_to_boot_from_before_it_is_complete(rehearsal: Rehearsal, ebs: Any) -> None:
    assert rehearsal.world.snapshots[started(ebs)].disk is None


# Model, CompleteSnapshot: "The number of blocks that were written to the snapshot".
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_number_of_blocks_must_be_right(ebs: Any, count: int) -> None:
    parent = uploaded(ebs, {9: data(9)})
    name = started(ebs, ParentSnapshotId=parent)
    for index in (0, 1):
        ebs.put_snapshot_block(SnapshotId=name, **block(index, data(index)))
    assert refused(ebs.complete_snapshot, SnapshotId=name, ChangedBlocksCount=count) == INVALID
    assert ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=2)


# Model, CompleteSnapshot, Checksum; that the digests are raw and not base64 is what coldsnap sends (src/upload.rs).
def test_the_checksum_of_all_is_over_the_raw_digests_in_ascending_order(ebs: Any) -> None:
    name = started(ebs, ParentSnapshotId=uploaded(ebs, {9: data(9)}))
    for index in (8, 1):
        ebs.put_snapshot_block(SnapshotId=name, **block(index, data(index)))
    raw = [hashlib.sha256(data(index)).digest() for index in (1, 8)]
    right, turned = (base64_of(hashlib.sha256(b"".join(order)).digest()) for order in (raw, raw[::-1]))
    asked = {"SnapshotId": name, "ChangedBlocksCount": 2, "ChecksumAlgorithm": "SHA256"}
    assert refused(ebs.complete_snapshot, **asked, ChecksumAggregationMethod="LINEAR", Checksum=turned) == INVALID
    assert refused(ebs.complete_snapshot, **asked, Checksum=right) == INVALID
    answer = ebs.complete_snapshot(**asked, ChecksumAggregationMethod="LINEAR", Checksum=right)
    assert (answer["Status"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("pending", 202)


# Guide, "Write snapshots": CompleteSnapshot starts "an asynchronous workflow".
def test_a_complete_snapshot_is_pending_for_a_while(rehearsal: Rehearsal, ebs: Any, ec2: Any, clock: Clock) -> None:
    rehearsal.faults = Faults(pending_s=30)
    name = uploaded(ebs, {0: data(1)})
    clock.seconds += 29
    assert state(ec2, name) == "pending"
    assert refused(ebs.list_snapshot_blocks, SnapshotId=name) == NOT_COMPLETED
    clock.seconds += 1
    assert state(ec2, name) == "completed"
    assert list(tokens(ebs, name)) == [0]


# Model, CompleteSnapshot: "You cannot write new blocks to a snapshot after it has been completed".
def test_a_complete_snapshot_takes_no_blocks_and_is_not_completed_again(ebs: Any) -> None:
    name = uploaded(ebs, {0: data(1)})
    assert refused(ebs.put_snapshot_block, SnapshotId=name, **block(1, data(2))) == NOT_PENDING
    assert refused(ebs.complete_snapshot, SnapshotId=name, ChangedBlocksCount=1) == NOT_PENDING
    assert content(ebs, name) == {0: data(1)}


def test_a_snapshot_of_a_volume_takes_no_blocks(rehearsal: Rehearsal, ebs: Any) -> None:
    name = foreign(rehearsal, None)
    assert refused(ebs.put_snapshot_block, SnapshotId=name, **block(0, data(1))) == NOT_PENDING


# Model, ResourceNotFoundException; guide, "Concepts": "does not support public snapshots".
@pytest.mark.parametrize(
    "fields", [{"region": "eu-west-2"}, {"owner": "2" * 12}, {"owner": "2" * 12, "readers": {"all"}}]
)
def test_what_is_elsewhere_or_not_ours_is_not_found(rehearsal: Rehearsal, ebs: Any, fields: dict[str, Any]) -> None:
    name = foreign(rehearsal, None, **fields)
    assert refused(ebs.put_snapshot_block, SnapshotId=name, **block(0, data(1))) == NOT_FOUND
    assert refused(ebs.complete_snapshot, SnapshotId=name, ChangedBlocksCount=0) == NOT_FOUND
    assert refused(ebs.list_snapshot_blocks, SnapshotId=name) == NOT_FOUND
    assert refused(ebs.list_changed_blocks, SecondSnapshotId=name) == NOT_FOUND
    assert refused(ebs.get_snapshot_block, SnapshotId=name, BlockIndex=0, BlockToken="x") == NOT_FOUND


def test_what_is_shared_with_us_can_be_read(rehearsal: Rehearsal, ebs: Any) -> None:
    assert tokens(ebs, foreign(rehearsal, None, owner="2" * 12, readers={ACCOUNT})) == {}


# coldsnap "got past 'snapshot does not exist' errors" by trying again (awslabs/coldsnap, src/upload.rs).
def test_a_new_snapshot_is_not_found_for_a_while(rehearsal: Rehearsal, ebs: Any, clock: Clock) -> None:
    rehearsal.faults = Faults(hidden_s=5)
    name = started(ebs)
    assert refused(ebs.put_snapshot_block, SnapshotId=name, **block(0, data(1))) == NOT_FOUND
    clock.seconds += 5
    assert ebs.put_snapshot_block(SnapshotId=name, **block(0, data(1)))


def test_16_threads_put_at_the_same_time(ebs: Any) -> None:
    name = started(ebs)
    blocks = {index: data(index) for index in range(0, 320, 2)}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda index: ebs.put_snapshot_block(SnapshotId=name, **block(index, blocks[index])), blocks))
    linear = hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in blocks.values())).digest()
    ebs.complete_snapshot(
        SnapshotId=name,
        ChangedBlocksCount=160,
        Checksum=base64_of(linear),
        ChecksumAlgorithm="SHA256",
        ChecksumAggregationMethod="LINEAR",
    )
    assert content(ebs, name) == blocks


def test_300_blocks_are_not_kept_in_memory(ebs: Any) -> None:
    name = started(ebs)
    for index in range(20):
        ebs.put_snapshot_block(SnapshotId=name, **block(index, data(index)))
    before_mb = memory_mb()
    for index in range(20, 320):
        ebs.put_snapshot_block(SnapshotId=name, **block(index, data(index)))
    assert memory_mb() - before_mb < 30
    ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=320)


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
