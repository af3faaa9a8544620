"""Where images can be at Scaleway: zones, three of which share a region's object storage and nothing else.

Names: scaleway-sdk-go, the zones of its instance and block APIs; cities: scaleway.com/en/docs, "Regions and
Availability Zones".
"""

import re

ZONES: dict[str, str] = {
    "fr-par-1": "Paris",
    "fr-par-2": "Paris",
    "fr-par-3": "Paris",
    "it-mil-1": "Milan",
    "nl-ams-1": "Amsterdam",
    "nl-ams-2": "Amsterdam",
    "nl-ams-3": "Amsterdam",
    "pl-waw-1": "Warsaw",
    "pl-waw-2": "Warsaw",
    "pl-waw-3": "Warsaw",
}
WITHOUT_BLOCKS = frozenset({"it-mil-1"})
"""Zones that have no block storage, only disks of the machine itself."""
_FORM = re.compile(r"(fr|it|nl|pl)-(par|mil|ams|waw)-[1-9]")


def is_zone(name: str) -> bool:
    """Return whether a name is a zone's by its form, be it newer than this table."""
    return name in ZONES or _FORM.fullmatch(name) is not None


def region(zone: str) -> str:
    """Return the region that a zone is in: `fr-par` of `fr-par-2`."""
    return zone.rpartition("-")[0]
