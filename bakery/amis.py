"""Shows a release's AMI ids, read from the catalog alone: it asks no cloud and needs no account."""

from dataclasses import dataclass

from bakery import catalog, formats, images
from bakery.bases import Arch
from bakery.catalog import Catalog, Release
from bakery.console import Console
from bakery.errors import did_you_mean, impossible


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
    definition = images.whole(order.image)
    arch = choose_arch(order.arch) if order.arch else definition.arch
    known = catalog.read(order.image, is_rehearsal=order.is_rehearsal)
    release = choose_release(order.release, arch, known=known, console=console)
    return formats.render(in_regions(release, order.regions, known=known), known, form=form)


def choose_arch(name: str) -> Arch:
    """Return the architecture of that name.

    Raises BakeryError (exit code 2) when there is none.
    """
    if name not in list(Arch):
        raise impossible(f"there is no architecture {name!r}", hint=did_you_mean(name, Arch))
    return Arch(name)


def choose_release(name: str, arch: Arch, *, known: Catalog, console: Console) -> Release:
    """Return the release of that name; without one, what was promoted, or else the newest, with a note.

    Raises BakeryError (exit code 2) when there is none.
    """
    if name:
        return known.find(name, arch)
    if arch in known.latest:
        return known.find(catalog.LATEST, arch)
    newest = known.newest(arch)
    state = "verified" if newest.verified_at else "not verified"
    console.say(f"nothing of {known.image} was promoted for {arch}: this is the newest, {newest.release} ({state})")
    return newest


def in_regions(release: Release, regions: tuple[str, ...], *, known: Catalog) -> Release:
    """Return a release as if it were in these regions alone; in all of its own when there are none.

    Raises BakeryError (exit code 2) for a region it is not in.
    """
    if not release.places:
        raise impossible(
            f"{known.image} {release.release} is in no region yet", hint=f"./inv publish --image {known.image}"
        )
    absent = [region for region in regions if region not in release.places]
    if absent:
        raise impossible(
            f"{known.image} {release.release} is not in {', '.join(absent)}",
            hint=f"it is in {', '.join(sorted(release.places))}",
        )
    chosen = {region: release.places[region] for region in regions or release.places}
    return release.model_copy(update={"places": chosen})
