"""The changelog of an image: images/catalog/NAME.md, every release with what it brought, the newest first.

It is made anew of the catalog and the manifests each time. What was written of a release stays where that can not be
told again: one that was pruned, or that follows one that was.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.contents import differences, forms, kept
from bakery.contents.differences import megabytes
from bakery.contents.manifest import Manifest
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.core.files import write_whole
from bakery.core.texts import counted

HEADING = re.compile(r"^## (?P<release>\d{8}-\d{4}-[0-9a-f]{12}) (?P<arch>\w+)$", re.MULTILINE)
UNKNOWN = "What it holds is not known: it was judged before releases had manifests."
Key = tuple[str, str]
"""A release and its architecture."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What the changelog says of one release: how it stands, which changes, and what it brought, which does not."""

    key: Key
    state: str
    body: str

    @property
    def text(self) -> str:
        """Return it as it is in the file."""
        return f"## {' '.join(self.key)}\n\n{self.state}\n\n{self.body}\n"


def path_of(image: str, *, is_rehearsal: bool) -> Path:
    """Return where the changelog of an image is."""
    return catalog.path_of(image, is_rehearsal=is_rehearsal).with_suffix(".md")


def write(image: str, *, is_rehearsal: bool, console: Console) -> None:
    """Bring the changelog of an image up to what the catalog and the manifests say now.

    It tells what was done already, so that what keeps it from being written is said, and is no error.
    """
    path = path_of(image, is_rehearsal=is_rehearsal)
    lock = path.with_name(f".{path.stem}.changelog.lock")
    try:
        with folders.locked(lock, what=f"the changelog of {image}", console=console):
            known = catalog.read(image, is_rehearsal=is_rehearsal)
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            write_whole(path, text(known, _manifests(known), before=before))
    except BakeryError as error:
        console.say(f"the changelog of {image} stays as it is: {error.message}")
    except OSError as error:
        console.say(f"the changelog of {image} stays as it is: {error.filename or path}: {error.strerror}")


def _manifests(known: Catalog) -> dict[Key, Manifest]:
    found = {}
    for one in known.releases:
        path = kept.of_release(known.image, one.release, one.arch, is_rehearsal=known.is_rehearsal)
        if manifest := kept.read(path):
            found[one.release, str(one.arch)] = manifest
    return found


def text(known: Catalog, manifests: Mapping[Key, Manifest], *, before: str = "") -> str:
    """Return the whole changelog; *before* is what it says now."""
    sections = {section.key: section for section in _read(before)}
    for one in known.releases:
        key = (one.release, str(one.arch))
        body, is_whole = _body(one, known, manifests)
        if key in sections and not is_whole and sections[key].body != UNKNOWN:
            body = sections[key].body
        sections[key] = Section(key=key, state=state(one, known), body=body)
    newest_first = sorted(sections.values(), key=lambda section: section.key, reverse=True)
    head = f"# {known.image}: what each release brought\n\nWritten by `./inv`; edits are lost.\n"
    return "\n".join([head, *(section.text for section in newest_first)])


def _read(before: str) -> Iterator[Section]:
    starts = [*HEADING.finditer(before)]
    ends = [*(found.start() for found in starts[1:]), len(before)]
    for found, end in zip(starts, ends, strict=False):  # an empty file has an end, and no section
        inner = before[found.end() : end].strip()
        standing, _, body = inner.partition("\n\n")
        yield Section(key=(found["release"], found["arch"]), state=standing, body=body.strip())


def state(release: Release, known: Catalog) -> str:
    """Return how a release stands, in a line."""
    where = promotions.everywhere(known.history(release.arch))
    latest = [place for place, name in where.items() if name == release.release]
    told = [f"On {release.base}, baked {release.baked_at:%Y-%m-%d %H:%M} UTC"]
    told.append("verified" if release.verified_at else "not verified")
    if latest:
        told.append(f"**latest** in {', '.join(latest)}")
    if release.bad_since:
        told.append(f"**bad** since {release.bad_since:%Y-%m-%d %H:%M} UTC")
    return "; ".join(told) + "."


def _body(release: Release, known: Catalog, manifests: Mapping[Key, Manifest]) -> tuple[str, bool]:
    """Return what a release brought, and whether that is all that can ever be said of it."""
    arch = str(release.arch)
    manifest = manifests.get((release.release, arch))
    if manifest is None:
        return UNKNOWN, False
    earlier = [one.release for one in known.having(release.arch) if one.release < release.release]
    told = [name for name in earlier if (name, arch) in manifests]
    if not told:
        count, size = len(manifest.packages), megabytes(manifest.bytes)
        return f"{counted(count, 'package')}, {size}. There is no earlier release to compare it with.", False
    last = max(told)
    found = differences.of(manifests[last, arch], manifest)
    listed = f"\n\n{forms.markdown(found).strip()}" if found.sections else ""
    return f"Since {last}: {found.summary()}.{listed}", last == max(earlier)
