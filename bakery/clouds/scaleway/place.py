"""A zone of Scaleway as a place: what each module does there, put together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bakery.cloud.inventory import Inventory, Kind, Question
from bakery.cloud.values import BaseImage, Image, Pointer
from bakery.clouds.scaleway import baking, base_images, desired, images, inventory, latest, removal
from bakery.clouds.scaleway.converged import Converged
from bakery.clouds.scaleway.machines import Machines
from bakery.clouds.scaleway.sketch import ScalewaySketch
from bakery.core.console import Console
from bakery.definition.bases import Arch, Base
from bakery.guests.accelerator import Accelerator
from bakery.places.baking import Baking


@dataclass(frozen=True, kw_only=True)
class ScalewayPlace(Converged, Machines):
    """One zone; see `bakery.places.place` for what each act is."""

    @property
    def cloud(self) -> str:
        """Scaleway."""
        return "scaleway"

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is none of Scaleway's."""
        return self.zone.account.is_rehearsal

    @property
    def hardware(self) -> Accelerator:
        """How its machines run."""
        return self.zone.account.accelerator()

    @property
    def sketch(self) -> ScalewaySketch:
        """What can be written down of it."""
        return ScalewaySketch(name=self.name, endpoint=self.zone.account.keys.api_url if self.is_rehearsal else "")

    def stop(self) -> None:
        """End every wait of the account."""
        self.zone.stop()

    def newest_base(self, base: Base, arch: Arch) -> BaseImage:
        """Return a base's newest image."""
        return base_images.newest(self.zone, base, arch)

    def find(self, name: str, *, is_newest: bool = False) -> Image | None:
        """Return this project's image of that name."""
        return images.find(self.zone, name, is_newest=is_newest)

    def image(self, image_id: str) -> Image | None:
        """Return the image of that id."""
        return images.at(self.zone, image_id)

    def releases_of(self, image: str) -> list[Image]:
        """Return the images that are tagged as an image's releases."""
        return images.releases_of(self.zone, image)

    def ours(self) -> list[Image]:
        """Return all images with our tag."""
        return images.ours(self.zone)

    def pointers(self, names: Collection[str]) -> Mapping[str, Pointer]:
        """Return which images are `latest`."""
        return latest.pointers(images.own(self.zone), names)

    def wait_available(self, name: str) -> Image:
        """Return this project's newest image of that name as soon as machines can be started from it."""
        return images.wait_available(self.zone, name)

    def mark(self, image: Image, tags: Mapping[str, str]) -> Image:
        """Return the image with more tags."""
        return images.tag(self.zone, image, tags)

    def is_for(self, image: Image, arch: Arch) -> bool:
        """Return whether servers of an architecture start from an image."""
        return desired.is_for(image, arch)

    def bake(self, baking_: Baking, *, console: Console) -> str:
        """Let Packer make an image."""
        return baking.bake(self.zone, baking_, console=console)

    def inventory(self, question: Question) -> Inventory:
        """Return what there is of ours."""
        return inventory.take(self.zone, question)

    def remove_image(self, image: Image, *, pointer: str) -> str:
        """Remove an image, its snapshots and the tag that makes it `latest`; nothing is protected."""
        removal.remove_image(self.zone, image, pointer=pointer)
        return ""

    def forget(self, pointer: str, *, image_id: str) -> None:
        """Take `latest` from an image if it has it."""
        removal.forget(self.zone, pointer, image_id=image_id)

    def remove(self, kind: Kind, thing_id: str) -> None:
        """Remove what is no image."""
        removal.REMOVERS[kind](self.zone, thing_id)
