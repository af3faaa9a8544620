"""Two promotes at once from two checkouts: each ends knowing where the other's release is `latest`."""

import shutil
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.cloud.reconcile import Act
from bakery.clouds.aws import acts, lateness, overtaking, published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core import parallel
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.rehearsal.server import Rehearsal
from bakery.release.promote import promote
from bakery.release.publish import Order
from tests import promoting_child, releases
from tests.aws_account import account_of
from tests.releases import BOTH, DUBLIN, LONDON

HOST = releases.definition()
LATEST = "/dokku-bakery/host/latest/amd64"


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    for module in (published, lateness):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(overtaking, "SETTLED_S", 0.3)
    releases.define(monkeypatch, HOST)
    return cloud


def move(account: Account, release: Release) -> None:
    promote(Order(image="host", release=release.release), account=AwsCloud(account=account), console=Console())


def after(act: Act, do: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let something happen each time that an act was done; return the regions where it was."""
    real, regions = acts.ACTS[act], list[str]()

    def both(region: Any, *told: Any) -> None:
        real(region, *told)
        regions.append(region.name)
        do(region.name)

    monkeypatch.setitem(acts.ACTS, act, both)
    return regions


def test_who_is_overtaken_writes_no_more_and_says_whose_latest_it_is(
    cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = releases.put(cloud, HOST, age_days=20), releases.put(cloud, HOST, age_days=10)

    def overtake(region: str) -> None:
        if region == DUBLIN:
            releases.write(region, LATEST, theirs.places[region].image_id)

    written = after(Act.LATEST, overtake, monkeypatch)
    with pytest.raises(
        BakeryError, match=f"{DUBLIN}: another command has pointed {LATEST} at {theirs.release}"
    ) as told:
        move(account_of(cloud), ours)
    assert told.value.exit_code is ExitCode.FAILED
    assert told.value.hint.endswith(f"./inv promote --rehearse --image host --release {ours.release}  (takes it back)")
    assert sorted(written) == sorted(BOTH)
    assert releases.parameters(DUBLIN)[LATEST] == theirs.places[DUBLIN].image_id
    known = catalog.read("host", is_rehearsal=True)
    assert known.latest_in(LONDON, ours.arch) is not None
    assert known.latest_in(DUBLIN, ours.arch) is None


def test_a_region_that_was_done_and_is_moved_before_the_end_is_told_of(
    cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = releases.put(cloud, HOST, age_days=20), releases.put(cloud, HOST, age_days=10)

    def slow(*told: Any, **more: Any) -> Any:
        outcomes = parallel.everywhere(*told, **more)
        releases.write(LONDON, LATEST, theirs.places[LONDON].image_id)
        return outcomes

    monkeypatch.setattr("bakery.release.publish.everywhere", slow)
    with pytest.raises(BakeryError, match=f"{LONDON}: another command has pointed {LATEST} at {theirs.release}"):
        move(account_of(cloud), ours)


def test_of_two_at_once_each_ends_knowing_where_it_is_latest(
    cloud: Rehearsal, forks: ForkServerContext, tmp_path: Path
) -> None:
    both = [releases.put(cloud, HOST, age_days=age) for age in (20, 10)]
    ends = []
    meeting = forks.Barrier(len(both))
    for one in both:
        checkout = tmp_path / one.release
        shutil.copytree(tmp_path / "build", checkout)
        ours, its = forks.Pipe()
        told = (its, meeting, cloud.url, str(checkout), HOST, one.release)
        forks.Process(target=promoting_child.run, args=told).start()
        ends.append(ours)
    said = {one.release: end.recv() for one, end in zip(both, ends, strict=True)}
    for region in BOTH:
        live = naming.release_of(cloud.world.images[releases.parameters(region)[LATEST]].name)
        assert live in said
        assert all(one == live or f"{region}: another command has" in text for one, text in said.items())
