"""What an AMI of ours is called and tagged, and all that a release should be in one region: values only.

A name tells what is in the image, so that a run that was killed finds its own work again.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bakery.catalog.catalog import LATEST, Release
from bakery.core.errors import impossible
from bakery.definition.aws import PUBLIC
from bakery.definition.bases import Arch
from bakery.definition.model import Definition
from bakery.packer.fingerprint import SHORT

OWNER = "dokku-bakery"
LONGEST_NAME = 128
"""Characters of an AMI's name, and which they are: CreateImage, "Name"."""
LONGEST_DESCRIPTION = 255
"""Characters of an AMI's description: CopyImage, "Description"."""
IMAGE, RELEASE, ARCH, BASE = "bakery:image", "bakery:release", "bakery:arch", "bakery:base"
FINGERPRINT, VERIFIED, REMOVING, RUN = "bakery:fingerprint", "bakery:verified", "bakery:removing", "bakery:run"

DISK, PARENT = "bakery:disk", "bakery:parent"
"""Of a snapshot that was uploaded: the SHA-256 of the image file it was made of, and the snapshot it differs from."""

EC2_ARCH = {Arch.AMD64: "x86_64", Arch.ARM64: "arm64"}


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


def described(text: str) -> str:
    """Return a description without accents and what else ASCII has no letter for: AWS takes nothing else.

    It answers InvalidParameterValue, "Character sets beyond ASCII are not supported". One letter may become several.
    """
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(ascii_only.split())[:LONGEST_DESCRIPTION]


def pattern(image: str, fingerprint: str, arch: Arch) -> str:
    """Return the glob of the names of every release with a fingerprint."""
    return f"{OWNER}/{image}/*-{fingerprint[:SHORT]}/{arch}"


def release_of(name: str) -> str:
    """Return the release that an AMI's name tells, empty when it is none of ours."""
    found = re.fullmatch(rf"{OWNER}/[^/]+/([^/]+)/[^/]+", name)
    return found[1] if found else ""


def is_ours(tags: Mapping[str, str]) -> bool:
    """Return whether tags show that the bakery made a thing; a name alone shows nothing."""
    return not {IMAGE, RUN}.isdisjoint(tags)


def parameter(definition: Definition, release: str, arch: Arch) -> str:
    """Return the name of the parameter with a release's id in each region; *release* may be `latest`."""
    return f"{definition.aws.parameters}/{definition.name}/{release}/{arch}"


def tags(release: Release, *, image: str, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the tags of a release's AMIs and snapshots; *own* are the definition's, which never replace ours."""
    found = {
        **(own or {}),
        "Name": f"{image} {release.release}",
        IMAGE: image,
        RELEASE: release.release,
        ARCH: release.arch,
        BASE: release.base,
        FINGERPRINT: release.fingerprint,
    }
    if release.verified_at is not None:
        found[VERIFIED] = f"{release.verified_at:%Y-%m-%dT%H:%M:%SZ}"
    return found


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A release in one region, as it should be there."""

    region: str
    name: str
    description: str
    source: tuple[str, str]
    """Region and id of the image that a copy is made of; the region itself where it was baked. No id: not baked yet."""
    tags: Mapping[str, str]
    own_tags: Mapping[str, str]
    """The definition's, for what else is made."""
    readers: tuple[str, ...]
    """Accounts and organizations, and `public`."""
    is_encrypted: bool
    kms_key: str
    deprecate_at: datetime
    is_protected: bool
    parameter: str
    latest: str
    """The parameter that this release is to be `latest` in; empty: another one may be."""
    launch_template: str
    """Likewise, the launch template whose default version starts this release."""
    placed: str = ""
    """The id that the catalog has there, empty where it has none."""

    @property
    def is_source(self) -> bool:
        """Return whether the image was baked in this very region."""
        return self.source[0] == self.region

    @property
    def accounts(self) -> frozenset[str]:
        """Return who may make volumes of its snapshot; organizations cannot (ModifySnapshotAttribute)."""
        return frozenset(reader for reader in self.readers if reader == PUBLIC or reader.isdigit())

    def client_token(self, attempt: str) -> str:
        """Return the token of something made here: the same one never makes a second, whoever was killed in between.

        All that a copy is told is in it, since AWS refuses a token that comes back with another request, and *attempt*
        what was seen before, since AWS answers it with what it made the first time, be that deleted meanwhile.
        """
        told = (self.name, self.region, self.description, self.source, sorted(self.tags.items()))
        return hashlib.sha256(f"{told} {self.is_encrypted} {self.kms_key} {attempt}".encode()).hexdigest()


def wanted(release: Release, definition: Definition, *, region: str, is_latest: bool = False) -> Wanted:
    """Return what a release should be in a region."""
    aws, image = definition.aws, definition.name
    source, placed = release.places.get(release.baked_in), release.places.get(region)
    return Wanted(
        region=region,
        name=name(image, release.release, release.arch),
        description=described(definition.description),
        source=(release.baked_in, source.image_id if source else ""),
        tags=tags(release, image=image, own=aws.tags),
        own_tags=aws.tags,
        readers=aws.share_with,
        is_encrypted=aws.encrypt,
        kms_key=aws.kms_keys.get(region, ""),
        deprecate_at=deprecation(release.baked_at, days=aws.deprecate_after_days),
        is_protected=aws.protect,
        parameter=parameter(definition, release.release, release.arch),
        latest=parameter(definition, LATEST, release.arch) if is_latest else "",
        launch_template=aws.launch_template if is_latest else "",
        placed=placed.image_id if placed else "",
    )


def require_readable(definition: Definition, regions: Sequence[str]) -> None:
    """Raise BakeryError (exit code 2) for a region where readers could not read: it would be AWS's own key there.

    The definition's own regions are held against its keys when it is read; these are asked for beside it.
    """
    aws = definition.aws
    for region in regions:
        if aws.encrypt and aws.share_with and region not in aws.kms_keys:
            hint = f"aws.kms_keys.{region} in images/{definition.name}.toml"
            raise impossible(f"{region}: what is encrypted and shared needs a key of your own there", hint=hint)


def deprecation(baked_at: datetime, *, days: int) -> datetime:
    """Return when an image counts as old: to the minute, which is all that AWS keeps (EnableImageDeprecation)."""
    return (baked_at + timedelta(days=days)).replace(second=0, microsecond=0)
