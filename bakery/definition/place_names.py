"""Names of places, of whichever cloud: text only."""

from collections.abc import Iterable
from enum import StrEnum

from bakery.core.errors import did_you_mean, impossible
from bakery.definition import aws_regions, scaleway_zones

CITIES = {**aws_regions.REGIONS, **scaleway_zones.ZONES}
"""Every place that is known, and where it is."""


class Cloud(StrEnum):
    """The clouds that images are brought to."""

    AWS = "aws"
    SCALEWAY = "scaleway"


def cloud(name: str) -> Cloud:
    """Return the cloud that a place is of, by the form of its name."""
    return Cloud.SCALEWAY if scaleway_zones.is_zone(name) else Cloud.AWS


def city(name: str) -> str:
    """Return where a place is; empty for one that is newer than this program."""
    return CITIES.get(name, "")


def require_form(names: Iterable[str]) -> None:
    """Raise BakeryError (exit code 2) for what can be no place's name, be it ever so new."""
    for name in names:
        if not scaleway_zones.is_zone(name) and not aws_regions.is_form(name):
            require_known(name)


def require_known(name: str) -> str:
    """Return the name of a place. Raises BakeryError (exit code 2) with the nearest one when there is none."""
    if name not in CITIES:
        raise impossible(f"there is no region {name!r}", hint=did_you_mean(name, CITIES))
    return name
