"""Machines behind servers: each runs from its server's root disk, and tells when it has begun and ended.

Scaleway's metadata service is not rehearsed: what it would say at a first boot is in a NoCloud seed, in QEMU on a disc.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from bakery.guests import qemu, seed
from bakery.rehearsal import hardware
from bakery.rehearsal.hardware import Hardware
from bakery.rehearsal.machines import Board, Start
from bakery.rehearsal.natively import Seed
from bakery.rehearsal.rack import rack_of
from bakery.rehearsal.scaleway import networks, server_types
from bakery.rehearsal.scaleway.ground import Ground, Thing

KEY_TAG = "AUTHORIZED_KEY="
"""Begins a tag that is a key for the login, with `_` for a space (cloud-init, DataSourceScaleway)."""
USER_DATA = "cloud-init"
"""The key of a server's user-data that cloud-init reads."""


def put_behind(ground: Ground, server: Thing) -> None:
    """Give a new server a machine, where its root disk is one that boots here."""
    root = server.parts[0]
    if root.disk is not None and ground.world.is_booting and server.shown["arch"] == "x86_64":
        root.machine = rack_of(ground.world).machine(server.id, disk=root.disk, size=root.shown["size"])


def switch_on(ground: Ground, server: Thing) -> None:
    """Let a server start: it runs when its machine does."""
    machine = server.parts[0].machine
    server.turn("starting", to="running", after_s=ground.pending_s() if machine is None else inf)
    if machine is not None:
        told = seed_of(server)
        machine.start(
            Start(
                hardware=hardware_of(ground, server),
                board=board(told),
                seed=lambda: told,
                watcher=Watcher(ground=ground, server=server),
                pending_s=ground.pending_s(),
            )
        )


def switch_off(
    ground: Ground, server: Thing, *, to: str, is_sudden: bool = False, then: Callable[[], None] | None = None
) -> None:
    """Let a server come to a state in which its machine is off, in order or at once, and do something *then*."""
    machine = server.parts[0].machine
    is_on = machine is not None and machine.is_on
    server.turn("stopping", to=to, after_s=inf if is_on else ground.pending_s(), then=then)
    if machine is not None and is_on:
        (machine.end if is_sudden else machine.shut_down)()


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Puts a server into the state that its machine has come to."""

    ground: Ground
    server: Thing

    def begin(self) -> None:
        """It runs."""
        with self.ground.lock:
            if self.server.becomes == "running":
                self._arrive()

    def end(self, failure: str) -> None:
        """It runs no more: as somebody asked for, or shut down inside, or broken."""
        with self.ground.lock:
            if self.server.state == "stopping":
                self._arrive()
                return
            self.server.becomes, self.server.state = "", "stopped" if failure else "stopped_in_place"
            self.server.shown["state_detail"] = failure

    def _arrive(self) -> None:
        self.server.ready_at = 0.0
        self.server.settle()


def seed_of(server: Thing) -> Seed:
    """Return what a server's machine is told at its first boot."""
    keys = [tag.removeprefix(KEY_TAG).replace("_", " ") for tag in server.shown["tags"] if tag.startswith(KEY_TAG)]
    return Seed(
        instance=server.id,
        hostname=server.shown["hostname"],
        public_keys=keys,
        user_data=server.data.get(USER_DATA, b""),
    )


def hardware_of(ground: Ground, server: Thing) -> Hardware:
    """Return what a server's machine is made of."""
    kind = server_types.TYPES[server.shown["commercial_type"]]
    held = networks.addresses_of(ground, server)
    return Hardware(
        type=server.shown["commercial_type"],
        cpus=kind.cpus,
        memory_mb=min(kind.ram_gib * 1024, qemu.MEMORY_MB),
        mac=server.shown["mac_address"],
        volume=server.parts[0].id,
        address=held[0].shown["address"] if held else "",
        ports=networks.open_ports(ground, server),
    )


def board(told: Seed) -> Board:
    """Return what QEMU is told of a server: a SCSI disk, as block storage is one, and the disc with its seed."""

    @contextmanager
    def having(name: str, made: Hardware, *, folder: Path, is_up: threading.Event) -> Iterator[list[str]]:
        disc = seed.make_seed(folder / f"{name}.iso", user_data=told.user_data, meta_data=told.meta_data)
        is_up.set()
        yield [
            *("-nic", hardware.nic(made, "ipv6=off")),
            *("-device", "virtio-scsi-pci"),
            *("-device", f"scsi-hd,drive={hardware.DRIVE}"),
            *("-drive", f"file={qemu.quoted(disc)},if=virtio,format=raw,readonly=on"),
        ]

    return having
