"""Accounts of several clouds as one: a place is asked of its own cloud, and no other is entered for it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition.place_names import Cloud
from bakery.places.account import Account, State
from bakery.places.several import Several
from bakery.places.shipment import FanOut, Parcel

LONDON, PARIS, WARSAW = "eu-west-2", "fr-par-1", "pl-waw-2"


@dataclass(frozen=True)
class Named:
    """A place, a price list or a shipment, by its name alone."""

    name: str


@dataclass
class Memory:
    """An account of one cloud; what it was asked is kept."""

    names: Sequence[str]
    asked: list[Any] = field(default_factory=list)

    @property
    def states(self) -> Mapping[str, State]:
        return {name: State(own="on", words="open") for name in self.names}

    @property
    def usable(self) -> list[str]:
        return [*self.names]

    def be_brief(self, patience_s: float) -> None:
        self.asked.append(patience_s)

    def closed(self, names: Collection[str]) -> dict[str, BakeryError]:
        return {name: BakeryError(f"{name} is closed") for name in names if name not in self.names}

    def place(self, name: str) -> Named:
        return Named(name)

    def require(self, names: Sequence[str]) -> list[Named]:
        self.asked.append(tuple(names))
        return [Named(name) for name in dict.fromkeys(names)]

    def prices(self, names: Sequence[str], **_: object) -> dict[str, Named]:
        return dict.fromkeys(names, Named(f"prices of {self.names[0]}"))

    def require_shippable(self, image: str, names: Sequence[str]) -> None:
        self.asked.append((image, *names))

    def shipments(self, parcel: Parcel, **_: object) -> list[Named]:
        return [Named(" ".join(parcel.places))]


@pytest.fixture
def clouds() -> dict[Cloud, Memory]:
    return {Cloud.AWS: Memory([LONDON]), Cloud.SCALEWAY: Memory([PARIS])}


@pytest.fixture
def entered() -> list[Cloud]:
    return []


@pytest.fixture
def both(clouds: dict[Cloud, Memory], entered: list[Cloud]) -> Several:
    def enter(cloud: Cloud) -> Account:
        entered.append(cloud)
        return cast("Account", clouds[cloud])

    return Several(enter=enter, usual=[*Cloud], is_rehearsal=False)


def test_places_are_required_of_their_clouds_and_come_in_the_order_they_were_named(
    both: Several, clouds: dict[Cloud, Memory]
) -> None:
    assert [place.name for place in both.require([PARIS, LONDON, WARSAW, PARIS])] == [PARIS, LONDON, WARSAW]
    assert clouds[Cloud.AWS].asked == [(LONDON,)]
    assert clouds[Cloud.SCALEWAY].asked == [(PARIS, WARSAW, PARIS)]


def test_a_cloud_that_no_place_is_of_is_not_entered_and_one_that_is_only_once(
    both: Several, entered: list[Cloud]
) -> None:
    both.require([PARIS])
    assert both.place(PARIS).name == PARIS
    assert both.closed([PARIS]) == {}
    assert entered == [Cloud.SCALEWAY]


def test_what_is_usable_is_that_of_the_usual_clouds(both: Several, entered: list[Cloud]) -> None:
    assert both.usable == sorted([*both.states]) == [LONDON, PARIS]
    both.usual = [Cloud.AWS]
    entered.clear()
    assert both.usable == [LONDON]
    assert entered == []


def test_every_place_of_a_cloud_that_cannot_be_entered_is_closed_and_the_others_are_not() -> None:
    def enter(cloud: Cloud) -> Account:
        if cloud is Cloud.SCALEWAY:
            raise BakeryError("no keys")
        return cast("Account", Memory([LONDON]))

    found = Several(enter=enter, usual=[*Cloud], is_rehearsal=False).closed([LONDON, PARIS, WARSAW])
    assert {name: error.message for name, error in found.items()} == {PARIS: "no keys", WARSAW: "no keys"}


@pytest.mark.parametrize("is_entered", [False, True])
def test_brevity_is_for_accounts_that_are_entered_before_and_after(
    both: Several, clouds: dict[Cloud, Memory], *, is_entered: bool
) -> None:
    if is_entered:
        both.of(Cloud.AWS)
    both.be_brief(3.0)
    both.of(Cloud.AWS)
    assert clouds[Cloud.AWS].asked == [3.0]


def test_each_place_has_the_prices_of_its_cloud(both: Several) -> None:
    found: Mapping[str, Any] = both.prices([LONDON, PARIS], is_asked=False, console=Console())
    assert found == {LONDON: Named(f"prices of {LONDON}"), PARIS: Named(f"prices of {PARIS}")}


def test_an_image_of_this_machine_goes_to_each_cloud_by_itself(both: Several, clouds: dict[Cloud, Memory]) -> None:
    parcel = Parcel(image=cast("Any", None), places=(PARIS, LONDON, WARSAW), fan_out=FanOut.AUTO)
    sent: Sequence[Any] = both.shipments(parcel, console=Console())
    assert sent == [Named(f"{PARIS} {WARSAW}"), Named(LONDON)]
    both.require_shippable("host", [LONDON, PARIS])
    assert (clouds[Cloud.AWS].asked, clouds[Cloud.SCALEWAY].asked) == ([("host", LONDON)], [("host", PARIS)])
