"""The story of `invoke catalog`: what each image's catalog says, and, when it was lost, what AWS says of it."""

from collections.abc import Sequence

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.cloud import naming
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError
from bakery.core.parallel import everywhere, failed
from bakery.definition import layers
from bakery.definition.bases import Arch
from bakery.definition.model import Definition
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.release import publish, retention
from bakery.release.recollection import Recollection, Sight, recollect

PATIENCE_S = 20.0
"""A look is worth less waiting than a bake."""


def show(names: Sequence[str], *, is_rehearsal: bool, console: Console) -> None:
    """Print what the catalogs of images (empty: of all) say, on stdout: it is the result.

    Raises BakeryError (exit code 2) for an unknown image, and for a file that is no catalog.
    """
    known = [catalog.read(layers.whole(name).name, is_rehearsal=is_rehearsal) for name in names or layers.names()]
    rows = [row for one in known for row in _rows(one)]
    if not rows:
        rehearse = " --rehearse" if is_rehearsal else ""
        console.say(f"no release is known: ./inv catalog --rebuild{rehearse}  (asks the clouds what there is)")
        return
    columns = ("image", "release", "arch", "base", "baked in", "verified", "regions", "latest in")
    table("the catalog", columns, rows, to_stdout=True)


def _rows(known: Catalog) -> list[tuple[str, ...]]:
    return [
        (
            known.image,
            release.release,
            release.arch,
            release.base,
            release.baked_in,
            _verdict(release),
            str(len(release.places)),
            ", ".join(
                region
                for region, name in promotions.everywhere(known.history(release.arch)).items()
                if name == release.release
            ),
        )
        for release in known.releases
    ]


def _verdict(release: Release) -> str:
    verified = f"{release.verified_at:%Y-%m-%d}" if release.verified_at else "no"
    return f"{verified}, bad since {release.bad_since:%Y-%m-%d}" if release.bad_since else verified


def rebuild(names: Sequence[str], *, regions: Sequence[str], account: Account, console: Console) -> None:
    """Add to the catalogs of images (empty: of all) what the regions (empty: all that may be used) have of them.

    Nothing that a catalog says already is taken out of it. Raises BakeryError: exit code 2 for what cannot be asked for
    and for a file that is no catalog, else when a region does not answer: what the others have is in the catalog.
    """
    definitions = [layers.whole(name) for name in names or layers.names()]
    for one in definitions:
        catalog.read(one.name, is_rehearsal=account.is_rehearsal)
        catalog.require_writable(one.name, is_rehearsal=account.is_rehearsal, console=console)
    account.be_brief(PATIENCE_S)
    asked = account.require(regions or account.usable)
    with console.phase("look"):
        answers = everywhere(asked, lambda place: _look(place, definitions))
    for one in definitions:
        sights = [answer[one.name] for answer in answers.values() if not isinstance(answer, BakeryError)]
        _add(one, sights, is_rehearsal=account.is_rehearsal, console=console)
    failures = failed(answers)
    if failures:
        raise publish.NotDoneError(failures)


def _look(place: Place, definitions: Sequence[Definition]) -> dict[str, Sight]:
    """Return what a region has of each image."""
    listed, found = place.ours(), {}
    for one in definitions:
        names = {retention.latest_pointer(one, arch): arch for arch in Arch}
        found[one.name] = Sight(
            region=place.name,
            images=[image for image in listed if image.tags[naming.IMAGE] == one.name],
            latest={names[name]: latest for name, latest in place.pointers(names).items()},
        )
    return found


def _add(definition: Definition, sights: Sequence[Sight], *, is_rehearsal: bool, console: Console) -> None:
    before = catalog.read(definition.name, is_rehearsal=is_rehearsal)
    found: list[Recollection] = [recollect(before, sights)]
    if found[0].catalog != before:

        def edit(known: Catalog) -> Catalog:
            # Another command may have written meanwhile: what it wrote stays.
            found[0] = recollect(known, sights)
            return found[0].catalog

        catalog.change(definition.name, edit, is_rehearsal=is_rehearsal, console=console)
    for note in found[0].notes:
        console.say(f"{definition.name}: {note}")
    if found[0].catalog == before:
        console.say(f"{definition.name}: the clouds have nothing that the catalog does not have")
