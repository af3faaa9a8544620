"""All instances of one rehearsal with their machines: made for the first launch, ended with the world."""

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from bakery.core import process, scratch
from bakery.guests import accelerator
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal.addresses import Addresses
from bakery.rehearsal.lifecycle import Life
from bakery.rehearsal.machines import Background, Machine
from bakery.rehearsal.world import World

choose = functools.cache(accelerator.choose)
"""How machines run here, found out once for each wish."""


@dataclass(kw_only=True)
class Rack:
    """The machines of one world."""

    folder: Path
    accelerator: Callable[[], Accelerator]
    background: Background = process.background
    machines: list[Machine] = field(default_factory=list)
    lives: dict[str, Life] = field(default_factory=dict)
    """Of EC2's instances."""
    addresses: Addresses = field(default_factory=Addresses)
    sockets: Path = field(default_factory=scratch.make_small)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def machine(self, name: str, *, disk: Path | None, size: int) -> Machine:
        """Return a new machine, which is off, with a root disk of *size* bytes."""
        made = Machine(
            name=name,
            folder=self.folder,
            sockets=self.sockets,
            disk=disk,
            size=size,
            accelerator=self.accelerator,
            background=self.background,
        )
        self.machines.append(made)
        return made

    def add(
        self, instance: Any, *, disk: Path | None, size_gb: int, reservation: str, key: tuple[str, str] | None
    ) -> Life:
        """Take in one of moto's instances, which is still off; *disk* None: it gets no machine."""
        machine = self.machine(instance.id, disk=disk, size=size_gb * 2**30)
        life = Life(instance=instance, machine=machine, addresses=self.addresses, reservation=reservation, key=key)
        self.lives[instance.id] = life
        return life

    def disk_of_instance(self, instance_id: str) -> Path | None:
        """Return the disk of a stopped instance, never to be written to again; None where it has no machine.

        Raises IncorrectInstanceState for an instance whose machine is on: EC2 would restart it, which nobody wants to
        wait for here.
        """
        life = self.lives.get(instance_id)
        if life is None or life.machine.disk is None:
            return None
        if life.machine.is_on:
            message = f"The rehearsal cloud makes images of stopped instances alone; {instance_id} is not stopped."
            raise EC2ClientError("IncorrectInstanceState", message)
        return life.machine.take_disk()

    def close(self) -> None:
        """End all machines and remove what they left, the disks of images made of them too."""
        for one in self.machines:
            one.end()
        for one in self.machines:
            one.wait()
        self.addresses.close()
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def rack_of(world: World) -> Rack:
    """Return the rack of a world; the first call makes it."""
    with world.lock:
        if isinstance(world.rack, Rack):
            return world.rack
        rack = world.rack = Rack(folder=world.folder / "instances", accelerator=lambda: choose(world.accelerator))
        world.closers.append(rack.close)
        return rack
