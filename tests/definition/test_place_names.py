"""Names of places of all clouds: which cloud they are of, and which can be none."""

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import place_names, scaleway_zones
from bakery.definition.aws_regions import LOCAL, REGIONS
from bakery.definition.place_names import Cloud
from bakery.definition.scaleway_zones import ZONES


@pytest.mark.parametrize("name", ["eu-wset-2", "eu-west", "eu-west-22", "us-east-1a", "EU-WEST-2", LOCAL, "", "fr-par"])
def test_what_can_be_no_place_at_all_needs_no_account_to_be_refused(name: str) -> None:
    with pytest.raises(BakeryError, match=f"there is no region '{name}'") as caught:
        place_names.require_form([name])
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_place_that_is_newer_than_our_tables_may_be_one() -> None:
    place_names.require_form([*REGIONS, *ZONES, "eu-west-4", "it-mil-2", "fr-par-4"])


@pytest.mark.parametrize(
    ("name", "cloud"), [*((one, Cloud.AWS) for one in REGIONS), *((one, Cloud.SCALEWAY) for one in ZONES)]
)
def test_a_place_is_of_one_cloud(name: str, cloud: Cloud) -> None:
    assert place_names.cloud(name) is cloud
    assert place_names.city(name)
    assert place_names.require_known(name) == name


def test_a_slip_of_the_pen_is_told_the_nearest_place() -> None:
    for typed, meant in {"fr-par1": "fr-par-1", "eu-wset-2": "eu-west-2"}.items():
        with pytest.raises(BakeryError) as caught:
            place_names.require_known(typed)
        assert caught.value.hint == f"did you mean {meant!r}?"


def test_zones_of_one_city_share_a_region() -> None:
    assert {scaleway_zones.region(zone): city for zone, city in ZONES.items()} == {
        "fr-par": "Paris",
        "it-mil": "Milan",
        "nl-ams": "Amsterdam",
        "pl-waw": "Warsaw",
    }
