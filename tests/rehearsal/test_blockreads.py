"""The EBS direct APIs of the rehearsal cloud show what AWS shows of a snapshot; above each fact is where AWS says it.

"model" is botocore's of ebs (2019-11-02), "guide" the chapter of the EBS user guide on these APIs.
"""

import hashlib
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import World
from tests.rehearsed_blocks import (
    DAY_S,
    INVALID,
    NOT_COMPLETED,
    SIZE,
    Clock,
    base64_of,
    client,
    content,
    data,
    foreign,
    refused,
    started,
    tokens,
    upload_of,
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


def many(rehearsal: Rehearsal, ebs: Any, marks: Mapping[int, int], **asked: object) -> str:
    """Return a completed snapshot with blocks that nobody has to put: their digests alone are there."""
    name = started(ebs, **asked)
    upload = upload_of(rehearsal, name)
    upload.digests |= {index: hashlib.sha256(data(mark)).digest() for index, mark in marks.items()}
    ebs.complete_snapshot(SnapshotId=name, ChangedBlocksCount=0)
    return name


# Guide, "Frequently asked questions": "The snapshot can be accessed only if it has a completed status".
def test_a_pending_snapshot_cannot_be_read(ebs: Any) -> None:
    name = started(ebs)
    assert refused(ebs.list_snapshot_blocks, SnapshotId=name) == NOT_COMPLETED
    assert refused(ebs.list_changed_blocks, SecondSnapshotId=name) == NOT_COMPLETED
    assert refused(ebs.get_snapshot_block, SnapshotId=name, BlockIndex=0, BlockToken="x") == NOT_COMPLETED


# Guide, "Frequently asked questions": "unique, and in numerical order"; model: NextToken, StartingBlockIndex.
def test_a_list_is_in_ascending_order_and_comes_in_pages(rehearsal: Rehearsal, ebs: Any) -> None:
    name = many(rehearsal, ebs, dict.fromkeys(range(500, 0, -2), 1))
    first = ebs.list_snapshot_blocks(SnapshotId=name, MaxResults=100, StartingBlockIndex=99)
    assert [one["BlockIndex"] for one in first["Blocks"]] == list(range(100, 300, 2))
    assert (first["VolumeSize"], first["BlockSize"]) == (1, SIZE)
    asked = {"NextToken": first["NextToken"], "StartingBlockIndex": 0, "MaxResults": 101}
    second = ebs.list_snapshot_blocks(SnapshotId=name, **asked)
    assert [one["BlockIndex"] for one in second["Blocks"]] == list(range(300, 501, 2))
    assert "NextToken" not in second


# Model, MaxResults: 100 to 10000.
@pytest.mark.parametrize(("most", "is_good"), [(99, False), (100, True), (10000, True), (10001, False)])
def test_a_page_has_100_to_10000_blocks(ebs: Any, most: int, is_good: bool) -> None:
    name = uploaded(ebs, {})
    if is_good:
        assert ebs.list_snapshot_blocks(SnapshotId=name, MaxResults=most)["Blocks"] == []
    else:
        assert refused(ebs.list_snapshot_blocks, SnapshotId=name, MaxResults=most) == INVALID


# Guide, "Frequently asked questions": "next tokens are valid for 60 minutes"; model: INVALID_PAGE_TOKEN.
def test_a_page_token_is_of_one_list_and_expires(rehearsal: Rehearsal, ebs: Any, clock: Clock) -> None:
    one, other = (many(rehearsal, ebs, dict.fromkeys(range(101), 1)) for _ in range(2))
    token = ebs.list_snapshot_blocks(SnapshotId=one, MaxResults=100)["NextToken"]
    invalid = ("ValidationException", "INVALID_PAGE_TOKEN")
    assert refused(ebs.list_snapshot_blocks, SnapshotId=other, NextToken=token) == invalid
    assert refused(ebs.list_snapshot_blocks, SnapshotId=one, NextToken="AAAA") == invalid
    clock.seconds += 3600
    assert len(ebs.list_snapshot_blocks(SnapshotId=one, NextToken=token)["Blocks"]) == 1
    clock.seconds += 1
    assert refused(ebs.list_snapshot_blocks, SnapshotId=one, NextToken=token) == invalid


# Guide, "Get block data from a snapshot": the headers of the answer.
def test_a_block_comes_with_its_checksum(ebs: Any) -> None:
    name = uploaded(ebs, {4: data(4)})
    answer = ebs.get_snapshot_block(SnapshotId=name, BlockIndex=4, BlockToken=tokens(ebs, name)[4])
    assert answer["BlockData"].read() == data(4)
    assert (answer["DataLength"], answer["ChecksumAlgorithm"]) == (SIZE, "SHA256")
    assert answer["Checksum"] == base64_of(hashlib.sha256(data(4)).digest())


# Model: INVALID_BLOCK_TOKEN; guide, "Frequently asked questions": "Block tokens are valid for seven days".
def test_a_block_token_is_of_one_block_and_expires(ebs: Any, clock: Clock) -> None:
    one, other = (uploaded(ebs, {0: data(0), 1: data(1)}) for _ in range(2))
    listed = ebs.list_snapshot_blocks(SnapshotId=one)
    token = listed["Blocks"][0]["BlockToken"]
    invalid = ("ValidationException", "INVALID_BLOCK_TOKEN")
    for name, index, wrong in ((one, 1, token), (other, 0, token), (one, 0, token[::-1]), (one, 0, "")):
        assert refused(ebs.get_snapshot_block, SnapshotId=name, BlockIndex=index, BlockToken=wrong) == invalid
    assert round((listed["ExpiryTime"] - World.today()).total_seconds() / DAY_S, 2) == 7
    clock.seconds += 7 * DAY_S
    assert ebs.get_snapshot_block(SnapshotId=one, BlockIndex=0, BlockToken=token)
    clock.seconds += 1
    assert refused(ebs.get_snapshot_block, SnapshotId=one, BlockIndex=0, BlockToken=token) == invalid


# Guide, "List blocks that are different between two snapshots": which tokens an entry has.
def test_changed_blocks_are_those_of_which_either_snapshot_has_another(ebs: Any) -> None:
    first = uploaded(ebs, {0: data(0), 1: data(1)})
    second = uploaded(ebs, {1: data(9), 2: data(2)}, ParentSnapshotId=first)
    third = uploaded(ebs, {}, ParentSnapshotId=second, VolumeSize=2)
    changed = ebs.list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=third)
    assert changed["VolumeSize"] == 2
    assert [sorted(one) for one in changed["ChangedBlocks"]] == [
        ["BlockIndex", "FirstBlockToken", "SecondBlockToken"],
        ["BlockIndex", "SecondBlockToken"],
    ]
    assert [one["BlockIndex"] for one in changed["ChangedBlocks"]] == [1, 2]
    token = changed["ChangedBlocks"][0]["FirstBlockToken"]
    assert ebs.get_snapshot_block(SnapshotId=first, BlockIndex=1, BlockToken=token)["BlockData"].read() == data(1)
    back = ebs.list_changed_blocks(FirstSnapshotId=third, SecondSnapshotId=first)["ChangedBlocks"]
    assert sorted(back[1]) == ["BlockIndex", "FirstBlockToken"]


