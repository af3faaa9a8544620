"""A release in two clouds of one rehearsal: each has judged it by itself, and what is not so in one harms no other."""

from pathlib import Path
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.clouds.aws import lateness, published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import converged, latest
from bakery.clouds.scaleway.cloud import ScalewayCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition.place_names import Cloud
from bakery.places.several import Several
from bakery.rehearsal.scaleway.ground import Kind
from bakery.rehearsal.server import Rehearsal
from bakery.release import promote
from bakery.release.publish import Order
from tests import rehearsed
from tests.aws_account import account_of, forget_aws
from tests.rehearsed import HOME, RELEASE
from tests.rehearsed_zones import Zones

PARIS = "fr-par-1"
LATEST = "/dokku-bakery/host/latest/amd64"
NAME = f"dokku-bakery/host/{RELEASE}/amd64"


@pytest.fixture
def zones(stage: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zones:
    stage.reset()
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    for module in (published, lateness, scaleway, converged):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(latest, "SETTLED_S", 0.1)
    rehearsed.bake(stage)
    return Zones(stage=stage)


@pytest.fixture
def aws(zones: Zones) -> Account:
    return account_of(zones.stage)


def promoted(zones: Zones, aws: Account) -> None:
    def enter(one: Cloud) -> Any:
        return AwsCloud(account=aws) if one is Cloud.AWS else ScalewayCloud(account=zones.account())

    account = Several(enter=enter, usual=(), is_rehearsal=True)
    promote.promote(Order(image="host", release=RELEASE, regions=(HOME, PARIS)), account=account, console=Console())


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
