"""What arrives in a snapshot is the disk that was verified, or it is told that it is not; small disks, a rehearsal."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakery.clouds.aws import ebs, lateness, progress, sender, shipping, upload
from bakery.clouds.aws.account import Account, ApiError, Region
from bakery.clouds.aws.sender import Lane
from bakery.clouds.aws.shipping import AwsShipment
from bakery.clouds.aws.upload import Sent, _slowest
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import digests
from bakery.disk.blocks import BLOCK_SIZE, DiskBlocks
from bakery.local import find
from bakery.places.shipment import FanOut, Parcel
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.uploads import Upload
from tests import local_images
from tests.aws_account import account_of
from tests.local_images import FIRST_FREE, content
from tests.rehearsed_blocks import refusing

HOME, OTHER_REGION = "eu-west-2", "eu-west-1"
MONDAY = "20260105-0415-0123456789ab"
BLOCKS = {FIRST_FREE + number: content(f"block {number}") for number in range(12)}
ONE = FIRST_FREE + 4
OTHER = {**BLOCKS, ONE: content("another")}


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    # What never shows or never is complete is told soon, and not after a minute or an hour.
    monkeypatch.setattr(ebs, "UNKNOWN_DEADLINE_S", 0.5)
    monkeypatch.setattr(ebs, "COMPLETED_DEADLINE_S", 2.0)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def plan(account: Account, *regions: str) -> AwsShipment:
    parcel = Parcel(image=find.find("host", base=""), places=regions or (HOME,), fan_out=FanOut.UPLOAD)
    return shipping.make(parcel, account=account, console=Console())


def send_to(account: Account, *regions: str, is_verified: bool = False) -> dict[str, Sent | BakeryError]:
    planned = plan(account, *regions)
    told: dict[str, Any] = {"account": account, "console": Console(), "is_verified": is_verified}
    return upload.upload(planned.image, planned.known, planned.targets, **told)


def send(account: Account, *, is_verified: bool = False) -> Sent:
    """Send the image to one region; what goes wrong there is raised."""
    outcome = send_to(account, HOME, is_verified=is_verified)[HOME]
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
    with pytest.raises(BakeryError, match=rf"differs from the disk in 1 block, the first is {ONE}") as caught:
        send(account, is_verified=True)
    assert snapshots(cloud) == []
    assert caught.value.hint == "it was removed: run it again"
    monkeypatch.setattr(ebs, "tokens", listed)
    send(account, is_verified=True)
    (snapshot,) = snapshots(cloud)
    assert holds(snapshot, BLOCKS)


def read_back_more(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Let block 900 be in what is read back of each snapshot, with *data*."""
    listed, read = ebs.tokens, ebs.read
    monkeypatch.setattr(ebs, "tokens", lambda *at: {**listed(*at), 900: "a token"})
    monkeypatch.setattr(
        ebs, "read", lambda *at, index, token: data if index == 900 else read(*at, index=index, token=token)
    )


