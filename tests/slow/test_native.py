"""A native bake makes the image that an emulated one makes: packages, files, modes, owners, units and settings."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.console import Console
from bakery.disk import base, qemu_img
from bakery.guests import accelerator, filesystems
from bakery.guests.accelerator import Accelerator
from bakery.local import native_bake, packer_input, plan
from bakery.local.plan import Order
from bakery.packer import build, engine
from bakery.packer.workspace import Workspace
from tests.slow.conftest import Baked

# Every file with its kind, mode, owner, target and digest; what a first boot begins with is in it, too.
LOOK = r"""
set -e
mount -o "ro,noload,loop,offset=$2,sizelimit=$3" "$1" "$4"
cd "$4"
find . -xdev \( -type f -printf '%p %y %m %U:%G\n' -o -printf '%p %y %m %U:%G %l\n' \)
find . -xdev -type f -exec sha256sum {} +
"""

OF_ITS_MAKING = {
    r"\./etc/bakery/image\.env": "the release has the minute of the bake in its name",
    r"\./etc/sudoers\.d/90-cloud-init-users": "cloud-init writes the date of the first boot into it",
    r"\./var/log/(wtmp|lastlog|btmp)": "who was logged in when",
    r"\./var/cache/apparmor/.*": "profiles as the guest's kernel wants them; in a container none are loaded",
    r"\./var/lib/systemd/timesync(/clock)?": "the clock was set; a container's is its host's",
    r"\./var/log/kern\.log": "empty: the guest's kernel had something to say",
}
"""What differs, and why; the first three also do between two bakes in guests."""


def bake(machine: Accelerator, *, folder: Path) -> Path:
    """Bake `host` as far as Packer goes and return its disk, raw."""
    planned = plan.make(Order(image="host", base="debian-12"))
    disk = base.cached(planned.base, planned.definition.arch)
    assert disk is not None
    space, packer, console = Workspace(folder=folder / machine.name), engine.installed(), Console()
    packer_input.prepare(space, planned, disk=disk, accelerator=machine, packer=packer)
    if machine.is_native:
        native_bake.build(space, planned, disk=disk, packer_=packer, console=console)
        return space.disk
    build.build(space, log=folder / f"{machine.name}.log", packer_=packer, console=console)
    raw = folder / f"{machine.name}.raw"
    process.run(qemu_img.to_raw_argv(space.disk, out=raw))
    return raw


def tree_of(disk: Path) -> dict[str, list[str]]:
    """Return what is known of each file in the root of a disk."""
    root, *_ = filesystems.of(disk, is_grown=False)
    at = disk.with_suffix(".root")
    at.mkdir()
    argv = ["unshare", "--mount", "bash", "-c", LOOK, "look", str(disk), str(root.offset), str(root.size), str(at)]
    found: dict[str, list[str]] = {}
    for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines():
        digest = re.fullmatch(r"([0-9a-f]{64})  (.*)", line)
        path, told = (digest[2], digest[1]) if digest else line.split(" ", 1)
        found.setdefault(path, []).append(told)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="native machines need root")
def test_a_native_bake_makes_the_image_that_a_guest_makes(
    baked: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "BAKERY_BUILD_DIR"):
        monkeypatch.setenv(name, baked.environment[name])
    native, guest = (
        tree_of(bake(machine, folder=tmp_path)) for machine in (accelerator.choose("native"), accelerator.probe())
    )
    assert len(native) > 10_000
    differing = {path for path in native.keys() | guest.keys() if native.get(path) != guest.get(path)}
    unexplained = {path for path in differing if not any(re.fullmatch(known, path) for known in OF_ITS_MAKING)}
    assert {path: (native.get(path), guest.get(path)) for path in sorted(unexplained)} == {}
