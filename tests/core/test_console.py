"""What a person sees: a live line on a terminal, plain timed lines elsewhere, folded groups under GitHub Actions."""

import os
import pty
import re
import select
import subprocess
import sys

import pytest

from bakery import ROOT
from bakery.core.console import Console, table

WORK = """
import time
from bakery.core.console import Console
console = Console()
with console.phase("packer"):
    console.update("step 1/9 system")
    console.update("step docker", done=2, total=9)
    time.sleep(0.3)
    console.say("+ packer build")
"""


def on_a_terminal(**environment: str) -> str:
    """Run the work on a pseudo-terminal and return all that it wrote there."""
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in {"CI", "GITHUB_ACTIONS", "NO_COLOR"}}
    with subprocess.Popen(
        [sys.executable, "-c", WORK], cwd=ROOT, env={**inherited, "TERM": "xterm", **environment}, stderr=theirs
    ) as child:
        os.close(theirs)
        seen = b""
        while select.select([ours], [], [], 10)[0]:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux says EIO when the other end is closed.
                break
            seen += part
        assert child.wait(10) == 0
    os.close(ours)
    return seen.decode()


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def test_a_terminal_shows_one_live_line_with_the_phase_and_what_it_does() -> None:
    seen = on_a_terminal()
    assert "packer: step docker" in seen
    assert "\x1b[2K" in seen or "\x1b[1A" in seen  # the line is drawn again in its place
    assert re.search(r"✓ packer  0\.[3-9] s", seen)
    assert "+ packer build" in seen


def test_ci_and_dumb_terminals_get_plain_lines() -> None:
    for environment in ({"CI": "true"}, {"TERM": "dumb"}):
        seen = on_a_terminal(**environment)
        assert "\x1b" not in seen
        assert re.search(r"^\[ +0\.\ds\] packer: step 1/9 system\r?$", seen, re.MULTILINE)


def test_plain_lines_tell_when_a_phase_begins_and_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    with console.phase("base"):
        console.update("cached")
    began, told, ended = capsys.readouterr().err.splitlines()
    assert began.endswith("] base …")
    assert told.endswith("] base: cached")
    assert ended.endswith("] base: done in 0.0 s")
    assert console.seconds == {"base": 0.0}


def test_a_percentage_is_not_worth_a_line_until_it_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    for done in range(1, 11):
        console.update("downloading", done=done, total=10)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_github_actions_fold_a_phase(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with Console().phase("verify"):
        pass
    assert capsys.readouterr().err == "::group::verify\n::endgroup::\n"


def test_a_phase_that_fails_is_timed_and_its_group_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    console = Console()

    def fail() -> None:
        with console.phase("verify"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "verify" in console.seconds
    assert capsys.readouterr().err.endswith("::endgroup::\n")


def test_a_table_is_talk_unless_it_is_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    table("Sources", ("source",), [("noble",)])
    table("Sources", ("source",), [("noble",)], to_stdout=True)
    captured = capsys.readouterr()
    assert "noble" in captured.err
    assert "noble" in captured.out


@pytest.mark.parametrize("where", ["/dev/full", "a pipe that nobody reads"])
def test_nobody_who_listens_is_no_reason_to_stop_working(where: str) -> None:
    code = "from bakery.core.console import Console\nwith Console().phase('bake'):\n    pass\nprint('baked')"
    redirect = f"2>{where}" if where.startswith("/") else "2> >(exit)"
    script = f"'{sys.executable}' -u -c \"{code}\" {redirect}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "baked\n")
