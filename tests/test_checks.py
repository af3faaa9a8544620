"""The checks that `invoke test` runs, and how their failure is told."""

import sys

import pytest

from bakery import checks
from bakery.console import Console
from bakery.errors import BakeryError, ExitCode

QUICK = ["format", "lint", "types", "shellcheck", "shfmt", "tests"]


def test_everything_is_checked_and_fast_leaves_out_what_boots_machines() -> None:
    assert list(checks.commands(is_fast=True, pattern="")) == QUICK
    everything = checks.commands(is_fast=False, pattern="")
    assert list(everything) == [*QUICK, "machines"]
    assert "not slow" in checks.commands(is_fast=True, pattern="")["tests"]
    assert "not slow or guestless" in everything["tests"]
    assert "slow and not guestless" in everything["machines"]


def test_a_pattern_runs_the_tests_that_match_and_nothing_else() -> None:
    assert list(checks.commands(is_fast=False, pattern="health")) == ["tests"]


def test_every_shell_script_is_found_by_its_first_line() -> None:
    names = {path.name for path in checks.shell_scripts()}
    assert {"inv", "run", "lib.sh", "10-system.sh", "bakery-health", "tree.sh", "early.sh"} <= names
    assert "daemon.json" not in names


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
