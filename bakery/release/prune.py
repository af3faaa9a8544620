"""The story of pruning: look everywhere, say what stays and why, remove the rest, and what killed runs have left.

Copies go before what they were copied from, and the catalog forgets an image only when it is gone: whoever is killed
has left enough for the next run to find.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog
from bakery.cloud.inventory import Inventory, Question
from bakery.cloud.place import RefusedError
from bakery.contents import kept
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import everywhere, failed
from bakery.definition import layers
from bakery.disk import digests
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.release import leftovers, lost_catalog, publish, retention
from bakery.release.leftovers import Leftover
from bakery.release.retention import Answers, Subject, Verdict

NOWHERE = "--region eu-west-2  (looks there all the same), or ./inv catalog --rebuild where the catalog was lost"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; empty: every image there is, everywhere it is or is to be."""

    images: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    keep: int = 0
    """How many releases stay; 0: as each definition says."""
    is_unknown_too: bool = False
    """Whether images that no catalog has go too."""
    is_now: bool = False
    """Whether machines of bakes that may still go on end too."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What stays, what goes, and which regions did not say."""

    verdicts: Sequence[Verdict]
    leftovers: Sequence[Leftover]
    failures: dict[str, BakeryError]
    lost: dict[str, list[Verdict]]
    """By image, the releases that are unknown because its catalog is empty."""

    def show(self) -> None:
        """Print it, on stdout: it is the result."""
        columns = ("image", "release", "arch", "region", "id", "", "why")
        table("images", columns, [_cells(verdict) for verdict in self.verdicts], to_stdout=True)
        if self.leftovers:
            rows = [(leftover.kind.value, leftover.region, leftover.id, leftover.why) for leftover in self.leftovers]
            table("left by killed runs", ("what", "region", "id", "why"), rows, to_stdout=True)

    @property
    def regions(self) -> list[str]:
        """The regions where something goes."""
        going = [verdict.region for verdict in self.verdicts if not verdict.stays]
        return sorted({*going, *(leftover.region for leftover in self.leftovers)})


def prune(order: Order, *, account: Account, console: Console, is_dry: bool) -> None:
    """Show what stays and what goes, and remove the latter unless *is_dry*.

    Raises BakeryError: exit code 2 for what cannot be asked for, and where releases would go whose catalog was lost; 1
    when a region does not answer or something cannot be removed: all else is done.
    """
    with console.phase("look"):
        plan = look(order, account=account)
    plan.show()
    failures, lost = dict(plan.failures), plan.lost
    if lost and order.is_unknown_too and not is_dry:
        raise lost_catalog.refusal(lost, is_rehearsal=account.is_rehearsal)
    for image in lost:
        way = lost_catalog.rebuilding(image, is_rehearsal=account.is_rehearsal)
        console.say(f"the catalog of {image} is empty, and there are releases of it: {way}  (makes it again)")
    if is_dry:
        console.say("nothing was changed")
    else:
        with console.phase("prune"):
            failures |= _carry_out(plan, account=account, console=console)
    if failures:
        told = publish.NotDoneError(failures)
        raise BakeryError(told.message, hint=told.hint)


def look(order: Order, *, account: Account) -> Plan:
    """Return what would be done; nothing is changed.

    Raises BakeryError (exit code 2) for an unknown image or region, and when there is no region to look in.
    """
    subjects = [_subject(name, order, account) for name in order.images or layers.names()]
    places, failures = _places(order, subjects, account=account)
    ids = frozenset(
        placed.image_id for one in subjects for release in one.known.releases for placed in release.places.values()
    )
    question = Question(
        pointers=[retention.latest_pointer(one.definition, arch) for one in subjects for arch in one.arches],
        templates=frozenset(one.definition.aws.launch_template for one in subjects),
    )
    asked = everywhere(places, lambda place: place.inventory(question))
    answers: Answers = {**asked, **failures}
    now = datetime.now(UTC)
    strangers = [
        *retention.unknown(answers, known_ids=ids, names=order.images, is_removed=order.is_unknown_too, now=now)
    ]
    known = [verdict for one in subjects for verdict in retention.verdicts(one, answers, now=now)]
    return Plan(
        verdicts=[*known, *strangers],
        leftovers=[
            leftover
            for answer in answers.values()
            if isinstance(answer, Inventory)
            for leftover in leftovers.find(answer, now=now, is_now=order.is_now)
        ],
        failures=failed(answers),
        lost=lost_catalog.find(subjects, strangers),
    )


def _subject(name: str, order: Order, account: Account) -> Subject:
    definition = layers.whole(name)
    known = catalog.read(name, is_rehearsal=account.is_rehearsal)
    return Subject(definition=definition, known=known, keep=order.keep or definition.releases.keep)


