"""Where things are kept: the cache, the build folder, and the rule that nothing half made is ever in either.

Work happens in a folder of its own beside its destination and is moved there whole, under a lock.
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from bakery import ROOT
from bakery.core import texts
from bakery.core.console import Console
from bakery.core.errors import ELSEWHERE, BakeryError, ExitCode, impossible, of_system
from bakery.core.files import write_whole

WORK_PREFIX = ".work-"
IN_USE = ".in-use.lock"
"""The file in the cache that is locked by whoever uses it: shared, or alone to remove it."""
FULL_BYTES = 1 << 20
"""A disk with less than this is taken for the one that was full a moment ago."""

SPECIAL = re.compile(r"[][,#?%{}$\"\\\n]")
"""QEMU ends an option at a comma; Packer takes a disk for an address with `?`, `#` and `%`, and `{{` for a template of
its own; so does Vagrant with a box and `%`, `?`, `[`; ssh reads `${`, quotes and backslashes."""


def cache_dir() -> Path:
    """Return the folder for what can be made or fetched again (XDG_CACHE_HOME/dokku-bakery).

    A relative XDG_CACHE_HOME counts as none (XDG Base Directory Specification). Raises BakeryError (exit code 2) when
    there is no home for this user.
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not Path(home).is_absolute():
        try:
            home = str(Path.home() / ".cache")
        except RuntimeError as error:
            raise impossible(
                f"HOME is not set, and user {os.getuid()} has no home folder",
                hint="HOME=/some/folder ./inv …  (or XDG_CACHE_HOME alone)",
            ) from error
    return Path(home) / "dokku-bakery"


def build_dir(image: str, place: str = "local") -> Path:
    """Return the folder of an image's artifacts for one place.

    Raises BakeryError (exit code 2) when its name is one that a program of a bake cannot be given.
    """
    folder = texts.home(os.environ.get("BAKERY_BUILD_DIR") or str(ROOT / "build")).absolute()
    if special := SPECIAL.search(str(folder)):
        raise impossible(
            f"artifacts cannot go to {folder}: Packer, QEMU and Vagrant read the {special[0]!r} as more than a name",
            hint="BAKERY_BUILD_DIR=~/build ./inv …  (blanks are fine; or move the checkout)",
        )
    return folder / image / place


