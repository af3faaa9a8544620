"""Types of servers in a zone: whether there is one, for which processor and which disks, and in stock."""

from collections.abc import Mapping
from typing import Any

from bakery.clouds.scaleway import answers
from bakery.clouds.scaleway.account import Zone
from bakery.core.errors import did_you_mean, impossible
from bakery.definition.bases import Arch
from bakery.definition.scaleway import Volume

USUAL = {
    Arch.AMD64: ("DEV1-S", "PLAY2-NANO", "PRO2-XXS", "DEV1-M"),
    Arch.ARM64: ("COPARM1-2C-8G", "BASIC2-A2C-4G"),
}
"""Tried in this order where a definition names none: not every zone has the first."""
SHORTAGE = "shortage"
HINT = "scaleway.instance_type in images/NAME.toml, or --instance-type"


def offered(zone: Zone) -> Mapping[str, Any]:
    """Return every type by its name, as Scaleway shows it."""
    return dict(zone.all(zone.instances.list_servers_types, "servers"))


def choose(zone: Zone, *, arch: Arch, wanted: str = "") -> str:
    """Return a type that the zone has and that is in stock.

    Raises BakeryError (exit code 2) when it does not have the *wanted* one, or none that we know.
    """
    having = offered(zone)
    if wanted and wanted not in having:
        raise impossible(f"{zone.name} has no instance type {wanted}", hint=did_you_mean(wanted, having) or HINT)
    if wanted and _arch(having[wanted]) != answers.ARCHES[arch]:
        said = f"{zone.name}: {wanted} is for {_arch(having[wanted])}, and the image for {arch}"
        raise impossible(said, hint=HINT)
    if wanted:
        return wanted
    short = _short(zone)
    candidates = [name for name in USUAL[arch] if name in having]
    for name in candidates:
        if name not in short:
            return name
    state = "is in stock" if candidates else "is there"
    raise impossible(f"{zone.name}: none of {', '.join(USUAL[arch])} {state}", hint=HINT)


def require_room(zone: Zone, name: str, *, volume: Volume, size_gb: int) -> None:
    """Raise BakeryError (exit code 2) for a disk that a type of server cannot have; *size_gb* is in GiB."""
    told = offered(zone).get(name)
    if told is None:
        return
    room = told.volumes_constraint.max_size if told.volumes_constraint else 0
    size = answers.bytes_of(size_gb)
    if volume is Volume.LOCAL and size > room:
        said = (
            f"{zone.name}: {name} has {room // answers.GB} GB of disk itself, and the image wants {size // answers.GB}"
        )
        raise impossible(said, hint=f'scaleway.volume_type = "{Volume.BLOCK}", or {HINT}')
    if volume is Volume.BLOCK and told.capabilities and told.capabilities.block_storage is False:
        said = f"{zone.name}: {name} cannot start from block storage"
        raise impossible(said, hint=f'scaleway.volume_type = "{Volume.LOCAL}", or {HINT}')


def _short(zone: Zone) -> set[str]:
    found = zone.all(zone.instances.get_server_types_availability, "servers")
    return {name for name, one in found if getattr(one.availability, "value", one.availability) == SHORTAGE}


def _arch(told: Any) -> str:
    return str(getattr(told.arch, "value", told.arch))
