"""What Packer is to make in a place."""

from collections.abc import Sequence
from dataclasses import dataclass

from bakery.catalog.record import Made
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.definition.sshkeys import NamedKey
from bakery.disk.artifact import Artifact


@dataclass(frozen=True, kw_only=True)
class Baking:
    """One layer of an image, in one place."""

    layers: Sequence[Definition]
    """Every definition that the image is made of, the lowest first; the last one's steps run."""
    definition: Definition
    """What the layers come to."""
    base: Base
    keys: tuple[NamedKey, ...]
    made: Made
    source_image: str
    """The id of the image to begin with; empty when it is to be given by hand."""
    root_device: str
    """Of that image, where its cloud has such names."""
    artifact: Artifact
    """Where Packer's folder and log are."""
