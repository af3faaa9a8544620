"""Machines that run while a `with` body runs: boot a disk copy-on-write, wait for SSH, leave nothing behind."""

import functools
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bakery.core import ports, process, scratch
from bakery.core.errors import BakeryError
from bakery.disk import qemu_img
from bakery.guests import login, native, qemu, seed
from bakery.guests.accelerator import Accelerator
from bakery.guests.login import Outcome

if TYPE_CHECKING:
    from subprocess import Popen

BOOT_TIMEOUT_S = 120
"""With hardware virtualisation; stretched by Accelerator.slowness without it."""

REFUSAL_TIMEOUT_S = 40
"""How long a machine may answer and not let us in, stretched likewise: SSH may be there before the key is."""

CLOUD_INIT_DONE = re.compile(r"Cloud-init v\. \S+ finished at")
"""What cloud-init writes on the console at the end of a boot (its `final_message`): no key comes after that."""

FIRST_BOOT_TIMEOUT_S = 300
"""How long cloud-init may take after that to end, stretched likewise."""

TIMED_OUT = 124
"""What `timeout` ends with when it had to end its command (coreutils, "timeout invocation")."""

KNOCK_S = 10
"""How long one attempt to log in waits for an answer. QEMU accepts a connection before there is a machine behind it."""

PATIENCE_S = 5
"""How long it is asked after that, stretched likewise: the message and the key may come in either order."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What to boot: a disk that is not written to, made to look *size_gb* (2^30 bytes) large, and who may log in."""

    name: str
    disk: Path
    size_gb: int
    user: str
    secret_files: Mapping[str, str] = field(default_factory=dict)
    """Texts that its owner gives it at first boot, by path."""
    is_grown: bool = True
    """Whether its root file system fills the disk; in a bake it stays small, for a stranger's first boot to grow."""


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A running machine: its name in the SSH configuration, and the file that its console fills.

    Of one that we started ourselves also the port of its SSH on 127.0.0.1 and the disk that it writes to.
    """

    name: str
    ssh_config: Path
    console: Path
    log: Path
    port: int = 0
    disk: Path = Path(os.devnull)
    fetch_console: Callable[[], object] = lambda: None
    """Fills the file where the machine itself does not: a cloud shows a console when it is asked."""
    is_on: Callable[[], bool] = lambda: True
    power_off: Callable[[], None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place for guests, with one fresh key for all of them: *folder* is short and plain enough for SSH's files.

    *disks* is in TMPDIR, whatever that is called: people choose it for its room.
    """

    folder: Path
    disks: Path

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
    with scratch.small() as folder, TemporaryDirectory(prefix="bakery-disks-", ignore_cleanup_errors=True) as disks:
        made = Site(folder=folder, disks=Path(disks))
        make_key(made.key)
        yield made


def make_key(path: Path) -> str:
    """Make an SSH key pair without a passphrase and return its public half."""
    process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "dokku-bakery", "-f", str(path)])
    return path.with_suffix(".pub").read_text().strip()


@contextmanager
def booted(machine: Machine, *, site: Site, accelerator: Accelerator) -> Iterator[Guest]:
    """Run *machine* while the body runs; give it as soon as it was started, before it answers.

    Raises BakeryError (exit code 1) when it does not start.
    """
    keys = [site.key.with_suffix(".pub").read_text().strip()]
    user_data = seed.user_data(public_keys=keys, secret_files=machine.secret_files, is_grown=machine.is_grown)
    meta_data = seed.meta_data(instance_id=f"verify-{machine.name}", hostname=machine.name)
    start = _native if accelerator.is_native else _emulated
    with start(machine, user_data, meta_data, site=site, accelerator=accelerator) as running:
        with site.ssh_config.open("a") as config:
            config.write(ssh_entry(machine.name, user=machine.user, port=running.port, site=site))
        yield running


@contextmanager
def _native(
    machine: Machine, user_data: str, meta_data: str, *, site: Site, accelerator: Accelerator
) -> Iterator[Guest]:
    raw = site.disks / f"{machine.name}.raw"
    process.run(qemu_img.to_raw_argv(machine.disk, out=raw))
    os.truncate(raw, machine.size_gb * 2**30)
    wanted = native.Machine(
        name=machine.name,
        disk=raw,
        folder=site.folder,
        console=site.folder / f"{machine.name}.console",
        user_data=user_data,
        meta_data=meta_data,
        is_grown=machine.is_grown,
    )
    with native.running(wanted) as running:
        yield Guest(
            name=machine.name,
            ssh_config=site.ssh_config,
            console=wanted.console,
            log=wanted.console,
            port=running.forward_ssh(),
            disk=raw,
            is_on=functools.partial(_is_running, running.child),
            power_off=running.power_off,
        )


