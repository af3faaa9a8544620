"""Bakes that fail, are interrupted or meet each other: one clear end, nothing left behind, nothing lost."""

import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from bakery import accelerator, basedisk, builder, packer, plan, workspace
from bakery.console import Console
from bakery.errors import BakeryError, ExitCode
from bakery.plan import Order
from bakery.workspace import Workspace
from tests.slow.conftest import NAME, ROOT, Baked, environment_in


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
        self.child.send_signal(sent)
        exit_code = self.child.wait(120)
        self._reader.join()
        assert self.child.stdout is not None
        self.child.stdout.close()
        return exit_code


def programs_that_mention(text: Path) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(text) in line]


def files_in(folder: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"
    }


def test_ctrl_c_while_the_base_is_made_leaves_no_half_base(tmp_path: Path) -> None:
    bake = Running("bake", environment=environment_in(tmp_path))
    bake.wait_for("base: (downloading|extracting|installing)")
    assert bake.end(signal.SIGINT) == ExitCode.INTERRUPTED
    assert "interrupted: everything was stopped and cleaned up" in bake.said
    assert list((tmp_path / "cache").rglob("*.qcow2*")) == []
    assert programs_that_mention(tmp_path) == []


def test_two_bakes_at_once_wait_for_each_other_and_sigterm_leaves_nothing_of_either(baked: Baked) -> None:
    kept = files_in(baked.folder) | files_in(Path(baked.environment["XDG_CACHE_HOME"]))
    first = Running("bake", "--force", environment=baked.environment)
    first.wait_for("packer: the machine is starting")
    second = Running("bake", "--force", environment=baked.environment)
    second.wait_for(rf"another run \(process \d+\) is busy with {NAME}: waiting for it")
    assert second.end(signal.SIGTERM) == ExitCode.INTERRUPTED
    assert len(programs_that_mention(baked.folder / f"{NAME}.packer")) > 0
    assert first.end(signal.SIGTERM) == ExitCode.INTERRUPTED
    assert programs_that_mention(baked.folder / f"{NAME}.packer") == []
    left = files_in(baked.folder) | files_in(Path(baked.environment["XDG_CACHE_HOME"]))
    changed = {path for path in kept.keys() | left.keys() if kept.get(path) != left.get(path)}
    assert {Path(path).name for path in changed if ".packer/" not in path} == {f"{NAME}.log"}
    assert not (baked.folder / f"{NAME}.packer/key").exists()


def test_ctrl_c_while_copies_run_stops_them(baked: Baked) -> None:
    verify = Running("verify", environment=baked.environment)
    verify.wait_for("two copies are starting")
    assert len(programs_that_mention(baked.disk.with_suffix("")) + qemus()) > 0
    assert verify.end(signal.SIGINT) == ExitCode.INTERRUPTED
    assert qemus() == []


def qemus() -> list[str]:
    """Return the guests that a `verify` of ours runs: their disks are in a folder named after the bakery."""
    return [line for line in programs_that_mention(Path("/bakery-")) if "qemu-system" in line.split()[0]]


def test_a_step_that_fails_is_named_with_its_last_lines_and_the_log(
    baked: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "BAKERY_BUILD_DIR"):
        monkeypatch.setenv(name, baked.environment[name])
    planned = plan.make(Order(image="host"))
    space = Workspace(folder=tmp_path / "packer")
    disk = basedisk.cached(planned.base, planned.definition.arch)
    engine = packer.installed()
    workspace.prepare(space, planned, disk=disk, accelerator=accelerator.probe(), packer=engine)
    script = space.folder / "provision/10-system.sh"
    script.write_text("#!/usr/bin/env bash\n# Fails.\necho the reason it failed\nexit 7\n")
    with pytest.raises(BakeryError, match="the step system failed") as caught:
        builder.build(space, log=tmp_path / "log", packer_=engine, console=Console())
    assert "the reason it failed" in caught.value.message
    assert str(tmp_path / "log") in caught.value.hint
    assert caught.value.exit_code is ExitCode.FAILED
    assert not (space.folder / "output").exists()
    assert "BAKERY step 1/9 system failed 7" in (tmp_path / "log").read_text()


def test_what_a_killed_run_left_is_removed_by_the_next(baked: Baked) -> None:
    left = baked.folder / ".work-999999999-x"
    left.mkdir()
    (left / "half.qcow2").write_text("half")
    bake = Running("bake", "--force", environment=baked.environment)
    bake.wait_for("packer: the machine is starting")
    assert not left.exists()
    bake.end(signal.SIGINT)
    assert list(baked.folder.glob(".work-*")) == []
