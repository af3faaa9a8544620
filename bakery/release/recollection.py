"""What a catalog would say, read from AWS's own images, tags and parameters: it adds, and takes nothing away.

What AWS does not keep is not made up: which releases were `latest` before, and the digests of an image's blocks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bakery.catalog import promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.catalog.promotions import Promotion
from bakery.cloud import naming
from bakery.cloud.reconcile import tags_of
from bakery.definition.bases import Arch

READY = frozenset({"available", "disabled"})
"""AWS's words for images that are whole."""

Found = Mapping[str, Any]
"""An image as DescribeImages shows it."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What one region has of an image of ours."""

    region: str
    images: Sequence[Found]
    latest: Mapping[Arch, tuple[str, datetime]] = field(default_factory=dict)
    """The id that the parameter `latest` holds, and when it was written."""


@dataclass(frozen=True, kw_only=True)
class Recollection:
    """A catalog with what was seen added to it, and what is worth telling."""

    catalog: Catalog
    notes: Sequence[str]


def recollect(known: Catalog, sights: Sequence[Sight]) -> Recollection:
    """Return what is known with what was seen: releases, places, verifications, and `latest` where none is known."""
    notes: list[str] = []
    groups: dict[tuple[str, str], dict[str, Found]] = {}
    for sight in sights:
        for image in sorted(sight.images, key=lambda one: (one["CreationDate"], one["ImageId"])):
            problem = _problem(known.image, image)
            if problem:
                notes.append(f"{sight.region}: {image['ImageId']} is left out: {problem}")
                continue
            tags = tags_of(image)
            # Of two of one name the older counts, as it does for publishing.
            groups.setdefault((tags[naming.RELEASE], tags[naming.ARCH]), {}).setdefault(sight.region, image)
    there = {sight.region: {str(image["ImageId"]) for image in sight.images} for sight in sights}
    for _, group in sorted(groups.items()):
        try:
            known = _with_group(known, group, there=there, notes=notes)
        except ValidationError as error:
            (first, *_) = error.errors(include_url=False)
            said = first.get("ctx", {}).get("text", first["msg"])
            notes += [f"{region}: {image['ImageId']} is left out: {said}" for region, image in group.items()]
    for arch in Arch:
        known = _with_latest(known, arch, sights, notes=notes)
    return Recollection(catalog=known, notes=notes)


def is_release(name: str, image: Found) -> bool:
    """Return whether an image is a release of that name which a catalog would have."""
    return naming.IMAGE in tags_of(image) and not _problem(name, image)


def _problem(name: str, image: Found) -> str:
    """Return why an image with our tag is no release of ours, or none that is ready; empty where it is one."""
    tags = tags_of(image)
    missing = [tag for tag in (naming.RELEASE, naming.ARCH, naming.BASE, naming.FINGERPRINT) if tag not in tags]
    if missing:
        return f"it has no tag {missing[0]}"
    if naming.REMOVING in tags:
        return "it is being removed"
    if image["State"] not in READY:
        return f"it is {image['State']}"
    if image["Name"] != f"{naming.OWNER}/{name}/{tags[naming.RELEASE]}/{tags[naming.ARCH]}":
        return f"its name {image['Name']} is not the one of its tags"
    return ""


def _with_group(
    known: Catalog, group: Mapping[str, Found], *, there: Mapping[str, Iterable[str]], notes: list[str]
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
    verified_at = release.verified_at or (seen.verified_at if seen.baked_in == release.baked_in else None)
    return known.with_release(release.model_copy(update={"places": places, "verified_at": verified_at}))


def _release(group: Mapping[str, Found]) -> Release:
    """Return the release that images of one name are; raises ValidationError for tags that we would not write."""
    ids = {image["ImageId"] for image in group.values()}
    first = {region: image for region, image in group.items() if image.get("SourceImageId") not in ids}
    home, image = min(first.items(), key=lambda item: (item[1]["CreationDate"], item[0]))
    tags = tags_of(image)
    # Where the region that baked it does not answer, its copies still say where they come from.
    told = {
        "release": tags[naming.RELEASE],
        "arch": tags[naming.ARCH],
        "base": tags[naming.BASE],
        "fingerprint": tags[naming.FINGERPRINT],
        "size_gb": max(mapping.get("Ebs", {}).get("VolumeSize", 0) for mapping in image["BlockDeviceMappings"]),
        "baked_at": image["CreationDate"],
        "baked_in": image.get("SourceImageRegion") or home,
        "verified_at": tags.get(naming.VERIFIED),
        "places": {
            region: {"image_id": one["ImageId"], "published_at": one["CreationDate"]} for region, one in group.items()
        },
    }
    return Release.model_validate(told, strict=False)


def _with_latest(known: Catalog, arch: Arch, sights: Sequence[Sight], *, notes: list[str]) -> Catalog:
    """Add what `latest` names in regions where the catalog knows of none."""
    history = known.history(arch)
    named: dict[str, list[tuple[datetime, str]]] = {}
    for sight in sights:
        if arch not in sight.latest or promotions.expected(history, sight.region):
            continue
        image_id, when = sight.latest[arch]
        for release in known.having(arch):
            if sight.region in release.places and release.places[sight.region].image_id == image_id:
                named.setdefault(release.release, []).append((when, sight.region))
                break
        else:
            notes.append(f"{sight.region}: latest for {arch} is {image_id}, which is no release of {known.image}")
    for name, found in named.items():
        regions = sorted(region for _, region in found)
        notes.append(f"{name} ({arch}) is latest in {', '.join(regions)}")
        history = _insert(history, Promotion(release=name, promoted_at=min(found)[0], regions=tuple(regions)))
    return known.with_history(arch, history) if named else known


def _insert(history: promotions.History, one: Promotion) -> promotions.History:
    """Put a promotion where its time belongs; one of the same release that is there takes its regions."""
    for index, before in enumerate(history):
        if before.release == one.release:
            regions = tuple(sorted({*before.regions, *one.regions}))
            return (*history[:index], before.model_copy(update={"regions": regions}), *history[index + 1 :])
    return tuple(sorted([*history, one], key=lambda each: each.promoted_at))
