"""Machines that run while a `with` body runs: boot a disk copy-on-write, wait for SSH, leave nothing behind."""

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bakery import process, qemu, seed
from bakery.accelerator import Accelerator
from bakery.errors import BakeryError

BOOT_TIMEOUT_S = 120
"""With hardware virtualisation; stretched by Accelerator.slowness without it."""

PORT_ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What to boot: a disk that is not written to, made to look *size_gb* (2^30 bytes) large, and who may log in."""

    name: str
    disk: Path
    size_gb: int
    user: str
    secret_files: Mapping[str, str] = field(default_factory=dict)
    """Texts that its owner gives it at first boot, by path."""


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A running machine: its name in the SSH configuration, and the file that its serial console fills."""

    name: str
    ssh_config: Path
    console: Path
    log: Path


@dataclass(frozen=True, kw_only=True)
class Site:
    """A folder for guests, short enough in its name for SSH's sockets, with one fresh key for all of them."""

    folder: Path

    @property
    def key(self) -> Path:
        """The private key; the public half goes into the seeds."""
        return self.folder / "key"

    @property
    def ssh_config(self) -> Path:
        """The SSH configuration that reaches every guest by its name."""
        return self.folder / "ssh_config"


@contextmanager
def site() -> Iterator[Site]:
    """Give the body a site and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bakery-"))
    made = Site(folder=folder)
    try:
        make_key(made.key)
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_key(path: Path) -> str:
    """Make an SSH key pair without a passphrase and return its public half."""
    process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "dokku-bakery", "-f", str(path)])
    return path.with_suffix(".pub").read_text().strip()


@contextmanager
def booted(machine: Machine, *, site: Site, accelerator: Accelerator) -> Iterator[Guest]:
    """Run *machine* while the body runs; give it as soon as it was started, before it answers."""
    folder = site.folder
    overlay, disc = folder / f"{machine.name}.qcow2", folder / f"{machine.name}.iso"
    process.run(qemu.overlay_argv(machine.disk, out=overlay, size_gb=machine.size_gb))
    seed.make_seed(
        disc,
        user_data=seed.user_data(
            public_keys=[site.key.with_suffix(".pub").read_text().strip()], secret_files=machine.secret_files
        ),
        meta_data=seed.meta_data(instance_id=f"verify-{machine.name}", hostname=machine.name),
    )
    disks = [
        qemu.Disk(path=overlay, format="qcow2"),
        qemu.Disk(path=disc, format="raw", is_readonly=True),
    ]
    for attempt in range(1, PORT_ATTEMPTS + 1):
        port = free_port()
        guest = Guest(
            name=machine.name,
            ssh_config=site.ssh_config,
            console=folder / f"{machine.name}.console",
            log=folder / f"{machine.name}.log",
        )
        argv = qemu.guest_argv(disks, accelerator=accelerator, ssh_port=port, console=guest.console)
        with process.background(argv, log=guest.log) as child:
            # QEMU binds its port in its first moments or ends at once; another program may have taken it meanwhile.
            if process.wait(child, timeout_s=1.5) is None:
                with site.ssh_config.open("a") as config:
                    config.write(ssh_entry(machine.name, user=machine.user, port=port, site=site))
                yield guest
                return
        output = guest.log.read_text(errors="replace").strip()
        if "host forwarding" not in output or attempt == PORT_ATTEMPTS:
            raise BakeryError(
                f"QEMU did not start {machine.name}: {output.splitlines()[-1] if output else 'no message'}"
            )


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ssh_entry(name: str, *, user: str, port: int, site: Site, address: str = "127.0.0.1") -> str:
    """Return the SSH configuration of one machine: the site's key only, and one shared connection."""
    options = {
        "HostName": address,
        "Port": port,
        "User": user,
        "IdentityFile": site.key,
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": site.folder / f"{name}.known_hosts",
        "ConnectTimeout": 30,
        "ControlMaster": "auto",
        "ControlPath": site.folder / f"{name}.sock",
        "ControlPersist": 30,
    }
    return "\n".join([f"Host {name}", *(f"  {key} {value}" for key, value in options.items())]) + "\n"


def wait_for_ssh(guests: Sequence[Guest], *, accelerator: Accelerator) -> float:
    """Wait until every guest lets us in and has finished its first boot; return the seconds that took.

    Raises BakeryError (exit code 1) with the last lines of the console of a guest that does not.
    """
    began = time.monotonic()
    deadline = began + BOOT_TIMEOUT_S * accelerator.slowness
    for guest in guests:
        while process.run(ssh_argv(guest, "true"), is_checked=False).exit_code != 0:
            if time.monotonic() > deadline:
                tail = "\n".join(guest.console.read_text(errors="replace").splitlines()[-process.TAIL_LINES :])
                raise BakeryError(
                    f"{guest.name} did not answer to SSH in {deadline - began:.0f} s; its console ends with:\n{tail}"
                )
            time.sleep(1)
        process.run(ssh_argv(guest, "cloud-init", "status", "--wait"), is_checked=False)
    return time.monotonic() - began


def ssh_argv(guest: Guest, *command: str) -> list[str]:
    """Return the command that runs *command* in the guest."""
    return ["ssh", "-F", str(guest.ssh_config), "-o", "BatchMode=yes", guest.name, "--", *command]
