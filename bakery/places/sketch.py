"""What can be written down of a place without an account: for people who run Packer or Vagrant by hand."""

from typing import Protocol

from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.packer.engine import Packer
from bakery.places.baking import Baking


class Sketch(Protocol):
    """One place, by its name alone."""

    @property
    def name(self) -> str:
        """The place's name."""

    def root_device(self, base: Base) -> str:
        """Return the root device of a base's images, empty where the cloud has no such names."""

    def volume_type(self, definition: Definition) -> str:
        """Return what the cloud calls the kind of disk that an image is baked on."""

    def prepare(self, baking: Baking, *, installed: Packer) -> None:
        """Write everything that `packer build` needs into the artifact's folder, in place of what was there."""

    def vagrantfile(self, baking: Baking, *, image_id: str, is_import: bool) -> str:
        """Return the Vagrantfile for a machine from an image there, empty where Vagrant knows no such place."""
