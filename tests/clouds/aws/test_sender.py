"""Blocks are read once for many places; a slow or broken one never holds up the others, and memory stays bounded."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from bakery.clouds.aws import sender
from bakery.clouds.aws.sender import MOST_A_SECOND, MOST_AT_ONE_PLACE, MOST_UNDER_WAY, Lane, broadcast
from bakery.core.errors import BakeryError
from bakery.disk.blocks import Block


class Source:
    """Blocks that say their index, and how often each was read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __call__(self, indexes: Iterable[int]) -> Iterator[Block]:
        for index in indexes:
            self.read.append(index)
            data = index.to_bytes(4, "big")
            yield Block(index=index, data=data, digest=hashlib.sha256(data).digest())


class Place:
    """Takes blocks; `seconds` says how long each takes."""

    def __init__(self, seconds: Callable[[int], float] = lambda _: 0.0) -> None:
        self.came: list[int] = []
        self.most = self._now = 0
        self._seconds = seconds
        self._lock = threading.Lock()

    def take(self, block: Block) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self._seconds(block.index))
        with self._lock:
            self._now -= 1
            self.came.append(block.index)


def lane(place: Place, missing: Iterable[int], name: str = "here") -> Lane:
    return Lane(name=name, put=place.take, missing=set(missing))


def send(source: Source, *lanes: Lane) -> None:
    broadcast(source, list(lanes), on_block=lambda: None, on_break=lambda: None)


def test_every_place_gets_what_it_misses_and_each_block_is_read_once() -> None:
    source, one, other = Source(), Place(), Place()
    lanes = lane(one, range(50)), lane(other, range(25, 80))
    send(source, *lanes)
    assert (sorted(one.came), sorted(other.came)) == (list(range(50)), list(range(25, 80)))
    assert source.read == list(range(80))
    assert [lane_.sent for lane_ in lanes] == [50, 55]
    assert not any(lane_.missing or lane_.under_way for lane_ in lanes)


def test_nothing_missing_reads_nothing() -> None:
    source = Source()
    send(source, lane(Place(), ()))
    assert source.read == []


def test_a_place_that_fails_ends_alone_and_its_error_is_kept() -> None:
    def refuse(block: Block) -> None:
        if block.index == 3:
            raise BakeryError("not this one")

    good, source = Place(), Source()
    bad = Lane(name="bad", put=refuse, missing=set(range(200)))
    send(source, bad, lane(good, range(200)))
    assert bad.failure
    assert bad.failure.message == "not this one"
    assert bad.missing
    assert sorted(good.came) == list(range(200))


def test_a_place_that_stalls_is_left_behind_and_gets_the_rest_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PATIENCE_S", 0.3)
    freed = threading.Event()
    fast, source = Place(), Source()

    def stall(block: Block) -> None:
        freed.wait(10)
        late.append(block.index)

    def take(block: Block) -> None:
        fast.take(block)
        if len(fast.came) == 100:
            freed.set()

    late: list[int] = []
    slow = Lane(name="slow", put=stall, missing=set(range(100)))
    send(source, Lane(name="fast", put=take, missing=set(range(100))), slow)
    assert sorted(fast.came) == list(range(100))
    assert sorted(late) == list(range(100))
    assert source.read[:100] == list(range(100))
    assert 0 < len(source.read) - 100 <= 100


def test_how_many_are_under_way_follows_the_latency_up_to_a_limit() -> None:
    near, far = Place(lambda _: 0.0), Place(lambda _: 0.1)
    near_lane, far_lane = lane(near, range(300)), lane(far, range(300))
    send(Source(), near_lane)
    send(Source(), far_lane)
    assert near.most < MOST_AT_ONE_PLACE / 2
    assert far.most == MOST_AT_ONE_PLACE
    assert near_lane.window < far_lane.window


def test_many_places_share_the_room_there_is() -> None:
    places = [Place(lambda _: 0.05) for _ in range(32)]
    send(Source(), *(lane(place, range(20)) for place in places))
    assert max(place.most for place in places) <= MOST_UNDER_WAY // 32


def test_trouble_halves_the_rate_and_time_without_it_brings_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now, troubles = [time.monotonic()], [0]
    one = Lane(name="one", put=lambda _: None, missing=set(), troubles=lambda: troubles[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def arrive_later() -> float:
        now[0] += 2
        one.arrived(0.1)
        return one.rate

    troubles[0] = 5
    assert arrive_later() == MOST_A_SECOND / 2
    assert MOST_A_SECOND / 2 < arrive_later() < MOST_A_SECOND
    assert [arrive_later() for _ in range(20)][-1] == MOST_A_SECOND


@pytest.mark.parametrize("strange", [KeyboardInterrupt, ValueError])
def test_anything_else_stops_every_wait_and_leaves_no_thread(strange: type[BaseException]) -> None:
    stopped = threading.Event()

    def wait(_: Block) -> None:
        stopped.wait(10)

    def source(indexes: Iterable[int]) -> Iterator[Block]:
        for number, block in enumerate(Source()(indexes)):
            if number == 3:
                raise strange
            yield block

    with pytest.raises(strange):
        broadcast(
            source,
            [Lane(name="one", put=wait, missing=set(range(10)))],
            on_block=lambda: None,
            on_break=stopped.set,
        )
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("block")]


def test_what_a_put_raises_that_is_no_error_of_ours_is_raised_again() -> None:
    def put(_: Block) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        send(Source(), Lane(name="one", put=put, missing=set(range(500))))
