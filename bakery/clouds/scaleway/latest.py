"""Which image is `latest`: a tag with the time of its writing, on an image that other tags say what release it is of.

Scaleway has no place for a name that leads somewhere. So the tag is added to the new image, then taken from the old: no
moment has none, and with two the one that was written last counts. Its time is the version by which a command sees that
another one has been there after it.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from bakery.catalog.catalog import LATEST
from bakery.cloud import naming, place
from bakery.cloud.reconcile import Seen, Wanted
from bakery.cloud.values import Image, Pointer
from bakery.clouds.scaleway import images
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.core.errors import BakeryError

TAG = "bakery:latest"
SETTLED_S = 5.0
"""After which what another command shows is what stays: both have then read what the other wrote."""


def pointers(found: Iterable[Image], names: Collection[str]) -> dict[str, Pointer]:
    """Return what `latest` of some names leads to, among a zone's images; a release's own name leads nowhere here."""
    among = [*found]
    having = {name: holders(among, name) for name in names}
    return {name: _pointer(those[-1]) for name, those in having.items() if those}


def shown(found: Iterable[Image], wanted: Wanted) -> Mapping[str, Pointer]:
    """Return what `latest` of a release leads to; where it was moved there and not taken from another, that other.

    A run that was killed in between has moved it for everybody who asks, and still has the old one to take it from.
    """
    those = holders([*found], wanted.latest) if wanted.latest else []
    if not those:
        return {}
    one = those[-1]
    if one.name == wanted.name and len(those) > 1:
        one = those[0]
    return {wanted.latest: _pointer(one)}


def move(zone: Zone, wanted: Wanted, seen: Seen) -> None:
    """Point `latest` at the image that was seen."""
    those = holders(images.own(zone), wanted.latest)
    newest = max((_version(one) for one in those), default=0)
    own = next((one for one in those if one.id == seen.image_id), None)
    if own is not None and _version(own) == newest:
        version = newest
    else:
        version = max(int(datetime.now(UTC).timestamp() * 1e6), newest + 1)
        images.retag(zone, seen.image_id, add={TAG: _stamp(version)})
    zone.written[wanted.latest] = version
    for one in holders(images.own(zone), wanted.latest):
        # What another command has written meanwhile is newer, and stays.
        if one.id != seen.image_id and _version(one) < version:
            images.retag(zone, one.id, add={}, drop={TAG: one.tags[TAG]})


def is_overtaken(zone: Zone, wanted: Wanted, seen: Seen) -> bool:
    """Return whether what `latest` shows was written by another command after we have written it."""
    ours = zone.written.get(wanted.latest)
    if ours is None or seen.parameters.get(wanted.latest) == seen.image_id:
        return False
    return seen.versions.get(wanted.latest, 0) > ours


def overtaken(zone: Zone, wanted: Wanted, image_id: str) -> BakeryError:
    """Return the error of a zone whose `latest` is another command's."""
    name = ""
    with suppress(ApiError):
        there = images.at(zone, image_id)
        name = naming.release_of(there.name) if there else ""
    pointer, is_rehearsal = f"latest of {wanted.tags[naming.IMAGE]}", zone.account.is_rehearsal
    return place.overtaken(zone.name, wanted, pointer=pointer, by=name or image_id, is_rehearsal=is_rehearsal)


def moved(zone: Zone, wanted: Wanted, seen: Seen) -> BakeryError | None:
    """Return the error of a zone that was done and whose `latest` another command has moved since."""
    one = pointers(images.own(zone), [wanted.latest]).get(wanted.latest)
    if one and one.image_id != seen.image_id and one.version > seen.versions.get(wanted.latest, 0):
        return overtaken(zone, wanted, one.image_id)
    return None


def holders(found: Collection[Image], name: str) -> list[Image]:
    """Return the images with the tag that a name means, the one that was written last at the end."""
    *_, image, release, arch = ("", "", "", *name.split("/"))
    if release != LATEST:
        return []
    told = {naming.IMAGE: image, naming.ARCH: arch}.items()
    return sorted((one for one in found if told <= one.tags.items() and _version(one)), key=_version)


def _pointer(one: Image) -> Pointer:
    version = _version(one)
    return Pointer(image_id=one.id, version=version, written_at=datetime.fromtimestamp(version / 1e6, tz=UTC))


def _version(one: Image) -> int:
    """Return when the tag was written, in microseconds since 1970; 0 where there is none, or none of ours."""
    try:
        return round(datetime.fromisoformat(one.tags.get(TAG, "")).timestamp() * 1e6)
    except ValueError:
        return 0


def _stamp(version: int) -> str:
    return f"{datetime.fromtimestamp(version / 1e6, tz=UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
