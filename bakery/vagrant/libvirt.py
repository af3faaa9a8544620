"""What Vagrant leaves to others on libvirt: whether it answers, and the volumes a box leaves in its storage pool."""

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import missing

POOL = "default"
"""vagrant-libvirt's pool when a Vagrantfile names none."""

START_HINT = (
    "sudo systemctl start libvirtd  (without systemd: sudo virtlogd -d; sudo libvirtd -d); "
    "as a user also: sudo adduser $USER libvirt, and log in again"
)


def virsh_argv(*words: str) -> list[str]:
    """Return a virsh command for the libvirt vagrant-libvirt talks to: the system's, or the environment's."""
    return ["virsh", "--quiet", "--connect", os.environ.get("LIBVIRT_DEFAULT_URI") or "qemu:///system", *words]


def require_running() -> None:
    """Raise BakeryError (exit code 3) when libvirt does not answer this user."""
    asked = process.run(virsh_argv("uri"), is_checked=False)
    if asked.exit_code != 0:
        reason = (asked.output.strip().splitlines() or ["no answer"])[-1].removeprefix("error: ")
        raise missing(f"libvirt does not answer: {reason}", hint=START_HINT)


def remove_volumes(prefixes: Sequence[str], *, console: Console) -> None:
    """Remove the volumes whose names begin with one of *prefixes*, but none that another machine's disk needs."""
    listed = process.run(virsh_argv("vol-list", POOL), is_checked=False)
    if listed.exit_code != 0:
        return  # There is no pool, so there are no volumes.
    paths = dict(line.split(maxsplit=1) for line in listed.output.splitlines() if line.strip())
    doomed = {name for name in paths if name.startswith(tuple(prefixes))}
    # What a machine of ours was based on falls with it; what another one's disk is based on must stay.
    in_use = _backing_paths(set(paths) - doomed)
    for name in sorted(doomed):
        if paths[name].strip() in in_use:
            console.say(f"kept the volume {name}: another machine's disk is based on it")
        else:
            process.run(virsh_argv("vol-delete", "--pool", POOL, name))


def _backing_paths(names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        dumped = process.run(virsh_argv("vol-dumpxml", "--pool", POOL, name), is_checked=False)
        if dumped.exit_code == 0:
            # Trusted, because libvirt itself wrote this XML, and it runs machines as root anyway.
            volume = ET.fromstring(dumped.output)  # noqa: S314
            found.update(path.text or "" for path in volume.iterfind("backingStore/path"))
    return found
