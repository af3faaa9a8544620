"""How images end: deprecated, disabled, protected from it, deregistered; the actions as botocore describes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult

from bakery.rehearsal import images, refusals
from bakery.rehearsal.listing import timestamp
from bakery.rehearsal.strict import Strict
from bakery.rehearsal.world import Image, World

COOLDOWN = timedelta(hours=24)
UNTIL = "disabled-until "


class ImageLifecycle(Strict):
    """The actions that take images from others' sight, and back."""

    def enable_image_deprecation(self) -> ActionResult:
        """Hide an image from others' lists from a time on."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            image = self._own_image()
            moment = _moment(self._get_param("DeprecateAt"))
            today = world.today()
            if moment < today:
                raise refusals.bad_value("DeprecateAt cannot be in the past.")
            if moment > _years_later(today, 10):
                raise refusals.bad_value("DeprecateAt cannot be more than 10 years from now.")
            if images.is_public(image) and moment > latest_public(image):
                raise refusals.bad_value("DeprecateAt of a public image cannot be more than 2 years from its creation.")
            image.deprecated_at = _minute(moment)
        return ActionResult({"Return": True})

    def disable_image_deprecation(self) -> ActionResult:
        """Cancel that; a public image must be made private first (EC2 User Guide, "Deprecate an AMI")."""
        self.error_on_dryrun()
        with self._world.lock:
            image = self._own_image()
            if images.is_public(image):
                raise refusals.not_permitted("The deprecation of a public image cannot be canceled.")  # assumed
            image.deprecated_at = None
        return ActionResult({"Return": True})

    def disable_image(self) -> ActionResult:
        """Let nobody launch or see an image, and take all permissions back."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            image = images.available(world, self._own_image())
            image.is_disabled = True
            image.readers = []
        return ActionResult({"Return": True})

    def enable_image(self) -> ActionResult:
        """Make a disabled image available; the permissions it had are gone."""
        self.error_on_dryrun()
        with self._world.lock:
            self._own_image().is_disabled = False
        return ActionResult({"Return": True})

    def enable_image_deregistration_protection(self) -> ActionResult:
        """Let nobody deregister an image; it answers with the new state (AWS CLI reference, "Examples")."""
        self.error_on_dryrun()
        with self._world.lock:
            image = self._own_image()
            image.protection = "enabled-with-cooldown" if self._is_set("WithCooldown") else "enabled-without-cooldown"
            return ActionResult({"Return": image.protection})

    def disable_image_deregistration_protection(self) -> ActionResult:
        """End that: at once, or after the cooldown that was asked for when it was enabled."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            image = self._own_image()
            if image.protection == "enabled-with-cooldown":
                image.protection = UNTIL + timestamp(world.today() + COOLDOWN)
            elif not (image.protection.startswith(UNTIL) and is_protected(image, today=world.today())):
                image.protection = "disabled"
            return ActionResult({"Return": image.protection})

    def deregister_image(self) -> ActionResult:
        """Deregister an image, and delete its snapshot if the request says so and no other image needs it."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            image = self._own_image()
            if is_protected(image, today=world.today()):
                # The code is assumed: the reference has none of its own for this.
                raise refusals.not_permitted(
                    f"The image {image.id} is protected from deregistration: {image.protection}"
                )
            world.deregistered[image.id] = world.images.pop(image.id)
            answer: dict[str, Any] = {"Return": True}
            if self._is_set("DeleteAssociatedSnapshots"):
                answer["DeleteSnapshotResults"] = _deleted(world, image)
            return ActionResult(answer)

    def _own_image(self) -> Image:
        return images.owned(self._world, self._required("ImageId"), region=self.region)


def is_protected(image: Image, *, today: datetime) -> bool:
    """Say whether an image cannot be deregistered; protection goes on until the end of its cooldown."""
    if image.protection.startswith(UNTIL):
        return timestamp(today) < image.protection.removeprefix(UNTIL)
    return image.protection.startswith("enabled")


def latest_public(image: Image) -> datetime:
    """Return when a public image is deprecated at the latest: two years after its creation."""
    return _years_later(image.created, 2)


def _moment(value: Any) -> datetime:
    """Return when to deprecate, as the request says it."""
    if value is None:
        raise refusals.no_parameter("DeprecateAt")
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _minute(moment: datetime) -> datetime:
    """Return the minute: "Amazon EC2 rounds the seconds to the nearest minute"."""
    return (moment + timedelta(seconds=30)).replace(second=0, microsecond=0)


def _years_later(moment: datetime, years: int) -> datetime:
    # A day that the later year does not have, 29 February, becomes the day after.
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return (moment + timedelta(days=1)).replace(year=moment.year + years)


def _deleted(world: World, image: Image) -> list[dict[str, str]]:
    if image.snapshot not in world.snapshots:
        return []
    if images.users_of(world, image.snapshot):
        return [{"SnapshotId": image.snapshot, "ReturnCode": "skipped"}]
    del world.snapshots[image.snapshot]
    return [{"SnapshotId": image.snapshot, "ReturnCode": "success"}]
