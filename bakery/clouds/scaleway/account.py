"""Scaleway as one project sees it: calls that are repeated until a deadline, and errors that say what to do about them.

The SDK has neither time-outs nor repetitions: both are ours, in one place for all calls, object storage's among them.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from scaleway.block.v1 import BlockV1API
from scaleway.instance.v1.custom_api import InstanceUtilsV1API
from scaleway.marketplace.v2 import MarketplaceV2API
from scaleway_core.client import Client

from bakery.clouds.scaleway import credentials
from bakery.clouds.scaleway.credentials import Keys
from bakery.clouds.scaleway.errors import FAILED, LOST_CONNECTION, ApiError, complaint, is_passing
from bakery.clouds.scaleway.transport import timed
from bakery.core import proxies
from bakery.core.errors import did_you_mean, impossible
from bakery.core.parallel import Stopped
from bakery.core.waiting import Patience, wait_until
from bakery.definition import scaleway_zones
from bakery.definition.scaleway_zones import ZONES
from bakery.guests import accelerator
from bakery.guests.accelerator import Accelerator

__all__ = ["Account", "ApiError", "Zone", "connect", "rehearse"]

CALL_DEADLINE_S = 120.0
FIRST_CONTACT_S = 15.0
"""How long Scaleway is called that has never answered: rather a machine without a network than a fault of its."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
PAGE = 100
"""Things in one page; the SDK's own way through pages has no end where a server knows none."""
STORAGE = "https://s3.{region}.scw.cloud"
NO_PORTS: Mapping[int, int] = MappingProxyType({})

T = TypeVar("T")


