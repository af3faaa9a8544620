"""Makes the pages out of values and templates: whatever a machine told is text in them, never markup."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2 import Template as Jinja

from bakery.contents import forms
from bakery.contents.differences import megabytes
from bakery.report import charts
from bakery.report.charts import Drawing, Point
from bakery.report.fleet import Entry, Here, Line

TEMPLATES = Path(__file__).parent / "templates"
LISTED = 30
"""How many releases of an image the first page tells of; the others are links there."""


@cache
def _template(name: str) -> Jinja:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(megabytes=megabytes, boot=forms.boot, LISTED=LISTED)
    return environment.get_template(name)


def fleet(lines: Sequence[Line], here: Sequence[Here], *, made_at: str, is_rehearsal: bool) -> str:
    """Return the page about all images and those that are *here*, on this machine; *made_at* is when, in words."""
    drawn = [(line, sizes(line), boots(line)) for line in lines]
    return _template("fleet.html.j2").render(drawn=drawn, here=here, made_at=made_at, is_rehearsal=is_rehearsal)


def release(entry: Entry, *, around: tuple[Entry | None, Entry | None], sbom: str, made_at: str) -> str:
    """Return the page about one release; *around* are those before and after it, *sbom* its file or empty."""
    before, after = around
    return _template("release.html.j2").render(
        entry=entry,
        before=before,
        after=after,
        sbom=sbom,
        made_at=made_at,
        is_rehearsal=entry.known.is_rehearsal,
    )


def sizes(line: Line) -> Drawing | None:
    """Return the history of how much disk an image takes."""
    points = [
        Point(at=one.release.baked_at, value=one.manifest.bytes, text=megabytes(one.manifest.bytes))
        for one in line.entries
        if one.manifest
    ]
    return charts.history(points, title=f"Size of {line.image} for {line.arch}")


def boots(line: Line) -> Drawing | None:
    """Return the history of how long an image takes to boot, on the kind of machine that told it last."""
    told = [(one.release.baked_at, one.manifest) for one in line.entries if one.manifest and one.manifest.boot]
    machine = told[-1][1].machine if told else ""
    points = [
        Point(at=at, value=manifest.boot.total_s, text=f"{manifest.boot.total_s:.1f} s")
        for at, manifest in told
        if manifest.boot and manifest.machine == machine
    ]
    return charts.history(points, title=f"Boot of {line.image} for {line.arch} on {machine}")