def test_a_block_too_many_in_what_is_read_back_is_noticed(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    read_back_more(monkeypatch, content("strange"))
    with pytest.raises(BakeryError, match="differs from the disk in 1 block, the first is 900"):
        send(account, is_verified=True)


def test_a_block_of_zeros_too_many_in_what_is_read_back_is_no_difference(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    read_back_more(monkeypatch, bytes(BLOCK_SIZE))
    sent = send(account, is_verified=True)
    assert f"{HOME}: {sent.snapshot} was read back: every block is as it was sent" in capsys.readouterr().err


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
    assert caught.value.hint == "run it again"
    monkeypatch.setattr(DiskBlocks, "read", right)
    send(account_of(cloud))
    assert holds(snapshot, BLOCKS)


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


def test_a_disk_whose_blocks_are_known_is_not_read_again(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    known, read = plan(account).known, []
    monkeypatch.setattr(digests, "of", lambda *at, **_: read.append(at))
    assert plan(account).known == known
    assert read == []


def test_what_is_complete_is_not_sent_again(cloud: Rehearsal, account: Account, tmp_path: Path) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    sent = send(account)
    (snapshot,) = snapshots(cloud)
    assert sent == Sent(snapshot=snapshot.id, blocks=len(snapshot.changed))
    assert list((tmp_path / "build" / "host" / "uploads").iterdir()) == []
    assert send(account) == Sent(snapshot=snapshot.id, blocks=0)


def test_blocks_that_have_arrived_are_not_sent_again(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    with refusing(monkeypatch, ONE), pytest.raises(BakeryError, match="fails for ever"):
        send(account)
    (snapshot,) = snapshots(cloud)
    arrived = set(snapshot.changed)
    assert arrived
    assert send(account).blocks == len(snapshot.changed - arrived)
    assert holds(snapshot, BLOCKS)


def test_when_all_has_arrived_and_the_end_alone_failed_no_block_is_sent_again(
    cloud: Rehearsal,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)

    def refuse(*_: object) -> None:
        raise ApiError("not now", code="InternalServerException")

    with monkeypatch.context() as patch:
        patch.setattr(ebs, "complete", refuse)
        with pytest.raises(ApiError, match="not now"):
            send(account)
    capsys.readouterr()
    assert send(account).blocks == 0
    assert "MiB sent" not in capsys.readouterr().err
    (snapshot,) = snapshots(cloud)
    assert holds(snapshot, BLOCKS)


def test_a_snapshot_that_another_run_completed_first_is_as_good_as_ours(
    cloud: Rehearsal,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    right = ebs.complete

    def be_second(*at: Any) -> None:
        right(*at)
        right(*at)

    monkeypatch.setattr(ebs, "complete", be_second)
    sent = send(account)
    (snapshot,) = snapshots(cloud)
    assert sent.snapshot == snapshot.id
    told = f"{HOME}: {snapshot.id} takes no blocks any more: another run may have completed it"
    assert told in capsys.readouterr().err


def test_a_region_where_nothing_can_be_begun_harms_no_other(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    right, refusal = ebs.start, BakeryError("nothing can be begun here")

    def start(region: Region, *at: Any, **told: Any) -> str:
        if region.name == OTHER_REGION:
            raise refusal
        return right(region, *at, **told)

    monkeypatch.setattr(ebs, "start", start)
    outcomes = send_to(account, HOME, OTHER_REGION)
    assert isinstance(outcomes[HOME], Sent)
    assert outcomes[OTHER_REGION] is refusal


def test_how_far_it_has_come_is_told_with_who_has_most_to_do(
    cloud: Rehearsal,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "TOLD_EVERY_S", 0.0)
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    send_to(account, HOME, OTHER_REGION)
    said = capsys.readouterr().err
    one, other = snapshots(cloud)
    mib = (len(one.changed) + len(other.changed)) // 2
    assert re.search(r" of \d+ MiB read, ", said)
    assert re.search(rf" of {mib} MiB sent, [\d.]+ MiB/s; eu-west-[12] has \d+ blocks? to go\n", said)
    assert said.splitlines()[-1].partition("] ")[2].startswith(f"{mib} of {mib} MiB sent, ")


def lane(name: str, missing: int, *, failure: BakeryError | None = None) -> Lane:
    return Lane(name=name, put=lambda block: None, missing=set(range(missing)), failure=failure)


def test_who_has_most_to_do_is_one_of_several_that_go_on() -> None:
    lanes = [lane("a", 3), lane("b", 5), lane("c", 9, failure=BakeryError("refused"))]
    assert _slowest(lanes) == "b has 5 blocks to go"
    assert not _slowest(lanes[1:2])
    assert not _slowest([lane("a", 0), lane("b", 0)])


def test_calls_that_had_to_be_repeated_slow_down_what_is_sent_there(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    planned, lanes = plan(account), list[Lane]()

    def watch(read: Any, of: list[Lane], **told: Any) -> None:
        lanes.extend(of)
        cloud.faults = Faults(throttled=0.5, seed=3)
        sender.broadcast(read, of, **told)
        cloud.faults = Faults()

    monkeypatch.setattr(upload, "broadcast", watch)
    upload.upload(planned.image, planned.known, planned.targets, account=account, console=Console(), is_verified=False)
    (only,) = lanes
    assert only.troubles() > 0
