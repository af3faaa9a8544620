"""What there is in all zones of a rehearsal: things with the states they are in, and whose they are."""

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bakery.rehearsal import service
from bakery.rehearsal.machines import Machine
from bakery.rehearsal.owner import Keys
from bakery.rehearsal.rack import rack_of
from bakery.rehearsal.scaleway import refusals
from bakery.rehearsal.world import World

MAKER = "51b656e3-4865-41e8-adbc-0c45bdd780db"
"""The organization of the distributions' images: anybody's but ours."""


class Kind(StrEnum):
    """Kinds of things, as errors call them."""

    IMAGE = "instance_image"
    SNAPSHOT = "instance_snapshot"
    VOLUME = "instance_volume"
    SERVER = "instance_server"
    ADDRESS = "instance_ip"
    GROUP = "security_group"
    RULE = "security_group_rule"
    BLOCK_SNAPSHOT = "snapshot"
    BLOCK_VOLUME = "volume"


STATES = {Kind.BLOCK_SNAPSHOT: "status", Kind.BLOCK_VOLUME: "status"}
"""What a kind's state is called where it is not `state`."""


@dataclass(kw_only=True)
class Thing:
    """One thing; `shown` is what the API shows of it."""

    kind: Kind
    zone: str
    shown: dict[str, Any]
    project: str
    becomes: str = ""
    """The state that it gets at `ready_at`."""
    ready_at: float = 0.0
    then: Callable[[], None] | None = None
    """Done when it gets there."""
    disk: Path | None = None
    """What is on it, never to be written to; None where nothing can boot."""
    base: str = ""
    """Of a distribution's image: the key of its disk in `World.base_disks`."""
    machine: Machine | None = None
    """Of a root disk: what runs from it and writes to it."""
    data: dict[str, bytes] = field(default_factory=dict)
    """User-data of a server, by key."""
    parts: list["Thing"] = field(default_factory=list)
    """What a server or an image is made of, the root first; rules of a group."""

    @property
    def id(self) -> str:
        """Its id, which only its zone knows."""
        return str(self.shown["id"])

    @property
    def state(self) -> str:
        """The state that it is in."""
        return str(self.shown[STATES.get(self.kind, "state")])

    @state.setter
    def state(self, state: str) -> None:
        self.shown[STATES.get(self.kind, "state")] = state

    def content(self) -> Path | None:
        """Return what is on it now, never to be written to again; None where nothing can boot.

        Raises RefusedError for the disk of a machine that runs.
        """
        if self.machine is None:
            return self.disk
        if self.machine.is_on:
            raise refusals.not_rehearsed("snapshots of disks of servers that run: switch it off")
        return self.machine.take_disk()

    def turn(self, state: str, *, to: str, after_s: float, then: Callable[[], None] | None = None) -> None:
        """Be in one state for a while, and then in another."""
        self.state, self.becomes, self.ready_at, self.then = state, to, World.now() + after_s, then

    def settle(self) -> None:
        """Get into the state whose time has come."""
        if self.becomes and World.now() >= self.ready_at:
            self.state, self.becomes = self.becomes, ""
            then, self.then = self.then, None
            if then is not None:
                then()


@dataclass(kw_only=True)
class Ground:
    """All zones of one rehearsal."""

    folder: Path
    world: World
    """Where machines, their addresses and base disks are, of all clouds of the rehearsal."""
    keys: Keys = service.KNOWN
    """The owner's."""
    things: dict[str, Thing] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    pending_s: Callable[[], float] = lambda: 0.0
    """How long states take that take their time."""
    quotas: dict[Kind, int] = field(default_factory=dict)
    """The most of a kind that a project may have in all zones."""
    short: set[str] = field(default_factory=set)
    """Types of servers that no zone has any more of."""
    scarce: set[str] = field(default_factory=set)

    def add(self, kind: Kind, zone: str, shown: dict[str, Any], *, project: str, identity: str = "") -> Thing:
        """Take in a new thing; its id and its zone are added. Raises RefusedError when there are too many."""
        most = self.quotas.get(kind)
        if most is not None and sum(one.project == project for one in self.of(kind)) >= most:
            raise refusals.quota(f"{kind}s", most=most)
        made = Thing(
            kind=kind, zone=zone, project=project, shown={"id": identity or str(uuid.uuid4()), "zone": zone, **shown}
        )
        self.things[made.id] = made
        return made

    def of(self, kind: Kind, zone: str = "") -> Iterator[Thing]:
        """Give the things of a kind, in a zone or in all, the oldest first."""
        for one in list(self.things.values()):
            if one.kind is kind and zone in {"", one.zone}:
                one.settle()
                # What it became may be nothing.
                if one.id in self.things:
                    yield one

    def find(self, kind: Kind, zone: str, identity: object) -> Thing | None:
        """Return a thing of a zone; None where there is none."""
        found = self.things.get(str(identity))
        if found is None or found.kind is not kind or found.zone != zone:
            return None
        found.settle()
        return found if found.id in self.things else None

    def one(self, kind: Kind, zone: str, identity: object, *, project: str = service.PROJECT) -> Thing:
        """Return a thing of a project. Raises RefusedError where there is none, or where it is somebody else's."""
        found = self.find(kind, zone, identity)
        if found is None:
            raise refusals.not_found(kind, str(identity))
        if found.project != project:
            raise refusals.denied(kind, "write")
        return found

    def drop(self, thing: Thing) -> None:
        """Remove a thing: an address is free again, and what a machine has written is gone with its disk."""
        self.things.pop(thing.id, None)
        if thing.kind is Kind.ADDRESS:
            rack_of(self.world).addresses.release(thing.shown["address"])
        if thing.machine is not None:
            thing.machine.forget()


def stamp() -> str:
    """Return now, as the API writes times."""
    return World.today().isoformat()