def test_without_a_first_snapshot_all_blocks_of_the_second_are_listed(ebs: Any) -> None:
    name = uploaded(ebs, {3: data(3), 8: data(8)})
    changed = ebs.list_changed_blocks(SecondSnapshotId=name)["ChangedBlocks"]
    assert [one["BlockIndex"] for one in changed] == [3, 8]
    assert content(ebs, name) == {3: data(3), 8: data(8)}


# Model, ListChangedBlocks: "two snapshots of the same volume/snapshot lineage"; UNRELATED_SNAPSHOTS.
def test_snapshots_of_two_lineages_cannot_be_compared(ebs: Any) -> None:
    one, other = (uploaded(ebs, {0: data(0)}) for _ in range(2))
    assert refused(ebs.list_changed_blocks, FirstSnapshotId=one, SecondSnapshotId=other) == (
        "ValidationException",
        "UNRELATED_SNAPSHOTS",
    )


def test_two_children_of_one_snapshot_can_be_compared_even_when_it_is_gone(ebs: Any, ec2: Any) -> None:
    parent = uploaded(ebs, {0: data(0)})
    one, other = (uploaded(ebs, {1: data(mark)}, ParentSnapshotId=parent) for mark in (1, 2))
    ec2.delete_snapshot(SnapshotId=parent)
    changed = ebs.list_changed_blocks(FirstSnapshotId=one, SecondSnapshotId=other)["ChangedBlocks"]
    assert [one["BlockIndex"] for one in changed] == [1]


