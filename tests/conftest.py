"""What every test may use: golden files, renewed with `pytest --update-golden`, and a rehearsal cloud.

And how a run is spread over processes: a file's tests stay together, and machines run in two of them beside all else.
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

MACHINES = (
    "tests/slow/test_bake.py",
    "tests/slow/test_debian_13.py",
    "tests/slow/test_four_nights.py",
    "tests/slow/test_bake_dokku.py",
    "tests/slow/test_vagrant_up.py",
    "tests/slow/test_import.py",
    "tests/slow/test_native.py",
    "tests/slow/test_zones.py",
    "tests/slow/test_rehearsal.py",
    "tests/slow/test_nightly.py",
    "tests/slow/test_failures.py",
)
"""Files whose tests boot machines, in the order in which they begin: what takes longest comes first."""
AT_A_TIME = 2
"""How many processes run those as long as there is something else to do: while one waits, another works."""
SLOW = "tests/slow/"
LONG_S = 20.0
"""A test that takes longer is told of as it ends, so that nobody watches dots for half an hour."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # its base is untyped
    """Hands out files to the processes of a run, those with machines to two of them until nothing else is left."""

    def _assign_work_unit(self, node: object) -> None:
        others = [other for other in self.assigned_work if other is not node and self._runs_machines(other)]
        is_free = len(others) < AT_A_TIME
        first = next(iter(self.workqueue))
        file = next((one for one in self.workqueue if (one in MACHINES) == is_free), first)
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)

    def _runs_machines(self, node: object) -> bool:
        return any(
            file in MACHINES and not all(tests.values()) for file, tests in self.assigned_work.get(node, {}).items()
        )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Use our way of handing out tests."""
    return Scheduling(config, log)


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
    """Let machines begin first, and end with what is slow beside them: it keeps all processors busy."""
    for item in items:
        if "stage" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.story)
    items.sort(key=lambda item: _turn(item.nodeid.partition("::")[0]))


def _turn(file: str) -> int:
    if file in MACHINES:
        return MACHINES.index(file)
    return len(MACHINES) + file.startswith(SLOW)


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
    """Run a rehearsal cloud for the tests of one file; whoever takes it resets it first, and is marked `story`."""
    # moto takes a second and a half, which the image tests should not pay for.
    from bakery.rehearsal.server import serving

    with serving() as rehearsal:
        yield rehearsal


@pytest.fixture
def cloud(stage: "Rehearsal", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Rehearsal":
    """Give the rehearsal cloud as new, nothing that this machine's owner has set up for AWS, and a build folder.

    A file that wants more of it has a fixture of this name, which takes this one.
    """
    from tests.aws_account import forget_aws

    stage.reset()
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return stage
