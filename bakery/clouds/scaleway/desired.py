"""What a release should be in one zone of Scaleway: the definition's words, in Scaleway's form, values only."""

from bakery.catalog import record
from bakery.catalog.catalog import LATEST, Release
from bakery.cloud import naming
from bakery.cloud.reconcile import Act, Wanted
from bakery.cloud.values import Image
from bakery.clouds.scaleway import answers
from bakery.definition.bases import Arch
from bakery.definition.model import Definition

ACTS = frozenset({Act.COPY, Act.WAIT, Act.TAG_IMAGE, Act.TAG_SNAPSHOT, Act.LATEST})
"""An image there has no description, no readers but its project or all, no date, and no protection."""


def is_for(image: Image, arch: Arch) -> bool:
    """Return whether servers of an architecture start from an image."""
    return image.architecture == answers.ARCHES[arch]


def of(release: Release, definition: Definition, *, zone: str, is_latest: bool = False) -> Wanted:
    """Return what a release should be in a zone."""
    table, image = definition.scaleway, definition.name
    source, placed = release.places.get(release.baked_in), release.places.get(zone)
    return Wanted(
        region=zone,
        name=naming.name(image, release.release, release.arch),
        description="",
        source=(release.baked_in, source.image_id if source else ""),
        tags=record.tags(release, image=image, own=table.tags),
        own_tags=table.tags,
        readers=(),
        is_encrypted=False,
        kms_key="",
        deprecate_at=release.baked_at,
        is_protected=False,
        parameter="",
        latest=naming.pointer(definition, LATEST, release.arch) if is_latest else "",
        launch_template="",
        placed=placed.image_id if placed else "",
        buckets=table.buckets,
        acts=ACTS,
    )
