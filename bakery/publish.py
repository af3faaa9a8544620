"""The story of publishing: bring a verified release to its regions, point `latest` at it, and back again.

Every place is recorded as soon as it is done; one that fails never harms another; the next run goes on from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bakery import ami, catalog, images
from bakery.ami import Wanted
from bakery.catalog import Catalog, Placed, Release
from bakery.clouds import converging, published
from bakery.clouds.acts import gone
from bakery.clouds.aws import Account, Region
from bakery.console import Console, table
from bakery.definition import Definition
from bakery.differences import Seen
from bakery.errors import BakeryError, ExitCode, impossible
from bakery.parallel import everywhere
from bakery.places import REGIONS


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
        return ami.wanted(self.release, self.definition, region=region, is_latest=is_latest)


def choose(order: Order, *, is_rehearsal: bool) -> Subject:
    """Return the release and the regions that an order means.

    Raises BakeryError (exit code 2) for a release that is not in the catalog or did not pass verification.
    """
    definition = images.whole(order.image)
    known = catalog.read(order.image, is_rehearsal=is_rehearsal)
    arch = definition.arch
    release = known.find(order.release, arch) if order.release else known.newest(arch)
    if release.verified_at is None:
        hint = f"./inv bake --image {order.image} --region {release.baked_in}  (verifies it first)"
        raise impossible(f"{order.image} {release.release} was not verified yet", hint=hint)
    asked = order.regions or (*definition.aws.regions, *release.places)
    return Subject(definition=definition, release=release, regions=tuple(dict.fromkeys((release.baked_in, *asked))))


def publish(order: Order, *, account: Account, console: Console) -> Release:
    """Bring a release to its regions; return it with its id in each.

    Raises BakeryError: exit code 2 for what cannot be asked for, 1 when a region is not done: the others are, and the
    catalog has them.
    """
    subject = choose(order, is_rehearsal=account.is_rehearsal)
    with console.phase("publish"):
        _bring(subject, account=account, console=console, is_latest=False)
    return catalog.read(order.image, is_rehearsal=account.is_rehearsal).find(
        subject.release.release, subject.release.arch
    )


def promote(order: Order, *, account: Account, console: Console) -> Release:
    """Point `latest` at a release in each of its regions, which are brought up to what they should be first.

    Raises BakeryError like `publish`; `latest` stays where it was in a region that is not done.
    """
    subject = choose(order, is_rehearsal=account.is_rehearsal)
    with console.phase("promote"):
        _bring(subject, account=account, console=console, is_latest=True)
        return _point_latest(subject, promoted_at=datetime.now(UTC), account=account, console=console)


def rollback(order: Order, *, account: Account, console: Console) -> Release:
    """Point `latest` at the release that was promoted before the one it points at now.

    Raises BakeryError: exit code 2 when there is none, else like `promote`.
    """
    known = catalog.read(order.image, is_rehearsal=account.is_rehearsal)
    arch = images.whole(order.image).arch
    before = known.previous(arch)
    chosen = Order(image=order.image, release=before.release, regions=order.regions)
    subject = choose(chosen, is_rehearsal=account.is_rehearsal)
    console.say(f"latest is {known.latest[arch]}: back to {before.release}")
    with console.phase("rollback"):
        _bring(subject, account=account, console=console, is_latest=True)
        # Its own date stays, so that the next rollback goes one further back.
        return _point_latest(subject, promoted_at=before.promoted_at, account=account, console=console)


def _bring(subject: Subject, *, account: Account, console: Console, is_latest: bool) -> None:
    """Converge all regions at the same time, and tell how each went."""
    regions = account.require(subject.regions)
    _require_source(subject, account=account)

    def act(region: Region) -> Seen:
        wanted = subject.wanted(region.name, is_latest=is_latest)
        return converging.converge(region, wanted, say=lambda text: console.say(f"{region.name}: {text}"))

    def record(region: Region, outcome: Seen | BakeryError) -> None:
        if isinstance(outcome, BakeryError):
            console.say(f"{region.name}: failed: {outcome.message}")
            return
        _record_place(subject, region.name, outcome.image_id, account=account, console=console)

    _report(subject, everywhere(regions, act, on_done=record))


def _require_source(subject: Subject, *, account: Account) -> None:
    """Raise BakeryError (exit code 2) when the image that copies are made of is not there any more."""
    release = subject.release
    wanted = subject.wanted(release.baked_in, is_latest=False)
    if published.find(account.region(release.baked_in), name=wanted.name) is None:
        raise gone(wanted)


def _record_place(subject: Subject, region: str, image_id: str, *, account: Account, console: Console) -> None:
    def edit(known: Catalog) -> Catalog:
        release = known.find(subject.release.release, subject.release.arch)
        if region in release.places and release.places[region].image_id == image_id:
            return known
        placed = Placed(image_id=image_id, published_at=datetime.now(UTC).replace(microsecond=0))
        places = dict(sorted({**release.places, region: placed}.items()))
        return known.with_release(release.model_copy(update={"places": places}))

    catalog.change(subject.definition.name, edit, is_rehearsal=account.is_rehearsal, console=console)


def _point_latest(subject: Subject, *, promoted_at: datetime | None, account: Account, console: Console) -> Release:
    def edit(known: Catalog) -> Catalog:
        release = known.find(subject.release.release, subject.release.arch)
        moved = known.with_release(release.model_copy(update={"promoted_at": promoted_at}))
        return moved.model_copy(update={"latest": {**moved.latest, release.arch: release.release}})

    changed = catalog.change(subject.definition.name, edit, is_rehearsal=account.is_rehearsal, console=console)
    return changed.find("latest", subject.release.arch)


def _report(subject: Subject, outcomes: Mapping[str, Seen | BakeryError]) -> None:
    """Show how each region went, and raise when one is not done."""
    table(
        f"{subject.definition.name} {subject.release.release}",
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
