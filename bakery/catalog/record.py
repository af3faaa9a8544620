"""What was made, between a region and the catalog: which release AWS's image is, and how the catalog learns of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.cloud import naming
from bakery.cloud.values import Image
from bakery.core.console import Console
from bakery.definition.bases import Arch, BaseName


@dataclass(frozen=True, kw_only=True)
class Made:
    """One image that was made, in a region or on this machine; sizes in GiB."""

    image: str
    release: str
    arch: Arch
    base: BaseName
    fingerprint: str
    size_gb: int
    is_local: bool = False
    """Whether a machine like this one has made it, and no cloud."""

    @classmethod
    def of_record(cls, record: Mapping[str, Any], *, size_gb: int) -> "Made":
        """Return what the record beside a local bake tells of."""
        return cls(
            image=record["image"],
            release=record["release"],
            arch=Arch(record["arch"]),
            base=BaseName(record["base"]),
            fingerprint=record["fingerprint"],
            size_gb=size_gb,
            is_local=True,
        )

    @property
    def name(self) -> str:
        """The AMI's name."""
        return naming.name(self.image, self.release, self.arch)


def entry(made: Made, *, region: str, image: Image | None) -> Release:
    """Return what the catalog says of a release: as AWS shows its *image*, or before there is one."""
    verified = image.tags.get(naming.VERIFIED) if image else None
    created = image.created_at if image else datetime.now(UTC)
    created = created.replace(microsecond=0)
    return Release(
        release=made.release,
        arch=made.arch,
        base=made.base,
        fingerprint=made.fingerprint,
        size_gb=made.size_gb,
        baked_at=created,
        baked_in=region,
        verified_at=datetime.fromisoformat(verified) if verified else None,
        provenance=naming.provenance(image.tags) if image else None,
        is_import=made.is_local,
        places={region: Placed(image_id=image.id, published_at=created)} if image else {},
    )


def tags(release: Release, *, image: str, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the tags of a release's images and snapshots; *own* are the definition's, which never replace ours."""
    found = {
        **(own or {}),
        naming.TITLE: f"{image} {release.release}",
        naming.IMAGE: image,
        naming.RELEASE: release.release,
        naming.ARCH: release.arch,
        naming.BASE: release.base,
        naming.FINGERPRINT: release.fingerprint,
    }
    if release.verified_at is not None:
        found[naming.VERIFIED] = f"{release.verified_at:%Y-%m-%dT%H:%M:%SZ}"
    if release.provenance is not None:
        found[naming.PROVENANCE] = release.provenance
    if release.is_import:
        found[naming.IMPORT] = naming.LOCAL
    return found


def record(made: Made, image: Image, *, region: str, is_rehearsal: bool, console: Console) -> None:
    """Write into the catalog what the region has; a release that is known keeps where it was made first."""
    new = entry(made, region=region, image=image)

    def edit(known: Catalog) -> Catalog:
        for release in known.releases:
            if (release.release, release.arch) == (new.release, new.arch):
                update: dict[str, Any] = {"places": {**release.places, **new.places}}
                # Earlier bakeries did not note it.
                update["is_import"] = release.is_import or new.is_import
                if region == release.baked_in:
                    update |= {"verified_at": new.verified_at, "provenance": new.provenance}
                return known.with_release(release.model_copy(update=update))
        return known.with_release(new)

    catalog.change(made.image, edit, is_rehearsal=is_rehearsal, console=console)
