"""What AWS shows late is waited for, and what it never shows is not waited for for ever."""

import math
import time

import pytest

from bakery.clouds.aws import lateness, published
from bakery.clouds.aws.account import ApiError, Region
from bakery.core.parallel import Stopped
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from tests.aws_account import account_of
from tests.rehearsed_images import an_image

DUBLIN = "eu-west-1"
NAME = "dokku-bakery/host/20260105-0415-0123456789ab/amd64"


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    return cloud


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region(DUBLIN)


def test_a_look_is_repeated_until_it_is_enough(region: Region) -> None:
    seen = [3, 2, 1]
    assert lateness.until(region, seen.pop, is_enough=lambda found: found == 3, deadline_s=5) == 3


def test_after_the_deadline_the_last_look_is_returned(region: Region) -> None:
    began = time.monotonic()
    assert lateness.until(region, lambda: "old", is_enough=lambda _: False, deadline_s=0.05) == "old"
    assert time.monotonic() - began < 2


def test_an_act_is_repeated_while_what_it_names_is_not_known(region: Region) -> None:
    codes = ["InvalidAMIID.NotFound"] * 2

    def act() -> str:
        if codes:
            raise ApiError("not known", code=codes.pop())
        return "done"

    assert lateness.known(region, act, codes={"InvalidAMIID.NotFound"}) == "done"


@pytest.mark.parametrize(("codes", "deadline_s"), [(("Another",), 5.0), (("InvalidAMIID.NotFound",), 0.0)])
def test_another_refusal_and_one_after_the_deadline_are_told(
    codes: tuple[str, ...], deadline_s: float, region: Region
) -> None:
    def act() -> None:
        raise ApiError("no", code=codes[0])

    with pytest.raises(ApiError, match="no"):
        lateness.known(region, act, codes={"InvalidAMIID.NotFound"}, deadline_s=deadline_s)


def test_an_interrupted_command_does_not_wait(region: Region) -> None:
    region.account.stop.set()
    with pytest.raises(Stopped):
        lateness.until(region, lambda: None, is_enough=lambda _: False, deadline_s=60)


def test_a_listing_without_what_was_made_a_moment_ago_is_asked_for_again(cloud: Rehearsal, region: Region) -> None:
    made = an_image(cloud, region=DUBLIN, name=NAME, visible_at=math.inf)
    assert published.find(region, name=NAME) is None
    lateness.remember(region, NAME, image_id=made.id)
    made.visible_at = time.monotonic() + 0.3
    for name in (NAME, "dokku-bakery/host/*"):
        found = published.find(region, name=name)
        assert found is not None
        assert found.id == made.id


def test_what_was_made_and_is_not_listed_in_time_is_gone(
    cloud: Rehearsal, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lateness, "DEADLINE_S", 0.2)
    lateness.remember(region, NAME, image_id="ami-0123456789abcdef0")
    assert published.find(region, name=NAME) is None
    assert lateness.remembered(region, NAME) == set()


def test_nobody_waits_for_another_image(cloud: Rehearsal, region: Region) -> None:
    lateness.remember(region, NAME, image_id="ami-0123456789abcdef0")
    cloud.faults = Faults(hidden_s=60)
    began = time.monotonic()
    assert published.find(region, name=NAME.replace("host", "dokku")) is None
    assert time.monotonic() - began < 5
