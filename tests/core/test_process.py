"""Programs are started, heard, and never left behind."""

import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode


def test_run_returns_both_streams_and_hands_on_each_line() -> None:
    heard: list[str] = []
    finished = process.run(["sh", "-c", "echo one; echo two >&2"], on_line=heard.append)
    assert finished.output == "one\ntwo"
    assert heard == ["one", "two"]


def test_a_failed_program_is_an_error_with_its_last_lines() -> None:
    with pytest.raises(BakeryError, match="sh ended with exit code 7") as caught:
        process.run(["sh", "-c", "echo the reason; exit 7"])
    assert "the reason" in caught.value.message
    assert caught.value.exit_code is ExitCode.FAILED


def test_a_failed_program_is_an_answer_where_it_is_not_checked() -> None:
    assert process.run(["sh", "-c", "exit 7"], is_checked=False).exit_code == 7


def test_a_missing_program_is_exit_code_3_and_points_to_doctor() -> None:
    with pytest.raises(BakeryError, match="no-such-program is not installed") as caught:
        process.run(["no-such-program"])
    assert caught.value.exit_code is ExitCode.MISSING
    assert "./inv doctor" in caught.value.hint


def test_stdin_is_a_file_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("hello")
    assert process.run(["cat"], stdin=tmp_path / "in").output == "hello"
    assert process.run(["cat"]).output == ""


def test_a_background_program_ends_with_the_body(tmp_path: Path) -> None:
    with process.background(["sleep", "60"], log=tmp_path / "log") as child:
        assert process.wait(child, timeout_s=0.1) is None
    assert child.returncode == -signal.SIGTERM


INTERRUPTED = """
import sys
from bakery.core import process
process.interrupt_on_sigterm()
try:
    script = "trap 'sleep 0.6; echo cleaned > {mark}; exit 1' INT; echo ready > {ready}; while :; do sleep 0.1; done"
    process.run(["sh", "-c", script])
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_lets_its_program_clean_up_and_waits_for_it(tmp_path: Path, sent: signal.Signals) -> None:
    mark, ready = tmp_path / "mark", tmp_path / "ready"
    code = INTERRUPTED.format(mark=mark, ready=ready)
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as ours:
        wait_until(ready.exists)
        ours.send_signal(sent)
        assert ours.wait(20) == 130
    assert mark.read_text() == "cleaned\n"


AS_IT_BEGINS = """
import os, time
write = os.write
def interrupted(number, data):
    write(number, data)
    if data == b"go\\n":
        while not os.path.exists("{ready}"):
            time.sleep(0.01)
        raise KeyboardInterrupt
os.write = interrupted
"""


def test_a_run_that_is_interrupted_as_it_begins_waits_for_its_program_too(tmp_path: Path) -> None:
    mark, ready = tmp_path / "mark", tmp_path / "ready"
    code = AS_IT_BEGINS.format(ready=ready) + INTERRUPTED.format(mark=mark, ready=ready)
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=20, check=False).returncode == 130
    assert mark.read_text() == "cleaned\n"


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    ready, go_on = tmp_path / "ready", tmp_path / "go-on"
    script = f"echo > {ready}; while [ ! -e {go_on} ]; do sleep 0.05; done"
    code = f"""
from bakery.core import process
process.interrupt_on_sigterm()
with process.uninterrupted():
    process.run(["sh", "-c", {script!r}])
"""
    with subprocess.Popen(["nohup", sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as ours:
        wait_until(ready.exists)
        ours.send_signal(signal.SIGHUP)
        go_on.touch()
        assert ours.wait(20) == 0


ATTACHED = """
import sys, time
from bakery.core import process
process.interrupt_on_sigterm()
watch, pauses = process.AFTERLIFE.watch, [{pause_s}]
process.AFTERLIFE.watch = lambda *told: (time.sleep(pauses.pop() if pauses else 0), watch(*told))
script = "trap 'echo told >> {heard}' INT; echo ready > {ready}; while [ ! -e {go_on} ]; do sleep 0.05; done; exit 7"
try:
    process.attach(["sh", "-c", script])
except KeyboardInterrupt:
    sys.exit(130)
"""


def send_all(ours: "subprocess.Popen[bytes]", sign: signal.Signals) -> None:
    """Do as a terminal does, whose signals reach everything that runs in its foreground."""
    os.killpg(ours.pid, sign)


@pytest.mark.parametrize("pause_s", [0, 2])
@pytest.mark.parametrize(
    ("send", "sign"),
    [
        (send_all, signal.SIGINT),
        (subprocess.Popen.send_signal, signal.SIGTERM),
        (subprocess.Popen.send_signal, signal.SIGHUP),
    ],
)
def test_a_program_on_our_terminal_hears_of_an_interrupt_once_and_is_waited_for(
    tmp_path: Path,
    send: Callable[["subprocess.Popen[bytes]", signal.Signals], None],
    sign: signal.Signals,
    pause_s: int,
) -> None:
    ready, heard, go_on = tmp_path / "ready", tmp_path / "heard", tmp_path / "go-on"
    code = ATTACHED.format(ready=ready, heard=heard, go_on=go_on, pause_s=pause_s)
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True) as ours:
        wait_until(ready.exists)
        try:
            for times in (1, 2):
                send(ours, sign)
                wait_until(lambda times=times: heard.exists() and len(heard.read_text().split()) >= times)
                # Python gives a child a quarter of a second after Ctrl-C before it goes on.
                time.sleep(0.4)
                assert heard.read_text().split() == ["told"] * times
                assert ours.poll() is None
        finally:
            go_on.touch()
        assert ours.wait(20) == 130


def test_programs_whose_words_are_read_speak_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    assert process.run(["sh", "-c", "echo $LC_ALL:$LANGUAGE"]).output == "C.UTF-8:"


def test_programs_have_a_home_where_nobody_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    assert process.run(["sh", "-c", "echo $HOME"]).output == pwd.getpwuid(os.getuid()).pw_dir


def test_a_program_that_ignores_ctrl_c_is_ended_by_the_next_ones(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with process.background(
        ["sh", "-c", f"trap '' INT TERM; : > {ready}; while :; do sleep 0.1; done"], log=tmp_path / "log"
    ) as child:
        wait_until(ready.exists)
        presses = threading.Thread(target=press_twice)
        presses.start()
        process.end(child, signal.SIGINT)
        presses.join()
        assert child.returncode == -signal.SIGKILL


def test_nothing_within_an_uninterrupted_body_is_interrupted_either() -> None:
    ended = []

    def body() -> None:
        with process.uninterrupted():
            with process.uninterrupted():
                os.kill(os.getpid(), signal.SIGINT)
            ended.append("the inner one")
            time.sleep(0.01)
            ended.append("the outer one")

    with pytest.raises(KeyboardInterrupt):
        body()
    assert ended == ["the inner one", "the outer one"]


def press_twice() -> None:
    for _ in range(2):
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)


def wait_until(is_true: object, timeout_s: float = 10) -> None:
    assert callable(is_true)
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_system_programs_are_found_where_a_users_path_leaves_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert process.find("mke2fs").endswith("/sbin/mke2fs")
    assert process.run(["sh", "-c", "command -v mke2fs"]).output.endswith("/sbin/mke2fs")