# Guide, "List blocks that are different between two snapshots": its example of 1000 blocks of which the last changed,
# where the pages before the tenth are empty, and of blocks from 2000 on, where no page comes before them.
@pytest.mark.parametrize(("begin", "changed", "page"), [(0, 999, 10), (2000, 2000, 1)])
def test_pages_of_changed_blocks_may_be_empty(
    rehearsal: Rehearsal, ebs: Any, begin: int, changed: int, page: int
) -> None:
    marks = dict.fromkeys(range(begin, begin + 1000), 1)
    first = many(rehearsal, ebs, marks, VolumeSize=2)
    second = many(rehearsal, ebs, marks | {changed: 2}, VolumeSize=2)
    upload_of(rehearsal, second).lineage = first
    pages: list[list[int]] = []
    token: dict[str, str] = {}
    while len(pages) < 10:
        answer = ebs.list_changed_blocks(FirstSnapshotId=first, SecondSnapshotId=second, MaxResults=100, **token)
        pages.append([one["BlockIndex"] for one in answer["ChangedBlocks"]])
        token = {"NextToken": answer.get("NextToken", "")}
    assert token == {"NextToken": ""}
    assert pages == [[changed] if number == page else [] for number in range(1, 11)]


@pytest.mark.parametrize("suffix", ["raw", "qcow2"])
def test_a_snapshot_that_was_not_put_has_the_blocks_of_its_disk(
    rehearsal: Rehearsal, ebs: Any, tmp_path: Path, suffix: str
) -> None:
    raw = tmp_path / "disk.raw"
    with raw.open("wb") as file:
        file.write(bytes(SIZE) + data(1))
        file.seek(100 * SIZE)
        file.write(b"the end")
    subprocess.run(["qemu-img", "convert", "-O", suffix, raw, tmp_path / f"a.{suffix}"], check=True)
    name = foreign(rehearsal, tmp_path / f"a.{suffix}")
    there = {1: data(1), 100: b"the end".ljust(SIZE, b"\0")}
    assert content(ebs, name) == there
    child = uploaded(ebs, {0: data(5)}, ParentSnapshotId=name)
    assert content(ebs, child) == there | {0: data(5)}
    assert [
        one["BlockIndex"]
        for one in ebs.list_changed_blocks(FirstSnapshotId=name, SecondSnapshotId=child)["ChangedBlocks"]
    ] == [0]


def test_a_qcow2_disk_is_converted_once(rehearsal: Rehearsal, ebs: Any, tmp_path: Path) -> None:
    disk = tmp_path / "a.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1G"], check=True)
    one, copy = (foreign(rehearsal, disk) for _ in range(2))
    before = set(rehearsal.world.folder.iterdir())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: tokens(ebs, name), [one, copy] * 4)) == [{}] * 8
    assert len(set(rehearsal.world.folder.iterdir()) - before) == 1
