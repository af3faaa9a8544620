"""When we are killed, our programs end: by the signal that Ctrl-C would have sent, with their children, and in time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core import afterlife, process
from tests.core.test_process import wait_until

BACKGROUND = """
import time
from pathlib import Path
from bakery.core import process
script = "echo $$ > {pids}; sleep 300 & echo $! >> {pids}; echo whole >> {pids}; wait"
with process.background(["sh", "-c", script], log=Path("/dev/null")):
    time.sleep(300)
"""
RUN = """
from bakery.core import process
script = "trap 'echo cleaned > {mark}; exit 1' INT; trap 'echo rough > {mark}; exit 1' TERM; {begin}"
process.run(["sh", "-c", script + "; while :; do sleep 0.1; done"])
"""
DETACHED = """
import os, time
from pathlib import Path
from bakery.core import process
process.run(["true"])
pid = process.detached(["sleep", "300"], log=Path("/dev/null"))
Path("{pids}").write_text(f"{{pid}}\\nwhole\\n")
time.sleep(300)
"""


def killed(code: str, *, when: Path) -> None:
    """Run some code until a file says that it is time, and kill it."""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as ours:
        wait_until(lambda: when.exists() and when.read_text().endswith("whole\n"))
        ours.kill()


def is_running(pid: int) -> bool:
    # What nobody has waited for yet has ended all the same.
    state = process.run(["ps", "-o", "stat=", "-p", str(pid)], is_checked=False).output
    return state != "" and not state.startswith("Z")


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()[:-1]]


def test_a_background_program_ends_with_all_its_children(tmp_path: Path) -> None:
    killed(BACKGROUND.format(pids=tmp_path / "pids"), when=tmp_path / "pids")
    wait_until(lambda: not any(map(is_running, pids_in(tmp_path / "pids"))))


def test_a_program_that_is_waited_for_is_interrupted_and_may_clean_up(tmp_path: Path) -> None:
    begin = f"echo $$ > {tmp_path}/pids; echo whole >> {tmp_path}/pids"
    killed(RUN.format(mark=tmp_path / "mark", begin=begin), when=tmp_path / "pids")
    wait_until(lambda: not any(map(is_running, pids_in(tmp_path / "pids"))))
    assert (tmp_path / "mark").read_text() == "cleaned\n"


def test_what_is_to_outlive_us_does(tmp_path: Path) -> None:
    killed(DETACHED.format(pids=tmp_path / "pids"), when=tmp_path / "pids")
    (pid,) = pids_in(tmp_path / "pids")
    try:
        time.sleep(0.5)
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_program_is_not_begun_when_we_are_killed_before_its_end_is_seen_to(tmp_path: Path) -> None:
    argv = ["/bin/sh", "-c", process.TOLD_TO, os.devnull, "touch", str(tmp_path / "begun")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(10) == 1
    assert not (tmp_path / "begun").exists()


def test_what_ignores_that_it_should_end_is_killed(tmp_path: Path) -> None:
    code = "from bakery.core import afterlife; afterlife.GRACE_S = 0.3; afterlife.main()"
    ready = tmp_path / "ready"
    script = f"trap '' TERM; : > {ready}; while :; do sleep 0.1; done"
    with subprocess.Popen(["sh", "-c", script], start_new_session=True) as stubborn:
        wait_until(ready.exists)
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=f"15 -{stubborn.pid}\n", text=True, check=True)
        assert stubborn.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([], {}),
        (["2 -7", "15 9"], {-7: 2, 9: 15}),
        (["2 -7", "15 9", "0 -7"], {9: 15}),
        (["15 9", "0 9", "2 9"], {9: 2}),
        (["0 9"], {}),
    ],
)
def test_what_has_ended_is_left_alone(lines: list[str], left: dict[int, int]) -> None:
    assert afterlife.due(lines) == left


def test_it_ends_with_us_when_there_is_nothing_to_end(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from bakery.core import process
process.run(["true"])
found = process.run(["pgrep", "-P", str(os.getpid()), "-f", "^[^ ]*python[^ ]* -I -S"])
Path("{tmp_path}/pids").write_text(found.output)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    (pid,) = map(int, (tmp_path / "pids").read_text().split())
    wait_until(lambda: not is_running(pid))


def test_a_fork_has_an_afterlife_of_its_own(tmp_path: Path) -> None:
    """Its programs end with it, and it does not keep those of its parent alive."""
    code = f"""
import os, time
from bakery.core import process
process.run(["true"])
if os.fork() == 0:
    exec({BACKGROUND.format(pids=tmp_path / "pids")!r})
Path = __import__("pathlib").Path
while not (Path("{tmp_path}/pids").exists() and Path("{tmp_path}/pids").read_text().endswith("whole\\n")):
    time.sleep(0.05)
child = int(process.run(["pgrep", "-P", str(os.getpid()), "-f", "^[^ ]*python[^ ]* -c"]).output)
os.kill(child, 9)
os.waitpid(child, 0)
time.sleep(300)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as ours:
        pids = tmp_path / "pids"
        try:
            wait_until(lambda: pids.exists() and pids.read_text().endswith("whole\n"))
            wait_until(lambda: not any(map(is_running, pids_in(pids))))
            assert ours.poll() is None
        finally:
            ours.kill()
