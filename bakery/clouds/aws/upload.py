"""Brings a disk as blocks to snapshots in many regions: read once, sent where it differs, gone on with after a kill.

What was begun is found by tags, what has arrived by a journal: nothing is sent twice but what was under way at a kill.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress

from bakery.clouds.aws import ebs, removal
from bakery.clouds.aws.account import Account, ApiError, Region
from bakery.clouds.aws.destination import Destination, Target, begin
from bakery.clouds.aws.progress import Meter
from bakery.clouds.aws.sender import Lane, broadcast
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import everywhere
from bakery.core.texts import counted
from bakery.disk import base, digests
from bakery.disk.blocks import ZERO_DIGEST, Block, opened
from bakery.disk.digests import Digests
from bakery.local.find import LocalImage

READERS = 8
"""Blocks that are read back at once from one region."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A snapshot that is complete, and how many blocks this run has sent to it."""

    snapshot: str
    blocks: int


def read_digests(image: LocalImage, *, console: Console) -> Digests:
    """Return the digests of a disk's blocks; it is read unless they are known from its bake.

    Raises BakeryError (exit code 2) when the disk cannot be read, or is another one afterwards.
    """
    kept = digests.read(image.artifact.blocks)
    if kept is not None and kept.disk_sha256 == image.disk_sha256:
        return kept
    meter = Meter(console, doing="read")
    made = digests.of(image.artifact.disk, sha256=image.disk_sha256, on_block=meter.show)
    if base.sha256(image.artifact.disk) != image.disk_sha256:
        raise _changed(image)
    digests.write(image.artifact.blocks, made)
    return made


def upload(
    image: LocalImage,
    known: Digests,
    targets: Sequence[Target],
    *,
    account: Account,
    console: Console,
    is_verified: bool,
) -> dict[str, Sent | BakeryError]:
    """Bring a disk to every target and return its complete snapshot by region; one that fails never harms another.

    With *is_verified* every block is read back and compared. Raises BakeryError (exit code 2) when the disk cannot be
    read. A snapshot that is not complete waits for the next run, until AWS gives it up (`ebs.TIMEOUT_MIN`). Another run
    may send to the same one at the same time: what either has put, and that it was completed, counts for both.
    """
    by_name = {target.region.name: target for target in targets}
    regions = [target.region for target in targets]
    begun = everywhere(regions, lambda region: begin(image, known, by_name[region.name], console=console))
    open_ = {name: one for name, one in begun.items() if isinstance(one, Destination) and one.journal}
    lanes = {name: _lane(one, known) for name, one in open_.items()}
    try:
        _send(image, known, list(lanes.values()), account=account, console=console)
    finally:
        for one in open_.values():
            assert one.journal
            one.journal.close()

    def finish(region: Region) -> Sent:
        one = begun[region.name]
        if isinstance(one, BakeryError):
            raise one
        lane = lanes.get(region.name)
        if lane:
            _complete(one, lane, known, console=console)
        ebs.wait_completed(region, one.snapshot)
        if one.journal:
            one.journal.forget()
        if is_verified:
            _compare(region, one.snapshot, known)
            console.say(f"{region.name}: {one.snapshot} was read back: every block is as it was sent")
        return Sent(snapshot=one.snapshot, blocks=lane.sent if lane else 0)

    return everywhere(regions, finish)


def _lane(begun: Destination, known: Digests) -> Lane:
    region, snapshot, journal = begun.target.region, begun.snapshot, begun.journal
    assert journal

    def put(block: Block) -> None:
        ebs.put(region, snapshot, index=block.index, data=block.data, digest=block.digest)
        journal.add(block.index)

    return Lane(
        name=region.name,
        put=put,
        missing=set(begun.target.to_send(known)) - journal.arrived,
        troubles=region.repeated.total,
    )


def _send(image: LocalImage, known: Digests, lanes: list[Lane], *, account: Account, console: Console) -> None:
    total = sum(len(lane.missing) for lane in lanes)
    if not total:
        return
    meter = Meter(console, doing="sent")

    def arrived() -> int:
        return sum(lane.sent for lane in lanes)

    with opened(image.artifact.disk) as disk:
        broadcast(
            lambda indexes: _checked(disk.blocks(indexes), known, image=image),
            lanes,
            on_block=lambda: meter.show(arrived(), total, _slowest(lanes)),
            on_break=account.stop.set,
        )
    meter.end(arrived(), total)


def _checked(blocks: Iterable[Block], known: Digests, *, image: LocalImage) -> Iterator[Block]:
    for block in blocks:
        if block.digest != _digest(known, block.index):
            raise _changed(image)
        yield block


def _changed(image: LocalImage) -> BakeryError:
    return impossible(f"{image.artifact.disk} was changed while it was read", hint="run it again")


def _complete(begun: Destination, lane: Lane, known: Digests, *, console: Console) -> None:
    """Close a snapshot when all blocks are there, unless somebody has: another run, or this call when it was lost."""
    region, failure = begun.target.region, lane.failure
    if failure is None:
        try:
            digests_there = {index: _digest(known, index) for index in begun.target.to_send(known)}
            ebs.complete(region, begun.snapshot, digests_there)
        except ApiError as error:
            failure = error
            if error.code == ebs.INVALID and not ebs.is_closed(error) and begun.journal:
                # Of what our notes say has arrived, something has not.
                begun.journal.forget()
                failure = BakeryError(error.message, hint="run it again: it sends every block again")
    if ebs.is_closed(failure):
        console.say(f"{region.name}: {begun.snapshot} takes no blocks any more: another run may have completed it")
    elif failure:
        raise failure


def _digest(known: Digests, index: int) -> bytes:
    return known.blocks.get(index, ZERO_DIGEST)


def _slowest(lanes: Sequence[Lane]) -> str:
    """Return who has most to do yet, where there is more than one."""
    going_on = [lane for lane in lanes if lane.is_open]
    if len(lanes) < 2 or not going_on:
        return ""
    last = max(going_on, key=lambda lane: len(lane.missing))
    return f"{last.name} has {counted(len(last.missing), 'block')} to go"


def _compare(region: Region, snapshot: str, known: Digests) -> None:
    """Read a snapshot back.

    Raises BakeryError (exit code 1) when it is not the disk; it is removed then, because it never will be.
    """
    tokens = ebs.tokens(region, snapshot)

    def is_wrong(index: int) -> bool:
        data = ebs.read(region, snapshot, index=index, token=tokens[index])
        return hashlib.sha256(data).digest() != _digest(known, index)

    with ThreadPoolExecutor(READERS) as pool:
        wrong = list(compress(tokens, pool.map(is_wrong, tokens)))
    wrong += sorted(known.blocks.keys() - tokens.keys())
    if wrong:
        removal.remove_snapshot(region, snapshot)
        differing = counted(len(wrong), "block")
        raise BakeryError(
            f"{region.name}: {snapshot} differs from the disk in {differing}, the first is {wrong[0]}",
            hint="it was removed: run it again",
        )
