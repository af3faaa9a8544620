"""What a release should be in one region of AWS: the definition's words, in AWS's form, values only."""

import unicodedata

from bakery.catalog import record
from bakery.catalog.catalog import LATEST, Release
from bakery.cloud import naming
from bakery.cloud.reconcile import Wanted
from bakery.cloud.values import Image
from bakery.core.errors import impossible
from bakery.definition.bases import Arch
from bakery.definition.model import Definition

LONGEST_DESCRIPTION = 255
"""Characters of an AMI's description: CopyImage, "Description"."""
EC2_ARCH = {Arch.AMD64: "x86_64", Arch.ARM64: "arm64"}


def described(text: str) -> str:
    """Return a description without accents and what else ASCII has no letter for: AWS takes nothing else.

    It answers InvalidParameterValue, "Character sets beyond ASCII are not supported". One letter may become several.
    """
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(ascii_only.split())[:LONGEST_DESCRIPTION]


def is_for(image: Image, arch: Arch) -> bool:
    """Return whether machines of an architecture start from an image."""
    return image.architecture == EC2_ARCH[arch]


def of(release: Release, definition: Definition, *, region: str, is_latest: bool = False) -> Wanted:
    """Return what a release should be in a region."""
    aws, image = definition.aws, definition.name
    origin = release.origin(region)
    source, placed = release.places.get(origin), release.places.get(region)
    return Wanted(
        region=region,
        name=naming.name(image, release.release, release.arch),
        description=described(definition.description),
        source=(origin, source.image_id if source else ""),
        tags=record.tags(release, image=image, own=aws.tags),
        own_tags=aws.tags,
        readers=aws.share_with,
        is_encrypted=aws.encrypt,
        kms_key=aws.kms_keys.get(region, ""),
        deprecate_at=naming.deprecation(release.baked_at, days=aws.deprecate_after_days),
        is_protected=aws.protect,
        parameter=naming.pointer(definition, release.release, release.arch),
        latest=naming.pointer(definition, LATEST, release.arch) if is_latest else "",
        launch_template=aws.launch_template if is_latest else "",
        placed=placed.image_id if placed else "",
    )


def require_readable(definition: Definition, region: str) -> None:
    """Raise BakeryError (exit code 2) for a region where readers could not read: it would be AWS's own key there.

    The definition's own regions are held against its keys when it is read; these are asked for beside it.
    """
    aws = definition.aws
    if aws.encrypt and aws.share_with and region not in aws.kms_keys:
        hint = f"aws.kms_keys.{region} in images/{definition.name}.toml"
        raise impossible(f"{region}: what is encrypted and shared needs a key of your own there", hint=hint)
