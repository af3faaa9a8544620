"""What an image of ours is called and tagged in a cloud: text only.

A name tells what is in the image, so that a run that was killed finds its own work again.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from bakery.core.errors import impossible
from bakery.definition.aws import Aws
from bakery.definition.bases import Arch
from bakery.definition.model import Definition
from bakery.packer.fingerprint import SHORT

OWNER = "dokku-bakery"
LONGEST_NAME = 128
"""Characters of an AMI's name, and which they are: CreateImage, "Name"."""
IMAGE, RELEASE, ARCH, BASE = "bakery:image", "bakery:release", "bakery:arch", "bakery:base"
FINGERPRINT, VERIFIED, REMOVING, RUN = "bakery:fingerprint", "bakery:verified", "bakery:removing", "bakery:run"

BEGIN = "bakery:begin"
"""Of an image that was baked there: the id of the one that the bake began with."""
PROVENANCE = "bakery:provenance"
"""The SHA-256 of the statement beside the catalog that says where an image comes from; copies have it, too."""

IMPORT, LOCAL = "bakery:import", "local"
"""Of an image that no cloud has baked: where it came from, as `publish --from` says; copies have it, too."""

TITLE = "Name"
"""The tag that a cloud's own pages show a thing by."""
DISK, PARENT = "bakery:disk", "bakery:parent"
"""Of a snapshot that was uploaded: the SHA-256 of the image file it was made of, and the snapshot it differs from."""


def name(image: str, release: str, arch: Arch) -> str:
    """Return the name of an AMI.

    Raises BakeryError (exit code 2) when it would be longer than AWS takes.
    """
    text = f"{OWNER}/{image}/{release}/{arch}"
    if len(text) > LONGEST_NAME:
        raise impossible(
            f"the AMI's name {text!r} is longer than {LONGEST_NAME} characters", hint="a shorter image name"
        )
    return text


def pattern(image: str, fingerprint: str, arch: Arch) -> str:
    """Return the glob of the names of every release with a fingerprint."""
    return f"{OWNER}/{image}/*-{fingerprint[:SHORT]}/{arch}"


def release_of(name: str) -> str:
    """Return the release that an AMI's name tells, empty when it is none of ours."""
    found = re.fullmatch(rf"{OWNER}/[^/]+/([^/]+)/[^/]+", name)
    return found[1] if found else ""


def pointer(definition: Definition, release: str, arch: Arch) -> str:
    """Return the well-known name that leads to a release's image in each place; *release* may be `latest`."""
    return f"{definition.aws.parameters}/{definition.name}/{release}/{arch}"


def provenance(tags: Mapping[str, str]) -> str | None:
    """Return the digest that an image is tagged with; None where there is none, or one that is no SHA-256 of ours."""
    found = tags.get(PROVENANCE, "")
    return found if re.fullmatch(r"[0-9a-f]{64}", found) else None


def is_import(tags: Mapping[str, str]) -> bool:
    """Return whether tags show that an image was baked on a machine like this one and sent up."""
    return tags.get(IMPORT) == LOCAL


def usual_pointer(image: str, release: str, arch: str) -> str:
    """Return that name for an image of which there is no definition here: with the prefix that most have."""
    return f"{Aws().parameters}/{image}/{release}/{arch}"


def is_ours(tags: Mapping[str, str]) -> bool:
    """Return whether tags show that the bakery made a thing; a name alone shows nothing."""
    return not {IMAGE, RUN}.isdisjoint(tags)


def deprecation(baked_at: datetime, *, days: int) -> datetime:
    """Return when an image counts as old: to the minute, which is all that AWS keeps (EnableImageDeprecation)."""
    return (baked_at + timedelta(days=days)).replace(second=0, microsecond=0)
