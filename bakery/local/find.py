"""An image that was baked and verified on this machine, as something that can be brought to a cloud."""

from dataclasses import dataclass, replace

from bakery.catalog.record import Made
from bakery.contents import provenance
from bakery.contents.provenance import Origin
from bakery.core.errors import impossible
from bakery.definition import arch, bases, layers
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.disk import artifact
from bakery.disk.artifact import Artifact
from bakery.disk.base import sha256
from bakery.local import plan


@dataclass(frozen=True, kw_only=True)
class LocalImage:
    """A whole image with the SHA-256 of its disk, which is that of the verified one."""

    definition: Definition
    base: Base
    artifact: Artifact
    made: Made
    disk_sha256: str
    origin: Origin
    """What its bake has stated, and the disk that it has made."""


def find(image: str, *, base: str) -> LocalImage:
    """Return the image that was baked here.

    Raises BakeryError (exit code 2) when there is none, when it is of another architecture than the definition says, or
    when its disk is not the one any more that passed verification.
    """
    definition = layers.whole(image)
    chosen = bases.base(base or definition.base)
    made = artifact.local(image, chosen.name)
    record = made.read_record()
    again = f"./inv bake --image {image} --base {chosen.name}"
    if record is None:
        arch.require_bakeable(definition.arch)
        raise impossible(f"{image} on {chosen.name} was not baked on this machine yet", hint=again)
    if record["arch"] != definition.arch:
        raise impossible(
            f"{made.disk.name} is for {record['arch']}, and images/{image}.toml says {definition.arch}", hint=again
        )
    digest = sha256(made.disk)
    if digest != record["files"][made.disk.name]["sha256"]:
        raise impossible(f"{made.disk} is not what was verified: it was changed or cut short", hint=f"{again} --force")
    return LocalImage(
        definition=definition,
        base=chosen,
        artifact=made,
        made=Made.of_record(record, size_gb=definition.disk.size_gb),
        disk_sha256=digest,
        origin=_origin(made, definition, digest=digest),
    )


def _origin(made: Artifact, definition: Definition, *, digest: str) -> Origin:
    """Return where an image comes from: the checkout may be another one by now, and so may its definition."""
    stated = provenance.stated(made.provenance) or Origin(begin="", steps=definition.all_steps, commit="")
    return replace(stated, products={made.disk.name: digest})


def is_todays(image: LocalImage) -> bool:
    """Return whether the definition, its steps and this machine's archives are as they were when it was baked."""
    return plan.of_fingerprint(image.made.image, image.made.fingerprint, base=image.base.name) is not None
