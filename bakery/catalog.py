"""The catalog: every release of an image with its id in each place, in images/catalog/NAME.json.

It is written in one step under a lock after every place, so that a killed run loses nothing that was done.
"""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer, model_validator

from bakery import store
from bakery.bases import Arch, BaseName
from bakery.catalog_values import FORMAT, Fingerprint, Format, ImageId, RegionName, ReleaseName, Time
from bakery.complaint import complaint, shown
from bakery.console import Console
from bakery.errors import did_you_mean, impossible
from bakery.images import FOLDER
from bakery.rules import ImageName, wrong

LATEST, NEWEST = "latest", "newest"
"""What may be said instead of a release's name: the promoted one, and the one that was baked last."""

_threads = threading.Lock()


class _Entry(BaseModel):
    # Strict, yet JSON's text is good enough for an enum and its lists for a tuple: pydantic, "Strict Mode".
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Placed(_Entry):
    """A release in one AWS region."""

    image_id: ImageId
    published_at: Time


class Release(_Entry):
    """One release of an image for one architecture."""

    release: ReleaseName
    arch: Arch
    base: BaseName
    fingerprint: Fingerprint
    size_gb: int = Field(ge=1)
    baked_at: Time
    baked_in: RegionName
    """The region it was baked in; copies come from there."""
    verified_at: Time | None = None
    promoted_at: Time | None = None
    """When `latest` was last pointed at it."""
    places: dict[RegionName, Placed] = {}

    @field_serializer("places", mode="wrap")
    def _sorted(self, places: Mapping[str, Placed], write: Callable[[Any], Any]) -> Any:
        # Regions are done in any order; the file must not tell which.
        return write(dict(sorted(places.items())))


class Catalog(_Entry):
    """Every release of one image, the oldest first."""

    format: Format = FORMAT
    is_rehearsal: bool = False
    """Whether its ids are those of a rehearsal, which no cloud knows."""
    image: ImageName
    latest: dict[Arch, ReleaseName] = {}
    releases: tuple[Release, ...] = ()

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        known = [(release.arch, release.release) for release in self.releases]
        for pair in known:
            if known.count(pair) > 1:
                raise wrong(f"{pair[1]!r} for {pair[0]} is listed twice", key="releases")
        for arch, name in self.latest.items():
            if (arch, name) not in known:
                names = [release for of, release in known if of is arch]
                raise wrong(
                    f"there is no release {name!r} for {arch}", key=f"latest.{arch}", hint=did_you_mean(name, names)
                )
        return self

    @field_serializer("latest", mode="wrap")
    def _sorted(self, latest: Mapping[Arch, str], write: Callable[[Any], Any]) -> Any:
        return write(dict(sorted(latest.items())))

    @field_serializer("releases", mode="wrap")
    def _oldest_first(self, releases: tuple[Release, ...], write: Callable[[Any], Any]) -> Any:
        return write(tuple(sorted(releases, key=_age)))

    def find(self, name: str, arch: Arch) -> Release:
        """Return a release; *name* may be the beginning of one, `latest`, or `newest`.

        Raises BakeryError (exit code 2) when there is none, or more than one begins so.
        """
        having = [release for release in self.releases if release.arch is arch]
        if name == NEWEST:
            return self.newest(arch)
        if name == LATEST:
            if arch not in self.latest:
                hint = (
                    f"./inv promote --release RELEASE --image {self.image}"
                    if having
                    else f"./inv bake --image {self.image} --region …"
                )
                raise impossible(f"no release of {self.image} for {arch} was promoted yet", hint=hint)
            name = self.latest[arch]
        found = [release for release in having if release.release.startswith(name)] if name else []
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise impossible(
                f"{len(found)} releases of {self.image} begin with {name!r}",
                hint=f"{max(found, key=_age).release} is the newest",
            )
        names = [release.release for release in having]
        raise impossible(
            f"there is no release {name!r} of {self.image} for {arch} in the catalog", hint=did_you_mean(name, names)
        )

    def previous(self, arch: Arch) -> Release:
        """Return the release that was `latest` before the one that is.

        Raises BakeryError (exit code 2) when there is none.
        """
        now = self.find(LATEST, arch)
        promoted = [one for one in self.releases if one.arch is arch and one.promoted_at]
        earlier = [one for one in promoted if _when(one) < _when(now)]
        if not earlier:
            raise impossible(
                f"{self.image} {now.release} is the only release that was ever promoted: nothing to go back to",
                hint=f"./inv promote --release RELEASE --image {self.image}",
            )
        return max(earlier, key=_when)

    def newest(self, arch: Arch) -> Release:
        """Return the newest release.

        Raises BakeryError (exit code 2) when none was baked yet.
        """
        having = [release for release in self.releases if release.arch is arch]
        if not having:
            raise impossible(
                f"{self.image} was never baked for {arch} in a region",
                hint=f"./inv bake --image {self.image} --region …",
            )
        return max(having, key=_age)

    def with_release(self, release: Release) -> "Catalog":
        """Return the catalog with a release added, or in place of the one of its name and architecture."""
        others = [one for one in self.releases if (one.release, one.arch) != (release.release, release.arch)]
        return self.model_copy(update={"releases": tuple(sorted([*others, release], key=_age))})

    def without(self, release: Release) -> "Catalog":
        """Return the catalog without the release of this name and architecture.

        Raises BakeryError (exit code 2) for the one that `latest` points at.
        """
        if self.latest.get(release.arch) == release.release:
            raise impossible(
                f"{release.release} is the latest release of {self.image} for {release.arch}",
                hint=f"./inv promote --release ANOTHER --image {self.image}  (first)",
            )
        left = [one for one in self.releases if (one.release, one.arch) != (release.release, release.arch)]
        return self.model_copy(update={"releases": tuple(left)})


