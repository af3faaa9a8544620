"""A catalog's file, read: whole, of a format that is known, and brought up to the present one."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from bakery.catalog.model import Catalog, Release
from bakery.catalog.promotions import History, Promotion
from bakery.catalog.values import FORMAT, Entry, ReleaseName, Time
from bakery.core.errors import did_you_mean, impossible
from bakery.definition.bases import Arch
from bakery.definition.problems import complaint, shown
from bakery.definition.rules import ImageName, wrong

_OF_A_MERGE = re.compile(rb"^(<{7}|={7}|>{7}|\|{7})( .*)?\r?$", re.MULTILINE)
"""The lines that git puts around what two sides have changed (git-merge, "How conflicts are presented")."""


class _FirstRelease(Release):
    promoted_at: Time | None = None
    """When `latest` was last pointed at it."""


class _FirstCatalog(Entry):
    """Format 1, which knew one `latest` for all regions."""

    format: int = 1
    is_rehearsal: bool = False
    image: ImageName
    latest: dict[Arch, ReleaseName] = Field(default_factory=dict)
    releases: tuple[_FirstRelease, ...] = ()

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for arch, name in self.latest.items():
            names = [one.release for one in self.releases if one.arch is arch]
            if name not in names:
                problem = f"there is no release {name!r} for {arch}"
                raise wrong(problem, key=f"latest.{arch}", hint=did_you_mean(name, names))
        return self

    def now(self) -> Catalog:
        """Return what the present format says of the same: each promotion was everywhere, as was believed."""
        releases = [Release(**{name: getattr(one, name) for name in Release.model_fields}) for one in self.releases]
        return Catalog(
            is_rehearsal=self.is_rehearsal,
            image=self.image,
            latest={arch: self._history(arch, name) for arch, name in self.latest.items()},
            releases=tuple(releases),
        )

    def _history(self, arch: Arch, latest: str) -> History:
        having = [one for one in self.releases if one.arch is arch]
        last = next(one for one in having if one.release == latest)
        before = [one for one in having if one.promoted_at and _promoted(one) < _promoted(last)]
        return tuple(
            Promotion(release=one.release, promoted_at=_promoted(one)[0], regions=tuple(sorted(one.places)))
            for one in (*sorted(before, key=_promoted), last)
        )


def _promoted(one: _FirstRelease) -> tuple[datetime, str]:
    """Return what orders promotions: their second, and within one the releases' names."""
    return one.promoted_at or one.baked_at, one.release


class _TwiceError(Exception):
    """A key that is in one object twice."""


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise _TwiceError(key)
    return dict(pairs)


def parse(content: bytes, *, path: Path, way_out: str) -> Catalog:
    """Return what a catalog's file says; *way_out* is what to type when it is no catalog at all.

    Raises BakeryError (exit code 2) with one line for each thing that cannot be, such as an edit by hand.
    """
    for found in _OF_A_MERGE.finditer(content):
        line, text = content.count(b"\n", 0, found.start()) + 1, found[0].decode(errors="replace").strip()
        raise impossible(f"{shown(path)}: line {line}: a merge was not finished here: {text}", hint=way_out)
    if not content.strip():
        raise impossible(f"{shown(path)}: the file is empty", hint=way_out)
    try:
        # pydantic takes the last of two equal keys; after a merge by hand, the first may be the one that was meant.
        top = json.loads(content, object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError as error:
        raise impossible(f"{shown(path)}: not UTF-8 text", hint=way_out) from error
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        problem = "the file ends in the middle" if is_cut else error.msg
        raise impossible(f"{shown(path)}: line {error.lineno}: {problem}", hint=way_out) from error
    except _TwiceError as error:
        raise impossible(f"{shown(path)}: {error}: the key is there twice in one object") from error
    except (ValueError, RecursionError) as error:  # Python's own limits: digits of a number, depth
        raise impossible(f"{shown(path)}: no catalog: {error}", hint=way_out) from error
    return _of_format(top, path=path)


def _of_format(top: object, *, path: Path) -> Catalog:
    number = top.get("format", FORMAT) if isinstance(top, dict) else FORMAT
    if isinstance(number, int) and number > FORMAT:
        problem = f"format: {number} is newer than what this bakery reads, which is {FORMAT}"
        raise impossible(f"{shown(path)}: {problem}", hint="git pull  (in the bakery's checkout)")
    known = range(1, FORMAT + 1)
    if number not in known or isinstance(number, bool):
        raise impossible(f"{shown(path)}: format: {number!r} is none", hint=did_you_mean("", map(str, known)))
    try:
        # As JSON, since strictness takes text for a time or a name there, and not in a Python object.
        if number == 1:
            return _FirstCatalog.model_validate_json(json.dumps(top)).now()
        # Format 4 is this one without releases that are known to be sent up, format 3 that without digests of
        # provenance, and format 2 that without releases marked as bad, and with regions of AWS as its only places.
        return Catalog.model_validate_json(json.dumps({**top, "format": FORMAT} if isinstance(top, dict) else top))
    except ValidationError as error:
        raise complaint(error, path=path, model=_FirstCatalog if number == 1 else Catalog) from error
