"""What makes a machine an instance of EC2's Nitro: its serial numbers, its disk, and where its metadata service is.

The guest's network is link-local, 169.254.169.0/24, since QEMU passes on only addresses of its own network: so a guest
reaches 169.254.169.254 as it would on EC2, and its own address is not the private one that EC2 tells.
"""

import hashlib
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bakery.guests import qemu
from bakery.rehearsal import hardware, metadata, relay
from bakery.rehearsal.facts import Facts
from bakery.rehearsal.hardware import Hardware
from bakery.rehearsal.machines import Board

NETWORK = "net=169.254.169.0/24,host=169.254.169.1,dns=169.254.169.253,ipv6=off"
"""The resolver is where EC2 has it too (VPC user guide, "Amazon DNS server")."""


def board(facts: Callable[[], Facts]) -> Board:
    """Return what a machine gets from its platform: all that EC2 says of an instance, from its metadata service."""

    @contextmanager
    def serving(name: str, made: Hardware, *, folder: Path, is_up: threading.Event) -> Iterator[list[str]]:
        with metadata.serving(facts, is_asked=is_up) as service:
            yield argv(name, made, service_port=service.port)

    return serving


def argv(instance: str, made: Hardware, *, service_port: int) -> list[str]:
    """Return what QEMU is told beside `hardware.machine_argv`."""
    serial = serial_number(instance)
    return [
        # cloud-init knows EC2 by a serial number that begins with ec2 and is the UUID (its tools/ds-identify).
        *("-smbios", f"type=1,manufacturer=Amazon EC2,product={made.type},serial={serial},uuid={serial}"),
        *("-smbios", f"type=2,manufacturer=Amazon EC2,asset={instance}"),
        *("-nic", hardware.nic(made, f"{NETWORK},{_service(service_port)}")),
        # A Nitro instance sees its volumes as NVMe disks, with the volume's id as the serial number.
        *("-device", f"nvme,drive={hardware.DRIVE},serial={made.volume.replace('-', '')}"),
    ]


def serial_number(instance: str) -> str:
    """Return the serial number of an instance's machine: a UUID that begins with ec2, always the same."""
    digits = hashlib.sha256(instance.encode()).hexdigest()
    return f"ec2{digits[:5]}-{digits[5:9]}-{digits[9:13]}-{digits[13:17]}-{digits[17:29]}"


def _service(port: int) -> str:
    # One relay for each connection: QEMU would put all of them on a single connection of its own, and only once.
    command = shlex.join([sys.executable, "-I", "-S", str(relay.__file__), str(port)])
    return f"guestfwd={qemu.quoted(f'tcp:169.254.169.254:80-cmd:{command}')}"
