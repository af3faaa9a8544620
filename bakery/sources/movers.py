"""Which packages a bake would install in another version than an image has, by the archives' lists: no guest, no root.

Whoever does not answer is said to be silent; what apt would refuse for its dates is refused here, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from bakery.core import http
from bakery.core.errors import missing
from bakery.core.http import DEADLINE_S, Answer, Source
from bakery.sources import release_file
from bakery.sources.index import PackageList, SilentError, offered, package_lists
from bakery.sources.offers import Archive, Pin, archives_of, pins_of
from bakery.sources.preflight import Demand
from bakery.sources.version import sort_key

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


def find(
    installed: Sequence[Installed], demand: Demand, *, answers: Answers, now: datetime | None = None
) -> list[Move]:
    """Return the packages that would move, sorted by name, those of security updates first.

    Raises SilentError where an archive does not answer or no address of one is known, and BakeryError (exit code 3)
    for one that is broken, stale or from the future: a bake would fail there.
    """
    archives = archives_of(demand)
    if all(one.is_vendor for one in archives):
        raise SilentError(f"no archive of {demand.base.name} is known on this machine")
    silent = [f"{one.name} ({answers[one.source.release_url].problem})" for one in archives if not _is_ok(one, answers)]
    if silent:
        raise SilentError(f"no answer from {', '.join(silent)}")
    lists = {one.source: _lists(one, answers, demand=demand, now=now or datetime.now(UTC)) for one in archives}
    names = {one.name for one in installed}
    shelves = [(one, offered(lists[one.source], of=names)) for one in archives]
    pins = pins_of(demand.image, demand.base)
    found = [move for one in installed if (move := _move(one, shelves, pins=pins)) is not None]
    return sorted(found, key=lambda move: (not move.is_security, move.name))


def _is_ok(archive: Archive, answers: Answers) -> bool:
    return answers[archive.source.release_url].is_ok


def _lists(archive: Archive, answers: Answers, *, demand: Demand, now: datetime) -> list[PackageList]:
    url = archive.source.release_url
    release = release_file.parse(answers[url].body.decode(errors="replace"), url=url)
    release_file.require_fresh(release, now=now)
    found = package_lists(archive.source, release=release.text, arch=demand.arch)
    if not found:
        said = f"{url} lists no packages for {demand.arch} in {' '.join(archive.source.components)}"
        raise missing(said, hint=release_file.BROKEN)
    return found


Shelves = Sequence[tuple[Archive, Mapping[str, Sequence[str]]]]
"""Each archive with the versions that it has of each package."""


def _move(one: Installed, shelves: Shelves, *, pins: Sequence[Pin]) -> Move | None:
    """Return where a package would move to; None where it stays, or where no archive has it."""
    offers = [
        (sort_key(version), version, archive.is_security)
        for archive, versions in _preferred(one.name, shelves)
        for version in versions[one.name]
    ]
    # A pin that no version matches has no effect (apt_preferences(5)), as for a module that is no part of nginx.
    fitting = [offer for offer in offers if _is_wanted(one.name, offer[1], pins)] or offers
    newest = max(fitting, default=None)
    if newest is None or newest[0] <= sort_key(one.version):
        return None
    is_security = any(is_security and key > sort_key(one.version) for key, _, is_security in fitting)
    return Move(name=one.name, before=one.version, now=newest[1], is_security=is_security)


def _preferred(name: str, shelves: Shelves) -> Shelves:
    """Return the shelves that a package is taken from: its vendor's, or the distribution's, or whoever has it."""
    having = [(archive, versions) for archive, versions in shelves if name in versions]
    own = [shelf for shelf in having if shelf[0].own and name in shelf[0].own]
    return own or [shelf for shelf in having if not shelf[0].is_vendor] or having


def _is_wanted(name: str, version: str, pins: Sequence[Pin]) -> bool:
    return all(fnmatchcase(version, pin.version) for pin in pins if pin.holds(name))
