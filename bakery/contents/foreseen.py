"""A release against what a bake now would make, as far as that is known before one: values in, values out.

What only a machine can tell, nobody here makes up: it is listed as not known.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bakery.contents import differences, origins
from bakery.contents.differences import Change, Kind, Section
from bakery.contents.manifest import Manifest, Package, Plugin
from bakery.definition.bases import BaseName
from bakery.sources.movers import Installed, Move, Prospect
from bakery.sources.version import sort_key

PLAN = "plan"
"""What may be said instead of the second release: the one that a bake now would make."""
SHOWN_DIGITS = 12
NEVER = (
    "packages that come along with others or go with them",
    "units, timers, ports, users and setuid programs",
    "kernel, sizes and boot time",
)
"""What a release holds and no plan can tell."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What is known of the release that a bake now would make."""

    base: BaseName
    fingerprint: str
    plugins: Sequence[Plugin]
    steps: Sequence[str]
    was_steps: Sequence[str] | None = None
    """What ran in the old release's bake; None where nobody knows."""
    files: Sequence[str] = ()
    """Files of the definition and its steps that have changed since that bake, as far as git tells."""
    packages: Prospect | None = None
    """None where that is not known."""
    is_whole: bool = False
    """Whether all packages come from the archives, so that what they do not offer any more will not be there."""
    doubts: Sequence[str] = ()
    """What else is not known, and why."""


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """A release, the plan, and what would differ; sections without a change are left out."""

    old: Manifest
    planned: Planned
    sections: tuple[Section, ...]
    doubts: tuple[str, ...]
    """What is not known this time, and would be another."""

    @property
    def security(self) -> list[Change]:
        """Packages of which a suite of security updates has a version that is newer than the release's."""
        return [change for section in self.sections for change in section.changes if change.is_security]

    @property
    def not_known(self) -> tuple[str, ...]:
        """All that nobody knows before the bake."""
        return (*self.doubts, *NEVER)

    def summary(self) -> str:
        """Return the whole in a line."""
        nothing = "nothing that is known would change" if self.doubts else "nothing would change"
        return differences.summary(self.sections) or nothing


def of(old: Manifest, planned: Planned) -> Foreseen:
    """Return what a bake now would change of a release."""
    told = planned.packages
    sections = [
        Section(key="base", title="Base", changes=tuple(_one("base", old.base, planned.base))),
        Section(key="definition", title="Definition", changes=tuple(_definition(old, planned))),
        Section(key="steps", title="Steps", changes=tuple(_steps(planned))),
        Section(key="packages", title="Packages", changes=tuple(_packages(old, planned, told) if told else ())),
        Section(
            key="plugins",
            title="Plugins of dokku",
            changes=tuple(differences.plugins(old.plugins, planned.plugins)),
        ),
    ]
    return Foreseen(
        old=old,
        planned=planned,
        sections=tuple(section for section in sections if section.changes),
        doubts=(*planned.doubts, *(_open(told, is_whole=planned.is_whole) if told else ())),
    )


def _one(name: str, old: str, new: str) -> Iterator[Change]:
    if old != new:
        yield Change(kind=Kind.CHANGED, name=name, old=old, new=new)


def _definition(old: Manifest, planned: Planned) -> Iterator[Change]:
    yield from _one("fingerprint", old.fingerprint[:SHOWN_DIGITS], planned.fingerprint[:SHOWN_DIGITS])
    yield from (Change(kind=Kind.CHANGED, name=file) for file in planned.files)


def _steps(planned: Planned) -> Iterator[Change]:
    if planned.was_steps is not None:
        yield from (Change(kind=Kind.REMOVED, name=one) for one in planned.was_steps if one not in planned.steps)
        yield from (Change(kind=Kind.ADDED, name=one) for one in planned.steps if one not in planned.was_steps)


def _packages(old: Manifest, planned: Planned, told: Prospect) -> Iterator[Change]:
    having = {one.name: one for one in old.packages}
    found = [_moved(move, having[move.name], planned.base) for move in told.moves]
    for one in told.added:
        url = origins.changes_url(Package(name=one.name, version=one.now, arch="all"), planned.base)
        found.append(Change(kind=Kind.ADDED, name=one.name, new=one.now, url=url))
    if planned.is_whole:
        found += [Change(kind=Kind.REMOVED, name=one.name, old=one.version) for one in told.unoffered]
    yield from sorted(found, key=lambda change: change.name)


def _moved(move: Move, was: Package, base: BaseName) -> Change:
    is_up = sort_key(move.now) > sort_key(move.before)
    return Change(
        kind=Kind.UPGRADED if is_up else Kind.DOWNGRADED,
        name=move.name,
        old=move.before,
        new=move.now,
        is_security=move.is_security,
        # Where its source counts by itself, the list does not tell which version of that the new one is.
        url="" if was.source_revision else origins.changes_url(was.model_copy(update={"version": move.now}), base),
    )


def _open(told: Prospect, *, is_whole: bool) -> Iterator[str]:
    if told.lacking:
        yield f"whether a bake succeeds: no archive has {', '.join(told.lacking)}"
    if told.unoffered and not is_whole:
        yield f"whether these stay, which no archive has any more: {_listed(told.unoffered)}"


def _listed(packages: Iterable[Installed]) -> str:
    return ", ".join(one.name for one in packages)