@contextmanager
def locked(path: Path, *, what: str, console: Console) -> Iterator[None]:
    """Hold the lock file *path* while the body runs; when another process holds it, say so and wait."""
    with _lock_file(path) as (lock, holder):
        if holder:
            console.say(f"another run ({holder}) is busy with {what}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _note_holder(lock)
        yield


@contextmanager
def alone(path: Path, *, what: str) -> Iterator[None]:
    """Hold the lock file *path* while the body runs.

    Raises BakeryError (exit code 5) at once when another process holds it.
    """
    with _lock_file(path) as (lock, holder):
        if holder:
            raise BakeryError(
                f"another run ({holder}) is busy with {what}: nothing was done",
                hint="it carries on by itself; this one can be run again when it has ended",
                exit_code=ExitCode.BUSY,
            )
        _note_holder(lock)
        yield


@contextmanager
def _lock_file(path: Path) -> Iterator[tuple[TextIO, str]]:
    """Open a lock file and take it, or give who holds it, in words; those are empty where it was taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        holder = ""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = f"process {lock.read().strip() or '?'}"
        yield lock, holder


def _note_holder(lock: TextIO) -> None:
    """Write into a lock's file who holds it; on a full disk it is held all the same."""
    lock.seek(0)
    lock.truncate()
    with suppress(OSError):
        lock.write(f"{os.getpid()}\n")
        lock.flush()


@contextmanager
def work_dir(parent: Path) -> Iterator[Path]:
    """Give the body an empty folder in *parent* and remove it afterwards, with those that killed runs left."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{WORK_PREFIX}*"):
        if not _is_alive(left.name.removeprefix(WORK_PREFIX).partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{WORK_PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    return pid.isdigit() and Path("/proc", pid).exists() if Path("/proc/self").exists() else True


def require_space(folder: Path, *, need_gb: float, what: str) -> None:
    """Raise BakeryError when the file system of *folder* has less than *need_gb* (10^9 bytes) free."""
    there = _existing(folder)
    free_gb = shutil.disk_usage(there).free / 1e9
    if free_gb < need_gb:
        raise BakeryError(
            f"no disk space for {what}: {there} has {free_gb:.1f} GB free, {need_gb:.1f} GB are needed",
            hint="./inv clean  (removes the cache), or set XDG_CACHE_HOME and BAKERY_BUILD_DIR to a larger disk",
        )


def _build_root() -> Path:
    return build_dir("").parent


def _temporary() -> Path:
    return Path(tempfile.gettempdir())


def _existing(folder: Path) -> Path:
    """Return the nearest folder that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder


def write_json(path: Path, value: object) -> None:
    """Replace *path* by *value* as JSON in one step, so that a reader never sees half of it."""
    write_whole(path, json.dumps(value, indent=2, sort_keys=False) + "\n")


def complaint(error: OSError) -> BakeryError | None:
    """Return what a person can do about what the system refuses; None for what may be our mistake."""
    return removed(error) or of_system(error, what=full_disk())


def removed(error: OSError) -> BakeryError | None:
    """Return what a person can do about a file of ours that somebody has removed; None for any other error.

    The folder that is to hold all of them was never there where it cannot be made, as in /proc.
    """
    if not isinstance(error, FileNotFoundError) or not isinstance(error.filename, str):
        return None
    for find in (_build_root, cache_dir):
        with suppress(BakeryError):
            if (root := find()).is_relative_to(error.filename):
                return BakeryError(f"there is no {error.filename}, and it cannot be made", hint=ELSEWHERE)
            if Path(error.filename).is_relative_to(root):
                said = f"{error.filename} is not there any more"
                return BakeryError(said, hint="./inv bake --force  (makes it again), or ./inv destroy for a machine")
    return None


def full_disk() -> str:
    """Return which of the folders that a command writes to is on a full disk, in words; empty for none."""
    for find in (_build_root, cache_dir, _temporary):
        with suppress(BakeryError, OSError):
            there = _existing(find())
            if shutil.disk_usage(there).free < FULL_BYTES:
                return f"the disk of {there}"
    return ""


@contextmanager
def cache_in_use() -> Iterator[None]:
    """Keep `clean_cache` away while the body runs. Where there can be no such lock, nobody could remove anything."""
    with ExitStack() as held:
        with suppress(OSError, BakeryError):
            path = cache_dir() / IN_USE
            path.parent.mkdir(parents=True, exist_ok=True)
            fcntl.flock(held.enter_context(path.open("a")), fcntl.LOCK_SH)
        yield


def clean_cache() -> int:
    """Empty the cache and return how many bytes of disk that freed.

    Raises BakeryError (exit code 5) while it is in use, OSError for what cannot be removed.
    """
    lock = cache_dir() / IN_USE
    if not lock.exists():  # on a disk that is full there may be no room for one
        return _emptied(lock.parent)
    with _lock_file(lock) as (_, holder):
        if holder:
            raise BakeryError(
                "the cache is in use by a bake or a rehearsal: nothing was removed",
                hint="run it again when that has ended  (./inv rehearsal --stop ends a rehearsal)",
                exit_code=ExitCode.BUSY,
            )
        return _emptied(lock.parent)


def _emptied(folder: Path) -> int:
    """Empty a folder, but for links in it to folders, which are emptied: somebody has put them on another disk."""
    freed = 0
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if path.is_symlink() and path.is_dir():
            freed += _emptied(path)
        elif path.is_dir():
            freed += sum(below.stat().st_blocks * 512 for below in path.rglob("*") if below.is_file())
            try:
                shutil.rmtree(path)
            except OSError as error:
                # rmtree names what it met as it lies in its folder, and nothing more.
                raise OSError(error.errno, error.strerror, str(path)) from error
        elif path.name != IN_USE:
            freed += path.lstat().st_blocks * 512
            path.unlink()
    return freed
