"""What arrives in a snapshot is the disk that was verified, or it is told that it is not; small disks, a rehearsal."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakery.clouds.aws import ebs, lateness, shipping, upload
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.shipping import AwsShipment
from bakery.clouds.aws.upload import Sent
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import digests
from bakery.disk.blocks import BLOCK_SIZE, DiskBlocks
from bakery.local import find
from bakery.places.shipment import FanOut, Parcel
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.uploads import Upload
from tests import local_images
from tests.aws_account import account_of, forget_aws
from tests.local_images import FIRST_FREE, content

HOME = "eu-west-2"
MONDAY = "20260105-0415-0123456789ab"
BLOCKS = {FIRST_FREE + number: content(f"block {number}") for number in range(12)}
ONE = FIRST_FREE + 4
OTHER = {**BLOCKS, ONE: content("another")}


@pytest.fixture
def cloud(stage: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    stage.reset()
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    return stage


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def plan(account: Account) -> AwsShipment:
    parcel = Parcel(image=find.find("host", base=""), places=(HOME,), fan_out=FanOut.UPLOAD)
    return shipping.make(parcel, account=account, console=Console())


def send(account: Account, *, is_verified: bool = False) -> Sent:
    """Send the image to one region; what goes wrong there is raised."""
    planned = plan(account)
    told: dict[str, Any] = {"account": account, "console": Console(), "is_verified": is_verified}
    outcome = upload.upload(planned.image, planned.known, planned.targets, **told)[HOME]
    if isinstance(outcome, BakeryError):
        raise outcome
    return outcome


def snapshots(cloud: Rehearsal) -> list[Upload]:
    return [one for one in cloud.world.snapshots.values() if isinstance(one, Upload)]


def holds(snapshot: Upload, blocks: dict[int, bytes]) -> bool:
    with snapshot.file.open("rb") as disk:
        return all(os.pread(disk.fileno(), BLOCK_SIZE, index * BLOCK_SIZE) == data for index, data in blocks.items())


def test_a_block_that_is_missing_from_what_is_read_back_is_noticed(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    listed = ebs.tokens
    monkeypatch.setattr(ebs, "tokens", lambda *at: {key: one for key, one in listed(*at).items() if key != ONE})
    with pytest.raises(BakeryError, match=rf"differs from the disk in 1 block, the first is {ONE}"):
        send(account, is_verified=True)
    assert snapshots(cloud) == []


def test_a_block_too_many_in_what_is_read_back_is_noticed(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    listed, read = ebs.tokens, ebs.read
    monkeypatch.setattr(ebs, "tokens", lambda *at: {**listed(*at), 900: "a token"})
    monkeypatch.setattr(
        ebs,
        "read",
        lambda *at, index, token: content("strange") if index == 900 else read(*at, index=index, token=token),
    )
    with pytest.raises(BakeryError, match="differs from the disk in 1 block, the first is 900"):
        send(account, is_verified=True)


def replace(disk: Path, other: bytes) -> None:
    disk.with_suffix(".new").write_bytes(other)
    disk.with_suffix(".new").replace(disk)


CHANGES: dict[str, Callable[[Path, bytes], object]] = {
    "replaced": replace,
    "cut": lambda disk, _: os.truncate(disk, disk.stat().st_size - 70000),
    "deleted": lambda disk, _: disk.unlink(),
}


@pytest.mark.parametrize("point", [(digests, "of"), (upload, "_send")], ids=["before it is read", "before it is sent"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_disk_that_is_another_meanwhile_is_noticed_and_the_right_one_can_be_sent_after_it(
    point: tuple[Any, str],
    change: str,
    account: Account,
    cloud: Rehearsal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = local_images.baked(tmp_path, OTHER, release=MONDAY).disk.read_bytes()
    made = local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    kept, right = made.disk.read_bytes(), getattr(*point)

    def change_first(*at: Any, **told: Any) -> Any:
        CHANGES[change](made.disk, other)
        return right(*at, **told)

    monkeypatch.setattr(*point, change_first)
    with pytest.raises(BakeryError) as caught:
        send(account)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert made.disk.name in caught.value.message
    monkeypatch.setattr(*point, right)
    made.disk.write_bytes(kept)
    # The account of a command that failed so takes no calls any more.
    send(account_of(cloud))
    (snapshot,) = snapshots(cloud)
    assert holds(snapshot, BLOCKS)


def test_a_disk_that_changes_while_its_blocks_are_sent_is_noticed_and_the_block_not_sent(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    plan(account)
    right = DiskBlocks.read
    monkeypatch.setattr(
        DiskBlocks, "read", lambda disk, index: content("another") if index == ONE else right(disk, index)
    )
    with pytest.raises(BakeryError, match="was changed while it was read") as caught:
        send(account)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    (snapshot,) = snapshots(cloud)
    assert ONE not in snapshot.changed
    assert snapshot.disk is None


def test_a_disk_that_is_replaced_once_it_is_open_is_sent_as_it_was(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bake that ends meanwhile moves a new file to its place; the old one is there as long as it is open."""
    other = local_images.baked(tmp_path, OTHER, release=MONDAY).disk.read_bytes()
    made = local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    plan(account)
    right = DiskBlocks.blocks

    def replace_first(*at: Any) -> Any:
        replace(made.disk, other)
        return right(*at)

    monkeypatch.setattr(DiskBlocks, "blocks", replace_first)
    send(account)
    (snapshot,) = snapshots(cloud)
    assert holds(snapshot, BLOCKS)


def test_notes_that_were_wrong_are_thrown_away_and_everything_is_sent_again(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    right = ebs.put

    def put(region: Region, snapshot: str, **block: Any) -> None:
        if block["index"] != ONE:
            right(region, snapshot, **block)

    monkeypatch.setattr(ebs, "put", put)
    with pytest.raises(BakeryError, match="CompleteSnapshot") as caught:
        send(account)
    assert caught.value.hint == "run it again: it sends every block again"
    monkeypatch.setattr(ebs, "put", right)
    sent = send(account)
    (snapshot,) = snapshots(cloud)
    assert sent.blocks == len(snapshot.changed)
    assert holds(snapshot, BLOCKS)


def test_a_disk_that_is_full_for_the_notes_is_no_mistake(cloud: Rehearsal, account: Account, tmp_path: Path) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    plan(account)
    (tmp_path / "build" / "host" / "uploads").write_text("no folder can be made here")
    send(account)
    (snapshot,) = snapshots(cloud)
    assert holds(snapshot, BLOCKS)
