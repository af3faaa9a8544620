"""What a machine of a rehearsed cloud is made of, as QEMU's command line: values in, argument list out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery.guests import qemu
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal.service import PORTS

DRIVE = "root"
"""What QEMU calls the root disk; the platform says which kind of device it is."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a machine has each time it is switched on."""

    type: str
    cpus: int
    memory_mb: int
    mac: str
    volume: str
    """Id of its root volume."""
    address: str = ""
    """Its public address; empty: nobody reaches it."""
    ports: Sequence[int] = ()
    """Those of PORTS that are open."""


def machine_argv(
    name: str, made: Hardware, *, accelerator: Accelerator, overlay: Path, sockets: Path, platform: Sequence[str]
) -> list[str]:
    """Return the command that runs a guest; *platform* says what it takes itself for, and gives it a network.

    Its console is added to the file beside *overlay*, its monitor is the socket of its name in *sockets*. Writes need
    no flushing (cache=unsafe): QEMU itself closes the file when it ends, and nothing survives this machine's crash.
    """
    return [
        "qemu-system-x86_64",
        *("-machine", "q35"),
        *("-accel", "tcg,thread=multi" if accelerator.name == "tcg" else accelerator.name),
        *("-cpu", accelerator.cpu),
        *("-smp", str(min(made.cpus, accelerator.cpus))),
        *("-m", str(made.memory_mb)),
        *("-bios", str(qemu.firmware())),
        *("-display", "none"),
        *("-chardev", f"file,id=console,path={qemu.quoted(overlay.with_suffix('.console'))},append=on"),
        *("-serial", "chardev:console"),
        *("-qmp", f"unix:{qemu.quoted(sockets / name)},server=on,wait=off"),
        *("-drive", f"file={qemu.quoted(overlay)},if=none,id={DRIVE},format=qcow2,cache=unsafe,discard=unmap"),
        *platform,
    ]


def nic(made: Hardware, network: str) -> str:
    """Return a machine's interface on a *network* of QEMU's own, with the ports that lead to it from outside."""
    forwards = [f"hostfwd=tcp:{address}:{outer}-:{port}" for address, outer, port in doors(made)]
    return ",".join([f"user,model=virtio-net-pci,mac={made.mac},{network}", *forwards])


def doors(made: Hardware) -> list[tuple[str, int, int]]:
    """Return how a machine is reached: address and port of this machine, and the port of it that they lead to."""
    return [(made.address, PORTS[port], port) for port in made.ports if made.address]


def overlay_argv(disk: Path, *, out: Path, size: int) -> list[str]:
    """Return the command that makes *out*, a disk of *size* bytes over *disk*, which is raw or qcow2."""
    return ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(disk), "-F", form(disk), str(out), str(size)]


def form(disk: Path) -> str:
    """Return a disk's format, which its name tells."""
    return "raw" if disk.suffix == ".raw" else "qcow2"
