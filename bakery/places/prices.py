"""What a cloud takes, as far as it is known: what no table holds is None, never a guess."""

from typing import Protocol


class Prices(Protocol):
    """Prices without taxes, on demand."""

    @property
    def date(self) -> str:
        """When they were looked up."""

    @property
    def currency(self) -> str:
        """Such as USD."""

    def bake_cost(self, place: str, *, instance_type: str, hours: float, disk_gb: int) -> float | None:
        """Return what a machine takes that runs for *hours* with a disk of that size."""

    def copy_cost(self, from_place: str, *, stored_gb: float) -> float | None:
        """Return what a copy to one other place takes."""

    def storage_cost_month(self, place: str, *, stored_gb: float) -> float | None:
        """Return what an image takes that holds so much, a month."""
