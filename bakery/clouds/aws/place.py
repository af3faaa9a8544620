"""A region of AWS as a place: what each module does there, put together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bakery.cloud.inventory import Inventory, Kind, Question
from bakery.cloud.values import BaseImage, Image, Pointer
from bakery.clouds.aws import (
    acts,
    baking,
    base_images,
    desired,
    images,
    instances,
    inventory,
    parameters,
    published,
    removal,
)
from bakery.clouds.aws.converged import Converged
from bakery.clouds.aws.machines import Machines
from bakery.clouds.aws.sketch import AwsSketch
from bakery.core.console import Console
from bakery.definition.bases import Arch, Base
from bakery.guests.accelerator import Accelerator
from bakery.places.baking import Baking


@dataclass(frozen=True, kw_only=True)
class AwsPlace(Converged, Machines):
    """One region; see `bakery.places.place` for what each act is."""

    @property
    def cloud(self) -> str:
        """AWS."""
        return "aws"

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is none of AWS's."""
        return self.region.account.is_rehearsal

    @property
    def hardware(self) -> Accelerator:
        """How its machines run."""
        return self.region.account.accelerator()

    @property
    def sketch(self) -> AwsSketch:
        """What can be written down of it."""
        return AwsSketch(name=self.name, endpoint=self.region.account.endpoint or "")

    def stop(self) -> None:
        """End every wait of the account."""
        self.region.stop()

    def newest_base(self, base: Base, arch: Arch) -> BaseImage:
        """Return a base's newest image."""
        return base_images.newest(self.region, base, arch)

    def find(self, name: str, *, is_newest: bool = False) -> Image | None:
        """Return this account's image of that name."""
        return published.find(self.region, name=name, is_newest=is_newest)

    def image(self, image_id: str) -> Image | None:
        """Return the image of that id."""
        return images.at(self.region, image_id)

    def releases_of(self, image: str) -> list[Image]:
        """Return the images that are tagged as an image's releases."""
        return images.tagged(self.region, image)

    def ours(self) -> list[Image]:
        """Return all images with our tag."""
        return images.ours(self.region)

    def pointers(self, names: Collection[str]) -> Mapping[str, Pointer]:
        """Return what parameters name."""
        return parameters.read(self.region, names)

    def wait_available(self, name: str) -> Image:
        """Return this account's newest image of that name as soon as machines can be started from it."""
        return published.wait_available(self.region, name=name)

    def mark(self, image: Image, tags: Mapping[str, str]) -> Image:
        """Return the image with more tags."""
        return acts.tag(self.region, image, tags)

    def is_for(self, image: Image, arch: Arch) -> bool:
        """Return whether instances of an architecture start from an image."""
        return desired.is_for(image, arch)

    def bake(self, baking_: Baking, *, console: Console) -> str:
        """Let Packer make an AMI."""
        return baking.bake(self.region, baking_, console=console)

    def inventory(self, question: Question) -> Inventory:
        """Return what there is of ours."""
        return inventory.take(self.region, question)

    def remove_image(self, image: Image, *, pointer: str) -> str:
        """Remove an image, its snapshots and its parameter."""
        return removal.remove_image(self.region, image, parameter=pointer)

    def forget(self, pointer: str, *, image_id: str) -> None:
        """Delete a parameter if there is one that names this image."""
        removal.forget(self.region, pointer, image_id=image_id)

    def remove(self, kind: Kind, thing_id: str) -> None:
        """Remove what is no image."""
        if kind is Kind.INSTANCE:
            instances.terminate(self.region, [thing_id])
        elif kind is Kind.SNAPSHOT:
            removal.remove_snapshot(self.region, thing_id)
        elif kind is Kind.GROUP:
            removal.remove_group(self.region, thing_id)
        elif kind is Kind.KEY:
            removal.remove_key(self.region, thing_id)
        else:
            raise AssertionError(f"AWS has no {kind} of ours")
