"""How the image tests get on: pytest's own lines, and what a person is told of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakery.core.console import Console
from bakery.guests.progress import SuiteProgress

LINES = """\
tests/image/test_ssh.py::test_no_passwords[first] PASSED                    [ 1/4]
tests/image/test_ssh.py::test_no_passwords[second] FAILED                   [ 2/4]
something that a test printed
tests/image/test_health.py::test_it_answers[first] SKIPPED (needs a copy)   [ 3/4]
tests/image/test_health.py::test_it_is_quick PASSED                         [ 4/4]
"""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 5
        return self.now


def test_a_plain_log_has_a_line_for_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    kept: list[str] = []
    progress = SuiteProgress(Console(), write=kept.append, clock=Clock())
    for line in LINES.splitlines():
        progress.hear(line)
    said = [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == [
        "ssh: 1 passed, 1 failed in 10 s (2/4)",
        "health: 1 left out, 1 passed in 5 s (4/4)",
    ]
    assert "".join(kept) == LINES


def test_a_terminal_sees_each_test(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, int | None, int | None]] = []

    def update(_self: Console, text: str, *, done: int | None = None, total: int | None = None) -> None:
        shown.append((text, done, total))

    monkeypatch.setattr(Console, "update", update)
    progress = SuiteProgress(Console(), write=len)
    for line in LINES.splitlines():
        progress.hear(line)
    assert shown[0] == ("test 1/4 ssh: test_no_passwords", 1, 4)
    assert shown[3] == ("test 3/4 health: test_it_answers", 3, 4)


def test_the_installed_pytest_prints_lines_that_are_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_one.py").write_text("def test_a(): pass\n\ndef test_b(): assert 0\n")
    (tmp_path / "test_two.py").write_text(
        "import pytest\n\n@pytest.mark.parametrize('x', ['a b', 2])\ndef test_c(x): pass\n"
    )
    argv = [sys.executable, "-m", "pytest", "-v", "--color=no", "-o", "console_output_style=count", str(tmp_path)]
    env = {**os.environ, "PYTEST_ADDOPTS": ""}
    printed = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False).stdout
    progress = SuiteProgress(Console(), write=len)
    for line in printed.splitlines():
        progress.hear(line)
    said = capsys.readouterr().err
    assert "one: 1 passed, 1 failed in " in said
    assert "two: 2 passed in " in said
    assert "(4/4)" in said
