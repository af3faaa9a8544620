"""Native machines: they run, they have a network of their own, and nothing is left of them however they end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.core import process, scratch
from bakery.core.errors import BakeryError
from bakery.guests import native, native_probe

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="native machines need Linux and root"
)
# What a machine of these tests has for its init: it ends when it is switched off.
STAY = """#!/bin/bash
trap 'exit 0' RTMIN+3
while true; do read -r -t 1 <> <(:); done
"""


def machine(folder: Path, *, init: str, monkeypatch: pytest.MonkeyPatch, **more: Any) -> native.Machine:
    monkeypatch.setattr(native_probe, "INIT", init)
    disk = native_probe.make_disk(folder)
    told = {"user_data": "", "meta_data": "", "console": folder / "tested.console", **more}
    return native.Machine(name="tested", disk=disk, folder=folder, **told)


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch.small() as made:
        yield made


def left(folder: Path) -> list[str]:
    """Return what there is of machines in a folder: processes, loop devices, mounts, and cgroups of their name."""
    words = process.run(["ps", "-ewwo", "args"]).output.splitlines()
    found = [line for line in words if str(folder) in line and "pytest" not in line]
    found += [line for line in process.run(["losetup", "--all"]).output.splitlines() if str(folder) in line]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(folder) in line]
    # Not rglob, which trips over what other machines take away meanwhile.
    groups = [f"{at}/{name}" for at, names, _ in os.walk("/sys/fs/cgroup") for name in names]
    return found + [group for group in groups if "/bakery-tested-" in group]


def interfaces() -> list[str]:
    """Return the host's, without those that libvirt makes for other tests."""
    return sorted(name for _, name in socket.if_nameindex() if not name.startswith(("vir", "vnet")))


def test_one_runs_here() -> None:
    assert native_probe.reason_against() == ""


def test_it_has_a_network_of_its_own_and_the_hosts_stays_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = interfaces()
    with native.running(machine(folder, init=STAY, monkeypatch=monkeypatch)) as running:
        assert interfaces() == before
        assert Path(f"/proc/{running.child.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        with socket.create_connection(("127.0.0.1", running.forward_ssh()), timeout=5):
            pass  # the forward is there; nobody listens behind it in this machine
    assert left(folder) == []


def test_who_has_a_socket_and_does_not_listen_yet_is_waited_for(folder: Path) -> None:
    """As slirp4netns on a busy machine; once, all else that a bake had done was lost by it."""
    control = folder / "slow.slirp"
    with socket.socket(socket.AF_UNIX) as answering:
        answering.bind(str(control))
        answering.settimeout(5)

        def listen() -> None:
            time.sleep(0.1)
            answering.listen()
            line, _ = answering.accept()
            with line:
                assert line.makefile("rb").read()
                line.sendall(b'{"return": {}}')

        late = threading.Thread(target=listen)
        late.start()
        with subprocess.Popen(["true"]) as child:
            native.Running(child=child, control=control).forward("127.0.0.1", 2222, to=22)
        late.join()


def test_switched_off_in_order_it_ends_well_and_nothing_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with native.running(machine(folder, init=STAY, monkeypatch=monkeypatch)) as running:
        assert process.wait(running.child, timeout_s=2) is None
        running.power_off()
        assert running.child.returncode == 0
    assert left(folder) == []


def test_one_that_does_not_switch_itself_off_is_told_of_and_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "POWER_OFF_S", 1)
    deaf = STAY.replace("exit 0", ":")
    with native.running(machine(folder, init=deaf, monkeypatch=monkeypatch)) as running:
        process.wait(running.child, timeout_s=2)
        with pytest.raises(BakeryError, match="did not switch itself off within 1 s"):
            running.power_off()
    assert left(folder) == []


def test_its_root_grows_to_its_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = machine(folder, init="#!/bin/bash\nexit 0\n", monkeypatch=monkeypatch, is_grown=True)
    os.truncate(made.disk, 256 * 2**20)
    with native.running(made) as running:
        assert process.wait(running.child, timeout_s=60) == 0
    said = process.run(["dumpe2fs", "-h", f"{made.disk}?offset={native_probe.ROOT_AT_MB * 2**20}"]).output
    count = next(int(line.split()[-1]) for line in said.splitlines() if line.startswith("Block count:"))
    size = next(int(line.split()[-1]) for line in said.splitlines() if line.startswith("Block size:"))
    assert count * size > 200 * 2**20


def test_its_seed_is_where_cloud_init_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init = """#!/bin/bash
seed=/var/lib/cloud/seed/nocloud
[[ $(<$seed/user-data) == "#cloud-config" && $(<$seed/meta-data) == "instance-id: x" ]] && exit 7
"""
    made = machine(
        folder, init=init, monkeypatch=monkeypatch, user_data="#cloud-config\n", meta_data="instance-id: x\n"
    )
    with native.running(made) as running:
        assert process.wait(running.child, timeout_s=60) == 7


def test_a_restart_begins_it_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A shell cannot call reboot(2). What systemd-nspawn does then stands here: it ends with 133.
    made = machine(folder, init=STAY, monkeypatch=monkeypatch)
    program = tmp_path / "systemd-nspawn"
    program.write_text(f"#!/bin/sh\n[ ! -e {tmp_path}/mark ] || exit 9\ntouch {tmp_path}/mark\nexit 133\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with native.running(made) as running:
        assert process.wait(running.child, timeout_s=60) == 9
    assert left(folder) == []


def test_a_disk_that_cannot_be_mounted_is_one_clear_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = machine(folder, init=STAY, monkeypatch=monkeypatch, is_grown=False)
    with made.disk.open("r+b") as file:
        file.seek(native_probe.ROOT_AT_MB * 2**20 + 1024)
        file.write(bytes(1024))  # the superblock
    with pytest.raises(BakeryError, match=r"probe\.raw has no partition with an /etc/fstab"), native.running(made):
        pass
    assert left(folder) == []


def test_programs_that_are_not_installed_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **_: None if "slirp" in name or "nspawn" in name else name)
    assert native_probe.reason_against() == "apt-get install slirp4netns systemd-container"


def test_without_root_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert native_probe.reason_against() == "they need root"


KILLED = """
import sys, time
from pathlib import Path
from typing import Any
from bakery.guests import native
from bakery.guests import native_probe
native_probe.INIT = {init!r}
folder = Path({folder!r})
disk = native_probe.make_disk(folder)
console = folder / "console"
made = native.Machine(name="tested", disk=disk, folder=folder, console=console, user_data="", meta_data="")
with native.running(made) as running:
    print(running.forward_ssh(), flush=True)
    time.sleep(100)
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_whoever_started_it_however_that_ends(sign: signal.Signals, folder: Path) -> None:
    script = KILLED.format(init=STAY, folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert int(owner.stdout.readline()) > 0
        time.sleep(1)
        assert left(folder)
        owner.send_signal(sign)
        owner.wait(60)
    ends = time.monotonic() + 60
    while left(folder) and time.monotonic() < ends:
        time.sleep(0.2)
    assert left(folder) == []
