"""Temporary folders whose names every program takes: where TMPDIR has another kind of name, one beside it serves.

ssh reads blanks, quotes, `#`, `%`, `~`, a backslash and `${` in its configuration as more than a name, mmdebstrap and
apt refuse quotes, backslashes and colons, e2fsprogs read `?offset=`, QEMU a comma. Each has quoting of its own and some
have none, so none of them is given such a name.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bakery.core.errors import missing

PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")
SHORT = 24
"""The longest name of a folder in which one for sockets is made. A unix socket's path has room for 104 bytes on macOS
and 108 on Linux; ssh names one after a hash of 40 letters (%C) and adds 17 while it makes it."""

OTHERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  # a folder of our own is made in one of them
LARGE = ("/var/tmp", "/tmp")  # noqa: S108  # likewise; the first is on a disk, the second often in memory


@contextmanager
def small(prefix: str = "bakery-") -> Iterator[Path]:
    """Give the body a folder as `make_small` makes it, and remove it afterwards."""
    folder = make_small(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_small(prefix: str = "bakery-") -> Path:
    """Return a new folder for keys, sockets and texts, closed to others, whose name is plain and short.

    Raises BakeryError (exit code 3) when there is no folder to make it in.
    """
    return _make(prefix, places=[*_wanted(), *OTHERS], longest=SHORT)


@contextmanager
def large(prefix: str = "bakery-", *, first: Path | None = None) -> Iterator[Path]:
    """Give the body a folder with a plain name for disks and trees, in *first* if that is given; remove it afterwards.

    Raises BakeryError (exit code 3) when there is no folder to make it in.
    """
    folder = _make(prefix, places=[*([str(first)] if first else []), *_wanted(), *LARGE], longest=None)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_plain(path: Path | str, *, longest: int | None = None) -> bool:
    """Return whether every program takes *path* as it is, and whether it has at most *longest* characters."""
    name = str(path)
    return PLAIN.fullmatch(name) is not None and (longest is None or len(name) <= longest)


def _wanted() -> Iterator[str]:
    try:
        yield tempfile.gettempdir()
    except FileNotFoundError:
        return  # not one of the folders that Python knows can be written to


def _make(prefix: str, *, places: Sequence[str], longest: int | None) -> Path:
    reasons = []
    for place in places:
        if not is_plain(place, longest=longest):
            reasons.append(f"{place} has a name that not every program takes")
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        except OSError as error:
            reasons.append(f"{place}: {os.strerror(error.errno or 0)}")
    raise missing(
        f"there is no folder for temporary files: {'; '.join(reasons)}",
        hint="TMPDIR=/some/folder ./inv …  (one that you can write to, of letters and digits)",
    )
