"""What every test may use: golden files, renewed with `pytest --update-golden`, and a rehearsal cloud.

And how a run is spread over processes: a file's tests stay together, and machines never run in more than two of them.
"""

from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from bakery.rehearsal.server import Rehearsal

GOLDEN = Path(__file__).parent / "golden"

Golden = Callable[[str, str], None]

CHAINS = {
    "tests/slow/test_bake.py": "machines of bakes",
    "tests/slow/test_bake_dokku.py": "machines of bakes",
    "tests/slow/test_debian_13.py": "machines from a bake",
    "tests/slow/test_failures.py": "machines of bakes",
    "tests/slow/test_native.py": "machines of bakes",
    "tests/slow/test_nightly.py": "machines of bakes",
    "tests/slow/test_vagrant_up.py": "machines of bakes",
    "tests/slow/test_four_nights.py": "machines from a bake",
    "tests/slow/test_import.py": "machines from a bake",
    "tests/slow/test_rehearsal.py": "machines from a bake",
    "tests/slow/test_zones.py": "machines from a bake",
}
"""Files whose tests boot machines, by the process that runs them one after another: while one waits, another works."""
SLOW = "tests/slow/"
LONG_S = 20.0
"""A test that takes longer is told of as it ends, so that nobody watches dots for half an hour."""


class Chained(LoadFileScheduling):  # type: ignore[misc]  # its base is untyped
    """Hands out files, or chains of files, to the processes of a run."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return CHAINS.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Chained:
    """Use our way of handing out tests."""
    return Chained(config, log)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not config.option.verbose > 0:
        config.pluginmanager.register(LongTests(reporter), "long-tests")


class LongTests:
    """Prints a line for each test, or what it needed first, that took long."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.duration >= LONG_S:
            self._reporter.ensure_newline()
            self._reporter.write_line(f"{report.duration:6.0f} s  {report.nodeid} ({report.when}: {report.outcome})")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the chains begin first, and end with what is slow beside them: it keeps all processors busy."""
    items.sort(key=lambda item: _turn(item.nodeid.partition("::")[0]))


def _turn(file: str) -> int:
    if file in CHAINS:
        return 0
    return 2 if file.startswith(SLOW) else 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what is rendered now into tests/golden")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return a check that a rendered text is the one kept under its name in tests/golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("update_golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"there is no {path}: pytest --update-golden writes it"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Return what forks a process that has read all that our commands need."""
    from tests.forks import context

    return context()


@pytest.fixture(scope="module")
def stage() -> "Iterator[Rehearsal]":
    """Run a rehearsal cloud for the tests of one file; whoever takes it resets it first."""
    # moto takes a second and a half, which the image tests should not pay for.
    from bakery.rehearsal.server import serving

    with serving() as rehearsal:
        yield rehearsal
