"""What git has of a file decides: its run bit and its line ends, however this disk and this user's umask hold them.

Where git knows nothing of a file (a tarball, a file that is not added yet), its owner's run bit does.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bakery.core import process

_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0"}
# git-ls-files(1), "OUTPUT" and "--eol": mode, hash and stage, then the line ends in the index and in the work tree.
_LINE = re.compile(r"(?P<mode>\d{6}) [0-9a-f]+ \d\ti/(?P<eol>\S*) +w/\S* +attr/[^\t]*\t(?P<path>.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file as git would hand it out: what is in it, and whether it is a program."""

    data: bytes
    is_program: bool


def contents(paths: Iterable[Path], *, folder: Path) -> dict[Path, Content]:
    """Return what is in each of *paths*, all of which are below *folder*.

    A disk that knows no run bit, another umask and core.autocrlf change nothing of it.
    """
    known = _known_to_git(folder)
    return {path: _content(path, known.get(path.relative_to(folder).as_posix())) for path in paths}


def changed_since(commit: str, paths: Iterable[Path], *, folder: Path) -> list[Path] | None:
    """Return which of *paths* differ from what they were in a commit of the checkout that *folder* is in.

    None where git does not know: no git, no such commit, a path beside the checkout.
    """
    if shutil.which("git") is None:
        return None
    argv = ["git", "-C", str(folder), "diff", "--name-only", "-z", "--relative", commit, "--", *map(str, paths)]
    listed = process.run(argv, env=_ENVIRONMENT, is_checked=False)
    if listed.exit_code != 0:
        return None
    return [folder / name for name in listed.output.split("\0") if name]


def _content(path: Path, known: re.Match[str] | None) -> Content:
    data = path.read_bytes()
    # A script with the line ends of Windows runs nowhere, so that nobody can mean them.
    is_lf = known["eol"] == "lf" if known else data.startswith(b"#!")
    return Content(
        data=data.replace(b"\r\n", b"\n") if is_lf else data,
        is_program=known["mode"] == "100755" if known else bool(path.stat().st_mode & 0o100),
    )


def _known_to_git(folder: Path) -> dict[str, re.Match[str]]:
    if shutil.which("git") is None:
        return {}
    argv = ["git", "-C", str(folder), "ls-files", "--stage", "--eol", "-z"]
    listed = process.run(argv, env=_ENVIRONMENT, is_checked=False)
    # Without a repository, or in one that git does not trust because it is another user's, it says so and fails.
    lines = listed.output.split("\0") if listed.exit_code == 0 else []
    return {found["path"]: found for line in lines if (found := _LINE.fullmatch(line))}
