"""Names of places, of whichever cloud: text only."""

from collections.abc import Iterable

from bakery.definition import aws_regions


def city(name: str) -> str:
    """Return where a place is; empty for one that is newer than this program."""
    return aws_regions.REGIONS.get(name, "")


def require_form(names: Iterable[str]) -> None:
    """Raise BakeryError (exit code 2) for what can be no place's name, be it ever so new."""
    aws_regions.require_form(names)


def require_known(name: str) -> str:
    """Return the name of a place. Raises BakeryError (exit code 2) with the nearest one when there is none."""
    return aws_regions.region(name)
