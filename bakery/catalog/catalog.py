"""The catalog's file: every release of an image with its id in each place, in images/catalog/NAME.json.

It is written in one step under a lock after every place, so that a killed run loses nothing that was done.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bakery.catalog.migrations import parse
from bakery.catalog.model import LATEST, NEWEST, Catalog, Placed, Release
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible
from bakery.definition.bases import Arch
from bakery.definition.layers import FOLDER
from bakery.definition.problems import shown

__all__ = ["LATEST", "NEWEST", "Catalog", "Placed", "Release"]

_threads = threading.Lock()


def path_of(image: str, *, is_rehearsal: bool) -> Path:
    """Return where an image's catalog is; a rehearsal's is never among the real ones."""
    folder = folders.build_dir("rehearsal", "catalog") if is_rehearsal else FOLDER / "catalog"
    return folder / f"{image}.json"


def digests_of(image: str, release: str, arch: Arch, *, is_rehearsal: bool) -> Path:
    """Return where the block digests of a release are, beside the catalog."""
    return path_of(image, is_rehearsal=is_rehearsal).parent / "blocks" / image / f"{release}-{arch}.tsv"


def read(image: str, *, is_rehearsal: bool) -> Catalog:
    """Return an image's catalog, an empty one where there is none.

    Raises BakeryError (exit code 2) with one line for each thing that cannot be, such as an edit by hand.
    """
    path = path_of(image, is_rehearsal=is_rehearsal)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Catalog(image=image, is_rehearsal=is_rehearsal)
    except OSError as error:
        raise BakeryError(f"{shown(path)} could not be read: {error.strerror}") from error
    found = parse(content, path=path, way_out=_way_out(path, image, is_rehearsal=is_rehearsal))
    if found.image != image:
        raise impossible(f"{shown(path)}: image: is {found.image!r}, and the file's name says {image!r}")
    if found.is_rehearsal is not is_rehearsal:
        right = path_of(image, is_rehearsal=found.is_rehearsal)
        raise impossible(
            f"{shown(path)}: is_rehearsal: {str(found.is_rehearsal).lower()} cannot be in this folder",
            hint=f"its place is {shown(right)}",
        )
    return found


def _way_out(path: Path, image: str, *, is_rehearsal: bool) -> str:
    """Return what to type when the file is no catalog at all: what AWS has can be asked again."""
    if is_rehearsal:
        return f"rm {shown(path)}, then ./inv catalog --rebuild --rehearse --image {image}"
    way = f"git checkout HEAD {shown(path)}, or rm {shown(path)}"
    return f"{way}; then ./inv catalog --rebuild --image {image}  (adds what the clouds have)"


def change(image: str, edit: Callable[[Catalog], Catalog], *, is_rehearsal: bool, console: Console) -> Catalog:
    """Replace an image's catalog by what *edit* makes of it, in one step and under a lock; return it.

    Raises BakeryError like `read`, and for what could not be read again or written: then the file stays as it is.
    """
    path = path_of(image, is_rehearsal=is_rehearsal)
    lock = path.with_name(f".{path.stem}.lock")
    # Our own threads wait for one another without a word; only another process is worth telling.
    with (
        _saying_what_is_not_written(path),
        _threads,
        folders.locked(lock, what=f"the catalog of {image}", console=console),
    ):
        changed = edit(read(image, is_rehearsal=is_rehearsal))
        written = changed.model_dump(mode="json")
        again = parse(json.dumps(written).encode(), path=path, way_out="")
        for left in path.parent.glob(f".{path.name}.*"):
            left.unlink()  # the draft of a run that was killed: whoever lives and writes holds the lock
        folders.write_json(path, written)
        return again


def require_writable(image: str, *, is_rehearsal: bool, console: Console) -> None:
    """Raise BakeryError, like `change`, where what is about to be done could not be recorded afterwards."""
    path = path_of(image, is_rehearsal=is_rehearsal)
    if path.exists():
        change(image, lambda known: known, is_rehearsal=is_rehearsal, console=console)
        return
    with (
        _saying_what_is_not_written(path),
        folders.locked(path.with_name(f".{image}.lock"), what=f"the catalog of {image}", console=console),
    ):
        pass  # the lock's own file has shown that the folder can be written to


@contextmanager
def moving_latest(image: str, *, is_rehearsal: bool, console: Console) -> Iterator[None]:
    """Let one command at a time move an image's `latest` from this checkout; another one waits, and says for whom."""
    require_writable(image, is_rehearsal=is_rehearsal, console=console)
    path = path_of(image, is_rehearsal=is_rehearsal)
    with folders.locked(path.with_name(f".{image}.latest.lock"), what=f"`latest` of {image}", console=console):
        yield


@contextmanager
def _saying_what_is_not_written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BakeryError(
            f"{shown(path)} could not be written: {error.strerror}",
            hint="when that is mended, type the same again: what was done in AWS is found and recorded",
        ) from error
