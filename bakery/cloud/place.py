"""What a cloud gives in one of its places to bring a release there: it looks, and does one thing at a time.

What it refuses says itself what follows from that, so that nobody else has to know a cloud's own words for it.
"""

from enum import Enum
from typing import Protocol

from bakery.cloud.naming import IMAGE, RELEASE
from bakery.cloud.reconcile import Act, Seen, Wanted
from bakery.cloud.values import Image
from bakery.core.errors import BakeryError, impossible


class Sequel(Enum):
    """What follows from a refusal."""

    PASSES = "a little later it may be none: something new is not known everywhere at once"
    MADE = "another run has made the same a moment ago: the next look finds it"
    FULL = "too much is under way, and ends some time"
    STANDS = "this is refused for good, and another call may well be answered"
    SILENT = "no call is answered: it is the network, the credentials or the cloud's own trouble"


class RefusedError(BakeryError):
    """A call that a place has refused."""

    @property
    def sequel(self) -> Sequel:
        """What follows from it."""
        return Sequel.STANDS

    @property
    def is_unanswered(self) -> bool:
        """Return whether the place did not answer at all, so that it tells nothing, and another may."""
        return False


class Place(Protocol):
    """One place of a cloud; what it does may be done twice. All of it raises RefusedError, and BakeryError as said."""

    @property
    def name(self) -> str:
        """The cloud's own name for it."""

    @property
    def pauses_s(self) -> tuple[float, float]:
        """The first pause between two looks, and the longest."""

    @property
    def settled_s(self) -> float:
        """After how many seconds what `latest` shows is what stays."""

    def look(self, wanted: Wanted) -> Seen:
        """Return how a release is there now."""

    def do(self, act: Act, wanted: Wanted, seen: Seen) -> None:
        """Do one thing, as long as it is neither a copy nor a wait, nor what a person is to do by hand."""

    def copy(self, wanted: Wanted, *, attempt: str) -> str:
        """Begin a copy and return its id; *attempt* names the one before, which must not be answered again.

        Raises BakeryError (exit code 2) where the image was made itself.
        """

    def source(self, wanted: Wanted) -> Image | None:
        """Return the image that copies are made of, wherever that is; None when it is not there any more."""

    def disabled(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of an image that was taken out of use, here or where copies are made of it."""

    def begin(self, wanted: Wanted) -> None:
        """Forget what an earlier run has written to `latest`."""

    def is_overtaken(self, wanted: Wanted, seen: Seen) -> bool:
        """Return whether what `latest` shows was written by another command after this one wrote it."""

    def overtaken(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of a place whose `latest` is another command's."""

    def pause(self, seconds: float) -> None:
        """Wait, unless the command is interrupted meanwhile."""


def overtaken(place: str, wanted: Wanted, *, pointer: str, by: str, is_rehearsal: bool) -> BakeryError:
    """Return the error of a place where another command has pointed `latest` at another image after this one."""
    image, release = wanted.tags[IMAGE], wanted.tags[RELEASE]
    rehearse = " --rehearse" if is_rehearsal else ""
    hint = f"./inv catalog --rebuild{rehearse} --image {image}  (learns of it), or "
    hint += f"./inv promote{rehearse} --image {image} --release {release}  (takes it back)"
    return BakeryError(f"{place}: another command has pointed {pointer} at {by} after this one", hint=hint)


def gone(wanted: Wanted) -> BakeryError:
    """Return the error of an image that every other one would be a copy of, and that is not there any more."""
    place, image_id = wanted.source
    hint = f"./inv bake --image {wanted.tags[IMAGE]} --region {place}"
    return impossible(f"{place}: {image_id} ({wanted.name}) is gone", hint=hint)