@contextmanager
def _emulated(
    machine: Machine, user_data: str, meta_data: str, *, site: Site, accelerator: Accelerator
) -> Iterator[Guest]:
    folder = site.folder
    overlay, disc = site.disks / f"{machine.name}.qcow2", folder / f"{machine.name}.iso"
    process.run(qemu_img.overlay_argv(machine.disk, out=overlay, size_gb=machine.size_gb))
    seed.make_seed(disc, user_data=user_data, meta_data=meta_data)
    disks = [
        qemu.Disk(path=overlay, format="qcow2"),
        qemu.Disk(path=disc, format="raw", is_readonly=True),
    ]
    for attempt in range(1, ports.ATTEMPTS + 1):
        port = ports.free_port()
        console, log = folder / f"{machine.name}.console", folder / f"{machine.name}.log"
        argv = qemu.guest_argv(disks, accelerator=accelerator, ssh_port=port, console=console)
        with process.background(argv, log=log) as child:
            # QEMU binds its port in its first moments or ends at once; another program may have taken it meanwhile.
            if process.wait(child, timeout_s=1.5) is None:
                yield Guest(
                    name=machine.name,
                    ssh_config=site.ssh_config,
                    console=console,
                    log=log,
                    port=port,
                    disk=overlay,
                    is_on=functools.partial(_is_running, child),
                )
                return
        output = log.read_text(errors="replace").strip()
        if "host forwarding" not in output or attempt == ports.ATTEMPTS:
            raise BakeryError(
                f"QEMU did not start {machine.name}: {output.splitlines()[-1] if output else 'no message'}"
            )


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
        # A machine that is gone would never end what waits for its answer; a busy one may be silent for minutes.
        "ServerAliveInterval": 30,
        "ServerAliveCountMax": 10,
        "ControlMaster": "auto",
        "ControlPath": site.folder / f"{name}.sock",
        "ControlPersist": 30,
    }
    return "\n".join([f"Host {name}", *(f"  {key} {value}" for key, value in options.items())]) + "\n"


def wait_for_ssh(
    guests: Sequence[Guest], *, accelerator: Accelerator, meanwhile: Callable[[], object] = lambda: None
) -> float:
    """Wait until every guest lets us in and has finished its first boot; return the seconds that took.

    *meanwhile* is called again and again as long as it takes.
    Raises BakeryError (exit code 1) with ssh's own words as soon as it is clear that a guest never will, else with the
    last lines of its console when its time is over.
    """
    began = time.monotonic()
    for guest in guests:
        refused_at = 0.0
        while (tried := process.run(_knocking_argv(guest), is_checked=False)).exit_code != 0:
            refused_at = (refused_at or time.monotonic()) if login.outcome(tried) is Outcome.REFUSED else 0.0
            refused_s = time.monotonic() - refused_at if refused_at else 0.0
            _require_hope(guest, tried, refused_s=refused_s / accelerator.slowness)
            waited_s = time.monotonic() - began
            if waited_s > BOOT_TIMEOUT_S * accelerator.slowness:
                said = f"{login.words(tried)}; {_console_says(guest)}"
                raise BakeryError(f"{guest.name} did not answer to SSH in {waited_s:.0f} s: {said}")
            meanwhile()
            time.sleep(1)
        _wait_for_first_boot(guest, limit_s=FIRST_BOOT_TIMEOUT_S * accelerator.slowness)
    return time.monotonic() - began


def _wait_for_first_boot(guest: Guest, *, limit_s: int) -> None:
    """Wait until cloud-init has ended, however well: that is for the image tests to judge."""
    command = ("timeout", str(limit_s), "cloud-init", "status", "--wait")
    if process.run(ssh_argv(guest, *command), is_checked=False).exit_code == TIMED_OUT:
        raise BakeryError(f"{guest.name} did not finish its first boot in {limit_s} s; {_console_says(guest)}")


def _knocking_argv(guest: Guest) -> list[str]:
    """Return the command that finds out whether a guest lets us in, and soon gives up."""
    program, *words = ssh_argv(guest, "true")
    return [program, "-o", f"ConnectTimeout={KNOCK_S}", *words]


def _require_hope(guest: Guest, tried: process.Finished, *, refused_s: float) -> None:
    """Raise BakeryError when no later login can go better; *refused_s* is what the refusals took, in KVM's seconds."""
    if login.outcome(tried) is Outcome.NEVER:
        raise BakeryError(
            f"ssh can never log in to {guest.name}: {login.words(tried)}",
            hint="it is about ssh and its files on this machine, not about the image",
        )
    if not guest.is_on():
        said = guest.log.read_text(errors="replace").strip().splitlines() or ["no message"]
        raise BakeryError(f"{guest.name} was on and is off: its program ended ({said[-1]}); {_console_says(guest)}")
    is_booted = CLOUD_INIT_DONE.search(guest.console.read_text(errors="replace")) is not None
    if refused_s > (PATIENCE_S if is_booted else REFUSAL_TIMEOUT_S):
        raise BakeryError(
            f"{guest.name} answers and does not let us in: {login.words(tried)}; {_console_says(guest)}",
            hint="cloud-init in the image did not take the user and the key of its seed",
        )


def _console_says(guest: Guest) -> str:
    with suppress(BakeryError):  # what is wrong with the machine is told all the same
        guest.fetch_console()
    tail = guest.console.read_text(errors="replace").splitlines()[-process.TAIL_LINES :]
    return "\n".join(["its console ends with:", *tail]) if tail else "nothing is known of its console"


def _is_running(child: "Popen[bytes]") -> bool:
    return process.wait(child, timeout_s=0) is None


def ssh_argv(guest: Guest, *command: str) -> list[str]:
    """Return the command that runs *command* in the guest."""
    return ["ssh", "-F", str(guest.ssh_config), "-o", "BatchMode=yes", guest.name, "--", *command]
