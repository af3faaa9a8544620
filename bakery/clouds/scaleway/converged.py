"""A release in a zone of Scaleway: how it should be there, how it is, and one thing done."""

# ruff: noqa: ARG002  # a place is told more than this cloud has to know

from contextlib import suppress
from dataclasses import dataclass

from bakery.catalog.model import Release
from bakery.cloud.reconcile import Act, Seen, Wanted
from bakery.cloud.values import Image, ImageState
from bakery.clouds.scaleway import copies, desired, images, latest, snapshots
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.core.errors import BakeryError, impossible
from bakery.definition.model import Definition

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Converged:
    """One zone; see `bakery.cloud.place.Place` and `bakery.places.place.Publishing` for what each act is."""

    zone: Zone

    @property
    def name(self) -> str:
        """The zone's name."""
        return self.zone.name

    @property
    def pauses_s(self) -> tuple[float, float]:
        """As long as new images take."""
        return FIRST_PAUSE_S, LONGEST_PAUSE_S

    @property
    def settled_s(self) -> float:
        """Until two commands have seen each other's tags."""
        return latest.SETTLED_S

    def wanted(self, release: Release, definition: Definition, *, is_latest: bool = False) -> Wanted:
        """Return what a release should be there."""
        return desired.of(release, definition, zone=self.name, is_latest=is_latest)

    def require_readable(self, definition: Definition) -> None:
        """Do nothing: an image's readers are its project, and it is never encrypted with a key of somebody's."""

    def look(self, wanted: Wanted) -> Seen:
        """Return how a release is there now."""
        own = images.own(self.zone)
        image = images.among(own, wanted.name)
        if image is None or image.state == ImageState.FAILED:
            return Seen(image=image)
        pointers = latest.shown(own, wanted)
        snapshot = None
        if image.state == ImageState.AVAILABLE and image.root_snapshot:
            snapshot = snapshots.at(self.zone, image.root_snapshot)
        return Seen(
            image=image,
            snapshot=snapshot,
            parameters={name: one.image_id for name, one in pointers.items()},
            versions={name: one.version for name, one in pointers.items()},
        )

    def do(self, act: Act, wanted: Wanted, seen: Seen) -> None:
        """Do one thing."""
        if act is Act.TAG_IMAGE:
            images.retag(self.zone, seen.image_id, add=wanted.tags)
        elif act is Act.TAG_SNAPSHOT and seen.snapshot:
            snapshots.retag(self.zone, seen.snapshot.id, add=wanted.tags)
        elif act is Act.LATEST:
            latest.move(self.zone, wanted, seen)
        else:
            raise AssertionError(f"Scaleway cannot {act}")

    def copy(self, wanted: Wanted, *, attempt: str) -> str:
        """Make a copy; what was begun before is found by its name, whatever the *attempt*."""
        return copies.copy(self.zone, wanted)

    def source(self, wanted: Wanted) -> Image | None:
        """Return the image that copies are made of."""
        return images.find(self.zone.account.zone(wanted.source[0]), wanted.name)

    def disabled(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of a disabled image, which no zone ever shows."""
        return impossible(f"{self.name}: {image_id} is disabled")

    def begin(self, wanted: Wanted) -> None:
        """Forget what an earlier run has written."""
        self.zone.written.pop(wanted.latest, None)

    def is_overtaken(self, wanted: Wanted, seen: Seen) -> bool:
        """Return whether `latest` is another command's now."""
        return latest.is_overtaken(self.zone, wanted, seen)

    def overtaken(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of that."""
        return latest.overtaken(self.zone, wanted, image_id)

    def moved(self, wanted: Wanted, seen: Seen) -> BakeryError | None:
        """Return the error of a `latest` that was moved since; what cannot be asked any more is none: it was done."""
        with suppress(ApiError):
            return latest.moved(self.zone, wanted, seen)
        return None

    def headroom(self, definition: Definition) -> str:
        """Return nothing: what is left of an organization's quotas no API of Scaleway's tells."""
        return ""

    def pause(self, seconds: float) -> None:
        """Wait."""
        self.zone.account.pause(seconds)
