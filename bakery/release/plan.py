"""What a bake in one AWS region would do, decided before anything is done; nothing here changes anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bakery.catalog.record import Made
from bakery.cloud import naming
from bakery.cloud.values import BaseImage, Image, ImageState
from bakery.definition import bases, layers
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.definition.sshkeys import NamedKey
from bakery.local.plan import release_name
from bakery.packer import fingerprint
from bakery.packer.fingerprint import Layer
from bakery.places.place import Place

BEGINNING = "ami"
"""Beside the base's name, what tells a region's fingerprints from those of a local base."""


@dataclass(frozen=True, kw_only=True)
class RegionPlan:
    """One image on one base in one region, with the plan of the layer below it."""

    definition: Definition
    """What the file says, and for what it leaves open the layers below."""
    layers: Sequence[Definition]
    base: Base
    keys: tuple[NamedKey, ...]
    region: str
    volume_type: str
    """What the cloud calls the kind of disk."""
    below: "RegionPlan | None"
    base_image: BaseImage
    fingerprint: str
    release: str
    """The name of what is there already, or else of what would be baked."""
    found: Image | None
    """The AMI with this fingerprint, as AWS shows it."""
    is_forced: bool = False

    @property
    def made(self) -> Made:
        """What is there already, or would be baked."""
        return Made(
            image=self.definition.name,
            release=self.release,
            arch=self.definition.arch,
            base=self.base.name,
            fingerprint=self.fingerprint,
            size_gb=self.definition.disk.size_gb,
        )

    @property
    def name(self) -> str:
        """The AMI's name."""
        return self.made.name

    @property
    def is_baked(self) -> bool:
        """Return whether Packer has nothing to do."""
        return self.found is not None

    @property
    def is_verified(self) -> bool:
        """Return whether the AMI that is there passed the image tests."""
        return self.found is not None and naming.VERIFIED in self.found.tags

    @property
    def to_do(self) -> str:
        """What would be done, in words."""
        if not self.is_baked:
            return "bake and verify: asked for with --force" if self.is_forced else "bake and verify: there is none yet"
        assert self.found is not None
        if self.is_verified:
            return f"nothing: {self.found.id} is there and verified"
        return f"verify: {self.found.id} is there, {self.found.state}"

    def lines(self) -> list[str]:
        """Return the plan for people, a line each, the layers below first."""
        begin = (
            f"layer {self.below.definition.name}" if self.below else f"{self.base_image.id} ({self.base_image.name})"
        )
        own = [
            f"image        {self.definition.name} ({self.definition.description})",
            f"region       {self.region}",
            f"begins with  {begin}",
            f"steps        {' '.join(self.layers[-1].all_steps)}",
            f"disk         {self.definition.disk.size_gb} GB {self.volume_type}",
            f"fingerprint  {self.fingerprint[: fingerprint.SHORT]}",
            f"result       {self.name}",
            f"to do        {self.to_do}",
        ]
        return [*(self.below.lines() if self.below else ()), *own]


def make(image: str, place: Place, *, base: str = "", release: str = "", is_forced: bool = False) -> RegionPlan:
    """Return the plan for an image in a place.

    *release* names what would be baked, so that many regions bake one release, and what is of another one counts for
    nothing; empty: by this minute. Raises BakeryError: exit code 2 for an unknown image or base, 3 when the region has
    no such base or AWS does not answer.
    """
    chain = layers.chain(image)
    top = layers.effective(chain)
    chosen = bases.base(base or top.base)
    begin = place.newest_base(chosen, chain[-1].arch)
    plan: RegionPlan | None = None
    for layer in stacked(chain, chosen):
        # Where only Session Manager reaches a machine, it reaches no other for a layer below.
        way = {
            "aws": layer.whole.aws.to_bake_below(top.aws),
            "scaleway": layer.whole.scaleway.to_bake_below(top.scaleway),
        }
        whole = layer.whole.model_copy(update=way)
        is_top = len(layer.definitions) == len(chain)
        own = release if is_top and release else release_name(layer.fingerprint)
        found = None if is_forced and is_top else find(place, whole, layer.fingerprint)
        if found and is_top and release and naming.release_of(found.name) != release:
            found = None
        plan = RegionPlan(
            definition=whole,
            layers=layer.definitions,
            base=chosen,
            keys=layer.keys,
            region=place.name,
            volume_type=place.sketch.volume_type(whole),
            below=plan,
            base_image=begin,
            fingerprint=layer.fingerprint,
            release=naming.release_of(found.name) if found else own,
            found=found,
            is_forced=is_forced and is_top,
        )
    assert plan is not None
    return plan


def again(plan: RegionPlan, place: Place) -> RegionPlan:
    """Return a plan as it is by what is there now."""
    found = find(place, plan.definition, plan.fingerprint)
    return replace(plan, found=found, release=naming.release_of(found.name) if found else plan.release)


def fingerprint_of(image: str, *, base: str) -> str:
    """Return the fingerprint that a bake of an image in any region gives it.

    Raises BakeryError: exit code 2 for an unknown image or base, 3 for an SSH key whose address does not answer.
    """
    return stacked(layers.chain(image), bases.base(base))[-1].fingerprint


def stacked(layers: Sequence[Definition], base: Base) -> list[Layer]:
    """Return each layer with the fingerprint that a bake in any region gives it."""
    return fingerprint.of_layers(layers, beginning=[base.name, BEGINNING])


def find(place: Place, definition: Definition, digest: str) -> Image | None:
    """Return the AMI that was baked from a fingerprint and is not being removed; None where there is none."""
    name = naming.pattern(definition.name, digest, definition.arch)
    image = place.find(name, is_newest=True)
    if image is None or image.state == ImageState.FAILED or naming.REMOVING in image.tags:
        return None
    return image
