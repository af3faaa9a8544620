"""Machines of a rehearsed cloud without QEMU: their system runs natively, as that of an image does that is baked here.

No metadata service is behind them: what it would say at a first boot is in a NoCloud seed. And firmware, boot loader
and kernel of the image are not asked anything.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bakery.core import process
from bakery.disk import qemu_img
from bakery.guests import filesystems, native
from bakery.rehearsal import hardware
from bakery.rehearsal.hardware import Hardware

if TYPE_CHECKING:
    from subprocess import Popen

SUFFIX = ".raw"
OFF = ("off", False)


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What cloud-init is told of a machine at its first boot."""

    instance: str
    hostname: str
    public_keys: Sequence[str] = ()
    """For the image's default user."""
    user_data: bytes = b""

    @property
    def meta_data(self) -> str:
        """The seed's other file (cloud-init's NoCloud: `public-keys` are for the default user)."""
        told = {"instance-id": self.instance, "local-hostname": self.hostname, "public-keys": list(self.public_keys)}
        return json.dumps(told)

    @property
    def is_growing(self) -> bool:
        """Whether the root file system fills the disk at a first boot: unless user-data says otherwise (`growpart`)."""
        told: Any = None
        with suppress(yaml.YAMLError, UnicodeDecodeError):
            told = yaml.safe_load(self.user_data)
        growing = told.get("growpart") if isinstance(told, dict) else None
        return not (isinstance(growing, dict) and growing.get("mode") in OFF)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A machine that runs natively."""

    child: "Popen[bytes]"
    log: Path
    """Its console, which is where the program says why it failed."""
    machine: native.Running

    def press_power_button(self) -> None:
        """Have it shut down in order."""
        self.machine.press_power_button()


def make_disk(disk: Path, *, out: Path, size: int) -> None:
    """Make what a machine writes to: *out*, a copy of *disk* of *size* bytes."""
    process.run(qemu_img.to_raw_argv(disk, out=out, source_format=hardware.form(disk)))
    os.truncate(out, size)


@contextmanager
def running(name: str, made: Hardware, seed: Seed, *, disk: Path, console: Path, folder: Path) -> Iterator[Running]:
    """Run a machine while the body runs, its open ports where its address has them; *folder* has a short path.

    Raises BakeryError (exit code 1) when it does not start.
    """
    if seed.is_growing:
        filesystems.grow_partition(disk)
    machine = native.Machine(
        name=name,
        disk=disk,
        folder=folder,
        console=console,
        user_data=seed.user_data,
        meta_data=seed.meta_data,
        is_grown=seed.is_growing,
    )
    with native.running(machine) as one:
        for address, outer, port in hardware.doors(made):
            one.forward(address, outer, to=port)
        yield Running(child=one.child, log=console, machine=one)
