"""Which packages a bake would install in another version than an image has, by the archives' lists: no guest, no root.

Whoever does not answer is said to be silent; what apt would refuse for its dates is refused here, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from bakery.core import http
from bakery.core.http import DEADLINE_S, Answer, Source
from bakery.sources.index import SilentError, lists_of, offered
from bakery.sources.offers import Archive, Pin, archives_of, pins_of
from bakery.sources.packages import asked_packages
from bakery.sources.preflight import Demand
from bakery.sources.version import Key, sort_key

Answers = Mapping[str, Answer]
"""What each archive has answered, by the address of its Release file."""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A package as an image has it."""

    name: str
    version: str
    arch: str = "amd64"


@dataclass(frozen=True, kw_only=True)
class Move:
    """A package that a bake would install in another version, or has."""

    name: str
    before: str
    """The version that an image has, empty when it has none."""
    now: str
    """The other one, empty when there is none any more."""
    is_security: bool = False

    @property
    def line(self) -> str:
        """Return it in words."""
        mark = " (security)" if self.is_security else ""
        return f"{self.name} {self.before or 'none'} → {self.now or 'none'}{mark}"


def ask(demands: Iterable[Demand], *, deadline_s: float = DEADLINE_S) -> Answers:
    """Ask the archives of all demands for their Release files, each once and all at the same time."""
    wanted = {
        one.source.release_url: Source(name=one.name, url=one.source.release_url, needed_for="packages")
        for demand in demands
        for one in archives_of(demand)
    }
    return {answer.source.url: answer for answer in http.ask([*wanted.values()], deadline_s=deadline_s)}


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """What a bake now would make of the packages that an image has, as far as archives and definition tell."""

    moves: Sequence[Move]
    added: Sequence[Move] = ()
    """What the definition asks for and the image does not have."""
    unoffered: Sequence[Installed] = ()
    """What the image has and no archive has any more, in any version."""
    lacking: Sequence[str] = ()
    """What the definition asks for and no archive has by that name."""


def find(
    installed: Sequence[Installed], demand: Demand, *, answers: Answers, now: datetime | None = None
) -> list[Move]:
    """Return the packages that would move, sorted by name, those of security updates first.

    Raises SilentError where an archive does not answer or no address of one is known, and BakeryError (exit code 3)
    for one that is broken, stale or from the future: a bake would fail there.
    """
    shelves = _shelves({one.name for one in installed}, demand, answers=answers, now=now)
    moves = _moves(installed, shelves, pins=pins_of(demand.image, demand.base))
    # A pin that takes a package back is a change of the definition, which is seen by its fingerprint.
    return [move for move in moves if sort_key(move.now) > sort_key(move.before)]


def foresee(
    installed: Sequence[Installed], demand: Demand, *, answers: Answers, now: datetime | None = None
) -> Prospect:
    """Return what would become of an image's packages, also where a pin takes one back; raises like `find`."""
    having = {one.name for one in installed}
    asked = [word.partition("=")[0] for word in asked_packages(demand.image, demand.base)]
    new = sorted({*asked} - having)
    shelves = _shelves({*having, *new}, demand, answers=answers, now=now)
    pins = pins_of(demand.image, demand.base)
    coming = {name: _best(_ranks(name, shelves, pins=pins)) for name in new}
    return Prospect(
        moves=_moves(installed, shelves, pins=pins),
        added=[Move(name=name, before="", now=best.version) for name, best in coming.items() if best],
        unoffered=[one for one in installed if not any(one.name in versions for _, versions in shelves)],
        lacking=[name for name, best in coming.items() if not best],
    )


def _shelves(names: set[str], demand: Demand, *, answers: Answers, now: datetime | None) -> "Shelves":
    archives = archives_of(demand)
    if all(one.is_vendor for one in archives):
        raise SilentError(f"no archive of {demand.base.name} is known on this machine")
    silent = [f"{one.name} ({answers[one.source.release_url].problem})" for one in archives if not _is_ok(one, answers)]
    if silent:
        raise SilentError(f"no answer from {', '.join(silent)}")
    when = now or datetime.now(UTC)
    bodies = {one.source: answers[one.source.release_url].body for one in archives}
    lists = {source: lists_of(source, body, arch=demand.arch, now=when) for source, body in bodies.items()}
    return [(one, offered(lists[one.source], of=names)) for one in archives]


def _moves(installed: Sequence[Installed], shelves: "Shelves", *, pins: Sequence[Pin]) -> list[Move]:
    found = [move for one in installed if (move := _move(one, shelves, pins=pins)) is not None]
    return sorted(found, key=lambda move: (not move.is_security, move.name))


def _is_ok(archive: Archive, answers: Answers) -> bool:
    return answers[archive.source.release_url].is_ok


Shelves = Sequence[tuple[Archive, Mapping[str, Sequence[str]]]]
"""Each archive with the versions that it has of each package."""


def _move(one: Installed, shelves: Shelves, *, pins: Sequence[Pin]) -> Move | None:
    """Return where apt would move a package to; None where it stays."""
    ranks = _ranks(one.name, shelves, pins=pins)
    itself = _PINNED if _is_pinned(one.name, one.version, pins) else _BESIDE
    ranks[one.version] = max(itself, ranks.get(one.version, 0))
    own = sort_key(one.version)
    # apt goes back to an older version for a pin alone.
    best = _best({version: rank for version, rank in ranks.items() if rank == _PINNED or sort_key(version) >= own})
    assert best
    if best.key == own:
        return None
    urgent = [
        sort_key(version)
        for archive, versions in shelves
        if archive.is_security
        for version in versions.get(one.name, ())
    ]
    is_security = any(own < found <= best.key for found in urgent)
    return Move(name=one.name, before=one.version, now=best.version, is_security=is_security)


class _Best(NamedTuple):
    rank: int
    key: Key
    version: str


def _ranks(name: str, shelves: Shelves, *, pins: Sequence[Pin]) -> dict[str, int]:
    """Return each version that is offered of a package with its priority."""
    found: dict[str, int] = {}
    for archive, versions in shelves:
        for version in versions.get(name, ()):
            rank = _PINNED if _is_pinned(name, version, pins) else _rank(archive, name)
            found[version] = max(rank, found.get(version, 0))
    return found


def _best(ranks: Mapping[str, int]) -> _Best | None:
    """Return what apt would take of versions with their priorities; None of none."""
    return max((_Best(rank, sort_key(version), version) for version, rank in ranks.items()), default=None)


_PINNED, _USUAL, _BESIDE = 1001, 500, 100
"""Priorities as apt_preferences(5) has them: of what steps pin, of archives, and of what is installed or a vendor's."""


def _rank(archive: Archive, name: str) -> int:
    if archive.own is None:
        return _USUAL
    return _PINNED if name in archive.own else _BESIDE


def _is_pinned(name: str, version: str, pins: Sequence[Pin]) -> bool:
    return any(pin.holds(name) and fnmatchcase(version, pin.version) for pin in pins)
