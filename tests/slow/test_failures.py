"""Bakes that fail, are interrupted or meet each other: one clear end, nothing left behind, nothing lost."""

import functools
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.disk import base
from bakery.guests import accelerator
from bakery.local import native_bake, packer_input, plan
from bakery.local.plan import Order
from bakery.packer import build, engine
from bakery.packer.workspace import Workspace
from tests.slow.conftest import HOST, NAME, ROOT, Baked, environment_in


class Running:
    """A command of ours that goes on while the test looks at what it says."""

    def __init__(self, *words: str, environment: dict[str, str]) -> None:
        argv = [str(ROOT / "inv"), *words]
        self.child = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.said += line

    def wait_for(self, pattern: str, *, timeout_s: float = 600) -> None:
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self.said):
            assert self.child.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def end(self, sent: signal.Signals) -> int:
        if self.child.poll() is None:
            self.child.send_signal(sent)
        exit_code = self.child.wait(120)
        self._reader.join()
        assert self.child.stdout is not None
        self.child.stdout.close()
        return exit_code


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a function that starts a command of ours; what a failed test leaves running is ended."""
    started: list[Running] = []

    def begin(*words: str, environment: dict[str, str]) -> Running:
        started.append(Running(*words, environment=environment))
        return started[-1]

    yield begin
    for running in started:
        running.end(signal.SIGTERM)


def programs_that_mention(text: Path) -> set[str]:
    """Return the running programs, with their process ids, whose command line holds *text*."""
    listed = subprocess.run(["ps", "-ewwo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if str(text) in line}


def guests_of(folder: Path) -> set[str]:
    """Return every QEMU that runs on this machine with a disk in *folder*."""
    return {line for line in programs_that_mention(folder) if "qemu-system" in line.split()[1]}


def machines_of(folder: Path) -> set[str]:
    """Return the name of every native machine that runs from a disk in *folder*; its script may have children."""
    found = (re.search(r" bash \S+/native\.sh (\S+) ", line) for line in programs_that_mention(folder))
    return {one[1] for one in found if one}


def files_in(*folders: Path) -> dict[str, tuple[int, int]]:
    """Return what tells a file from another one in its place; that one was looked at again makes no difference."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path): (path.stat().st_ino, path.stat().st_size) for path in files if ".packer" not in str(path)}


def test_ctrl_c_while_the_base_is_made_leaves_no_half_base(start: Start, tmp_path: Path) -> None:
    bake = start("bake", *HOST, environment=environment_in(tmp_path))
    bake.wait_for("base: (downloading|extracting|installing)")
    assert bake.end(signal.SIGINT) == ExitCode.INTERRUPTED
    assert "interrupted: everything was stopped and cleaned up" in bake.said
    assert list((tmp_path / "cache").rglob("*.qcow2*")) == []
    assert programs_that_mention(tmp_path) == set()


def test_two_bakes_wait_for_each_other_and_sigterm_leaves_nothing_of_either(baked: Baked, start: Start) -> None:
    folders = baked.folder, Path(baked.environment["XDG_CACHE_HOME"])
    space = baked.folder / f"{NAME}.packer"
    kept = files_in(*folders)
    first = start("bake", *HOST, "--force", environment=baked.environment)
    first.wait_for(r"\+ packer build")
    second = start("bake", *HOST, "--force", environment=baked.environment)
    second.wait_for(rf"another run \(process {first.child.pid}\) is busy with {NAME}: waiting for it")
    assert second.end(signal.SIGTERM) == ExitCode.INTERRUPTED
    assert programs_that_mention(space)
    assert first.end(signal.SIGTERM) == ExitCode.INTERRUPTED
    assert programs_that_mention(space) == set()
    left = files_in(*folders)
    assert {Path(path).name for path in kept.keys() | left.keys() if kept.get(path) != left.get(path)} == {
        f"{NAME}.unfinished.log"
    }
    assert not (space / "key").exists()


@pytest.mark.parametrize(("name", "copies", "guests"), [("native", 3, 1), ("tcg", 2, 2)])
def test_ctrl_c_while_copies_run_stops_them(name: str, copies: int, guests: int, baked: Baked, start: Start) -> None:
    with tempfile.TemporaryDirectory(prefix="bakery-") as folder:  # not pytest's: a socket's path must be short
        environment = {**baked.environment, "TMPDIR": folder}
        verify = start("verify", *HOST, "--accelerator", name, environment=environment)
        verify.wait_for(f"{copies} copies are starting")
        assert len(guests_of(Path(folder))) == guests
        assert len(machines_of(Path(folder))) == copies - guests
        assert verify.end(signal.SIGINT) == ExitCode.INTERRUPTED
        assert programs_that_mention(Path(folder)) == set()
        assert folder not in subprocess.run(["losetup", "--all"], capture_output=True, text=True, check=True).stdout


def test_a_step_that_fails_is_named_with_its_last_lines_and_the_log(
    baked: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "BAKERY_BUILD_DIR"):
        monkeypatch.setenv(name, baked.environment[name])
    planned = plan.make(Order(image="host", base="debian-12"))
    space = Workspace(folder=tmp_path / "packer")
    disk = base.cached(planned.base, planned.definition.arch)
    assert disk is not None
    packer, machine = engine.installed(), accelerator.choose("auto")
    packer_input.prepare(space, planned, disk=disk, accelerator=machine, packer=packer)
    log = planned.artifact.unfinished.log
    script = space.folder / "provision/10-system.sh"
    script.write_text("#!/usr/bin/env bash\n# Fails.\necho the reason it failed\nexit 7\n")
    bake = functools.partial(build.build, space, log=log, packer_=packer, console=Console())
    if machine.is_native:
        bake = functools.partial(native_bake.build, space, planned, disk=disk, packer_=packer, console=Console())
    with pytest.raises(BakeryError, match="the step system failed") as caught:
        bake()
    assert "the reason it failed" in caught.value.message
    assert str(log) in caught.value.hint
    assert caught.value.exit_code is ExitCode.FAILED
    steps = len(layers.whole("host").all_steps)
    assert f"BAKERY step 1/{steps} system failed 7" in log.read_text()


def test_what_a_killed_run_left_is_removed_by_the_next(baked: Baked, start: Start) -> None:
    left = baked.folder / ".work-999999999-x"
    left.mkdir()
    (left / "half.qcow2").write_text("half")
    bake = start("bake", *HOST, "--force", environment=baked.environment)
    bake.wait_for("packer: the machine is starting")
    assert not left.exists()
    bake.end(signal.SIGINT)
    assert list(baked.folder.glob(".work-*")) == []
