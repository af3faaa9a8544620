"""The one error a person may see: what is wrong, what to type instead, which exit code."""

import difflib
import errno
import os
import re
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code means; the table is in README.md."""

    DONE = 0
    FAILED = 1
    IMPOSSIBLE = 2
    MISSING = 3
    REJECTED = 4
    BUSY = 5
    INTERRUPTED = 130


class BakeryError(Exception):
    """Something a person can act on: one line of what is wrong, a hint of what to type, an exit code."""

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def within(self, place: str) -> str:
        """Return the message for where *place* was said already: what goes wrong in one mostly begins with its name."""
        return self.message.removeprefix(f"{place}: ")


def impossible(message: str, *, hint: str = "") -> BakeryError:
    """Asked for something that cannot be (exit code 2)."""
    return BakeryError(message, hint=hint, exit_code=ExitCode.IMPOSSIBLE)


def missing(message: str, *, hint: str = "") -> BakeryError:
    """A tool or a source this needs is missing or unreachable (exit code 3)."""
    return BakeryError(message, hint=hint, exit_code=ExitCode.MISSING)


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG)
ELSEWHERE = "BAKERY_BUILD_DIR, XDG_CACHE_HOME and TMPDIR say where else files go"


ROOM = f"make room (./inv clean removes the cache); {ELSEWHERE}"
_FULL_WORDS = re.compile(r"no space left|exceeds free space|disk quota exceeded", re.IGNORECASE)


def hint_of(output: str) -> str:
    """Return what to do about what a program said before it failed, empty where it says nothing that we know."""
    return ROOM if _FULL_WORDS.search(output) else ""


def of_system(error: OSError, *, what: str = "") -> BakeryError | None:
    """Return what a person can do about a file that could not be written or read; None for what may be our mistake.

    *what* is said where the system names no file, as for one that is open already.
    """
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else what or "a file"
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in FULL:
        return BakeryError(f"{name}: {reason}", hint=ROOM)
    if error.errno in CLOSED:
        return BakeryError(f"{name}: {reason}", hint=f"let this user write there; {ELSEWHERE}")
    if error.errno == errno.EEXIST:
        return BakeryError(f"{name}: {reason}", hint=f"a folder is needed there: move it away; {ELSEWHERE}")
    return None


def did_you_mean(word: str, known: Iterable[str], *, most: int = 100) -> str:
    """Return the nearest known word as a question, or the list of all known words unless there are more than *most*."""
    choices = sorted(str(choice) for choice in known)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if len(choices) > most:
        return ""
    return f"known: {', '.join(choices)}" if choices else "there are none"
