"""Brings blocks that are read once to many places at the same time; a slow place never holds up the others.

How many blocks are under way to a place is rate times latency there (Little's law), with a rate below AWS's limit.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bakery.core.errors import BakeryError
from bakery.core.parallel import end
from bakery.disk.blocks import Block

MOST_UNDER_WAY = 128
"""Blocks of all places together: 64 MiB of memory."""
MOST_AT_ONE_PLACE = 64
"""As many connections as are kept open to one region."""
FEWEST_AT_ONE_PLACE = 4
MOST_A_SECOND = 900.0
"""To one place: AWS takes 1000 blocks a second ("Quotas for Amazon EBS", PutSnapshotBlock)."""
FEWEST_A_SECOND = 20.0
RECOVERY = 1.1
"""By how much the rate rises in a second without trouble."""
WEIGHT = 0.2
"""Of a new latency in the running mean."""
PATIENCE_S = 5.0
"""For how long all others may have waited for one place until they go on without it."""
LOOK_S = 0.1
NAME = "block"
"""What threads are called."""


@dataclass(kw_only=True, eq=False)
class Lane:
    """The way to one place."""

    name: str
    put: Callable[[Block], None]
    """Brings a block there, repeating what can be repeated; raises BakeryError when it cannot."""
    missing: set[int]
    """Indexes of the blocks that are still to be sent there."""
    troubles: Callable[[], int] = lambda: 0
    """How often a call had to be repeated there so far."""
    sent: int = 0
    """Blocks that have arrived."""
    failure: BakeryError | None = None
    under_way: int = 0
    most: int = MOST_AT_ONE_PLACE
    rate: float = MOST_A_SECOND
    latency_s: float = 0.02
    patience_s: float = PATIENCE_S
    is_behind: bool = False
    _seen: int = 0
    _paced_at: float = field(default_factory=time.monotonic)

    @property
    def window(self) -> int:
        """How many blocks may be under way at once."""
        return max(FEWEST_AT_ONE_PLACE, min(self.most, math.ceil(self.rate * self.latency_s)))

    @property
    def has_room(self) -> bool:
        """Return whether another block may be sent there now."""
        return self.under_way < self.window

    @property
    def is_open(self) -> bool:
        """Return whether there is anything left to do that can be done."""
        return bool(self.missing) and self.failure is None

    def arrived(self, seconds: float) -> None:
        """Note that a block took so long, and ask faster or slower from now on."""
        self.sent += 1
        troubles, now = self.troubles(), time.monotonic()
        if troubles == self._seen:
            self.latency_s += WEIGHT * (seconds - self.latency_s)
        if now - self._paced_at < 1:
            return
        factor = 0.5 if troubles > self._seen else RECOVERY
        self.rate = min(MOST_A_SECOND, max(FEWEST_A_SECOND, self.rate * factor))
        self._seen, self._paced_at = troubles, now


def broadcast(
    read: Callable[[Iterable[int]], Iterator[Block]],
    lanes: list[Lane],
    *,
    on_block: Callable[[], None],
    on_break: Callable[[], None],
) -> None:
    """Send to every lane what it misses of the blocks that *read* gives, until nothing is missing or a lane has failed.

    A block is read once for all; only what a slow place could not take then is read again afterwards. *on_block* is
    called now and then. Errors of `put` end in their lane's `failure`. When anything else goes wrong, or on Ctrl-C,
    *on_break* is called, which must end all waiting; every thread has ended when this returns.
    """
    sender = _Sender(lanes)
    pool = ThreadPoolExecutor(MOST_UNDER_WAY, thread_name_prefix=NAME)
    try:
        while wanted := sorted(set().union(*(lane.missing for lane in lanes if lane.is_open))):
            for lane in lanes:
                lane.is_behind, lane.patience_s = False, PATIENCE_S
            for block in read(wanted):
                sender.offer(block, pool)
                on_block()
        while not sender.is_idle():
            on_block()
    except BaseException:
        on_break()
        raise
    finally:
        end(pool, NAME)
    sender.raise_strange()


class _Sender:
    def __init__(self, lanes: list[Lane]) -> None:
        self._lanes = lanes
        self._changed = threading.Condition()
        self._strange: list[BaseException] = []
        for lane in lanes:
            lane.most = max(FEWEST_AT_ONE_PLACE, min(MOST_AT_ONE_PLACE, MOST_UNDER_WAY // len(lanes)))

    def offer(self, block: Block, pool: ThreadPoolExecutor) -> None:
        """Send a block to every lane that wants it; wait for room where there is none."""
        for lane in self._lanes:
            if block.index not in lane.missing or lane.failure or lane.is_behind:
                continue
            if self._has_room(lane):
                lane.missing.discard(block.index)
                with self._changed:
                    lane.under_way += 1
                pool.submit(self._send, lane, block)
        self.raise_strange()

    def is_idle(self) -> bool:
        """Wait a moment, and return whether nothing is under way any more."""
        with self._changed:
            if any(lane.under_way for lane in self._lanes):
                self._changed.wait(LOOK_S)
            return not any(lane.under_way for lane in self._lanes)

    def raise_strange(self) -> None:
        """Raise what no lane can explain."""
        if self._strange:
            raise self._strange[0]

    def _has_room(self, lane: Lane) -> bool:
        """Wait until a lane has room; not when it has failed, or when the others have waited for it long enough."""
        with self._changed:
            while not lane.has_room:
                began = time.monotonic()
                self._changed.wait(LOOK_S)
                if lane.failure or self._strange:
                    return False
                if any(other.under_way == 0 for other in self._lanes if other is not lane and other.is_open):
                    lane.patience_s -= time.monotonic() - began
                    lane.is_behind = lane.patience_s <= 0
                if lane.is_behind:
                    return False
        return lane.failure is None

    def _send(self, lane: Lane, block: Block) -> None:
        began = time.monotonic()
        try:
            if lane.failure is None:
                lane.put(block)
                with self._changed:
                    lane.arrived(time.monotonic() - began)
        except BakeryError as error:
            lane.failure = lane.failure or error
        except BaseException as error:  # noqa: BLE001  # the thread that called us raises it
            self._strange.append(error)
        finally:
            with self._changed:
                lane.under_way -= 1
                self._changed.notify_all()
