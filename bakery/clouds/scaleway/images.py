"""Images of a zone: this project's own by names and tags, or any one by its id; made of a snapshot, and tagged."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from bakery.cloud import naming
from bakery.cloud.values import Image, ImageState
from bakery.clouds.scaleway import answers, snapshots
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.clouds.scaleway.tags import tag_list, tags_of
from bakery.core.errors import BakeryError
from bakery.definition.bases import Arch

DEADLINE_S = 3600.0
"""Of an image that is being made."""
NONE: Mapping[str, str] = MappingProxyType({})
DECIDED = frozenset({ImageState.AVAILABLE, ImageState.FAILED})


def own(zone: Zone) -> list[Image]:
    """Return this project's images, whoever made them."""
    asked = {"public": False, "project": zone.project}
    return [answers.image(one) for one in zone.all(zone.instances.list_images, "images", **asked)]


def ours(zone: Zone) -> list[Image]:
    """Return those with our tag."""
    return [one for one in own(zone) if naming.IMAGE in one.tags]


def releases_of(zone: Zone, name: str) -> list[Image]:
    """Return those whose tag says that they are releases of an image."""
    return [one for one in own(zone) if one.tags.get(naming.IMAGE) == name]


def at(zone: Zone, image_id: str) -> Image | None:
    """Return the image of that id, whosoever; None when the zone has none."""
    found = shown(zone, image_id)
    return answers.image(found) if found is not None else None


def shown(zone: Zone, image_id: str) -> Any:
    """Return the image of that id as Scaleway shows it; None when the zone has none."""
    try:
        return zone.call(zone.instances.get_image, image_id=image_id).image
    except ApiError as error:
        # What is no UUID is refused in other words than a UUID that nothing has.
        if error.code not in {Code.NOT_FOUND, Code.INVALID}:
            raise
        return None


def find(zone: Zone, name: str, *, is_newest: bool = False) -> Image | None:
    """Return this project's image of that name (a glob), or None.

    Of two alike the older counts, so that every run takes the same, unless *is_newest*; failed ones count only when
    there is no other.
    """
    return among(own(zone), name, is_newest=is_newest)


def among(every: Iterable[Image], name: str, *, is_newest: bool = False) -> Image | None:
    """Return the one that `find` means among images."""
    found = [image for image in every if fnmatchcase(image.name, name)]
    found.sort(key=lambda image: image.age)
    alive = [image for image in found if image.state != ImageState.FAILED]
    if not alive:
        return found[-1] if found else None
    return alive[-1] if is_newest else alive[0]


def wait_available(zone: Zone, name: str, *, deadline_s: float = DEADLINE_S) -> Image:
    """Return this project's newest image of that name as soon as machines can be started from it.

    Raises BakeryError (exit code 1) when it failed, or is not available after *deadline_s*.
    """
    image = zone.account.until(
        lambda: find(zone, name, is_newest=True),
        is_enough=lambda found: found is not None and found.state in DECIDED,
        deadline_s=deadline_s,
    )
    if image is not None and image.state == ImageState.AVAILABLE:
        return image
    if image is not None and image.state == ImageState.FAILED:
        raise BakeryError(f"{zone.name}: {image.id} failed: {image.failure}", hint="run it again")
    state = f"still {image.state}" if image else "not there"
    raise BakeryError(f"{zone.name}: {name} is {state} after {deadline_s:.0f} s", hint="run it again: it goes on")


def make(zone: Zone, name: str, *, snapshot: str, arch: Arch, tags: Mapping[str, str]) -> str:
    """Make an image of a snapshot that holds a whole disk, unless there is one of that name; return its id."""

    def there() -> Image | None:
        known = find(zone, name)
        return known if known is not None and known.state != ImageState.FAILED else None

    if (known := there()) is not None:
        return known.id
    made = zone.make(
        zone.instances.create_image,
        find=there,
        name=name,
        root_volume=snapshot,
        arch=answers.ARCHES[arch],
        tags=tag_list(tags),
        project=zone.project,
        public=False,
    )
    return str(made.id if isinstance(made, Image) else made.image.id)


def tag(zone: Zone, image: Image, tags: Mapping[str, str]) -> Image:
    """Return the image with more tags, its snapshots likewise."""
    now = retag(zone, image.id, add=tags)
    for one in image.snapshots:
        snapshots.retag(zone, one, add=tags)
    return replace(image, tags=now)


def retag(zone: Zone, image_id: str, *, add: Mapping[str, str], drop: Mapping[str, str] = NONE) -> dict[str, str]:
    """Add tags to an image and take out others, unless they are not what they were, and return those it has then.

    Tags are written all at once: what it has now is asked for just before.
    """
    having = tags_of(zone.call(zone.instances.get_image, image_id=image_id).image.tags)
    wanted = {**{key: value for key, value in having.items() if drop.get(key) != value}, **add}
    if wanted != having:
        zone.call(zone.instances.update_image, image_id=image_id, tags=tag_list(wanted))
    return wanted
