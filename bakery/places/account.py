"""An account of a cloud, as the stories know it: it says which places there are, and gives them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.places.place import Place
from bakery.places.prices import Prices
from bakery.places.shipment import Parcel, Shipment


class NoCredentialsError(BakeryError):
    """Nothing says whose account is meant (exit code 3), as for who works with other clouds alone."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.MISSING)


@dataclass(frozen=True, kw_only=True)
class State:
    """Whether a place may be used: as its cloud says it, and in words."""

    own: str
    words: str


class Account(Protocol):
    """One account, or a rehearsal of one; safe to use from many threads. All of it raises BakeryError as said."""

    @property
    def is_rehearsal(self) -> bool:
        """Whether nothing of it is a cloud."""

    @property
    def states(self) -> Mapping[str, State]:
        """Every place there is, by name, and whether it may be used.

        Raises BakeryError (exit code 3) when not even that can be had.
        """

    @property
    def usable(self) -> list[str]:
        """The places that this account may use, sorted."""

    def be_brief(self, patience_s: float) -> None:
        """Repeat calls for that long at most: a look is worth less waiting than a bake."""

    def closed(self, names: Collection[str]) -> dict[str, BakeryError]:
        """Return why it may not use some of these places, by name."""

    def place(self, name: str) -> Place:
        """Return a place, whether this account may use it or not."""

    def require(self, names: Sequence[str]) -> Sequence[Place]:
        """Return the places of these names, each once.

        Raises BakeryError (exit code 2) for one that does not exist or that this account may not use.
        """

    def prices(self, names: Sequence[str], *, is_asked: bool, console: Console) -> Mapping[str, Prices]:
        """Return what each place takes: by the table that comes with the bakery, or as its cloud says now.

        Places of one cloud share their prices.

        Raises BakeryError: exit code 2 where it cannot be asked, 3 when it does not answer.
        """

    def require_shippable(self, image: str, names: Sequence[str]) -> None:
        """Raise BakeryError (exit code 2) for places where an image of this machine would be refused."""

    def shipments(self, parcel: Parcel, *, console: Console) -> Sequence[Shipment]:
        """Return how an image of this machine comes to places, one for each cloud that they are of; nothing is sent.

        Raises BakeryError (exit code 2) for what the cloud would refuse.
        """
