"""The story of `latest`: point it at a release, and bring it back to the one that was there before.

Each region is recorded as it is done, and what was asked for stays on record until it is: a run that was killed, or a
region that does not answer, never makes another region's past unclear.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.catalog.promotions import History
from bakery.contents import changelog
from bakery.core.console import Console
from bakery.core.errors import impossible
from bakery.definition import layers
from bakery.definition.bases import Arch
from bakery.places.account import Account
from bakery.release import publish
from bakery.release.publish import Order, Subject


def promote(order: Order, *, account: Account, console: Console) -> Release:
    """Point `latest` at a release in each of its regions, which are brought up to what they should be first.

    One that was asked for by name is not marked as bad any more. Raises BakeryError like `publish`, and (exit code 2)
    where it is the newest that is marked so; `latest` stays where it was in a region that is not done.
    """
    subject = publish.choose(order, account=account)
    _require_good(subject, order)
    regions = order.regions or _own_regions(subject, is_rehearsal=account.is_rehearsal)
    account.require((*subject.regions, *regions))
    name, arch = subject.release.release, subject.release.arch

    def begin(history: History) -> History:
        is_everywhere, now = not order.regions, datetime.now(UTC).replace(microsecond=0)
        return promotions.begin(history, name, regions, now=now, is_everywhere=is_everywhere)

    def finish(known: Catalog, region: str) -> Catalog:
        return known.with_history(arch, promotions.finish(known.history(arch), name, region))

    with (
        console.phase("promote"),
        catalog.moving_latest(order.image, is_rehearsal=account.is_rehearsal, console=console),
    ):
        subject = publish.require_source(subject, account=account, console=console)
        catalog.change(
            order.image,
            lambda known: known.with_history(arch, begin(known.history(arch))).with_bad([name], arch, since=None),
            is_rehearsal=account.is_rehearsal,
            console=console,
        )
        # The region that copies come from is converged too, even where its `latest` is not asked for.
        subjects = dict.fromkeys((*subject.regions, *regions), subject)
        publish.bring(subjects, account=account, console=console, latest=frozenset(regions), edit=finish)
    changelog.write(order.image, is_rehearsal=account.is_rehearsal, console=console)
    return catalog.read(order.image, is_rehearsal=account.is_rehearsal).find(name, arch)


def _require_good(subject: Subject, order: Order) -> None:
    since, name = subject.release.bad_since, subject.release.release
    if since is not None and not order.release:
        raise impossible(
            f"{order.image} {name}, the newest, is marked as bad since {since:%Y-%m-%d %H:%M} UTC",
            hint=f"./inv promote --release {name} --image {order.image}  (takes the mark off), or another release",
        )


def _own_regions(subject: Subject, *, is_rehearsal: bool) -> tuple[str, ...]:
    """Return the regions of a release, and those where an earlier promote of it was not finished."""
    known = catalog.read(subject.definition.name, is_rehearsal=is_rehearsal)
    history = known.history(subject.release.arch)
    unfinished = [name for one in history[-1:] if one.release == subject.release.release for name in one.missing]
    return tuple(dict.fromkeys((*subject.regions, *unfinished)))


def rollback(order: Order, *, account: Account, console: Console) -> list[Release]:
    """Point `latest` back at the release that was whole before, in each region that the last promotion reached.

    What it is taken off is marked as bad, so that no nightly promotes the like of it. Return the releases that it
    names now, each in the places that were moved; all are one but where regions never had the same. Raises BakeryError:
    exit code 2 when there is nothing to go back to, else like `promote`.
    """
    definition = layers.whole(order.image)
    account.require(order.regions)
    with (
        console.phase("rollback"),
        catalog.moving_latest(order.image, is_rehearsal=account.is_rehearsal, console=console),
    ):
        known = catalog.read(order.image, is_rehearsal=account.is_rehearsal)
        ways = known.ways_back(definition.arch, order.regions)
        subjects = {
            name: Subject(definition=definition, release=release, regions=(name,)) for name, release in ways.items()
        }
        account.require([*subjects])
        for release in {release.release: release for release in ways.values()}.values():
            there = [name for name, to in ways.items() if to.release == release.release]
            _tell(known, release, there, console=console)
            subject = Subject(definition=definition, release=release, regions=tuple(there))
            subject = publish.require_source(subject, account=account, console=console)
            subjects |= {name: replace(subjects[name], release=subject.release) for name in there}
        _go(subjects, arch=definition.arch, account=account, console=console)
    changelog.write(order.image, is_rehearsal=account.is_rehearsal, console=console)
    now = catalog.read(order.image, is_rehearsal=account.is_rehearsal)
    return [_only_in(now.find(name, definition.arch), ways) for name in {one.release for one in ways.values()}]


def _tell(known: Catalog, release: Release, regions: list[str], *, console: Console) -> None:
    latest = {name: promotions.current(known.history(release.arch), name) for name in regions}
    for was in dict.fromkeys(latest.values()):
        where = ", ".join(name for name in regions if latest[name] == was)
        console.say(f"latest is {was or 'nothing'} in {where}: back to {release.release}")


def _go(subjects: Mapping[str, Subject], *, arch: Arch, account: Account, console: Console) -> None:
    ways = {name: subject.release.release for name, subject in subjects.items()}
    (image,) = {subject.definition.name for subject in subjects.values()}
    now = datetime.now(UTC)

    def begin(known: Catalog) -> Catalog:
        history = known.history(arch)
        left = {promotions.current(history, name) for name in ways} - {"", *ways.values()}
        return known.with_history(arch, promotions.leave(history, ways)).with_bad(left, arch, since=now)

    def finish(known: Catalog, region: str) -> Catalog:
        return known.with_history(arch, promotions.finish_rollback(known.history(arch), region))

    catalog.change(image, begin, is_rehearsal=account.is_rehearsal, console=console)
    publish.bring(subjects, account=account, console=console, latest=frozenset(ways), edit=finish)


def _only_in(release: Release, ways: Mapping[str, Release]) -> Release:
    regions = [name for name, to in ways.items() if to.release == release.release]
    return release.model_copy(update={"places": {name: release.places[name] for name in regions}})
