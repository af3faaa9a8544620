"""AWS as the stories know a cloud: an account that gives its regions as places."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bakery.clouds.aws import prices, shipping
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.place import AwsPlace
from bakery.clouds.aws.prices import Known
from bakery.clouds.aws.shipping import AwsShipment
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible
from bakery.definition.aws_regions import Partition
from bakery.places.account import State
from bakery.places.shipment import Parcel

STATES = {"opt-in-not-required": "open", "opted-in": "opted in", "not-opted-in": "not opted in"}
"""What DescribeRegions says of a region, and what people are told."""


@dataclass(frozen=True, kw_only=True)
class AwsCloud:
    """One account; see `bakery.places.account.Account`."""

    account: Account

    @property
    def is_rehearsal(self) -> bool:
        """Whether nothing of it is AWS."""
        return self.account.is_rehearsal

    @property
    def states(self) -> Mapping[str, State]:
        """Every region of this partition."""
        return {name: State(own=own, words=STATES.get(own, own)) for name, own in self.account.opt_in.items()}

    @property
    def usable(self) -> list[str]:
        """The regions that this account may use, sorted."""
        return self.account.usable

    def be_brief(self, patience_s: float) -> None:
        """Repeat calls for that long at most."""
        self.account.patience_s = patience_s

    def closed(self, names: Collection[str]) -> dict[str, BakeryError]:
        """Return which regions this account may not use."""
        return {name: BakeryError(f"{name}: this account has not opted in to it") for name in {*names} - {*self.usable}}

    def place(self, name: str) -> AwsPlace:
        """Return a region."""
        return AwsPlace(region=self.account.region(name))

    def require(self, names: Sequence[str]) -> Sequence[AwsPlace]:
        """Return the regions of these names."""
        return [AwsPlace(region=one) for one in self.account.require(names)]

    def prices(self, names: Sequence[str], *, is_asked: bool, console: Console) -> Mapping[str, Known]:
        """Return what AWS takes."""
        if not is_asked:
            return dict.fromkeys(names, Known(table=prices.table()))
        if self.account.partition is not Partition.AWS:
            said = f"--prices asks a price list that accounts of {self.account.partition} cannot read"
            raise impossible(said, hint="leave it out")
        home = self.account.region(prices.HOME)
        with console.phase("prices"):
            fetched = prices.fetch(names, pricing=home, today=datetime.now(UTC).date())
        return dict.fromkeys(names, Known(table=fetched))

    def require_shippable(self, image: str, names: Sequence[str]) -> None:
        """Raise BakeryError (exit code 2) for what would be refused after minutes of baking."""
        shipping.require(image, self.account.require(names))

    def shipments(self, parcel: Parcel, *, console: Console) -> Sequence[AwsShipment]:
        """Return how an image of this machine comes to regions."""
        return [shipping.make(parcel, account=self.account, console=console)]
