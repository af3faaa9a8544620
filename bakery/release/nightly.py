"""The story of a night: each image is planned, baked if anything changed, verified, published, promoted and pruned.

All of it is done by the other stories, which converge: what a night did not finish, the next one carries on. An image
that fails harms no other, and its `latest` stays where it is.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bakery.core import folders
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, ExitCode, impossible
from bakery.definition import bases, layers
from bakery.guests import accelerator
from bakery.places.account import Account
from bakery.release import changes, prune
from bakery.release.changes import MAX_AGE_DAYS, Change, Layer
from bakery.release.here import Here
from bakery.release.night import COLUMNS, Night, State, markdown, moved, refusal
from bakery.release.there import There
from bakery.sources import movers
from bakery.sources.movers import Answers, Installed

__all__ = ["MAX_AGE_DAYS", "Doors", "Order", "nightly", "require_done", "show"]

Way = Here | There
"""Where an image is baked, and how."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; empty: every image there is, in the places of its definition or else on this machine."""

    images: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    base: str = ""
    accelerator: str = "auto"
    max_age_days: int = MAX_AGE_DAYS
    is_dry: bool = False
    is_promoted: bool = True
    is_each_verified: bool = False
    """Whether machines are judged in every place, and not only where the image was baked."""


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What a night is given by whoever may open it."""

    account: Callable[[Sequence[str]], Account]
    """Opens the account for these places; not called where everything is baked on this machine."""
    before_bake: Callable[[str], None] = lambda _image: None
    """Called before an image is baked in a cloud."""
    is_rehearsal: bool = False


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What is known of one image before anything is done about it."""

    way: Way
    layers: Sequence[Layer] = ()
    failure: BakeryError | None = None


def lock_file() -> Path:
    """Return the file that the one night that goes on holds."""
    return folders.build_dir("nightly").parent.with_name(".nightly.lock")


def nightly(order: Order, *, doors: Doors, console: Console) -> list[Night]:
    """Do what has to be done for each image, and return what became of it.

    Raises BakeryError: exit code 2 for what cannot be asked for, 5 when another night goes on here. What fails for one
    image is in its Night.
    """
    with folders.alone(lock_file(), what="a nightly"):
        ways = _ways(order, doors=doors)
        with console.phase("plan"):
            outlooks = [_outlook(way) for way in ways]
            answers = movers.ask(layer.demand for one in outlooks for layer in one.layers)
        nights: list[Night] = []
        for one in outlooks:
            is_late = any(night.state is State.BAKED for night in nights)
            nights.append(_night(one, order, answers=answers, is_late=is_late, console=console))
        if not order.is_dry:
            nights = _pruned(nights, ways, order, console=console)
        return nights


def _ways(order: Order, *, doors: Doors) -> list[Way]:
    """Return where each image is baked, the layers below others first.

    Raises BakeryError for what was asked for all of them and cannot be: one line, where each would fail by itself.
    """
    accelerator.require_choice(order.accelerator)
    if order.base:
        bases.base(order.base)
    names = order.images or tuple(layers.names())
    depth = {name: len(layers.chain(name)) for name in names}
    places = {
        name: order.places or layers.whole(name).places for name in sorted(names, key=lambda one: (depth[one], one))
    }
    homeless = [name for name, there in places.items() if not there]
    if homeless and doors.is_rehearsal:
        raise impossible(
            f"{homeless[0]} is for no region, and a rehearsal is of regions",
            hint="--region eu-west-2, or no --rehearse",
        )
    every = tuple(dict.fromkeys(place for there in places.values() for place in there))
    account = doors.account(every) if every else None
    if account is not None:
        account.require(order.places)
    return [_way(name, there, order, doors=doors, account=account) for name, there in places.items()]


def _way(name: str, places: tuple[str, ...], order: Order, *, doors: Doors, account: Account | None) -> Way:
    if not places or account is None:
        return Here(image=name, base=order.base, accelerator=order.accelerator)
    return There(
        image=name,
        places=places,
        account=account,
        base=order.base,
        asked=order.places,
        is_promoted=order.is_promoted,
        is_each_verified=order.is_each_verified,
        before_bake=doors.before_bake,
    )


def _outlook(way: Way) -> Outlook:
    try:
        return Outlook(way=way, layers=way.look())
    except (BakeryError, OSError) as error:
        return Outlook(way=way, failure=_failure(error))


