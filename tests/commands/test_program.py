"""The program behind ./inv: what it says of mistakes in the command line, and what becomes of broken streams."""

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios

import pytest

from bakery import ROOT
from tests import forks

RUN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from bakery.commands import program;"
    " sys.exit(program.main(sys.argv[1:]))"
)


ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}


def argv(*words: str) -> list[str]:
    return [sys.executable, "-P", "-c", RUN, str(ROOT), *words]


def inv(*words: str) -> subprocess.CompletedProcess[str]:
    return forks.command(RUN, [str(ROOT), *words], cwd=ROOT, env=ENVIRONMENT)


def through_shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script of bash in which `inv` is our program."""
    quoted = " ".join(f"'{word}'" for word in argv())
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; inv() {{ {quoted} "$@"; }}; {script}'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["bkae"], "there is no command 'bkae'", "did you mean 'bake'?"),
        (["--help", "bkae"], "there is no command 'bkae'", "did you mean 'bake'?"),
        (
            ["bake", "--imgae", "x"],
            "bake has no option --imgae",
            "did you mean '--image'?  (./inv bake -h explains them)",
        ),
        (["bake", "--imgae=x"], "bake has no option --imgae", "did you mean '--image'?  (./inv bake -h explains them)"),
        (["bake", "--image"], "--image needs a value", "./inv bake -h"),
        (["amis", "--format"], "--format needs a value", "./inv amis -h"),
        (["nightly", "--region"], "--region needs a value", "./inv nightly -h"),
        (["bake", "--region", "--dry-run"], "--region needs a value", "./inv bake -h"),
        (["bake", "host"], "bake takes no 'host', and it is no command either", "./inv bake --image host"),
        (["bake", "x"], "bake takes no 'x', and it is no command either", "./inv bake -h  (lists its options)"),
        (["bake", "-y"], "-y is for ./inv itself", "./inv -y bake"),
        (["bake", "-dry-run"], "there is no option -dry-run", "did you mean '--dry-run'?"),
        (["test", "--k", "x"], "test has no option --k", "did you mean '-k'?"),
        (["--frobnicate", "bake"], "there is no option --frobnicate before a command", "./inv -h"),
        (["diff"], "diff needs OLD and NEW", "./inv diff -h"),
        (["sbom"], "sbom needs RELEASE", "./inv sbom -h"),
        (["diff", "newest"], "diff needs NEW", "./inv diff -h"),
        (
            ["diff", "x", "--imag", "y"],
            "diff has no option --imag",
            "did you mean '--image'?  (./inv diff -h explains them)",
        ),
        # What invoke itself would have taken without a word:
        (["bake", "--dry"], "bake has no option --dry", "did you mean '--dry-run'?  (./inv bake -h explains them)"),
        (["--dry", "bake"], "bake has no option --dry", "did you mean '--dry-run'?  (./inv bake -h explains them)"),
        (["status", "-e"], "status has no option -e", None),
        (["status", "--config", "x.yml"], "status has no option --config", None),
        (["status", "--warn-only"], "status has no option --warn-only", None),
        (["status", "-T", "5"], "status has no option -T", None),
    ],
)
def test_a_mistyped_command_line_is_one_line_a_hint_and_exit_code_2(
    words: list[str], error: str, hint: str | None
) -> None:
    done = inv(*words)
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()
    assert said[0] == f"error: {error}"
    assert len(said) == 2
    assert hint is None or said[1] == f"hint:  {hint}"


@pytest.mark.parametrize("words", [["-h"], ["--help"], []])
def test_help_shows_how_it_is_used_and_every_command(words: list[str]) -> None:
    done = inv(*words)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ./inv [-y] COMMAND [OPTIONS]\n")
    assert {"bake", "verify", "publish", "doctor"} <= set(re.findall(r"^  (\w+)", done.stdout, re.MULTILINE))
    assert "--echo" not in done.stdout


def test_h_means_help_in_every_command() -> None:
    listed = inv("--list").stdout
    commands = re.findall(r"^  (\w+)", listed, re.MULTILINE)
    assert len(commands) >= 15
    script = "; ".join(
        f"echo '>>' {command}; inv {command} -h"
        for command in ("certs", "verify", "amis", "up", "prune", "diff", "sbom")
    )
    done = through_shell(script)
    assert done.stderr == ""
    assert done.stdout.count("Usage: ./inv") == 7
    assert "-h STRING" not in done.stdout


@pytest.mark.parametrize("command", ["bake", "up", "status", "halt"])
def test_help_says_what_an_option_means(command: str) -> None:
    options = re.findall(r"^  (-.*)$", inv(command, "-h").stdout, re.MULTILINE)
    assert options
    assert [option for option in options if not re.search(r"\S  +\S", option)] == []


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(("words", "code"), [("regions --image nope", 2), ("catalog", 0)])
def test_talk_that_nobody_can_take_does_not_change_the_exit_code(words: str, code: int, unbuffered: str) -> None:
    done = through_shell(f"export PYTHONUNBUFFERED={unbuffered}; inv {words} 2>/dev/full >/dev/null")
    assert done.returncode == code


def test_a_reader_that_has_enough_ends_nothing_badly() -> None:
    done = through_shell("inv --list | head -1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Subcommands:\n"


TABLES = """
from bakery.commands import program
from bakery.core.console import table
from bakery.release import rebuild
def many(*_, **__):
    for _ in range(50):
        table("x", ("a",), [("b" * 90,)] * 90, to_stdout=True)
rebuild.show = many
"""


@pytest.mark.parametrize("reader", ["true", "head -1 >/dev/null"])
@pytest.mark.parametrize("talk", ["", "2>&1"])
def test_a_reader_of_tables_that_has_enough_ends_nothing_badly(reader: str, talk: str) -> None:
    script = RUN.replace("from bakery.commands import program;", f"exec({TABLES!r});")
    quoted = " ".join(map(shlex.quote, [sys.executable, "-P", "-c", script, str(ROOT), "catalog"]))
    done = through_shell(f"{quoted} {talk} | {reader}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_under_the_result_is_one_line() -> None:
    done = through_shell("inv --list >/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: the result: No space left on device"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_shell_has_closed_leads_nowhere(closed: str) -> None:
    assert through_shell(f"inv --list {closed}").returncode == 0
    mistake = through_shell(f"inv bake --image hots {closed}")
    assert mistake.returncode == 2
    assert "Traceback" not in mistake.stderr


@pytest.mark.parametrize(
    "language",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_a_language_without_our_dashes_and_dots_is_no_error(language: dict[str, str]) -> None:
    words = argv("bake", "--image", "hots\u2014")
    done = subprocess.run(words, env=ENVIRONMENT | language, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: there is no image 'hots")


def test_a_terminal_of_forty_columns_shows_all_of_it() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with subprocess.Popen(argv("launch", "-h"), cwd=ROOT, stdout=theirs, stderr=theirs, stdin=theirs) as child:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                break
        assert child.wait(20) == 0
    assert b"Traceback" not in seen
    assert b"--instance-type" in seen
