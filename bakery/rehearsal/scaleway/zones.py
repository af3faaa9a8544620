"""Zones and regions: which there are, and what they lack (scaleway-sdk-go, zones of the instance and block APIs)."""

ZONES = (
    *("fr-par-1", "fr-par-2", "fr-par-3", "it-mil-1", "nl-ams-1", "nl-ams-2", "nl-ams-3"),
    *("pl-waw-1", "pl-waw-2", "pl-waw-3"),
)
WITHOUT_BLOCKS = frozenset({"it-mil-1"})
"""The block API knows no such zone."""


def region(zone: str) -> str:
    """Return the region of a zone: `fr-par` of `fr-par-2`; its object storage is the only one that the zone reads."""
    return zone.rpartition("-")[0]


REGIONS = frozenset(region(zone) for zone in ZONES)
