"""The story of `invoke report`: read what is known, write a page for all and one for each release, remove old ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bakery.contents import sbom
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.files import write_whole
from bakery.core.texts import counted
from bakery.report import fleet, pages
from bakery.report.fleet import Entry, Line

SBOMS = 3
"""Of how many newest releases a bill of materials is made, which takes a quarter of a second each; others have theirs
from when they were new, or have the command on their page."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; no name means all images."""

    images: tuple[str, ...] = ()
    is_rehearsal: bool = False


def folder_of(*, is_rehearsal: bool) -> Path:
    """Return where the report is; a rehearsal's is never among the real ones."""
    return folders.build_dir("rehearsal", "report") if is_rehearsal else folders.build_dir("report").parent


def write(order: Order, *, console: Console) -> Path:
    """Write the report and return its first page.

    Raises BakeryError: exit code 2 for an image that there is not, and for a catalog or manifest that cannot be read.
    """
    lines = fleet.lines(order.images, is_rehearsal=order.is_rehearsal)
    here = [] if order.is_rehearsal else fleet.here(order.images)
    folder = folder_of(is_rehearsal=order.is_rehearsal)
    first = folder / "index.html"
    made_at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    with folders.locked(folder.with_name(f".{folder.name}.lock"), what="the report", console=console):
        written = {first}
        for line in lines:
            (folder / line.image).mkdir(parents=True, exist_ok=True)
            written |= {*_write_line(line, folder=folder, made_at=made_at)}
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(first, pages.fleet(lines, here, made_at=made_at, is_rehearsal=order.is_rehearsal))
        for left in {*folder.rglob("*.html"), *folder.rglob("*.json")} - written:
            left.unlink()
    releases, images = sum(len(line.entries) for line in lines), len({line.image for line in lines})
    console.say(f"{counted(releases, 'release')} of {counted(images, 'image')}: {first}")
    return first


def _write_line(line: Line, *, folder: Path, made_at: str) -> Iterator[Path]:
    entries = line.entries
    for entry, before, after in zip(entries, [None, *entries[:-1]], [*entries[1:], None], strict=True):
        page, bill = folder / entry.page, folder / entry.image / f"{entry.stem}.cdx.json"
        if entry.manifest and not bill.exists() and _has_bill(entry, entries):
            write_whole(bill, sbom.text(entry.manifest))
        name = bill.name if bill.exists() else ""
        write_whole(page, pages.release(entry, around=(before, after), sbom=name, made_at=made_at))
        yield page
        if name:
            yield bill


def _has_bill(entry: Entry, entries: Sequence[Entry]) -> bool:
    return entry.is_latest or entry in entries[-SBOMS:]