def _places(
    order: Order, subjects: Iterable[Subject], *, account: Account
) -> tuple[Sequence[Place], dict[str, BakeryError]]:
    """Return the places to look in, and those of the catalog and the definitions that the account cannot use."""
    if order.regions:
        return account.require(order.regions), {}
    names: set[str] = set()
    for subject in subjects:
        names |= {*subject.definition.places, *(name for one in subject.known.releases for name in one.places)}
    if not names:
        raise impossible("nothing was baked in a region yet", hint=NOWHERE)
    closed = account.closed(names)
    return account.require(sorted(names - {*closed})), closed


def _carry_out(plan: Plan, *, account: Account, console: Console) -> dict[str, BakeryError]:
    """Remove what goes, in all regions at the same time; return why some of it is still there."""
    failures: dict[str, BakeryError] = {}
    for is_source in (False, True):

        def act(place: Place, *, is_source: bool = is_source) -> None:
            _clear(place, plan, is_source=is_source, console=console)

        outcomes = everywhere(account.require(plan.regions), act)
        for name, outcome in outcomes.items():
            if outcome is not None:
                console.say(f"{name}: failed: {outcome.within(name)}")
                before = f"{failures[name].message}\n  " if name in failures else ""
                failures[name] = BakeryError(f"{before}{outcome.message}", hint=outcome.hint)
    return failures


def _clear(place: Place, plan: Plan, *, is_source: bool, console: Console) -> None:
    """Remove what goes in one place: the copies and what killed runs have left, or else what copies were made of."""
    errors: list[BakeryError] = []
    left = [one for one in plan.leftovers if one.region == place.name and not is_source]
    going = [one for one in plan.verdicts if one.region == place.name and not one.stays and one.is_source is is_source]
    # What a run before this one has begun comes first.
    queue: list[Leftover | Verdict] = [*left, *sorted(going, key=lambda verdict: not verdict.is_begun)]
    for one in queue:
        try:
            console.say(f"{place.name}: {_end(place, one, console=console)}")
        except BakeryError as error:
            if isinstance(error, RefusedError) and error.is_unanswered:
                raise
            errors.append(error)
    if errors:
        raise BakeryError("\n  ".join(error.message for error in errors), hint=errors[0].hint)


def _end(place: Place, one: Leftover | Verdict, *, console: Console) -> str:
    """Remove one thing and return what became of it, in words."""
    if isinstance(one, Leftover):
        until, what = leftovers.remove(place, one), f"{one.kind} {one.id}"
    else:
        until, what = "", f"{one.image} {one.release} ({one.image_id})"
        known = catalog.read(one.image, is_rehearsal=place.is_rehearsal) if one.is_known else None
        others = _other_places(known, one) if known and one.is_source else []
        if others:
            return f"{what} stays until it is gone from {', '.join(others)}"
        if one.found is None:
            place.forget(one.pointer, image_id=one.image_id)
        else:
            until = place.remove_image(one.found, pointer=one.pointer)
        if known and not until:
            is_rehearsal = place.is_rehearsal
            catalog.change(
                one.image,
                lambda now: _forget(now, one, is_rehearsal=is_rehearsal),
                is_rehearsal=is_rehearsal,
                console=console,
            )
    return f"{what} is protected and can be removed after {until}" if until else f"removed {what}"


def _other_places(known: Catalog, verdict: Verdict) -> list[str]:
    return [
        name
        for release in known.releases
        if (release.release, release.arch) == (verdict.release, verdict.arch)
        for name in release.places
        if name != verdict.region and release.origin(name) == verdict.region
    ]


def _forget(known: Catalog, verdict: Verdict, *, is_rehearsal: bool) -> Catalog:
    """Return the catalog without one place; what is known of a release's blocks goes before the release does."""
    left = _without(known, verdict)
    stays = {(one.release, one.arch) for one in left.releases}
    for one in known.releases:
        if (one.release, one.arch) not in stays:
            digests.remove(catalog.digests_of(verdict.image, one.release, one.arch, is_rehearsal=is_rehearsal))
            kept.remove(kept.of_release(verdict.image, one.release, one.arch, is_rehearsal=is_rehearsal))
    return left


def _without(known: Catalog, verdict: Verdict) -> Catalog:
    """Return the catalog without one place, and without the release when that was its last one."""
    for release in known.releases:
        if (release.release, release.arch) == (verdict.release, verdict.arch):
            places = {name: placed for name, placed in release.places.items() if placed.image_id != verdict.image_id}
            return (
                known.with_release(release.model_copy(update={"places": places})) if places else known.without(release)
            )
    return known


def _cells(verdict: Verdict) -> tuple[str, ...]:
    word, why = ("stays", "; ".join(verdict.reasons)) if verdict.stays else ("goes", _why_it_goes(verdict))
    return verdict.image, verdict.release, verdict.arch, verdict.region, verdict.image_id, word, why


def _why_it_goes(verdict: Verdict) -> str:
    if verdict.is_begun:
        return "an earlier run began to remove it"
    if verdict.found is None:
        return "only the catalog has it"
    return "old, and nobody uses it" if verdict.is_known else "not in this catalog, and nobody uses it"
