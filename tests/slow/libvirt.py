"""A libvirt to test with: the one that runs, or one started here and ended afterwards, with all that it started."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bakery.core import process
from bakery.guests import accelerator
from bakery.vagrant import libvirt

START_TIMEOUT_S = 30


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Have libvirt answer while the body runs; logs of what was started for it are in *folder*."""
    if is_answering():
        yield
        return
    if Path("/run/systemd/system").exists() or os.geteuid() != 0:
        pytest.fail(f"libvirt does not run, and starting it is this machine's business: {libvirt.START_HINT}")
    with ExitStack() as daemons:
        daemons.enter_context(process.background(["virtlogd"], log=folder / "virtlogd.log"))
        daemons.enter_context(process.background(libvirtd_argv(), log=folder / "libvirtd.log"))
        wait_until_answering()
        before = networks()
        try:
            yield
        finally:
            # A network outlives its daemon: its bridge and its two dnsmasq would stay.
            for name in networks() - before:
                process.run(libvirt.virsh_argv("net-destroy", name), is_checked=False)


def libvirtd_argv() -> list[str]:
    """Return the command that runs libvirtd in the foreground.

    Where /dev/kvm is there and does not work, libvirtd must not see it: it would find KVM when it asks QEMU as root,
    miss it when it looks with its guests' eyes, and so ask every QEMU anew, for four seconds, at each of many steps.
    """
    if not Path("/dev/kvm").exists() or accelerator.probe().name == "kvm":
        return ["libvirtd"]
    return ["unshare", "--mount", "sh", "-c", "mount --bind /dev/null /dev/kvm && exec libvirtd"]


def is_answering() -> bool:
    return process.run(libvirt.virsh_argv("uri"), is_checked=False).exit_code == 0


def wait_until_answering() -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while not is_answering():
        assert time.monotonic() < until, f"libvirtd does not answer after {START_TIMEOUT_S} s"
        time.sleep(0.2)


def networks() -> set[str]:
    return set(process.run(libvirt.virsh_argv("net-list", "--name")).output.split())


def volumes() -> set[str]:
    listed = process.run(libvirt.virsh_argv("vol-list", libvirt.POOL), is_checked=False)
    return {line.split()[0] for line in listed.output.splitlines() if line.strip()} if listed.exit_code == 0 else set()


def domains() -> set[str]:
    return set(process.run(libvirt.virsh_argv("list", "--all", "--name")).output.split())
