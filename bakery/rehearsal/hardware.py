"""What a machine behind an instance is made of, as QEMU's command line: values in, argument list out.

The guest's network is link-local, 169.254.169.0/24, since QEMU passes on only addresses of its own network: so a guest
reaches 169.254.169.254 as it would on EC2, and its own address is not the private one that EC2 tells.
"""

import hashlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery.guests import qemu
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal import relay
from bakery.rehearsal.service import PORTS

NETWORK = "net=169.254.169.0/24,host=169.254.169.1,dns=169.254.169.253,ipv6=off"
"""The resolver is where EC2 has it too (VPC user guide, "Amazon DNS server")."""


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
    instance: str,
    hardware: Hardware,
    *,
    accelerator: Accelerator,
    overlay: Path,
    sockets: Path,
    service_port: int,
) -> list[str]:
    """Return the command that runs a guest which takes itself for an instance of EC2's Nitro.

    Its console is added to the file beside *overlay*, its monitor is the socket of its name in *sockets*. Writes need
    no flushing (cache=unsafe): QEMU itself closes the file when it ends, and nothing survives this machine's crash.
    """
    serial = serial_number(instance)
    return [
        "qemu-system-x86_64",
        *("-machine", "q35"),
        *("-accel", "tcg,thread=multi" if accelerator.name == "tcg" else accelerator.name),
        *("-cpu", accelerator.cpu),
        *("-smp", str(min(hardware.cpus, accelerator.cpus))),
        *("-m", str(hardware.memory_mb)),
        *("-bios", str(qemu.firmware())),
        *("-display", "none"),
        # cloud-init knows EC2 by a serial number that begins with ec2 and is the UUID (its tools/ds-identify).
        *("-smbios", f"type=1,manufacturer=Amazon EC2,product={hardware.type},serial={serial},uuid={serial}"),
        *("-smbios", f"type=2,manufacturer=Amazon EC2,asset={instance}"),
        *("-chardev", f"file,id=console,path={_quoted(overlay.with_suffix('.console'))},append=on"),
        *("-serial", "chardev:console"),
        *("-qmp", f"unix:{_quoted(sockets / instance)},server=on,wait=off"),
        *("-nic", f"user,model=virtio-net-pci,mac={hardware.mac},{NETWORK},{_forwarded(hardware, service_port)}"),
        *("-drive", f"file={_quoted(overlay)},if=none,id=root,format=qcow2,cache=unsafe,discard=unmap"),
        # A Nitro instance sees its volumes as NVMe disks, with the volume's id as the serial number.
        *("-device", f"nvme,drive=root,serial={hardware.volume.replace('-', '')}"),
    ]


def overlay_argv(disk: Path, *, out: Path, size_gb: int) -> list[str]:
    """Return the command that makes *out*, a disk of *size_gb* (2^30 bytes) over *disk*, which is raw or qcow2."""
    form = "raw" if disk.suffix == ".raw" else "qcow2"
    return ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(disk), "-F", form, str(out), f"{size_gb}G"]


def serial_number(instance: str) -> str:
    """Return the serial number of an instance's machine: a UUID that begins with ec2, always the same."""
    digits = hashlib.sha256(instance.encode()).hexdigest()
    return f"ec2{digits[:5]}-{digits[5:9]}-{digits[9:13]}-{digits[13:17]}-{digits[17:29]}"


def _forwarded(hardware: Hardware, service_port: int) -> str:
    # One relay for each connection: QEMU would put all of them on a single connection of its own, and only once.
    command = shlex.join([sys.executable, "-I", "-S", str(relay.__file__), str(service_port)])
    service = _quoted(f"tcp:169.254.169.254:80-cmd:{command}")
    ports = [f"hostfwd=tcp:{hardware.address}:{PORTS[port]}-:{port}" for port in hardware.ports if hardware.address]
    return ",".join([f"guestfwd={service}", *ports])


def _quoted(value: object) -> str:
    """Return a value of one of QEMU's options; a comma in it is written twice (man qemu-system, "-drive file=")."""
    return str(value).replace(",", ",,")
