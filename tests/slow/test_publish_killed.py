"""A publish that is killed after any of its calls and run again ends in the very state of one that was not."""

import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakery.clouds.aws.account import Account
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal, serving
from tests import moment, rehearsed
from tests.moment import Moment
from tests.rehearsed import THREE, Killable, account_at, killable

PENDING = Faults(pending_s=0.05)
KILLED = -9


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A cloud, and a process that does acts in it."""

    cloud: Rehearsal
    account: Account
    worker: Killable

    def begin_at(self, start: Moment) -> None:
        start.put_back(self.cloud)
        self.cloud.faults = PENDING

    def finish(self, act: str, *, build: Path) -> None:
        """Do an act to its end."""
        self.worker.begin({"act": act, "build": str(build)})
        assert self.worker.go() == 0, f"{act} failed"

    def is_killed_at(self, number: int, *, act: str, build: Path) -> bool:
        """Do an act until its n-th call, and return whether it came to that."""
        pid = self.worker.begin({"act": act, "build": str(build)})
        self.cloud.faults = Faults(pending_s=PENDING.pending_s, kill_at=number, kill_pid=pid)
        exit_code = self.worker.go()
        self.cloud.faults = PENDING
        assert exit_code in {0, KILLED}
        return exit_code == KILLED

    def state(self) -> dict[str, Any]:
        return rehearsed.state(self.cloud, self.account, regions=THREE)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    log = tmp_path_factory.mktemp("worker") / "log"
    with serving() as cloud, killable(cloud.url, log=log) as worker:
        yield Scene(cloud=cloud, account=account_at(cloud.url), worker=worker)


@pytest.fixture
def baked(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moment:
    """Return the moment when a release is baked: there `publish` begins."""
    build = tmp_path / "build"
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(build))
    scene.cloud.reset()
    rehearsed.bake(scene.cloud)
    return moment.keep(scene.cloud, build, within=tmp_path / "baked")


@pytest.fixture
def published(scene: Scene, baked: Moment, tmp_path: Path) -> Moment:
    """Return the moment when it is published, by a run that nothing disturbs: there `promote` begins."""
    scene.begin_at(baked)
    scene.finish("publish", build=baked.build)
    return moment.keep(scene.cloud, baked.build, within=tmp_path / "published")


@pytest.mark.parametrize(("act", "moment_before"), [("publish", "baked"), ("promote", "published")])
def test_three_regions_end_as_if_an_act_was_not_killed_after_any_of_its_calls(
    act: str, moment_before: str, scene: Scene, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    start: Moment = request.getfixturevalue(moment_before)
    scene.begin_at(start)
    before = scene.state()
    scene.begin_at(start)
    scene.finish(act, build=start.build)
    calls, expected = len(scene.cloud.calls), scene.state()
    assert len(expected["images"]) == len(expected["snapshots"]) == len(THREE)
    assert expected != before
    began, killed, more = time.monotonic(), 0, 0
    for number in range(1, calls + 1):
        scene.begin_at(start)
        killed += scene.is_killed_at(number, act=act, build=start.build)
        scene.finish(act, build=start.build)
        more = max(more, len(scene.cloud.calls) - calls)
        assert scene.state() == expected, f"killed at call {number}"
    with capsys.disabled():
        seconds = time.monotonic() - began
        sys.stdout.write(
            f"\n{act}: {calls} calls; {killed} kills of {calls}; at most {more} calls more; {seconds:.0f} s\n"
        )
    # Threads share the calls, so that a run may need a few less than the clean one and outlive the last numbers.
    assert killed >= calls * 0.9


def test_a_publish_through_throttling_errors_and_late_states_ends_the_same(
    scene: Scene, baked: Moment, capsys: pytest.CaptureFixture[str]
) -> None:
    def bring(faults: Faults) -> tuple[int, dict[str, Any]]:
        """Return how many calls publish and promote take through some faults, and what they leave."""
        scene.begin_at(baked)
        scene.cloud.faults = faults
        for act in ("publish", "promote"):
            scene.finish(act, build=baked.build)
        scene.cloud.faults = PENDING
        return len(scene.cloud.calls), scene.state()

    calls, expected = bring(PENDING)
    began = time.monotonic()
    more, found = bring(
        Faults(pending_s=0.5, hidden_s=1, parameter_s=1, throttled=0.3, broken=0.05, seed=random.randrange(99))
    )
    with capsys.disabled():
        seconds = time.monotonic() - began
        sys.stdout.write(f"\n30 % throttled, 5 % broken, all late: {more} calls for {calls}; {seconds:.1f} s\n")
    assert found == expected


def test_the_states_are_worth_comparing(scene: Scene, published: Moment) -> None:
    scene.begin_at(published)
    scene.finish("promote", build=published.build)
    expected = scene.state()
    scene.account.region(THREE[-1]).ssm("delete_parameter", Name="/dokku-bakery/host/latest/amd64")
    assert json.dumps(scene.state(), default=str) != json.dumps(expected, default=str)


def test_a_moment_is_put_back_as_it_was(scene: Scene, published: Moment) -> None:
    scene.begin_at(published)
    expected = scene.state()
    assert {len(found) for found in expected["parameters"].values()} == {1}
    scene.finish("promote", build=published.build)
    after = scene.state()
    for kind in ("parameters", "latest"):
        assert after[kind] != expected[kind]
    scene.begin_at(published)
    assert scene.state() == expected
