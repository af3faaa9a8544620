"""Servers of ours: made once however often it is asked, told their user-data before they start, and ended for sure.

Scaleway has no tokens that make a call the same one again: a tag says which start a server and its address are of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bakery.cloud.values import Instance, InstanceState
from bakery.clouds.scaleway import answers, volumes
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.clouds.scaleway.tags import tag_list, tags_of
from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.definition.scaleway import Volume

RUNNING_DEADLINE_S = 600.0
GONE_DEADLINE_S = 600.0
STARTED_BY = "bakery:start"
"""The tag of the start that a server or an address is of."""
USER_DATA = "cloud-init"
"""The key that cloud-init reads as user-data (its datasource "Scaleway")."""
STOPPED, STARTING, RUNNING = "stopped", "starting", "running"
STOPPED_IN_PLACE = ("stopped in place", "stopped_in_place")
"""As Scaleway's SDK for Go writes it, and the one for Python."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What servers to start; `token` makes a second call of the same launch nothing new."""

    image_id: str
    name: str
    commercial_type: str
    group: str
    token: str
    volume: Volume
    user_data: bytes = b""
    size_gb: int = 0
    """Of the root disk, in GiB; 0 leaves it as the image says."""
    count: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)


def start(zone: Zone, launch: Launch) -> list[str]:
    """Start servers and return their ids; raises as Scaleway refuses, and what was made until then is ended."""
    try:
        return [_start(zone, launch, number=number) for number in range(launch.count)]
    except BaseException:
        # Nobody else knows of it yet, not even who pressed Ctrl-C.
        with process.uninterrupted():
            _withdraw(zone.aside(), launch)
        raise


def _start(zone: Zone, launch: Launch, *, number: int) -> str:
    tags = {**launch.tags, STARTED_BY: f"{launch.token}/{number}"}
    server = _find(zone, tags[STARTED_BY]) or _make(zone, launch, tags=tags, number=number)
    identity = str(server.id)
    for disk in server.volumes.values():
        volumes.tag(zone, str(disk.id), tags)
    if _text(server.state) == STOPPED:
        if launch.user_data:
            told = {"server_id": identity, "key": USER_DATA, "content": launch.user_data}
            zone.call(zone.instances.set_server_user_data, **told)
        _act(zone, identity, "poweron")
    return identity


def _make(zone: Zone, launch: Launch, *, tags: Mapping[str, str], number: int) -> Any:
    which = tags[STARTED_BY]
    address = _address(zone, which) or zone.make(
        zone.instances.create_ip,
        find=lambda: _address(zone, which),
        project=zone.project,
        tags=tag_list({**tags, answers.MADE_AT: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}),
        type_="routed_ipv4",
    )
    address = getattr(address, "ip", address)
    disk = {"volumes": {"0": volumes.template(launch.volume, size_gb=launch.size_gb)}} if launch.size_gb else {}
    made = zone.make(
        zone.instances.create_server,
        find=lambda: _find(zone, which),
        name=f"{launch.name}-{number}" if launch.count > 1 else launch.name,
        commercial_type=launch.commercial_type,
        image=launch.image_id,
        security_group=launch.group,
        dynamic_ip_required=False,
        public_ips=[str(address.id)],
        project=zone.project,
        tags=tag_list(tags),
        **disk,
    )
    return getattr(made, "server", made)


def _find(zone: Zone, which: str) -> Any:
    listed = zone.all(zone.instances.list_servers, "servers", project=zone.project)
    return next((one for one in listed if tags_of(one.tags).get(STARTED_BY) == which), None)


def _address(zone: Zone, which: str) -> Any:
    listed = zone.all(zone.instances.list_ips, "ips", project=zone.project)
    return next((one for one in listed if tags_of(one.tags).get(STARTED_BY) == which), None)


def _withdraw(zone: Zone, launch: Launch) -> None:
    """Take back what a start has made that did not get to its end: a server, or an address alone."""
    for number in range(launch.count):
        which = f"{launch.token}/{number}"
        if (server := _find(zone, which)) is not None:
            end(zone, [str(server.id)])
        if (address := _address(zone, which)) is not None:
            remove_address(zone, str(address.id))


def own(zone: Zone) -> list[Instance]:
    """Return all servers of this project, whosoever."""
    listed = zone.all(zone.instances.list_servers, "servers", project=zone.project)
    return [answers.instance(one) for one in listed]


def wait_running(zone: Zone, ids: Sequence[str]) -> list[Instance]:
    """Return the servers as soon as all are running.

    Raises BakeryError (exit code 1) when one is gone, locked or off again instead, or after RUNNING_DEADLINE_S.
    """
    begun: set[str] = set()

    def look() -> list[Instance]:
        found = [(one, _shown(zone, one)) for one in ids]
        for identity, server in found:
            state = "gone" if server is None else _text(server.state)
            if state == STARTING:
                begun.add(identity)
            if state in {"gone", "locked"} or (state == STOPPED and identity in begun):
                why = f" ({server.state_detail})" if server is not None and server.state_detail else ""
                raise BakeryError(f"{zone.name}: server {identity} is {state}{why} instead of running")
        return [answers.instance(server) for _, server in found]

    def run(found: Sequence[Instance]) -> bool:
        return {one.state for one in found} <= {InstanceState.RUNNING}

    seen = zone.account.until(look, is_enough=run, deadline_s=RUNNING_DEADLINE_S)
    if run(seen):
        return seen
    told = ", ".join(f"{one.id} ({one.reason or one.state})" for one in seen if one.state != InstanceState.RUNNING)
    raise BakeryError(f"{zone.name}: {told} did not run after {RUNNING_DEADLINE_S:.0f} s")


def end(zone: Zone, ids: Sequence[str]) -> None:
    """End servers with their disks and addresses; those that are gone already are no mistake."""
    for identity in ids:
        server = _shown(zone, identity)
        if server is None:
            continue
        if not zone.account.until(partial(_is_gone, zone, identity), is_enough=bool, deadline_s=GONE_DEADLINE_S):
            raise BakeryError(f"{zone.name}: server {identity} does not end", hint="./inv prune  (tries again)")
        for disk in server.volumes.values():
            volumes.remove(zone, str(disk.id))
        for address in server.public_ips:
            if not address.dynamic and STARTED_BY in tags_of(address.tags):
                remove_address(zone, str(address.id))


def remove_address(zone: Zone, address: str) -> None:
    """Give an address back; one that is gone is no mistake."""
    try:
        zone.call(zone.instances.delete_ip, ip=address)
    except ApiError as error:
        if error.code is not Code.NOT_FOUND:
            raise


def _is_gone(zone: Zone, identity: str) -> bool:
    """Do what brings a server nearer to its end, and return whether it is there."""
    server = _shown(zone, identity)
    if server is None:
        return True
    state = _text(server.state)
    try:
        if state == STOPPED:
            zone.call(zone.instances.delete_server, server_id=identity)
        elif state in {RUNNING, *STOPPED_IN_PLACE}:
            # It ends by itself then, even where nobody looks again.
            _act(zone, identity, "terminate")
    except ApiError as error:
        if error.code not in {Code.NOT_FOUND, Code.BUSY, Code.IN_USE, Code.INVALID}:
            raise
    return False


def _shown(zone: Zone, identity: str) -> Any:
    try:
        return zone.call(zone.instances.get_server, server_id=identity).server
    except ApiError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None


def _act(zone: Zone, identity: str, action: str) -> None:
    zone.call(zone.instances.server_action, server_id=identity, action=action)


def _text(word: Any) -> str:
    return str(getattr(word, "value", word))
