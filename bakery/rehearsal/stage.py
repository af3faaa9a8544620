"""One rehearsal as all its parts see it: where it is, what it holds, what it was asked, what goes wrong in it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.core.base_backend import BackendDict, backend_lock
from moto.core.model_instances import reset_model_data
from moto.ec2.models import ec2_backends
from moto.s3.models import s3_backends

from bakery.rehearsal import seeds
from bakery.rehearsal.faults import NONE, Faults
from bakery.rehearsal.owner import Keys
from bakery.rehearsal.scaleway import market
from bakery.rehearsal.scaleway.ground import Ground
from bakery.rehearsal.service import KNOWN
from bakery.rehearsal.world import ACCOUNT, World


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that came in; numbers count from 1."""

    number: int
    service: str
    region: str
    action: str


@dataclass(kw_only=True)
class Rehearsal:
    """A running rehearsal cloud."""

    world: World
    url: str = ""
    keys: Keys = KNOWN
    faults: Faults = NONE
    """May be replaced at any time; what is random begins anew with its seed."""
    calls: list[Call] = field(default_factory=list)
    since: datetime = field(default_factory=World.today)
    heard_at: float = field(default_factory=time.monotonic)
    """When the last call came in, in seconds of the monotonic clock."""
    disk_of_instance: Callable[[str], Path | None] | None = None
    """Gives the disk of an instance by its id, so that an image can be made of it; None while nothing can boot."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when somebody asked it to end."""

    _ground: Ground | None = field(default=None, init=False)

    @property
    def ground(self) -> Ground:
        """The zones beside AWS's regions, made when they are asked for first: few tests ask for both."""
        with self.world.lock:
            if self._ground is None:
                self._ground = Ground(
                    folder=self.world.folder / "zones",
                    world=self.world,
                    keys=self.keys,
                    pending_s=lambda: self.faults.pending_s,
                )
                market.sow(self._ground)
            return self._ground

    def note(self, call: Call) -> None:
        """Remember a call, and that somebody still rehearses."""
        self.calls.append(call)
        self.heard_at = time.monotonic()

    def instances(self) -> list[str]:
        """Return the ids of all instances that are not terminated."""
        return [
            instance.id
            for backend in list(ec2_backends[ACCOUNT].values())
            for reservation in list(backend.reservations.values())
            for instance in reservation.instances
            if instance.state != "terminated"
        ]

    def close(self) -> None:
        """End all instances."""
        self.world.close()

    def reset(self) -> None:
        """End all instances and begin anew with a seeded world, no calls and no faults; base disks stay."""
        self.close()
        self.world = World(
            folder=self.world.folder, base_disks=self.world.base_disks, accelerator=self.world.accelerator
        )
        seeds.sow(self.world)
        self._ground = None
        empty_moto()
        self.calls.clear()
        self.faults = NONE


def empty_moto() -> None:
    """Forget all that moto holds.

    moto's own reset makes the backend of every region anew before it drops it, which takes most of a second; nothing
    that we use but object storage has an end of its own.
    """
    in_use: list[BackendDict[Any]] = BackendDict._instances  # type: ignore[misc]  # noqa: SLF001  # no public way
    for storages in list(s3_backends.values()):
        for storage in list(storages.values()):
            # It holds open files, and the names of all buckets are kept apart.
            storage.reset()
    with backend_lock:
        for backend in in_use:
            backend.clear()
        in_use.clear()
    reset_model_data()
