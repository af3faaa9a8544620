"""Scaleway as the stories know a cloud: an account that gives its zones as places."""

# ruff: noqa: ARG002  # an account is told more than this cloud has to know

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bakery.clouds.scaleway import prices, shipping
from bakery.clouds.scaleway.account import Account
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.clouds.scaleway.prices import Known
from bakery.clouds.scaleway.shipping import ScalewayShipment
from bakery.core.console import Console
from bakery.core.errors import BakeryError, did_you_mean
from bakery.definition.scaleway_zones import WITHOUT_BLOCKS, ZONES
from bakery.places.account import State
from bakery.places.shipment import Parcel


@dataclass(frozen=True, kw_only=True)
class ScalewayCloud:
    """One project; see `bakery.places.account.Account`."""

    account: Account

    @property
    def is_rehearsal(self) -> bool:
        """Whether nothing of it is Scaleway."""
        return self.account.is_rehearsal

    @property
    def states(self) -> Mapping[str, State]:
        """Every zone that we know: whoever has an account may use each, and Scaleway has no list of them to ask for."""
        local = State(own="without block storage", words="open, without block storage")
        return {name: local if name in WITHOUT_BLOCKS else State(own="open", words="open") for name in ZONES}

    @property
    def usable(self) -> list[str]:
        """Likewise, sorted."""
        return sorted(ZONES)

    def be_brief(self, patience_s: float) -> None:
        """Repeat calls for that long at most."""
        self.account.patience_s = patience_s

    def closed(self, names: Collection[str]) -> dict[str, BakeryError]:
        """Return which zones do not exist as far as we know; others are never closed to anybody."""
        unknown = {*names} - {*ZONES}
        return {name: BakeryError(f"{name}: there is no such zone", hint=did_you_mean(name, ZONES)) for name in unknown}

    def place(self, name: str) -> ScalewayPlace:
        """Return a zone."""
        return ScalewayPlace(zone=self.account.zone(name))

    def require(self, names: Sequence[str]) -> Sequence[ScalewayPlace]:
        """Return the zones of these names."""
        return [ScalewayPlace(zone=one) for one in self.account.require(names)]

    def prices(self, names: Sequence[str], *, is_asked: bool, console: Console) -> Mapping[str, Known]:
        """Return what zones take: asked each time, for that needs no more rights than a plan does."""
        with console.phase("prices"):
            return dict.fromkeys(names, prices.ask(self.account.require(names)))

    def require_shippable(self, image: str, names: Sequence[str]) -> None:
        """Raise BakeryError (exit code 2) for what would be refused after minutes of baking."""
        shipping.require(image, self.account.require(names))

    def shipments(self, parcel: Parcel, *, console: Console) -> Sequence[ScalewayShipment]:
        """Return how an image of this machine comes to zones."""
        return [shipping.make(parcel, account=self.account)]
