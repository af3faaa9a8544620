"""Finds out whether native machines run here, by booting one: a disk of a few megabytes with a shell for its init."""

import os
import re
import shutil
import sys
from pathlib import Path

from bakery.core import process, scratch
from bakery.core.errors import BakeryError
from bakery.guests import native

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
    "ip": "iproute2",
    "resize2fs": "e2fsprogs",
}
"""What a native machine needs, by Debian's packages."""

PROBE_TIMEOUT_S = 30
ANSWER = 47
"""What the probe's init ends with, when it has found its network, and systemd-nspawn with it."""

INIT = f"""#!/bin/bash
[[ -e /proc/sys/net/ipv4/conf/eth0 && -w /proc/sys/net/ipv4/ip_forward ]] && exit {ANSWER}
"""
DISK_MB, ROOT_AT_MB = 64, 1
TABLE = f"label: gpt\nstart={ROOT_AT_MB}MiB, type=linux, name=root\n"


def reason_against() -> str:
    """Return why no native machine runs here, nothing where one ran."""
    if sys.platform != "linux":
        return "they need Linux"
    if os.geteuid() != 0:
        return "they need root"
    absent = {package for program, package in PROGRAMS.items() if not shutil.which(program, path=process.search_path())}
    if absent:
        return f"apt-get install {' '.join(sorted(absent))}"
    try:
        with scratch.small() as folder:
            return _boot(folder)
    except BakeryError as error:
        return str(error).splitlines()[-1]


def _boot(folder: Path) -> str:
    disk = make_disk(folder)
    console = folder / "probe.console"
    machine = native.Machine(
        name="probe", disk=disk, folder=folder, console=console, user_data="", meta_data="", is_grown=False
    )
    with native.running(machine) as running:
        code = process.wait(running.child, timeout_s=PROBE_TIMEOUT_S)
        if code is None:
            return f"a test machine did not end in {PROBE_TIMEOUT_S} s"
        said = [line for line in machine.console.read_text(errors="replace").splitlines() if line.strip()]
        return "" if code == ANSWER else f"a test machine did not run ({said[-1] if said else f'exit code {code}'})"


def make_disk(folder: Path) -> Path:
    """Make the probe's disk in *folder* out of this machine's own shell, and return its path."""
    tree, disk, table = folder / "tree", folder / "probe.raw", folder / "table"
    shell = shutil.which("bash", path=process.search_path()) or "/bin/bash"
    libraries = re.findall(r"/\S+", process.run(["ldd", shell]).output)
    for source, target in {"/bin/bash": shell, **{name: name for name in libraries}}.items():
        inside = tree / source.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(target, inside)
    texts = {"etc/os-release": "ID=probe\n", "etc/fstab": "LABEL=root / ext4 defaults 0 1\n", "sbin/init": INIT}
    for name, text in texts.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "sbin/init").chmod(0o755)
    table.write_text(TABLE)
    with disk.open("wb") as file:
        file.truncate(DISK_MB * 2**20)
    process.run(["sfdisk", "--quiet", str(disk)], stdin=table)
    where = f"offset={ROOT_AT_MB * 2**20}"
    size = f"{DISK_MB - 2 * ROOT_AT_MB}M"
    process.run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(tree), "-E", where, str(disk), size])
    return disk
