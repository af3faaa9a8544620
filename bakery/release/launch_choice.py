"""Which image, disk and instance type machines are started with in a region; nothing here starts one."""

from collections.abc import Mapping
from dataclasses import dataclass

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.cloud.values import Image, ImageState
from bakery.core.errors import impossible
from bakery.definition import bases
from bakery.definition.bases import Arch
from bakery.definition.model import Definition
from bakery.places.place import Place
from bakery.release.launch_order import From, Order


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What machines are started from in one region."""

    image: Image
    instance_type: str
    size_gb: int
    release: str
    login_user: str


def releases_of(order: Order, arch: Arch, *, is_rehearsal: bool) -> Mapping[str, Release] | None:
    """Return the catalog's release that an order means in each region; None when the region's parameter is to say it.

    Where no release was promoted, `latest` is the one that most other regions have. Raises BakeryError (exit code 2)
    when the catalog has releases, and not this one.
    """
    known = catalog.read(order.image, is_rehearsal=is_rehearsal)
    if order.source == From.PARAMETER or (not order.source and not known.having(arch)):
        return None
    release = known.find(order.release or catalog.LATEST, arch)
    if order.release not in {"", catalog.LATEST}:
        return dict.fromkeys(order.regions, release)
    return {region: known.latest_in(region, arch) or release for region in order.regions}


def choose(place: Place, order: Order, definition: Definition, *, arch: Arch, release: Release | None) -> Choice:
    """Return what is started in a region.

    Raises BakeryError (exit code 2) when the image is not there or cannot be started, and for a disk that is too small.
    """
    image = _image(place, _image_id(place, order, definition, arch=arch, release=release))
    name = image.id
    if image.state != ImageState.AVAILABLE:
        raise impossible(f"{place.name}: {name} is {image.state}", hint=f"./inv validate --image {order.image}")
    if naming.REMOVING in image.tags:
        raise impossible(f"{place.name}: {name} is being removed", hint="another --release")
    if not place.is_for(image, arch):
        raise impossible(f"{place.name}: {name} is for {image.architecture}, not for {arch}", hint="another --arch")
    if order.disk_gb and order.disk_gb < image.size_gb:
        raise impossible(
            f"{place.name}: --disk-gb {order.disk_gb} is less than the image's own {image.size_gb} GB",
            hint=f"--disk-gb {image.size_gb}",
        )
    base = release.base if release else image.tags.get(naming.BASE, definition.base)
    is_import = release.is_import if release else naming.is_import(image.tags)
    return Choice(
        image=image,
        instance_type=place.instance_type(arch, order.instance_type),
        size_gb=order.disk_gb or max(definition.disk.size_gb, image.size_gb),
        release=release.release if release else image.tags.get(naming.RELEASE, "") or naming.release_of(image.name),
        login_user=place.login_user(bases.base(base), is_import=is_import),
    )


def _image_id(place: Place, order: Order, definition: Definition, *, arch: Arch, release: Release | None) -> str:
    if release is not None:
        if place.name in release.places:
            return release.places[place.name].image_id
        publish = f"./inv publish --image {order.image} --release {release.release} --region {place.name}"
        hint = f"{publish}; it is in {', '.join(release.places)}"
        raise impossible(f"{place.name}: {order.image} {release.release} is not there", hint=hint)
    name = naming.pointer(definition, order.release or catalog.LATEST, arch)
    found = place.pointers([name]).get(name)
    if found is None:
        hint = f"./inv promote --image {order.image}; or ./inv bake --image {order.image} --region {place.name}"
        raise impossible(f"{place.name}: there is no parameter {name}", hint=hint)
    return found.image_id


def _image(place: Place, image_id: str) -> Image:
    found = place.image(image_id)
    if found is None:
        raise impossible(f"{place.name}: there is no image {image_id}", hint="./inv validate  (shows what is where)")
    return found
