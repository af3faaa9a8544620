"""The story of publishing: bring a verified release to its regions.

Every place is recorded as soon as it is done; one that fails never harms another; the next run goes on from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.cloud import converging
from bakery.cloud.place import gone
from bakery.cloud.reconcile import Seen, Wanted
from bakery.clouds.aws import desired, overtaking, published
from bakery.clouds.aws.account import Account, ApiError, Region
from bakery.clouds.aws.place import AwsPlace
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, ExitCode, impossible
from bakery.core.parallel import everywhere
from bakery.definition import layers
from bakery.definition.aws_regions import REGIONS
from bakery.definition.model import Definition


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

    def wanted(self, region: str, *, is_latest: bool) -> Wanted:
        """Return what the release should be in a region."""
        return desired.of(self.release, self.definition, region=region, is_latest=is_latest)


def choose(order: Order, *, is_rehearsal: bool) -> Subject:
    """Return the release and the regions that an order means.

    Raises BakeryError (exit code 2) for a release that is not in the catalog or did not pass verification.
    """
    definition = layers.whole(order.image)
    known = catalog.read(order.image, is_rehearsal=is_rehearsal)
    arch = definition.arch
    release = known.find(order.release, arch) if order.release else known.newest(arch)
    if release.verified_at is None:
        hint = f"./inv bake --image {order.image} --region {release.baked_in}  (verifies it first)"
        raise impossible(f"{order.image} {release.release} was not verified yet", hint=hint)
    desired.require_readable(definition, order.regions)
    asked = order.regions or (*definition.aws.regions, *release.places)
    return Subject(definition=definition, release=release, regions=tuple(dict.fromkeys((release.baked_in, *asked))))


def publish(order: Order, *, account: Account, console: Console) -> Release:
    """Bring a release to its regions; return it with its id in each.

    Raises BakeryError: exit code 2 for what cannot be asked for, 1 when a region is not done: the others are, and the
    catalog has them.
    """
    subject = choose(order, is_rehearsal=account.is_rehearsal)
    account.require(subject.regions)
    catalog.require_writable(order.image, is_rehearsal=account.is_rehearsal, console=console)
    with console.phase("publish"):
        require_source(subject, account=account, console=console)
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
    regions = account.require([*subjects])
    wanted = {name: one.wanted(name, is_latest=name in latest) for name, one in subjects.items()}

    def act(region: Region) -> Seen:
        place = AwsPlace(region=region)
        return converging.converge(place, wanted[region.name], say=lambda text: console.say(f"{region.name}: {text}"))

    def record(region: Region, outcome: Seen | BakeryError) -> None:
        if isinstance(outcome, BakeryError):
            console.say(f"{region.name}: failed: {outcome.message}")
            return
        subject, image_id = subjects[region.name], outcome.image_id
        catalog.change(
            subject.definition.name,
            lambda known: edit(_with_place(known, subject.release, region.name, image_id=image_id), region.name),
            is_rehearsal=account.is_rehearsal,
            console=console,
        )

    outcomes = everywhere(regions, act, on_done=record)
    done = {one: (wanted[one.name], seen) for one in regions if isinstance(seen := outcomes[one.name], Seen)}
    moved = {one: told for one, told in done.items() if one.name in latest}
    _report(subjects, {**outcomes, **overtaking.failures(moved)})


def require_source(subject: Subject, *, account: Account, console: Console) -> None:
    """Raise BakeryError (exit code 2) when the image that copies are made of is not there any more.

    Where its region does not answer, the others may have their copies already: each then tells for itself.
    """
    release = subject.release
    wanted = subject.wanted(release.baked_in, is_latest=False)
    try:
        found = published.find(account.region(release.baked_in), name=wanted.name)
    except ApiError as error:
        if not error.is_unanswered:
            raise
        console.say(f"{error.message}: the others go on without it")
        return
    if found is None:
        raise gone(wanted)


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
    failures = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, BakeryError)}
    if failures:
        raise refusal(failures)


def _row(name: str, outcome: Seen | BakeryError) -> tuple[str, str, str, str]:
    if isinstance(outcome, BakeryError):
        return name, REGIONS.get(name, ""), "", outcome.message
    return name, REGIONS.get(name, ""), outcome.image_id, "done"


def refusal(failures: Mapping[str, BakeryError]) -> BakeryError:
    """Return the one error of many regions; its exit code is theirs when they agree, else 1."""
    codes = {error.exit_code for error in failures.values()}
    hints = dict.fromkeys(error.hint for error in failures.values() if error.hint)
    listed = "\n".join(f"  {error.message}" for error in failures.values())
    what = f"{len(failures)} region{'s are' if len(failures) > 1 else ' is'} not done:\n{listed}"
    return BakeryError(what, hint="; ".join(hints), exit_code=codes.pop() if len(codes) == 1 else ExitCode.FAILED)