@dataclass(kw_only=True, eq=False)
class Account:
    """A project at Scaleway, or a rehearsal of one; safe to use from many threads."""

    keys: Keys
    storage_url: str = STORAGE
    """Where object storage is, with `{region}` in it unless it is one address for all."""
    is_rehearsal: bool = False
    ports: Mapping[int, int] = field(default_factory=dict)
    """TCP ports of a machine, and where they are reached from here when that is somewhere else: in a rehearsal."""
    accelerator: Callable[[], Accelerator] = accelerator.in_a_cloud
    """How its machines run, which a rehearsal finds out when it is asked for."""
    patience_s: float = CALL_DEADLINE_S
    """For how long a call is repeated; none is begun after that."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the command is interrupted: every wait ends at once."""
    has_answered: bool = False
    """Whether any call has come back, be it with a refusal."""
    borrowed: dict[str, int] = field(default_factory=dict)
    """How many zones read an object of a bucket at this moment, by region and key (`storage`)."""
    clients: dict[str, Any] = field(default_factory=dict)
    """What speaks to object storage, by region: making one takes longer than most calls."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    _turns: dict[str, threading.Lock] = field(default_factory=dict)
    _zones: dict[str, "Zone"] = field(default_factory=dict)

    def zone(self, name: str) -> "Zone":
        """Return a zone."""
        with self.lock:
            if name not in self._zones:
                client = Client(
                    access_key=self.keys.access_key,
                    secret_key=self.keys.secret_key,
                    api_url=self.keys.api_url,
                    default_project_id=self.keys.project,
                )
                self._zones[name] = Zone(name=name, account=self, client=client)
            return self._zones[name]

    def require(self, names: Sequence[str]) -> list["Zone"]:
        """Return the zones of these names, each once. Raises BakeryError (exit code 2) for one that does not exist."""
        for name in names:
            if not scaleway_zones.is_zone(name):
                raise impossible(f"there is no zone {name!r}", hint=did_you_mean(name, ZONES))
        return [self.zone(name) for name in dict.fromkeys(names)]

    def aside(self) -> "Account":
        """Return this account for calls that Ctrl-C must not stop: those that end what was started."""
        return replace(self, stop=threading.Event(), _zones={})

    def pause(self, seconds: float) -> None:
        """Wait, unless the command is interrupted meanwhile: then raise Stopped."""
        if self.stop.wait(seconds):
            raise Stopped

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Let one thread at a time do what has that name."""
        with self.lock:
            lock = self._turns.setdefault(name, threading.Lock())
        while not lock.acquire(blocking=False):
            self.pause(FIRST_PAUSE_S)
        try:
            yield
        finally:
            lock.release()

    def repeat(self, act: Callable[[], T], *, action: str, where: str) -> T:
        """Do what calls Scaleway once, again while it is throttled, lost or broken there, and return its answer.

        Raises ApiError when it is refused for good, or still not answered when the account's patience ends (exit code
        3); Stopped when the command is interrupted.
        """
        began, pause_s = time.monotonic(), FIRST_PAUSE_S
        while True:
            if self.stop.is_set():
                raise Stopped
            try:
                answer = act()
            except FAILED as error:
                self.has_answered |= not isinstance(error, LOST_CONNECTION)
                deadline_s = self.patience_s if self.has_answered else min(self.patience_s, FIRST_CONTACT_S)
                if time.monotonic() + pause_s > began + deadline_s or not is_passing(error):
                    raise complaint(error, action=action, where=where, origin=self.keys.origin) from error
            else:
                self.has_answered = True
                return answer
            # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
            self.pause(random.uniform(0, pause_s))  # noqa: S311  # spreads calls, protects nothing
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def until(self, look: Callable[[], T], *, is_enough: Callable[[T], bool], deadline_s: float) -> T:
        """Look until it is enough and return the last look, which is not enough when *deadline_s* has passed."""
        patience = Patience(deadline_s=deadline_s, pauses_s=(FIRST_PAUSE_S, LONGEST_PAUSE_S), pause=self.pause)
        return wait_until(look, patience=patience, is_enough=is_enough)


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One zone of a project."""

    name: str
    account: Account = field(repr=False)
    client: Client = field(repr=False)
    written: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    """By its name, the version of the pointer that we have written (`latest`)."""

    @property
    def region(self) -> str:
        """The region it is in."""
        return scaleway_zones.region(self.name)

    @property
    def project(self) -> str:
        """The id of the project whose things are ours."""
        return self.account.keys.project

    @property
    def has_blocks(self) -> bool:
        """Whether there is block storage."""
        return self.name not in scaleway_zones.WITHOUT_BLOCKS

    @property
    def instances(self) -> Any:
        """The API of servers, images, groups, addresses, and of what is on disks of machines themselves."""
        return self._api(InstanceUtilsV1API)

    @property
    def blocks(self) -> Any:
        """The API of block storage."""
        return self._api(BlockV1API)

    @property
    def market(self) -> Any:
        """The API of the distributions' images."""
        return self._api(MarketplaceV2API)

    def stop(self) -> None:
        """End every wait on this account's calls, now and later: the command was interrupted."""
        self.account.stop.set()

    def aside(self) -> "Zone":
        """Return this zone for calls that Ctrl-C must not stop."""
        return self.account.aside().zone(self.name)

    def call(self, method: Callable[..., T], **arguments: Any) -> T:
        """Call a method of the SDK in this zone and return its answer. Raises like `Account.repeat`."""
        act = partial(method, zone=self.name, **arguments)
        return self.account.repeat(act, action=words(method), where=self.name)

    def make(self, method: Callable[..., T], *, find: Callable[[], T | None], **arguments: Any) -> T:
        """Call what makes something, and return it; Scaleway has no tokens that make a call the same one again.

        So it is looked for before each repetition: a call whose answer was lost may have made it.
        """
        begun: list[bool] = []

        def act() -> T:
            there = find() if begun else None
            begun.append(True)
            return method(zone=self.name, **arguments) if there is None else there

        return self.account.repeat(act, action=words(method), where=self.name)

    def all(self, method: Callable[..., Any], key: str, **arguments: Any) -> Iterator[Any]:
        """Give every item of the list *key*, page by page; of a mapping, which comes in pages as well, every pair."""
        api = getattr(method, "__self__", None)
        size = "per_page" if isinstance(api, InstanceUtilsV1API) else "page_size"
        page = 1
        while True:
            found = getattr(self.call(method, page=page, **{size: PAGE}, **arguments), key)
            yield from found.items() if isinstance(found, Mapping) else found
            if len(found) < PAGE:
                return
            page += 1

    def _api(self, kind: Any) -> Any:
        # A rehearsal is on this machine, and no proxy leads there.
        return timed(kind, self.client, is_proxied=not self.account.is_rehearsal)


def words(method: Callable[..., Any]) -> str:
    """Return what a method of the SDK does, in words."""
    return method.__name__.strip("_").replace("_", " ")


def rehearse(
    *,
    keys: Keys,
    storage_url: str,
    ports: Mapping[int, int] = NO_PORTS,
    machines: Callable[[], Accelerator] = accelerator.in_a_cloud,
) -> Account:
    """Return the account of a rehearsal at the keys' address.

    *ports* are where its machines' ports are reached, *machines* says how they run.
    """
    return Account(keys=keys, storage_url=storage_url, is_rehearsal=True, ports=ports, accelerator=machines)


def connect() -> Account:
    """Return the account that the environment names (SCW_*, or the profile of `scw init`).

    Raises BakeryError: exit code 2 for settings that cannot be used, 3 when there are no credentials, or a proxy that
    nothing can speak to.
    """
    proxies.require_usable(os.environ)
    # requests takes the first of them, and ends with a traceback where that is not there.
    bundle = next(filter(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")), "")
    if bundle and not Path(os.environ[bundle]).exists():
        raise impossible(f"{bundle}: there is no {os.environ[bundle]}", hint="name another file, or unset it")
    return Account(keys=credentials.load())
