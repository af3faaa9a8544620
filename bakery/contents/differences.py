"""What differs between two manifests: values in, values out, in an order that does not change."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bakery.contents import origins
from bakery.contents.manifest import Manifest, Package, Plugin
from bakery.sources.version import sort_key

LEAST_BYTES = 1_000_000
"""A directory that grew by less is not told of: that is caches and the leftovers of a boot."""
LEAST_BOOT = 0.2
"""Two boots of the very same image differ by less, as a part of the first."""
EMULATED = "tcg"
"""There a boot takes twice as long when something else runs beside it: that tells nothing of the image."""


class Kind(StrEnum):
    """What became of a thing."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that differs: what it was, what it is, and the page that says more, each empty where there is none."""

    kind: Kind
    name: str
    old: str = ""
    new: str = ""
    is_security: bool = False
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What differs in one respect; *key* is its name for programs, *title* for people."""

    key: str
    title: str
    changes: tuple[Change, ...]

    def of(self, *kinds: Kind) -> list[Change]:
        """Return the changes of some kinds."""
        return [one for one in self.changes if one.kind in kinds]


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Two releases of an image and what differs; sections without a change are left out."""

    old: Manifest
    new: Manifest
    sections: tuple[Section, ...] = field(default=())

    @property
    def security(self) -> list[Change]:
        """Packages whose new version was made for a suite of security updates, as far as is told."""
        return [change for section in self.sections for change in section.changes if change.is_security]

    def summary(self) -> str:
        """Return the whole in a line."""
        return summary(self.sections) or "nothing differs"


def summary(sections: Iterable[Section]) -> str:
    """Return how many things differ in each respect, in a line; empty where there is none."""
    return "; ".join(f"{section.title.lower()}: {_counted(section)}" for section in sections)


def of(old: Manifest, new: Manifest) -> Differences:
    """Return what differs between two manifests."""
    sections = [
        Section(key="packages", title="Packages", changes=tuple(_packages(old, new))),
        Section(key="kernel", title="Kernel", changes=_plain({"kernel": old.kernel}, {"kernel": new.kernel})),
        Section(key="plugins", title="Plugins of dokku", changes=tuple(plugins(old.plugins, new.plugins))),
    ]
    for key, (title, told) in TOLD.items():
        sections.append(Section(key=key, title=title, changes=_plain(dict(told(old)), dict(told(new)))))
    sections += [
        Section(key="sizes", title="Sizes", changes=tuple(_sizes(old, new))),
        Section(key="boot", title="Boot", changes=tuple(_boot(old, new))),
    ]
    return Differences(old=old, new=new, sections=tuple(section for section in sections if section.changes))


Pairs = Iterable[tuple[str, str]]
TOLD: Mapping[str, tuple[str, Callable[[Manifest], Pairs]]] = {
    "containers": ("Container images", lambda told: ((one.name, one.digest or one.id) for one in told.containers)),
    "units": ("Units at boot", lambda told: ((unit, "") for unit in told.units)),
    "timers": ("Timers", lambda told: ((one.unit, ", ".join(one.due)) for one in told.timers)),
    "cron": ("Cron", lambda told: ((f"{one.file} {one.line}".rstrip(), "") for one in told.cron)),
    "listening": (
        "Listening ports",
        lambda told: ((f"{one.protocol} {one.address}:{one.port}", one.program) for one in told.listening),
    ),
    "users": (
        "Users",
        lambda told: (
            (one.name, f"uid {one.uid}, {one.shell or 'no shell'}, {', '.join(one.groups) or 'no other group'}")
            for one in told.users
        ),
    ),
    "privileged": (
        "Setuid and setgid programs",
        lambda told: ((one.path, f"{one.mode} {one.owner}") for one in told.privileged),
    ),
}
"""What is compared as text: the section's title, and its things with what is told of each."""


def _plain(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, ...]:
    return tuple(
        Change(kind=_kind(name, old, new), name=name, old=old.get(name, ""), new=new.get(name, ""))
        for name in sorted({*old, *new})
        if name not in old or name not in new or old[name] != new[name]
    )


def _kind(name: str, old: Mapping[str, object], new: Mapping[str, object]) -> Kind:
    return Kind.ADDED if name not in old else Kind.REMOVED if name not in new else Kind.CHANGED


def _packages(old: Manifest, new: Manifest) -> Iterator[Change]:
    before, now = _by_name(old), _by_name(new)
    for name in sorted({*before, *now}):
        was, found = before.get(name), now.get(name)
        if found is None:
            assert was is not None
            yield Change(kind=Kind.REMOVED, name=name, old=was.version)
        elif was is None or was.version != found.version:
            yield Change(
                kind=Kind.ADDED if was is None else _direction(was, found),
                name=name,
                old=was.version if was else "",
                new=found.version,
                is_security=found.is_security,
                url=origins.changes_url(found, new.base),
            )


def _direction(old: Package, new: Package) -> Kind:
    return Kind.UPGRADED if sort_key(new.version) > sort_key(old.version) else Kind.DOWNGRADED


def _by_name(manifest: Manifest) -> dict[str, Package]:
    """Return packages by name; one of another architecture than the machine's has that behind its name, as in dpkg."""
    usual = {str(manifest.arch), "all"}
    return {one.name if one.arch in usual else f"{one.name}:{one.arch}": one for one in manifest.packages}


def plugins(old: Iterable[Plugin], new: Iterable[Plugin]) -> Iterator[Change]:
    """Return what differs between plugins of dokku's."""
    before, now = ({one.name: one for one in each} for each in (old, new))
    for name in sorted({*before, *now}):
        was, found = before.get(name), now.get(name)
        if was is None or found is None or was.commit != found.commit:
            yield Change(
                kind=_kind(name, before, now),
                name=name,
                old=_plugin(was),
                new=_plugin(found),
                url=origins.commits_url(was, found) if was and found else "",
            )


def _plugin(one: Plugin | None) -> str:
    return f"{one.version} {one.commit[:12]}".strip() if one else ""


def _sizes(old: Manifest, new: Manifest) -> Iterator[Change]:
    for name in sorted({*old.directories, *new.directories}):
        was, now = old.directories.get(name, 0), new.directories.get(name, 0)
        if abs(now - was) >= LEAST_BYTES:
            kind = _kind(name, old.directories, new.directories)
            yield Change(kind=kind, name=name, old=megabytes(was), new=f"{megabytes(now)} ({(now - was) / 1e6:+.1f})")


def megabytes(size: int) -> str:
    """Return bytes for people."""
    return f"{size / 1e6:.1f} MB"


def _boot(old: Manifest, new: Manifest) -> Iterator[Change]:
    """Return how much longer or shorter a boot took, where both were of one kind of machine, and not emulated."""
    if old.boot and new.boot and old.machine == new.machine != EMULATED:
        was, now = old.boot.total_s, new.boot.total_s
        if abs(now - was) > was * LEAST_BOOT:
            yield Change(kind=Kind.CHANGED, name=f"on {new.machine}", old=f"{was:.1f} s", new=f"{now:.1f} s")


def _counted(section: Section) -> str:
    counts = [(kind, len(section.of(kind))) for kind in Kind]
    security = len([one for one in section.changes if one.is_security])
    told = [f"{count} {kind}" for kind, count in counts if count]
    return ", ".join([*told, *([f"{security} of them security"] if security else [])])
