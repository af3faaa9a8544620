"""Processes that are forked by one that has read all they need: each begins in milliseconds, not in half a second."""

import multiprocessing
import os
import runpy
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


def command(
    argv: Sequence[str], *, module: str = "", code: str = "", cwd: Path, env: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run what `python -m MODULE ARGV` or `python -c CODE ARGV` would, and return what came of it.

    For what depends on how Python starts (streams, languages, what is imported), a new Python has to be started.
    """
    with tempfile.TemporaryDirectory() as folder:
        child = context().Process(target=_become, args=(list(argv), module, code, cwd, dict(env), folder))
        child.start()
        child.join()
        assert child.exitcode is not None
        return subprocess.CompletedProcess(argv, child.exitcode, *(Path(folder, name).read_text() for name in STREAMS))


def _become(argv: list[str], module: str, code: str, cwd: Path, env: dict[str, str], folder: str) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, name in enumerate(STREAMS, start=1):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["-c", *argv]
    if module:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        exec(code, {"__name__": "__main__"})  # the tests' own
