"""A manifest as a file: a line for each thing, so that what changed between two is what git shows of them."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.contents import signature
from bakery.contents.manifest import FORMAT, Manifest
from bakery.core.errors import BakeryError, impossible
from bakery.core.files import write_whole
from bakery.definition.bases import Arch
from bakery.definition.problems import complaint, shown


def of_release(image: str, release: str, arch: Arch, *, is_rehearsal: bool) -> Path:
    """Return where the manifest of a release is, beside the catalog."""
    folder = catalog.path_of(image, is_rehearsal=is_rehearsal).parent
    return folder / "contents" / image / f"{release}-{arch}.json"


def write(path: Path, manifest: Manifest) -> None:
    """Replace a manifest's file in one step.

    Raises BakeryError (exit code 1) when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text(manifest))
    except OSError as error:
        raise BakeryError(f"{shown(path)} could not be written: {error.strerror}") from error


def provenance_of(path: Path) -> Path:
    """Return where the statement is that says where what a manifest is about comes from."""
    return path.with_suffix(".provenance.json")


def remove(path: Path) -> None:
    """Remove the manifest of a release and its signed statement; it is no error when there is none."""
    path.unlink(missing_ok=True)
    provenance_of(path).unlink(missing_ok=True)
    signature.path_of(provenance_of(path)).unlink(missing_ok=True)


def text(manifest: Manifest) -> str:
    """Return what the file of a manifest says."""
    return "".join(f"{line}\n" for line in _lines(manifest))


def _lines(manifest: Manifest) -> Iterator[str]:
    yield "{"
    found = {name: value for name, value in manifest.model_dump(mode="json").items() if value not in ([], {}, None)}
    for name, value in found.items():
        comma = "," if name != [*found][-1] else ""
        if isinstance(value, list):
            yield f'  "{name}": ['
            yield from (f"    {_one(one)}{',' if at < len(value) else ''}" for at, one in enumerate(value, 1))
            yield f"  ]{comma}"
        elif name == "directories":
            yield f'  "{name}": {{'
            parts = [f"    {_one(key)}: {_one(part)}" for key, part in value.items()]
            yield from (f"{part}{',' if at < len(parts) else ''}" for at, part in enumerate(parts, 1))
            yield f"  }}{comma}"
        else:
            yield f'  "{name}": {_one(value)}{comma}'
    yield "}"


def _one(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def read(path: Path) -> Manifest | None:
    """Return what a file says; None where there is none.

    Raises BakeryError (exit code 2) with one line for each thing that cannot be, and for a file of a newer bakery's.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BakeryError(f"{shown(path)} could not be read: {error.strerror}") from error
    way_out = f"git checkout HEAD {shown(path)}, or rm {shown(path)}"
    try:
        top = json.loads(content)
    except ValueError as error:
        raise impossible(f"{shown(path)} is damaged: {error}", hint=way_out) from error
    number = top.get("format") if isinstance(top, dict) else None
    if isinstance(number, int) and number > FORMAT:
        problem = f"format: {number} is newer than what this bakery reads, which is {FORMAT}"
        raise impossible(f"{shown(path)}: {problem}", hint="git pull  (in the bakery's checkout)")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise complaint(error, path=path, model=Manifest) from error


def require(image: str, release: Release, *, is_rehearsal: bool) -> Manifest:
    """Return the manifest of a release.

    Raises BakeryError (exit code 2) like `read`, and where it has none: it was judged by an older bakery.
    """
    found = read(of_release(image, release.release, release.arch, is_rehearsal=is_rehearsal))
    if found is None:
        raise impossible(
            f"it is not known what {image} {release.release} for {release.arch} holds: it has no manifest",
            hint="releases that were judged before there were manifests have none; the next bake's has one",
        )
    return found
