"""A publish that is killed after any of its calls and run again ends in the very state of one that was not."""

import json
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal, serving
from tests import rehearsed
from tests.rehearsed import SIX, Killable, account_at, killable, state

pytestmark = pytest.mark.guestless
PENDING = Faults(pending_s=0.05)
KILLED = -9


@pytest.fixture(scope="module")
def cloud() -> Iterator[Rehearsal]:
    with serving(faults=PENDING) as rehearsal:
        yield rehearsal


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    with killable(tmp_path_factory.mktemp("worker") / "log") as child:
        yield child


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return tmp_path / "build"


def begin_again(cloud: Rehearsal, build: Path) -> None:
    cloud.reset()
    cloud.faults = PENDING
    shutil.rmtree(build, ignore_errors=True)
    rehearsed.bake(cloud)


def order(cloud: Rehearsal, build: Path) -> dict[str, Any]:
    return {"url": cloud.url, "build": str(build), "regions": SIX, "acts": ["publish", "promote"]}


def clean(cloud: Rehearsal, worker: Killable, build: Path) -> tuple[int, dict[str, Any]]:
    """Return how many calls an undisturbed run makes, and what it leaves."""
    begin_again(cloud, build)
    worker.begin(order(cloud, build))
    assert worker.go() == 0
    return len(cloud.calls), state(cloud, account_at(cloud.url))


def test_a_publish_to_six_regions_killed_after_any_call_ends_as_if_it_was_not(
    cloud: Rehearsal, worker: Killable, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, expected = clean(cloud, worker, build)
    assert len(expected["images"]) == len(expected["snapshots"]) == len(SIX)
    began, killed, more = time.monotonic(), 0, 0
    for number in range(1, calls + 1):
        begin_again(cloud, build)
        pid = worker.begin(order(cloud, build))
        cloud.faults = Faults(pending_s=PENDING.pending_s, kill_at=number, kill_pid=pid)
        killed += worker.go() == KILLED
        cloud.faults = PENDING
        worker.begin(order(cloud, build))
        assert worker.go() == 0, f"the run after a kill at call {number} failed"
        assert state(cloud, account_at(cloud.url)) == expected, f"killed at call {number}"
        more = max(more, len(cloud.calls) - calls)
    with capsys.disabled():
        seconds = time.monotonic() - began
        sys.stdout.write(
            f"\nclean: {calls} calls; {killed} kills of {calls}; at most {more} calls more; {seconds:.0f} s\n"
        )
    # Threads share the calls, so that a run may need a few less than the clean one and outlive the last numbers.
    assert killed >= calls * 0.9


def test_a_publish_through_throttling_errors_and_late_states_ends_the_same(
    cloud: Rehearsal, worker: Killable, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls, expected = clean(cloud, worker, build)
    begin_again(cloud, build)
    began = time.monotonic()
    cloud.faults = Faults(
        pending_s=0.5, hidden_s=1, parameter_s=1, throttled=0.3, broken=0.05, seed=random.randrange(99)
    )
    worker.begin(order(cloud, build))
    assert worker.go() == 0
    with capsys.disabled():
        seconds = time.monotonic() - began
        sys.stdout.write(
            f"\n30 % throttled, 5 % broken, all late: {len(cloud.calls)} calls for {calls}; {seconds:.1f} s\n"
        )
    cloud.faults = PENDING
    assert state(cloud, account_at(cloud.url)) == expected


def test_the_states_are_worth_comparing(cloud: Rehearsal, worker: Killable, build: Path) -> None:
    _, expected = clean(cloud, worker, build)
    account_at(cloud.url).region("sa-east-1").ssm("delete_parameter", Name="/dokku-bakery/host/latest/amd64")
    assert json.dumps(state(cloud, account_at(cloud.url)), default=str) != json.dumps(expected, default=str)
