"""A release in two clouds of one rehearsal: each has judged it by itself, and what is not so in one harms no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.cloud import naming
from bakery.clouds.aws import lateness, published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import baking, converged, latest
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.cloud import ScalewayCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition.place_names import Cloud
from bakery.places.baking import Baking
from bakery.places.several import Several
from bakery.rehearsal.scaleway.ground import Kind
from bakery.rehearsal.server import Rehearsal
from bakery.release import nightly, promote
from bakery.release.night import Night, State
from bakery.release.publish import Order
from tests import nights, rehearsed
from tests.aws_account import account_of
from tests.loopback import serving
from tests.nights import Kitchen
from tests.rehearsed import HOME, RELEASE
from tests.rehearsed_zones import Zones

PARIS = "fr-par-1"
LATEST = "/dokku-bakery/host/latest/amd64"
NAME = f"dokku-bakery/host/{RELEASE}/amd64"


@pytest.fixture
def zones(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Zones:
    for module in (published, lateness, scaleway, converged):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(latest, "SETTLED_S", 0.1)
    rehearsed.bake(cloud)
    return Zones(stage=cloud)


@pytest.fixture
def aws(zones: Zones) -> Account:
    return account_of(zones.stage)


def both(zones: Zones, aws: Account) -> Several:
    def enter(one: Cloud) -> Any:
        return AwsCloud(account=aws) if one is Cloud.AWS else ScalewayCloud(account=zones.account())

    return Several(enter=enter, usual=(), is_rehearsal=True)


def promoted(zones: Zones, aws: Account) -> None:
    order = Order(image="host", release=RELEASE, regions=(HOME, PARIS))
    promote.promote(order, account=both(zones, aws), console=Console())


def latest_in_aws(aws: Account) -> str:
    return str(aws.region(HOME).ssm("get_parameter", Name=LATEST)["Parameter"]["Value"])


def tags(zones: Zones, image: str) -> dict[str, str]:
    (shown,) = [one for one in zones.shown(Kind.IMAGE) if one["id"] == image]
    return dict(tag.partition("=")[::2] for tag in shown["tags"])


def test_what_passed_in_each_cloud_is_latest_in_each(zones: Zones, aws: Account) -> None:
    image = zones.put(PARIS, NAME, tags=[f"{naming.VERIFIED}=2026-11-23T04:20:00Z", f"{naming.IMAGE}=host"])
    promoted(zones, aws)
    assert latest_in_aws(aws).startswith("ami-")
    assert "bakery:latest" in tags(zones, image)


def test_what_did_not_pass_in_the_other_cloud_is_not_marked_there_and_harms_none(zones: Zones, aws: Account) -> None:
    image = zones.put(PARIS, NAME, tags=[f"{naming.IMAGE}=host"])
    with pytest.raises(BakeryError) as caught:
        promoted(zones, aws)
    assert "1 region is not done:" in caught.value.message
    assert f"{PARIS}: {image} did not pass there" in caught.value.message
    assert f"--region {PARIS}" in caught.value.hint
    assert naming.VERIFIED not in tags(zones, image)
    assert latest_in_aws(aws).startswith("ami-")


def test_a_cloud_that_has_no_image_yet_harms_none(zones: Zones, aws: Account) -> None:
    with pytest.raises(BakeryError) as caught:
        promoted(zones, aws)
    assert "1 region is not done:" in caught.value.message
    assert f"./inv bake --image host --region {PARIS}" in caught.value.hint
    assert latest_in_aws(aws).startswith("ami-")


@pytest.fixture
def kitchen(zones: Zones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kitchen]:
    def pack(zone: Zone, asked: Baking, **_: object) -> str:
        return zones.put(zone.name, asked.made.name, tags=[])

    monkeypatch.setattr(baking, "bake", pack)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    catalog.path_of("host", is_rehearsal=True).unlink()
    with serving() as archive:
        yield nights.kitchen(archive, tmp_path / "images", monkeypatch)


def a_night(zones: Zones, aws: Account) -> Night:
    order = nightly.Order(images=("host",), places=(HOME, PARIS), base="debian-12")
    doors = nightly.Doors(account=lambda _: both(zones, aws))
    (night,) = nightly.nightly(order, doors=doors, console=Console())
    return night


def test_what_did_not_pass_in_the_other_cloud_is_judged_there_by_the_next_night(
    zones: Zones, aws: Account, kitchen: Kitchen
) -> None:
    kitchen.rejected_in = PARIS
    assert a_night(zones, aws).state is State.FAILED
    kitchen.rejected_in = ""
    again = a_night(zones, aws)
    assert (again.state, again.notes) == (State.BAKED, ("promoted",))
    assert kitchen.judged_in == [HOME, PARIS, PARIS, PARIS]
    assert a_night(zones, aws).state is State.UNCHANGED


def test_a_release_that_the_other_cloud_could_not_bake_is_baked_there_by_the_next_night(
    zones: Zones, aws: Account, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise BakeryError("out of stock")

    assert a_night(zones, aws).state is State.BAKED
    kitchen.night = 2
    kitchen.stock(security={"openssl": "3.0.17"})
    with monkeypatch.context() as patch:
        patch.setattr(baking, "bake", fail)
        assert a_night(zones, aws).state is State.FAILED
    again = a_night(zones, aws)
    assert (again.state, again.release[6:8]) == (State.BAKED, "02")
    assert [naming.release_of(one["name"])[6:8] for one in zones.shown(Kind.IMAGE)] == ["01", "02"]
