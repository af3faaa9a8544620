"""A release in a region of AWS: how it should be there, how it is, and one thing done; each act is its own module's."""

from contextlib import suppress
from dataclasses import dataclass

from bakery.catalog.model import Release
from bakery.cloud.reconcile import Act, Seen, Wanted
from bakery.cloud.values import Image, ImageState
from bakery.clouds.aws import acts, desired, images, lateness, overtaking, published
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.errors import PASSING
from bakery.core.errors import BakeryError
from bakery.definition.model import Definition

PUBLIC_IMAGES = 5
"""Default quota of public AMIs in a region (docs.aws.amazon.com, "AMI quotas")."""
PENDING_COPIES = 20
"""Most copies under way to one region (CopyImage)."""


@dataclass(frozen=True, kw_only=True)
class Converged:
    """One region; see `bakery.cloud.place.Place` and `bakery.places.place.Publishing` for what each act is."""

    region: Region

    @property
    def name(self) -> str:
        """The region's name."""
        return self.region.name

    @property
    def pauses_s(self) -> tuple[float, float]:
        """As long as copies and new images take."""
        return published.FIRST_PAUSE_S, published.LONGEST_PAUSE_S

    @property
    def settled_s(self) -> float:
        """Until AWS has checked a parameter."""
        return overtaking.SETTLED_S

    def wanted(self, release: Release, definition: Definition, *, is_latest: bool = False) -> Wanted:
        """Return what a release should be there."""
        return desired.of(release, definition, region=self.name, is_latest=is_latest)

    def require_readable(self, definition: Definition) -> None:
        """Raise BakeryError (exit code 2) where readers could not read."""
        desired.require_readable(definition, self.name)

    def look(self, wanted: Wanted) -> Seen:
        """Return how a release is there now; the snapshot of an image may be known later than the image."""
        return lateness.known(self.region, lambda: published.look(self.region, wanted), codes=PASSING)

    def do(self, act: Act, wanted: Wanted, seen: Seen) -> None:
        """Do one thing."""
        acts.ACTS[act](self.region, wanted, seen)

    def copy(self, wanted: Wanted, *, attempt: str) -> str:
        """Begin a copy; a listing without it is older than it is."""
        image_id = acts.copy(self.region, wanted, attempt=attempt)
        lateness.remember(self.region, wanted.name, image_id=image_id)
        return image_id

    def source(self, wanted: Wanted) -> Image | None:
        """Return the image that copies are made of."""
        return published.find(self.region.account.region(wanted.source[0]), name=wanted.name)

    def disabled(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of a disabled image."""
        is_source = image_id == wanted.source[1]
        return published.disabled(wanted.source[0] if is_source else self.name, image_id)

    def begin(self, wanted: Wanted) -> None:
        """Forget what an earlier run has written."""
        self.region.written.pop(wanted.latest, None)

    def is_overtaken(self, wanted: Wanted, seen: Seen) -> bool:
        """Return whether `latest` is another command's now."""
        return overtaking.is_later(self.region, wanted, seen)

    def overtaken(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of that."""
        return overtaking.error(self.region, wanted, image_id)

    def moved(self, wanted: Wanted, seen: Seen) -> BakeryError | None:
        """Return the error of a `latest` that was moved since; what cannot be asked any more is none: it was done."""
        with suppress(ApiError):
            return overtaking.failure(self.region, wanted, seen)
        return None

    def headroom(self, definition: Definition) -> str:
        """Return how much of the default quotas is left."""
        own = images.own(self.region)
        pending = sum(image.state == ImageState.PENDING for image in own)
        words = [f"{max(0, PENDING_COPIES - pending)} copies"]
        if definition.aws.is_public:
            words.append(f"{max(0, PUBLIC_IMAGES - sum(image.is_public for image in own))} public images")
        return ", ".join(words)

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.region.account.pause(seconds)
