"""The story of proving a release where it is: in each of its places a machine is started from it and verified."""

from dataclasses import dataclass, replace

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.core import folders
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import failed
from bakery.definition import layers
from bakery.disk.artifact import Artifact
from bakery.local import plan as local_plan
from bakery.packer import settings
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.release import approve, bake, plan, publish
from bakery.release.approve import Subject


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
            console.say(f"{place.name}: failed: {error.within(place.name)}")
            outcomes[place.name] = error
    rows = [(name, one.within(name) if isinstance(one, BakeryError) else one) for name, one in outcomes.items()]
    table(f"{order.image} {release.release}", ("region", "machine"), rows)
    failures = failed(outcomes)
    if failures:
        raise publish.NotDoneError(failures)


def _verify(place: Place, release: Release, *, order: Order, console: Console) -> str:
    subject = _subject(place, release, order=order)
    if subject is None:
        raise impossible(
            f"{place.name}: {order.image} {release.release} is of another definition than "
            f"images/{order.image}.toml, or not the newest of it, or was baked on a machine with other package "
            "sources: the image tests are today's",
            hint=f"./inv bake --image {order.image} --region {place.name}",
        )
    made = subject.made
    log = Artifact(image=made.image, base=made.base, folder=folders.build_dir(made.image, place.name)).verdict
    with console.phase(f"verify in {place.name}"):
        image = place.wait_available(made.name)
        verdict = approve.verify_image(place, subject, image, console=console, log=log)
    return f"passed {verdict.total} tests"


def _subject(place: Place, release: Release, *, order: Order) -> Subject | None:
    """Return what is asked of a machine from a release; None unless it is the newest of today's definition there.

    It was baked in a cloud, or else on a machine like this one and sent up.
    """
    base = order.base or release.base
    if release.fingerprint == plan.fingerprint_of(order.image, base=base):
        planned = plan.make(order.image, place, base=base)
        is_it = planned.found is not None and planned.release == release.release
        return bake.subject(place, planned) if is_it else None
    here = local_plan.of_fingerprint(order.image, release.fingerprint, base=base)
    found = plan.find(place, here.definition, here.fingerprint) if here else None
    if here is None or found is None or naming.release_of(found.name) != release.release:
        return None
    here = replace(here, release=release.release)
    told = settings.render_env(here.told)
    user = place.login_user(here.base, is_import=True)
    return Subject(made=here.made, definition=here.definition, user=user, settings=told)
