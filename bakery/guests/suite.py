"""Runs the image tests, tests/image, on machines that answer to SSH, and tells what came of it."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree as ET

from bakery import ROOT
from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.guests.progress import SuiteProgress

if TYPE_CHECKING:
    from subprocess import Popen

SUITE = ROOT / "tests/image"
PYTEST_ANSWERS = (0, 1)
"""All passed, or some failed; anything else means that pytest itself did not get that far (its docs, "Exit codes")."""
LOOK_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Which tests ran, by name, and those that did not pass with their first line of why."""

    asked: tuple[str, ...]
    failures: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many tests ran."""
        return len(self.asked)


@dataclass(kw_only=True)
class Asking:
    """A run of the image tests that goes on while we do something else."""

    child: "Popen[bytes]"
    said: IO[str]
    report: Path
    progress: SuiteProgress
    _lines: list[str] = field(default_factory=list)
    _rest: str = ""

    def look(self) -> bool:
        """Tell how it gets on, and return whether it has ended."""
        has_ended = process.wait(self.child, timeout_s=0) is not None
        *lines, self._rest = (self._rest + self.said.read()).split("\n")
        for line in [*lines, self._rest] if has_ended and self._rest else lines:
            self._lines.append(line)
            self.progress.hear(line)
        return has_ended

    def verdict(self) -> Verdict:
        """Return what it found, once it has ended.

        Raises BakeryError (exit code 1) when the tests could not be run.
        """
        if self.child.returncode not in PYTEST_ANSWERS or not self.report.exists():
            tail = "\n".join(self._lines[-process.TAIL_LINES :])
            raise BakeryError(f"the image tests could not be run (pytest ended with {self.child.returncode}):\n{tail}")
        return read_report(self.report)


def argv(hosts: Sequence[str], *, report: Path, only: str = "") -> list[str]:
    """Return the command that runs the image tests on *hosts* and writes a JUnit report.

    *only* is pytest's expression of marks, empty for all tests.
    """
    return [
        *(sys.executable, "-m", "pytest"),
        *("-v", "--no-header", "--color=no", "-p", "no:cacheprovider", "-o", "console_output_style=count"),
        *(["-m", only] if only else []),
        f"--rootdir={ROOT}",
        f"--junitxml={report}",
        f"--hosts={','.join(hosts)}",
        str(SUITE),
    ]


def read_report(path: Path) -> Verdict:
    """Return what a JUnit report says."""
    cases = list(ET.parse(path).getroot().iter("testcase"))  # noqa: S314  # pytest wrote it a moment ago
    failures = []
    for case in cases:
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        if problem is not None:
            why = (problem.get("message") or "").splitlines()
            failures.append(f"{case.get('name')}: {why[0] if why else 'error'}")
    return Verdict(asked=tuple(str(case.get("name")) for case in cases), failures=tuple(failures))


@contextmanager
def asking(command: Sequence[str], *, env: Mapping[str, str], progress: SuiteProgress) -> Iterator[Asking]:
    """Run the image tests as `argv` says while the body runs."""
    report = Path(next(option.partition("=")[2] for option in command if option.startswith("--junitxml=")))
    output = report.with_suffix(".log")
    with process.background(command, log=output, env=env, cwd=ROOT) as child, output.open(errors="replace") as said:
        yield Asking(child=child, said=said, report=report, progress=progress)


def finish(askings: Mapping[str, Asking], *, log: Path) -> dict[str, Verdict]:
    """Wait until all have ended and return what each found.

    Raises BakeryError: exit code 4 when a test fails, 1 when the tests could not be run.
    """
    while any([not one.look() for one in askings.values()]):  # noqa: C419  # every one is to be looked at
        time.sleep(LOOK_S)
    found = {name: one.verdict() for name, one in askings.items()}
    whole = together(found)
    if whole.failures:
        listed = "\n".join(f"  {failure}" for failure in whole.failures)
        raise BakeryError(
            f"the image did not pass {len(whole.failures)} of {whole.total} tests:\n{listed}",
            hint=f"the whole story is in {log}",
            exit_code=ExitCode.REJECTED,
        )
    return found


def together(found: Mapping[str, Verdict]) -> Verdict:
    """Return several verdicts as one."""
    return Verdict(
        asked=tuple(name for verdict in found.values() for name in verdict.asked),
        failures=tuple(failure for verdict in found.values() for failure in verdict.failures),
    )


def judge(command: Sequence[str], *, env: Mapping[str, str], console: Console, log: Path) -> Verdict:
    """Run the image tests as `argv` says, everything they print in *log*, and return what they found.

    Raises BakeryError like `finish`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", buffering=1) as file:
        progress = SuiteProgress(console, write=file.write)
        with asking(command, env=env, progress=progress) as one:
            return finish({"": one}, log=log)[""]