def _age(release: Release) -> tuple[str, str]:
    return release.release, release.arch


def _when(release: Release) -> tuple[str, str]:
    """Return what orders promotions: their second, and within one the releases' names."""
    return f"{release.promoted_at:%Y%m%d%H%M%S}" if release.promoted_at else "", release.release


def path_of(image: str, *, is_rehearsal: bool) -> Path:
    """Return where an image's catalog is; a rehearsal's is never among the real ones."""
    folder = store.build_dir("rehearsal", "catalog") if is_rehearsal else FOLDER / "catalog"
    return folder / f"{image}.json"


def read(image: str, *, is_rehearsal: bool) -> Catalog:
    """Return an image's catalog, an empty one where there is none.

    Raises BakeryError (exit code 2) with one line for each thing that cannot be, such as an edit by hand.
    """
    path = path_of(image, is_rehearsal=is_rehearsal)
    if not path.exists():
        return Catalog(image=image, is_rehearsal=is_rehearsal)
    found = _parse(path.read_bytes(), path=path)
    if found.image != image:
        raise impossible(f"{shown(path)}: image: is {found.image!r}, and the file's name says {image!r}")
    if found.is_rehearsal is not is_rehearsal:
        right = path_of(image, is_rehearsal=found.is_rehearsal)
        raise impossible(
            f"{shown(path)}: is_rehearsal: {str(found.is_rehearsal).lower()} cannot be in this folder",
            hint=f"its place is {shown(right)}",
        )
    return found


class _TwiceError(Exception):
    """A key that is in one object twice."""


def _no_key_twice(pairs: list[tuple[str, object]]) -> None:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise _TwiceError(key)


def _parse(content: bytes, *, path: Path) -> Catalog:
    try:
        # pydantic takes the last of two equal keys; after a merge by hand, the first may be the one that was meant.
        json.loads(content, object_pairs_hook=_no_key_twice)
        return Catalog.model_validate_json(content)
    except ValidationError as error:
        raise complaint(error, path=path, model=Catalog) from error
    except UnicodeDecodeError as error:
        raise impossible(f"{shown(path)}: not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise impossible(
            f"{shown(path)}: line {error.lineno}: {error.msg}", hint=f"git diff {shown(path)}  (shows what was changed)"
        ) from error
    except _TwiceError as error:
        raise impossible(f"{shown(path)}: {error}: the key is there twice in one object") from error


def change(image: str, edit: Callable[[Catalog], Catalog], *, is_rehearsal: bool, console: Console) -> Catalog:
    """Replace an image's catalog by what *edit* makes of it, in one step and under a lock; return it.

    Raises BakeryError like `read`, and for what could not be read again: then the file stays as it is.
    """
    path = path_of(image, is_rehearsal=is_rehearsal)
    lock = path.with_name(f".{path.stem}.lock")
    # Our own threads wait for one another without a word; only another process is worth telling.
    with _threads, store.locked(lock, what=f"the catalog of {image}", console=console):
        changed = edit(read(image, is_rehearsal=is_rehearsal))
        written = changed.model_dump(mode="json")
        again = _parse(json.dumps(written).encode(), path=path)
        for left in path.parent.glob(f".{path.name}.*"):
            left.unlink()  # the draft of a run that was killed: whoever lives and writes holds the lock
        store.write_json(path, written)
        return again
