"""What a catalog would say, read from AWS's own images, tags and parameters: it adds, and takes nothing away.

What AWS does not keep is not made up: which releases were `latest` before, and the digests of an image's blocks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from bakery.catalog import promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.catalog.promotions import Promotion
from bakery.cloud import naming
from bakery.cloud.values import Image, ImageState, Pointer
from bakery.definition.bases import Arch

READY = frozenset({ImageState.AVAILABLE, ImageState.DISABLED})
"""States of images that are whole."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What one region has of an image of ours."""

    region: str
    images: Sequence[Image]
    latest: Mapping[Arch, Pointer] = field(default_factory=dict)
    """What `latest` names."""


@dataclass(frozen=True, kw_only=True)
class Recollection:
    """A catalog with what was seen added to it, and what is worth telling."""

    catalog: Catalog
    notes: Sequence[str]


def recollect(known: Catalog, sights: Sequence[Sight]) -> Recollection:
    """Return what is known with what was seen: releases, places, verifications, and `latest` where none is known."""
    notes: list[str] = []
    groups: dict[tuple[str, str], dict[str, Image]] = {}
    for sight in sights:
        for image in sorted(sight.images, key=lambda one: (one.created_at, one.id)):
            problem = _problem(known.image, image)
            if problem:
                notes.append(f"{sight.region}: {image.id} is left out: {problem}")
                continue
            # Of two of one name the older counts, as it does for publishing.
            group = groups.setdefault((image.tags[naming.RELEASE], image.tags[naming.ARCH]), {})
            group.setdefault(sight.region, image)
    there = {sight.region: {image.id for image in sight.images} for sight in sights}
    for _, group in sorted(groups.items()):
        try:
            known = _with_group(known, group, there=there, notes=notes)
        except ValidationError as error:
            (first, *_) = error.errors(include_url=False)
            said = first.get("ctx", {}).get("text", first["msg"])
            notes += [f"{region}: {image.id} is left out: {said}" for region, image in group.items()]
    for arch in Arch:
        known = _with_latest(known, arch, sights, notes=notes)
    return Recollection(catalog=known, notes=notes)


def is_release(name: str, image: Image) -> bool:
    """Return whether an image is a release of that name which a catalog would have."""
    return naming.IMAGE in image.tags and not _problem(name, image)


def _problem(name: str, image: Image) -> str:
    """Return why an image with our tag is no release of ours, or none that is ready; empty where it is one."""
    tags = image.tags
    missing = [tag for tag in (naming.RELEASE, naming.ARCH, naming.BASE, naming.FINGERPRINT) if tag not in tags]
    if missing:
        return f"it has no tag {missing[0]}"
    if naming.REMOVING in tags:
        return "it is being removed"
    if image.state not in READY:
        return f"it is {image.state}"
    if image.name != f"{naming.OWNER}/{name}/{tags[naming.RELEASE]}/{tags[naming.ARCH]}":
        return f"its name {image.name} is not the one of its tags"
    return ""


def _with_group(
    known: Catalog, group: Mapping[str, Image], *, there: Mapping[str, Iterable[str]], notes: list[str]
) -> Catalog:
    """Add one release, as the regions show it, or what is not known of it yet."""
    seen = _release(group)
    for release in known.having(seen.arch):
        if release.release == seen.release:
            break
    else:
        notes.append(f"{seen.release} ({seen.arch}) is added, in {', '.join(sorted(seen.places))}")
        return known.with_release(seen)
    places = dict(release.places)
    for region, placed in sorted(seen.places.items()):
        before = places.get(region)
        if before is None or (before.image_id != placed.image_id and before.image_id not in there[region]):
            was = f", where {before.image_id} is gone" if before else ""
            notes.append(f"{seen.release} ({seen.arch}) is added in {region}{was}")
            places[region] = placed
    is_of_home = seen.baked_in == release.baked_in
    update = {
        "places": places,
        "verified_at": release.verified_at or (seen.verified_at if is_of_home else None),
        "provenance": release.provenance or (seen.provenance if is_of_home else None),
        "is_import": release.is_import or seen.is_import,
    }
    return known.with_release(release.model_copy(update=update))


def _release(group: Mapping[str, Image]) -> Release:
    """Return the release that images of one name are; raises ValidationError for tags that we would not write."""
    ids = {image.id for image in group.values()}
    first = {region: image for region, image in group.items() if image.source_id not in ids}
    home, image = min(first.items(), key=lambda item: (item[1].created_at, item[0]))
    tags = image.tags
    # Where the region that baked it does not answer, its copies still say where they come from.
    told = {
        "release": tags[naming.RELEASE],
        "arch": tags[naming.ARCH],
        "base": tags[naming.BASE],
        "fingerprint": tags[naming.FINGERPRINT],
        "size_gb": image.size_gb,
        "baked_at": image.created_at,
        "baked_in": image.source_place or home,
        "verified_at": tags.get(naming.VERIFIED),
        "provenance": naming.provenance(tags),
        "is_import": naming.is_import(tags),
        "places": {region: {"image_id": one.id, "published_at": one.created_at} for region, one in group.items()},
    }
    return Release.model_validate(told, strict=False)


def _with_latest(known: Catalog, arch: Arch, sights: Sequence[Sight], *, notes: list[str]) -> Catalog:
    """Add what `latest` names in regions where the catalog knows of none."""
    history = known.history(arch)
    named: dict[str, list[tuple[str, Pointer]]] = {}
    for sight in sights:
        if arch not in sight.latest or promotions.expected(history, sight.region):
            continue
        latest = sight.latest[arch]
        for release in known.having(arch):
            if sight.region in release.places and release.places[sight.region].image_id == latest.image_id:
                named.setdefault(release.release, []).append((sight.region, latest))
                break
        else:
            notes.append(
                f"{sight.region}: latest for {arch} is {latest.image_id}, which is no release of {known.image}"
            )
    for name, found in named.items():
        regions = sorted(region for region, _ in found)
        notes.append(f"{name} ({arch}) is latest in {', '.join(regions)}")
        first = min(latest.written_at for _, latest in found)
        history = _insert(history, Promotion(release=name, promoted_at=first, regions=tuple(regions)))
    return known.with_history(arch, history) if named else known


def _insert(history: promotions.History, one: Promotion) -> promotions.History:
    """Put a promotion where its time belongs; one of the same release that is there takes its regions."""
    for index, before in enumerate(history):
        if before.release == one.release:
            regions = tuple(sorted({*before.regions, *one.regions}))
            return (*history[:index], before.model_copy(update={"regions": regions}), *history[index + 1 :])
    return tuple(sorted([*history, one], key=lambda each: each.promoted_at))
