"""An image that was baked on this machine, on its way to the places of one cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from bakery.core.console import Console
from bakery.core.errors import BakeryError, did_you_mean, impossible
from bakery.local.find import LocalImage
from bakery.places.place import Place


class FanOut(StrEnum):
    """How an image comes to the places but the first."""

    AUTO = "auto"
    COPY = "copy"
    UPLOAD = "upload"


def parse(text: str) -> FanOut:
    """Return the way of that name. Raises BakeryError (exit code 2) when there is none."""
    if text not in list(FanOut):
        raise impossible(f"--fan-out {text}: there is no such way", hint=did_you_mean(text, FanOut))
    return FanOut(text)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What is to be brought where; the first place judges it."""

    image: LocalImage
    places: tuple[str, ...]
    fan_out: FanOut
    is_read_back: bool = False
    """Whether what was sent is read again and compared."""

    def to(self, places: tuple[str, ...]) -> "Parcel":
        """Return the same for these places alone."""
        return replace(self, places=places)


class Shipment(Protocol):
    """What would be sent to one cloud; each step may be done twice, since a killed run is done again."""

    @property
    def image(self) -> LocalImage:
        """What is sent."""

    @property
    def home(self) -> Place:
        """Where it is judged."""

    @property
    def places(self) -> Sequence[str]:
        """All that it goes to, home first."""

    @property
    def size(self) -> str:
        """How much there is of it, in words."""

    @property
    def way(self) -> str:
        """How it comes to the places but home, and why, in words."""

    def rows(self) -> list[tuple[str, str, str]]:
        """Return a row for each place: its name, what is done, why."""

    def send(self, *, console: Console) -> Mapping[str, BakeryError]:
        """Send what is not there yet; return why a place was not sent to."""

    def make_home(self) -> None:
        """Make an image of what was sent home, unless it is there."""

    def make_others(self) -> Mapping[str, BakeryError]:
        """Likewise at the places that were sent to by themselves, as far as they got it; return why one has none."""

    def withdraw(self, *, console: Console) -> None:
        """Remove what the others were sent: the image did not pass."""
