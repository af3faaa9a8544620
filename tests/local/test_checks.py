"""The checks that `invoke test` runs, and how their failure is told."""

import sys

import pytest

from bakery import ROOT
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.local import checks
from tests.conftest import CHAINS

QUICK = ["format", "lint", "types", "shellcheck", "shfmt", "tests"]


def test_everything_is_checked_and_fast_leaves_out_what_boots_machines() -> None:
    fast, everything = (checks.commands(is_fast=is_fast, pattern="") for is_fast in (True, False))
    assert list(fast) == list(everything) == QUICK
    assert left_out_by(fast["tests"]) == "not slow"
    assert left_out_by(everything["tests"]) == ""


def left_out_by(argv: list[str]) -> str:
    return argv[argv.index("-m", 2) + 1] if "-m" in argv[2:] else ""


def test_a_pattern_runs_the_tests_that_match_and_nothing_else() -> None:
    assert list(checks.commands(is_fast=False, pattern="health")) == ["tests"]


def test_every_shell_script_is_found_by_its_first_line() -> None:
    names = {path.name for path in checks.shell_scripts()}
    assert {"inv", "run", "lib.sh", "10-system.sh", "bakery-health", "tree.sh", "early.sh", "65-watches.sh"} <= names
    assert "daemon.json" not in names


def test_machines_run_in_two_processes_at_most() -> None:
    with_machines = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests/slow").glob("test_*.py")
        if "baked: Baked" in path.read_text(encoding="utf-8")
    }
    assert with_machines
    assert with_machines <= CHAINS.keys()
    assert all((ROOT / name).is_file() for name in CHAINS)
    assert len(set(CHAINS.values())) == 2


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
