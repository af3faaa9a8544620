"""What Scaleway takes for a server, as it says itself; what no API of its tells is None, never a guess."""

# ruff: noqa: ARG002  # prices are asked with more than is known of them here

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from bakery.clouds.scaleway import server_types
from bakery.clouds.scaleway.account import Zone


@dataclass(frozen=True, kw_only=True)
class Known:
    """Prices, as the stories ask them; see `bakery.places.prices`."""

    asked_on: date
    hours: Mapping[str, Mapping[str, float]]
    """EUR without taxes for an hour, by zone and type (ListServersTypes, "hourly_price")."""

    @property
    def date(self) -> str:
        """When Scaleway was asked."""
        return str(self.asked_on)

    @property
    def currency(self) -> str:
        """What its figures are in."""
        return "EUR"

    def bake_cost(self, place: str, *, instance_type: str, hours: float, disk_gb: int) -> float | None:
        """Return what a server takes that runs for *hours*; its disk and its address are left out."""
        hourly = self.hours.get(place, {}).get(instance_type)
        return None if hourly is None else hours * hourly

    def copy_cost(self, from_place: str, *, stored_gb: float) -> float | None:
        """Return None: no API tells what a file takes that lies in a bucket for some minutes."""
        return None

    def storage_cost_month(self, place: str, *, stored_gb: float) -> float | None:
        """Return None: no API tells what snapshots take."""
        return None


def ask(zones: Sequence[Zone]) -> Known:
    """Return what zones take now. Raises like `Zone.call`."""
    told = {zone.name: server_types.offered(zone) for zone in zones}
    hours = {zone: {name: float(one.hourly_price) for name, one in types.items()} for zone, types in told.items()}
    return Known(asked_on=datetime.now(UTC).date(), hours=hours)
