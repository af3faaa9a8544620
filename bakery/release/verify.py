"""The story of proving a release where it is: in each of its places a machine is started from it and verified."""

from dataclasses import dataclass

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, impossible
from bakery.definition import layers
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.release import approve, bake, plan, publish


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be verified: an image's release (empty: the newest), and where (empty: wherever it is)."""

    image: str
    release: str = ""
    regions: tuple[str, ...] = ()
    base: str = ""


def verify(order: Order, *, account: Account, console: Console) -> None:
    """Verify a release in its places, one after the other: each runs its own tests here.

    Raises BakeryError: exit code 2 for what cannot be asked for, 4 where one does not pass, after all of them.
    """
    known = catalog.read(order.image, is_rehearsal=account.is_rehearsal)
    arch = layers.whole(order.image).arch
    release = known.find(order.release, arch) if order.release else known.newest(arch)
    absent = [name for name in order.regions if name not in release.places]
    places = account.require(order.regions or sorted(release.places))
    if absent:
        hint = f"./inv publish --image {order.image} --release {release.release} --region {' --region '.join(absent)}"
        raise impossible(f"{order.image} {release.release} is not in {', '.join(absent)}", hint=hint)
    outcomes: dict[str, str | BakeryError] = {}
    for place in places:
        try:
            outcomes[place.name] = _verify(place, release, order=order, console=console)
        except BakeryError as error:
            console.say(f"{place.name}: {error.message}")
            outcomes[place.name] = error
    rows = [(name, one.message if isinstance(one, BakeryError) else one) for name, one in outcomes.items()]
    table(f"{order.image} {release.release}", ("region", "machine"), rows)
    failures = {name: one for name, one in outcomes.items() if isinstance(one, BakeryError)}
    if failures:
        raise publish.NotDoneError(failures)


def _verify(place: Place, release: Release, *, order: Order, console: Console) -> str:
    planned = plan.make(order.image, place, base=order.base or release.base)
    if planned.release != release.release or planned.found is None:
        raise impossible(
            f"{place.name}: {order.image} {release.release} is of another definition than "
            f"images/{order.image}.toml, or not the newest of it: the image tests are today's",
            hint=f"./inv bake --image {order.image} --region {place.name}",
        )
    with console.phase(f"verify in {place.name}"):
        image, log = place.wait_available(planned.name), bake.artifact(place, planned).verdict
        verdict = approve.verify_image(place, bake.subject(place, planned), image, console=console, log=log)
    return f"passed {verdict.total} tests"
