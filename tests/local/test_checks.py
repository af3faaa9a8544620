"""The checks that `invoke test` runs, and how their failure is told."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]  # it ships no types

from bakery import ROOT
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.local import checks
from tests.conftest import AT_A_TIME, MACHINES, SLOW, Scheduling, pytest_collection_modifyitems

QUICK = ["format", "lint", "types", "shellcheck", "shfmt", "tests"]


def test_everything_is_checked_and_fast_leaves_out_machines_and_stories() -> None:
    fast, everything = (checks.commands(is_fast=is_fast, pattern="") for is_fast in (True, False))
    assert list(fast) == list(everything) == QUICK
    assert left_out_by(fast["tests"]) == "not slow and not story"
    assert left_out_by(everything["tests"]) == ""


def left_out_by(argv: list[str]) -> str:
    return argv[argv.index("-m", 2) + 1] if "-m" in argv[2:] else ""


def test_a_pattern_runs_the_tests_that_match_and_nothing_else() -> None:
    assert list(checks.commands(is_fast=False, pattern="health")) == ["tests"]


def test_every_shell_script_is_found_by_its_first_line() -> None:
    names = {path.name for path in checks.shell_scripts()}
    assert {"inv", "run", "lib.sh", "10-system.sh", "bakery-health", "tree.sh", "early.sh", "65-watches.sh"} <= names
    assert "daemon.json" not in names


@pytest.mark.parametrize(("fixture", "is_marked"), [("stage", True), ("tmp_path", False)])
def test_whoever_takes_the_stage_plays_a_story(fixture: str, is_marked: bool) -> None:
    marks: list[pytest.MarkDecorator] = []
    item: Any = SimpleNamespace(nodeid="tests/test_a.py::test_b", fixturenames=[fixture], add_marker=marks.append)
    pytest_collection_modifyitems([item])
    assert [mark.name for mark in marks] == ["story"] * is_marked


def test_whatever_boots_machines_is_known_to_do_so() -> None:
    with_machines = {
        str(path.relative_to(ROOT))
        for path in (ROOT / SLOW).glob("test_*.py")
        if "baked: Baked" in path.read_text(encoding="utf-8")
    }
    assert with_machines
    assert with_machines <= {*MACHINES}
    assert all((ROOT / name).is_file() for name in MACHINES)


class Process:
    """What pytest-xdist knows of a process that runs tests: the numbers of those that it was given."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.given: list[int] = []

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.given += numbers

    def shutdown(self) -> None:
        self.shutting_down = True


def test_two_processes_run_machines_and_the_others_join_in_when_nothing_else_is_left() -> None:
    quick = [f"tests/test_{number}.py::test_it[{case}]" for number in range(4) for case in range(3)]
    slow = [f"{file}::test_it[{case}]" for file in MACHINES for case in range(3)]
    collected = [*slow, *quick]
    config = SimpleNamespace(
        option=SimpleNamespace(loadscopereorder=False, debug=None), getvalue=lambda _: ["3*popen"], hook=None
    )
    scheduling = Scheduling(config, Producer("tests", enabled=False))
    processes = [Process(number) for number in range(3)]
    for process in processes:
        scheduling.add_node(process)
    for process in processes:
        scheduling.add_node_collection(process, collected)
    scheduling.schedule()
    first, second, third = processes
    assert AT_A_TIME == 2
    begun = [collected[process.given[0]].partition("::")[0] for process in processes]
    assert begun == [*MACHINES[:2], "tests/test_0.py"]
    for _ in range(4 * 3 - 1):
        scheduling.mark_test_complete(third, third.given.pop(0))
    assert {collected[number].startswith(SLOW) for number in third.given[1:]} == {True}
    assert {collected[number].startswith(SLOW) for one in (first, second) for number in one.given} == {True}


def test_all_failures_are_named_after_every_check_has_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    programs = {"lint": "import sys; sys.exit(1)", "types": "print('ran')", "tests": "import sys; sys.exit(2)"}
    commands = {name: [sys.executable, "-c", code] for name, code in programs.items()}
    monkeypatch.setattr(checks, "commands", lambda *, is_fast, pattern: commands)
    with pytest.raises(BakeryError, match="these checks failed: lint, tests") as caught:
        checks.run(is_fast=True, pattern="", console=Console())
    assert caught.value.exit_code is ExitCode.FAILED
    assert capfd.readouterr().out == "ran\n"
