"""Accounts of several clouds as one: each place is asked of its own cloud, which is entered when it is needed.

Who names places of one cloud never needs credentials of another.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition.place_names import Cloud, cloud
from bakery.places.account import Account, State
from bakery.places.place import Place
from bakery.places.prices import Prices
from bakery.places.shipment import Parcel, Shipment


@dataclass(kw_only=True)
class Several:
    """One account of each cloud; see `bakery.places.account.Account`."""

    enter: Callable[[Cloud], Account]
    """Opens a cloud's account, or raises BakeryError."""
    usual: Sequence[Cloud]
    """The clouds that are meant where no place is named: those that there are credentials for."""
    is_rehearsal: bool
    _entered: dict[Cloud, Account] = field(default_factory=dict)
    _patience_s: float | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def of(self, one: Cloud) -> Account:
        """Return the account of a cloud."""
        with self._lock:
            if one not in self._entered:
                self._entered[one] = self.enter(one)
                if self._patience_s is not None:
                    self._entered[one].be_brief(self._patience_s)
            return self._entered[one]

    @property
    def states(self) -> Mapping[str, State]:
        """Every place of the usual clouds."""
        return {name: state for one in self.usual for name, state in self.of(one).states.items()}

    @property
    def usable(self) -> list[str]:
        """The places of the usual clouds that may be used, sorted."""
        return sorted(name for one in self.usual for name in self.of(one).usable)

    def be_brief(self, patience_s: float) -> None:
        """Repeat calls for that long at most."""
        self._patience_s = patience_s
        for account in self._entered.values():
            account.be_brief(patience_s)

    def closed(self, names: Collection[str]) -> dict[str, BakeryError]:
        """Return why some places may not be used; a cloud that cannot be entered is why for all of its own."""
        found: dict[str, BakeryError] = {}
        for one, own in _by_cloud(sorted(names)).items():
            try:
                found |= self.of(one).closed(own)
            except BakeryError as error:
                found |= dict.fromkeys(own, error)
        return found

    def place(self, name: str) -> Place:
        """Return a place."""
        return self.of(cloud(name)).place(name)

    def require(self, names: Sequence[str]) -> Sequence[Place]:
        """Return the places of these names, in their order."""
        found: dict[str, Place] = {}
        for one, own in _by_cloud(names).items():
            found |= {place.name: place for place in self.of(one).require(own)}
        return [found[name] for name in dict.fromkeys(names)]

    def prices(self, names: Sequence[str], *, is_asked: bool, console: Console) -> Mapping[str, Prices]:
        """Return what each place takes."""
        return {
            name: prices
            for one, own in _by_cloud(names).items()
            for name, prices in self.of(one).prices(own, is_asked=is_asked, console=console).items()
        }

    def require_shippable(self, image: str, names: Sequence[str]) -> None:
        """Raise BakeryError (exit code 2) for places where an image of this machine would be refused."""
        for one, own in _by_cloud(names).items():
            self.of(one).require_shippable(image, own)

    def shipments(self, parcel: Parcel, *, console: Console) -> Sequence[Shipment]:
        """Return how an image of this machine comes to each cloud."""
        return [
            shipment
            for one, own in _by_cloud(parcel.places).items()
            for shipment in self.of(one).shipments(parcel.to(own), console=console)
        ]


def _by_cloud(names: Iterable[str]) -> dict[Cloud, tuple[str, ...]]:
    """Return the places of each cloud, in their order."""
    found: dict[Cloud, tuple[str, ...]] = {}
    for name in names:
        found[cloud(name)] = (*found.get(cloud(name), ()), name)
    return found