def _failure(error: BakeryError | OSError) -> BakeryError:
    """Return why an image failed: what the system refuses it, it may give to another."""
    if isinstance(error, BakeryError):
        return error
    return folders.complaint(error) or BakeryError(str(error))


def _night(outlook: Outlook, order: Order, *, answers: Answers, is_late: bool, console: Console) -> Night:
    """Do what has to be done for one image; what fails is told, and is no error here.

    *is_late*: another image's turn has baked what may be a layer of this one.
    """
    way = outlook.way
    night = Night(image=way.image, place=way.place)
    try:
        if outlook.failure is not None:
            raise outlook.failure
        seen = way.look() if is_late else outlook.layers
        found = changes.of_layers(seen, answers=answers, now=datetime.now(UTC), max_age_days=order.max_age_days)
        last = seen[-1].last
        night = replace(night.planned(found), release=last.release if last else "")
        console.say(night.line)
        if order.is_dry:
            return night
        if night.state is State.DUE:
            night = _baked(night, way, found, before=last.packages if last else None, console=console)
        return night.noted(*way.settle(night.release, console=console)) if isinstance(way, There) else night
    except (BakeryError, OSError) as error:
        failure = _failure(error)
        console.say(f"{way.image}: failed: {failure.message}")
        return night.failed(failure)


def _baked(
    night: Night, way: Way, found: Sequence[Change], *, before: Sequence[Installed] | None, console: Console
) -> Night:
    """Bake every layer that is due, and return the night with what has moved in truth."""
    notes = []
    release = ""
    for change in found:
        if change.is_any:
            release, is_flaky = _bake(way, change, console=console)
            notes += [f"{change.layer} passed at the second try only: flaky"] if is_flaky else []
    after = way.packages(release)
    moves = night.moves
    if before is not None and after is not None:
        moves = moved(before, after, expected=night.moves)
        left = [move for move in night.moves if (move.name, move.now) not in {(one.name, one.now) for one in moves}]
        if left:
            notes.append(f"did not move: {', '.join(move.line for move in left)}")
    return replace(night, state=State.BAKED, release=release, moves=moves).noted(*notes)


def _bake(way: Way, change: Change, *, console: Console) -> tuple[str, bool]:
    """Bake one layer, once more where it does not pass; return the release, and whether that was needed."""
    try:
        return way.bake(change.layer, is_forced=change.is_forced, console=console), False
    except BakeryError as error:
        if error.exit_code is not ExitCode.REJECTED:
            raise
        console.say(f"{change.layer} did not pass, and is tried once more: {error.message}")
    is_forced = change.is_forced and not way.keeps_rejected
    return way.bake(change.layer, is_forced=is_forced, console=console), True


def _pruned(nights: Sequence[Night], ways: Sequence[Way], order: Order, *, console: Console) -> list[Night]:
    """Remove what is old of the images that are in a cloud; what goes wrong counts for those of them."""
    there = [way for way in ways if isinstance(way, There)]
    done = [way for way, night in zip(ways, nights, strict=True) if way in there and night.failure is None]
    if not done:
        return [*nights]
    wanted = prune.Order(images=tuple(way.image for way in done), regions=order.places)
    try:
        # Its table is this command's talk, not its result.
        with redirect_stdout(sys.stderr):
            prune.prune(wanted, account=done[0].account, console=console, is_dry=False)
    except (BakeryError, OSError) as error:
        why = _failure(error)
        failed = BakeryError(f"nothing or not all was pruned: {why.message}", hint=why.hint, exit_code=why.exit_code)
        names = {way.image for way in done}
        return [night.failed(failed) if night.image in names else night for night in nights]
    return [*nights]


def show(nights: Sequence[Night], *, is_rehearsal: bool, console: Console) -> None:
    """Print what became of each image, on stdout, and add it to the page of a run of GitHub's where this is one.

    A page that cannot be written is told, and no more: what was baked is still to be committed.
    """
    title = "a night of a rehearsal" if is_rehearsal else "the night"
    table(title, COLUMNS, [night.row for night in nights], to_stdout=True)
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        try:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(markdown(nights, title=title))
        except OSError as error:
            console.say(f"GITHUB_STEP_SUMMARY: {page}: {error.strerror}: the night is not on that page")


def require_done(nights: Sequence[Night]) -> None:
    """Raise BakeryError when an image failed; its exit code is theirs when they agree, else 1."""
    error = refusal(nights)
    if error is not None:
        raise error
