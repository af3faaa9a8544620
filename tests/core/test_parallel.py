"""All places at once: one that fails harms no other, and an interrupt leaves no thread behind."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bakery.clouds.aws.account import Account, Region, rehearse
from bakery.core import parallel, process
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import everywhere
from bakery.definition.aws_regions import REGIONS


@pytest.fixture
def account() -> Account:
    return rehearse(endpoint="http://127.0.0.1:9", keys=("AKIAABCDEFGHIJKLMNOP", "secret"))


@pytest.fixture
def regions(account: Account) -> list[Region]:
    return [account.region(name) for name in REGIONS]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("place")]


def fail_in_london(region: Region) -> str:
    if region.name == "eu-west-2":
        raise impossible("it rains")
    return region.name


def test_all_places_are_asked_at_once(regions: list[Region]) -> None:
    gate = threading.Barrier(len(regions))
    assert set(everywhere(regions, lambda region: gate.wait(10)).values()) == set(range(len(regions)))


def test_the_results_are_in_the_order_of_the_places(regions: list[Region]) -> None:
    backwards = regions[::-1]
    found = everywhere(backwards, lambda region: time.sleep(0.01 if region is backwards[0] else 0))
    assert list(found) == [region.name for region in backwards]


def test_no_place_is_no_work() -> None:
    assert everywhere([], lambda region: region.name) == {}


def test_one_place_that_fails_is_its_own_result(regions: list[Region]) -> None:
    found = everywhere(regions, fail_in_london)
    error = found.pop("eu-west-2")
    assert isinstance(error, BakeryError)
    assert error.message == "it rains"
    assert found == {name: name for name in REGIONS if name != "eu-west-2"}


def test_each_result_is_told_as_it_comes_in_our_own_thread(regions: list[Region]) -> None:
    told: dict[str, str | BakeryError] = {}
    threads = set()

    def on_done(region: Region, result: str | BakeryError) -> None:
        told[region.name] = result
        threads.add(threading.current_thread())

    assert everywhere(regions, fail_in_london, on_done=on_done) == told
    assert threads == {threading.current_thread()}


def test_the_quick_are_told_before_the_slow_have_ended(regions: list[Region]) -> None:
    told = threading.Event()
    everywhere(
        regions,
        lambda region: region.name == "eu-west-2" or told.wait(10),
        on_done=lambda region, result: told.set(),
    )
    assert told.is_set()


def test_a_mistake_of_ours_is_raised_after_the_others_have_ended(regions: list[Region]) -> None:
    ended = []

    def act(region: Region) -> None:
        if region.name == "eu-west-2":
            raise ZeroDivisionError
        time.sleep(0.1)
        ended.append(region.name)

    with pytest.raises(ZeroDivisionError):
        everywhere(regions, act)
    assert len(ended) == len(regions) - 1


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_every_wait_at_once(account: Account, regions: list[Region], sign: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGTERM)
    process.interrupt_on_sigterm()
    began = time.monotonic()

    def act(region: Region) -> None:
        if region is regions[-1]:
            os.kill(os.getpid(), sign)
        account.pause(60)

    try:
        with pytest.raises(KeyboardInterrupt):
            everywhere(regions, act)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert time.monotonic() - began < 10
    assert account.stop.is_set()


def test_what_cannot_end_at_once_is_waited_for_however_often_ctrl_c_is_pressed(regions: list[Region]) -> None:
    begun, ended = threading.Barrier(len(regions)), []

    def act(region: Region) -> None:
        begun.wait(10)
        for _ in range(3):
            if region is regions[0]:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        ended.append(region.name)

    with pytest.raises(KeyboardInterrupt):
        everywhere(regions, act)
    assert len(ended) == len(regions)


def test_threads_that_were_stopped_are_an_interrupt(account: Account, regions: list[Region]) -> None:
    account.stop.set()
    with pytest.raises(KeyboardInterrupt):
        everywhere(regions, lambda region: account.pause(0))


def test_a_report_that_fails_stops_the_others(account: Account, regions: list[Region]) -> None:
    def on_done(region: Region, result: object) -> None:
        raise impossible("the disk is full")

    def act(region: Region) -> None:
        if region.name != "eu-west-2":
            account.pause(60)

    with pytest.raises(BakeryError, match="the disk is full"):
        everywhere(regions, act, on_done=on_done)
    assert account.stop.is_set()


def test_a_thread_that_is_about_to_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python shows it among all threads, and refuses to join it."""
    ended: list[str] = []

    def work() -> None:
        time.sleep(0.1)
        ended.append("late")

    late = threading.Thread(target=work, name=f"{parallel.NAME}-late")
    shown = threading.enumerate
    monkeypatch.setattr(threading, "enumerate", lambda: list({*shown(), late} if not ended else shown()))
    timer = threading.Timer(0.1, late.start)
    timer.start()
    parallel.end(ThreadPoolExecutor(1), parallel.NAME)
    timer.join()
    assert ended == ["late"]
