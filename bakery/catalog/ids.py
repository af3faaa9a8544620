"""Shows a release's AMI ids, read from the catalog alone: it asks no cloud and needs no account."""

from collections.abc import Sequence
from dataclasses import dataclass

from bakery.catalog import catalog, formats, promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.core.console import Console
from bakery.core.errors import did_you_mean, impossible
from bakery.definition import layers
from bakery.definition.bases import Arch
from bakery.definition.place_names import CITIES


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; empty strings leave the choice to the definition, or to what was promoted."""

    image: str
    arch: str = ""
    release: str = ""
    """A name or its beginning, `latest` or `newest`; by default `latest`, or the newest where nothing was promoted."""
    form: str = formats.Form.TABLE.value
    regions: tuple[str, ...] = ()
    is_rehearsal: bool = False


def show(order: Order, *, console: Console) -> str:
    """Return the ids as text.

    Raises BakeryError (exit code 2) for an image, an architecture, a release or a format that there is not, and for
    a region that the release is not in.
    """
    form = formats.form(order.form)
    definition = layers.whole(order.image)
    known = catalog.read(order.image, is_rehearsal=order.is_rehearsal)
    require_heard_of(order.regions, known=known)
    arch = choose_arch(order.arch) if order.arch else definition.arch
    releases = choose_releases(order.release, arch, known=known, console=console)
    found = in_regions(releases, order.regions, known=known)
    if len(found) > 1:
        told = "; ".join(f"{one.release} in {', '.join(sorted(one.places))}" for one in found)
        console.say(f"latest is not the same everywhere: {told}")
    return formats.render(found, known, form=form)


def choose_arch(name: str) -> Arch:
    """Return the architecture of that name.

    Raises BakeryError (exit code 2) when there is none.
    """
    if name not in list(Arch):
        raise impossible(f"there is no architecture {name!r}", hint=did_you_mean(name, Arch))
    return Arch(name)


def choose_releases(name: str, arch: Arch, *, known: Catalog, console: Console) -> list[Release]:
    """Return the release of that name; without one, what was promoted, or else the newest, with a note.

    What was promoted may be more than one, each in the places where it is `latest`. Raises BakeryError (exit code 2)
    when there is none.
    """
    if name not in {"", catalog.LATEST}:
        return [known.find(name, arch)]
    if name or promotions.everywhere(known.history(arch)):
        return known.latest_releases(arch)
    newest = known.newest(arch)
    state = "verified" if newest.verified_at else "not verified"
    console.say(f"nothing of {known.image} was promoted for {arch}: this is the newest, {newest.release} ({state})")
    return [newest]


def require_heard_of(regions: tuple[str, ...], *, known: Catalog) -> None:
    """Raise BakeryError (exit code 2) for a region that neither a cloud nor the catalog has."""
    places = sorted({name for one in known.releases for name in one.places})
    for region in regions:
        if region not in {*CITIES, *places}:
            raise impossible(f"there is no region {region!r}", hint=did_you_mean(region, [*(places or CITIES)]))


def in_regions(releases: Sequence[Release], regions: tuple[str, ...], *, known: Catalog) -> list[Release]:
    """Return releases as if they were in these regions alone; in all of their own when there are none.

    Raises BakeryError (exit code 2) for a region they are not in.
    """
    main, places = releases[0].release, sorted({name for one in releases for name in one.places})
    if not places:
        raise impossible(f"{known.image} {main} is in no region yet", hint=f"./inv publish --image {known.image}")
    absent = [region for region in regions if region not in places]
    if absent:
        publish = f"./inv publish --image {known.image} --release {main} --region {' --region '.join(absent)}"
        raise impossible(
            f"{known.image} {main} is not in {', '.join(absent)}", hint=f"it is in {', '.join(places)}; or {publish}"
        )
    chosen = [
        one.model_copy(update={"places": {name: placed for name, placed in one.places.items() if name in regions}})
        if regions
        else one
        for one in releases
    ]
    return [one for one in chosen if one.places]
