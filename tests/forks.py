"""Processes that are forked by one that has read all they need: each begins in milliseconds, not in half a second."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

NEEDED = (
    "bakery.local.bake",
    "bakery.release.nightly",
    "tests.importing_child",
    "tests.promoting_child",
    "tests.pruning_child",
)

STREAMS = ("out", "err")


def context() -> ForkServerContext:
    """Return what forks; all tests of a process share the one that it forks from."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__, *NEEDED])
    return forks


def command(code: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run what `python -c CODE ARGV` would, and return what came of it.

    For what depends on how Python starts (streams, languages, what is imported), a new Python has to be started.
    """
    with tempfile.TemporaryDirectory() as folder:
        child = context().Process(target=_become, args=(code, argv, cwd, env, folder))
        child.start()
        child.join()
        assert child.exitcode is not None
        return subprocess.CompletedProcess(argv, child.exitcode, *(Path(folder, name).read_text() for name in STREAMS))


def _become(code: str, argv: Sequence[str], cwd: Path, env: Mapping[str, str], folder: str) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, name in enumerate(STREAMS, start=1):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["-c", *argv]
    exec(code, {"__name__": "__main__"})  # the tests' own
