"""The story of publishing: bring a verified release to its regions.

Every place is recorded as soon as it is done; one that fails never harms another; the next run goes on from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.cloud import converging, naming
from bakery.cloud.place import RefusedError, gone
from bakery.cloud.reconcile import Seen
from bakery.cloud.values import Image
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, ExitCode, impossible
from bakery.core.parallel import everywhere, failed
from bakery.core.waiting import Patience, wait_until
from bakery.definition import layers
from bakery.definition.model import Definition
from bakery.definition.place_names import city, cloud
from bakery.places.account import Account
from bakery.places.place import Place


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be published: an image's release (empty: the newest), and where (empty: where its definition says)."""

    image: str
    release: str = ""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an order comes to."""

    definition: Definition
    release: Release
    regions: tuple[str, ...]


def choose(order: Order, *, account: Account) -> Subject:
    """Return the release and the regions that an order means.

    Raises BakeryError (exit code 2) for a release that is not in the catalog or did not pass verification.
    """
    definition = layers.whole(order.image)
    known = catalog.read(order.image, is_rehearsal=account.is_rehearsal)
    arch = definition.arch
    release = known.find(order.release, arch) if order.release else known.newest(arch)
    if release.verified_at is None:
        hint = f"./inv bake --image {order.image} --region {release.baked_in}  (verifies it first)"
        hint += f", or ./inv publish --image {order.image} --from local  (where this machine sent it up)"
        raise impossible(f"{order.image} {release.release} was not verified yet", hint=hint)
    for name in order.regions:
        account.place(name).require_readable(definition)
    asked = order.regions or (*definition.places, *release.places)
    return Subject(definition=definition, release=release, regions=tuple(dict.fromkeys((release.baked_in, *asked))))


class NotDoneError(BakeryError):
    """Regions that are not done, and why; the exit code is theirs when they agree, else 1."""

    def __init__(self, failures: Mapping[str, BakeryError]) -> None:
        codes = {error.exit_code for error in failures.values()}
        hints = dict.fromkeys(error.hint for error in failures.values() if error.hint)
        listed = "\n".join(dict.fromkeys(f"  {error.message}" for error in failures.values()))
        what = f"{len(failures)} region{'s are' if len(failures) > 1 else ' is'} not done:\n{listed}"
        super().__init__(what, hint="; ".join(hints), exit_code=codes.pop() if len(codes) == 1 else ExitCode.FAILED)
        self.failures = failures


def publish_rest(order: Order, lost: Mapping[str, BakeryError], *, account: Account, console: Console) -> Release:
    """Publish to the regions of an order, none of which is among those that are *lost* already.

    Raises BakeryError like `publish`, and for those that are lost, after the others are done.
    """
    try:
        release = publish(order, account=account, console=console)
    except BakeryError as error:
        if not lost:
            raise
        failures = error.failures if isinstance(error, NotDoneError) else dict.fromkeys(order.regions, error)
        raise NotDoneError({**lost, **failures}) from error
    if lost:
        raise NotDoneError(lost)
    return release


def publish(order: Order, *, account: Account, console: Console) -> Release:
    """Bring a release to its regions; return it with its id in each.

    Raises BakeryError: exit code 2 for what cannot be asked for, 1 when a region is not done: the others are, and the
    catalog has them.
    """
    subject = choose(order, account=account)
    account.require(subject.regions)
    catalog.require_writable(order.image, is_rehearsal=account.is_rehearsal, console=console)
    with console.phase("publish"):
        subject = require_source(subject, account=account, console=console)
        bring(dict.fromkeys(subject.regions, subject), account=account, console=console)
    return catalog.read(order.image, is_rehearsal=account.is_rehearsal).find(
        subject.release.release, subject.release.arch
    )


def bring(
    subjects: Mapping[str, Subject],
    *,
    account: Account,
    console: Console,
    latest: frozenset[str] = frozenset(),
    edit: Callable[[Catalog, str], Catalog] = lambda known, _region: known,
) -> None:
    """Converge the regions, each with its subject, at the same time, and record each as it is done.

    In those of *latest* the release is `latest`, too; *edit* changes what else the catalog says of a region that is
    done. Raises BakeryError when a region is not done: the others are.
    """
    places = account.require([*subjects])
    wanted = {
        place.name: place.wanted(
            subjects[place.name].release, subjects[place.name].definition, is_latest=place.name in latest
        )
        for place in places
    }

    def act(place: Place) -> Seen:
        _require_judged(place, subjects[place.name], account=account)
        return converging.converge(place, wanted[place.name], say=lambda text: console.say(f"{place.name}: {text}"))

    def record(place: Place, outcome: Seen | BakeryError) -> None:
        if isinstance(outcome, BakeryError):
            console.say(f"{place.name}: failed: {outcome.within(place.name)}")
            return
        subject, image_id = subjects[place.name], outcome.image_id
        catalog.change(
            subject.definition.name,
            lambda known: edit(_with_place(known, subject.release, place.name, image_id=image_id), place.name),
            is_rehearsal=account.is_rehearsal,
            console=console,
        )

    outcomes = everywhere(places, act, on_done=record)
    for place in places:
        seen = outcomes[place.name]
        if place.name in latest and isinstance(seen, Seen):
            outcomes[place.name] = place.moved(wanted[place.name], seen) or seen
    _report(subjects, outcomes)


def require_source(subject: Subject, *, account: Account, console: Console) -> Subject:
    """Return what is to be published, with the digest of its provenance where only the image has told that so far.

    Raises BakeryError (exit code 2) when the image that was judged is not there any more. Where its region does not
    answer, the others may have their copies already: each then tells for itself.
    """
    release = subject.release
    if release.baked_in not in {release.origin(region) for region in subject.regions}:
        return subject
    home = account.place(release.baked_in)
    wanted = home.wanted(release, subject.definition)
    try:
        found = home.find(wanted.name)
    except RefusedError as error:
        if not error.is_unanswered:
            raise
        console.say(f"{error.message}: the others go on without it")
        return subject
    if found is None:
        raise gone(wanted)
    return _learned(subject, found, account=account, console=console)


def _require_judged(place: Place, subject: Subject, *, account: Account) -> None:
    """Raise BakeryError (exit code 2) in another cloud than the release's first one, unless it passed there, too.

    Nothing is copied from cloud to cloud: what is there was made there, and its verdict is its own.
    """
    release, image = subject.release, subject.definition.name
    home = account.place(release.origin(place.name))
    if cloud(home.name) is cloud(release.baked_in):
        return
    # What was marked a moment ago may show late.
    patience = Patience(deadline_s=home.settled_s, pauses_s=home.pauses_s, pause=home.pause)
    name = home.wanted(release, subject.definition).name
    found = wait_until(lambda: home.find(name), patience=patience, is_enough=_is_verified)
    if not _is_verified(found):
        why = f"{found.id} did not pass there" if found else f"there is no {name} yet"
        again = f"--image {image} --region {home.name}"
        hint = f"./inv bake {again}, or ./inv publish --from local {again}"
        raise impossible(f"{home.name}: {why}", hint=hint)


def _is_verified(image: Image | None) -> bool:
    return image is not None and naming.VERIFIED in image.tags


def _learned(subject: Subject, image: Image, *, account: Account, console: Console) -> Subject:
    """Return a subject with the digest that its image is tagged with: catalogs of earlier bakeries do not have it."""
    release, digest = subject.release, naming.provenance(image.tags)
    if digest is None or release.provenance is not None:
        return subject

    def edit(known: Catalog) -> Catalog:
        now = known.find(release.release, release.arch)
        return known.with_release(now.model_copy(update={"provenance": digest}))

    catalog.change(subject.definition.name, edit, is_rehearsal=account.is_rehearsal, console=console)
    return replace(subject, release=release.model_copy(update={"provenance": digest}))


def _with_place(known: Catalog, made: Release, region: str, *, image_id: str) -> Catalog:
    release = known.find(made.release, made.arch)
    if region in release.places and release.places[region].image_id == image_id:
        return known
    placed = Placed(image_id=image_id, published_at=datetime.now(UTC).replace(microsecond=0))
    return known.with_release(release.model_copy(update={"places": {**release.places, region: placed}}))


def _report(subjects: Mapping[str, Subject], outcomes: Mapping[str, Seen | BakeryError]) -> None:
    """Show how each region went, and raise when one is not done."""
    releases = dict.fromkeys(f"{one.definition.name} {one.release.release}" for one in subjects.values())
    table(
        " and ".join(releases),
        ("region", "", "image", "state"),
        [_row(name, outcomes[name]) for name in sorted(outcomes)],
    )
    failures = failed(outcomes)
    if failures:
        raise NotDoneError(failures)


def _row(name: str, outcome: Seen | BakeryError) -> tuple[str, str, str, str]:
    if isinstance(outcome, BakeryError):
        return name, city(name), "", outcome.within(name)
    return name, city(name), outcome.image_id, "done"
