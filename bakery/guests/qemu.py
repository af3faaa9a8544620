"""Command lines for QEMU guests: values in, argument lists out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery.core.errors import missing
from bakery.guests.accelerator import Accelerator

FIRMWARE = (
    Path("/usr/share/ovmf/OVMF.fd"),
    Path("/usr/share/qemu/OVMF.fd"),
    Path("/usr/share/edk2/ovmf/OVMF_CODE.fd"),
    Path("/opt/homebrew/share/qemu/edk2-x86_64-code.fd"),
    Path("/usr/local/share/qemu/edk2-x86_64-code.fd"),
)
"""Where Debian and Ubuntu, Fedora and Homebrew put the UEFI firmware that fits QEMU's -bios."""

MEMORY_MB = 2048


@dataclass(frozen=True, kw_only=True)
class Disk:
    """One virtio disk of a guest."""

    path: Path
    format: str
    is_readonly: bool = False


def firmware() -> Path:
    """Return the UEFI firmware of this machine.

    Raises BakeryError (exit code 3) when there is none.
    """
    for path in FIRMWARE:
        if path.exists():
            return path
    raise missing("no UEFI firmware for QEMU was found", hint="apt-get install ovmf  (./inv doctor lists everything)")


def guest_argv(disks: Sequence[Disk], *, accelerator: Accelerator, ssh_port: int, console: Path) -> list[str]:
    """Return the command that runs a guest whose SSH answers on 127.0.0.1:*ssh_port*.

    Disks are thrown away with the guest, so writes are never flushed (cache=unsafe).
    """
    acceleration = "tcg,thread=multi" if accelerator.name == "tcg" else accelerator.name
    argv = [
        "qemu-system-x86_64",
        *("-machine", "q35"),
        *("-accel", acceleration),
        *("-cpu", accelerator.cpu),
        *("-smp", str(accelerator.cpus)),
        *("-m", str(MEMORY_MB)),
        *("-bios", str(firmware())),
        *("-display", "none"),
        *("-serial", f"file:{console}"),
        *("-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{ssh_port}-:22"),
    ]
    for disk in disks:
        options = "readonly=on" if disk.is_readonly else "cache=unsafe,discard=unmap"
        argv += ["-drive", f"file={quoted(disk.path)},if=virtio,format={disk.format},{options}"]
    return argv


def quoted(value: object) -> str:
    """Return a value of one of QEMU's options; a comma in it is written twice (man qemu-system, "-drive file=")."""
    return str(value).replace(",", ",,")
