"""What differs between two releases, as text: for programs, for a page or a pull request, and rows for a terminal."""

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum

from bakery.contents.differences import Change, Differences, Kind, Section, megabytes
from bakery.contents.foreseen import NEVER, PLAN, Foreseen
from bakery.contents.manifest import Manifest
from bakery.core.errors import did_you_mean, impossible

SECURITY = "security"
COLUMNS = ("", "what", "before", "now", "")


class Form(StrEnum):
    """What differences can be written as."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


def form(name: str) -> Form:
    """Return the form of that name.

    Raises BakeryError (exit code 2) when there is none.
    """
    if name not in list(Form):
        raise impossible(f"there is no format {name!r}", hint=did_you_mean(name, Form))
    return Form(name)


def heading(found: Differences) -> str:
    """Return which releases are compared, and what of them always differs, in lines for people."""
    old, new = found.old, found.new
    lines = [f"{new.image} for {new.arch}: {old.release} → {new.release}", *_on_bases(old, new)]
    lines.append(f"  size  {megabytes(old.bytes)} → {megabytes(new.bytes)}")
    lines.append(f"  boot  {boot(old)} → {boot(new)}")
    return "\n".join([*lines, f"  {found.summary()}"])


def _on_bases(old: Manifest, new: Manifest) -> Iterator[str]:
    if old.base != new.base:
        yield f"  base  {old.base} → {new.base}"


def boot(manifest: Manifest) -> str:
    """Return how long a release took to boot, and on what, for people."""
    return f"{manifest.boot.total_s:.1f} s on {manifest.machine}" if manifest.boot else "not known"


def rows(section: Section) -> list[tuple[str, ...]]:
    """Return a section as rows of a table with COLUMNS."""
    return [
        (one.kind.value, one.name, one.old, one.new, SECURITY if one.is_security else "") for one in section.changes
    ]


def as_json(found: Differences) -> str:
    """Return the whole for programs."""
    value = {
        "image": found.new.image,
        "arch": found.new.arch,
        "old": _side(found.old),
        "new": _side(found.new),
        "security": len(found.security),
        "changes": {section.key: [_value(one) for one in section.changes] for section in found.sections},
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _side(manifest: Manifest) -> dict[str, object]:
    return {
        "release": manifest.release,
        "base": manifest.base,
        "fingerprint": manifest.fingerprint,
        "kernel": manifest.kernel,
        "bytes": manifest.bytes,
        "boot_s": manifest.boot.total_s if manifest.boot else None,
        "machine": manifest.machine,
        "packages": len(manifest.packages),
    }


def _value(change: Change) -> dict[str, object]:
    value = {"kind": change.kind, "name": change.name, "old": change.old, "new": change.new, "url": change.url}
    told: dict[str, object] = {name: text for name, text in value.items() if text}
    return {**told, "security": True} if change.is_security else told


def markdown(found: Differences) -> str:
    """Return the whole as Markdown, without a heading: whoever puts it into a page has one."""
    return _sections(found.sections) or "Nothing differs.\n"


def heading_of_plan(found: Foreseen) -> str:
    """Return a release, what a bake now would change, and what nobody knows before it, in lines for people."""
    old = found.old
    lines = [f"{old.image} for {old.arch}: {old.release} → {PLAN}, what a bake now would make"]
    lines += [f"  {found.summary()}", *(f"  not known: {one}" for one in found.doubts)]
    return "\n".join([*lines, f"  never known before a bake: {'; '.join(NEVER)}"])


def plan_as_json(found: Foreseen) -> str:
    """Return a release against the plan for programs."""
    value = {
        "image": found.old.image,
        "arch": found.old.arch,
        "old": _side(found.old),
        "new": {"release": PLAN, "base": found.planned.base, "fingerprint": found.planned.fingerprint},
        "security": len(found.security),
        "changes": {section.key: [_value(one) for one in section.changes] for section in found.sections},
        "not_known": [*found.not_known],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def plan_markdown(found: Foreseen) -> str:
    """Return a release against the plan as Markdown, likewise without a heading."""
    summary = found.summary()
    told = _sections(found.sections) or f"{summary[0].upper()}{summary[1:]}.\n"
    unknown = "\n".join(f"- {one}" for one in found.not_known)
    return f"{told}\n**Not known before a bake**\n\n{unknown}\n"


def _sections(sections: Iterable[Section]) -> str:
    return "\n".join(line for section in sections for line in (*_markdown(section), ""))


def _markdown(section: Section) -> Iterator[str]:
    yield f"**{section.title}**"
    yield ""
    yield from (f"- {_item(one)}" for one in section.changes)


def _item(one: Change) -> str:
    name, old, new = (_code(text) if text else "" for text in (one.name, one.old, one.new))
    if one.kind in {Kind.ADDED, Kind.REMOVED} or not (old or new):
        text = f"{one.kind} {name} {old or new}".rstrip()
    else:
        text = f"{'' if one.kind is Kind.CHANGED else f'{one.kind} '}{name} {old} → {new}"
    return "".join(
        (text, f" ([changes]({one.url}))" if one.url else "", f", **{SECURITY}**" if one.is_security else "")
    )


def _code(text: str) -> str:
    """Return text that Markdown shows as it is: a crontab's line is full of what it would read as more."""
    ticks = "``" if "`" in text else "`"
    pad = " " if ticks == "``" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"
