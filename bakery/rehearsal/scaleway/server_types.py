"""Types of servers: what they are made of and in which zones; prices are round figures, and no offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaleway.instance.v1 import types as instance

from bakery.rehearsal.scaleway import disks, zones
from bakery.rehearsal.scaleway.routes import Asked, Route

GIB = 2**30
HOURS = 730


@dataclass(frozen=True, kw_only=True)
class Type:
    """One type."""

    arch: str
    cpus: int
    ram_gib: int
    hourly_eur: float
    local_gb: int = 0
    """The most that its own disks may have; 0: it starts from block storage alone."""
    is_everywhere: bool = True


TYPES: Mapping[str, Type] = {
    "DEV1-S": Type(arch="x86_64", cpus=2, ram_gib=2, hourly_eur=0.01, local_gb=20),
    "DEV1-M": Type(arch="x86_64", cpus=3, ram_gib=4, hourly_eur=0.02, local_gb=40),
    "GP1-XS": Type(arch="x86_64", cpus=4, ram_gib=16, hourly_eur=0.1, local_gb=150),
    "PLAY2-NANO": Type(arch="x86_64", cpus=2, ram_gib=8, hourly_eur=0.03),
    "PRO2-XXS": Type(arch="x86_64", cpus=2, ram_gib=8, hourly_eur=0.06),
    "COPARM1-2C-8G": Type(arch="arm64", cpus=2, ram_gib=8, hourly_eur=0.04, is_everywhere=False),
    "BASIC2-A2C-4G": Type(arch="arm64", cpus=2, ram_gib=4, hourly_eur=0.02, is_everywhere=False),
}
ARM_REGIONS = frozenset({"fr-par", "nl-ams"})


def of_zone(zone: str) -> dict[str, Type]:
    """Return the types that a zone has."""
    return {
        name: one
        for name, one in TYPES.items()
        if (one.is_everywhere or zones.region(zone) in ARM_REGIONS)
        and (one.local_gb or zone not in zones.WITHOUT_BLOCKS)
    }


def compatible(zone: str, *, arch: str, sort: str) -> list[str]:
    """Return the names of types that an image of the marketplace is for."""
    return [
        name for name, one in of_zone(zone).items() if one.arch == arch and (sort == "instance_sbs" or one.local_gb)
    ]


def view(one: Type, *, zone: str) -> dict[str, Any]:
    """Return a type as the API shows it."""
    most = one.local_gb * disks.GB
    speed = 200_000_000
    return {
        "hourly_price": one.hourly_eur,
        "monthly_price": round(one.hourly_eur * HOURS, 2),
        "alt_names": [],
        "ncpus": one.cpus,
        "ram": one.ram_gib * GIB,
        "arch": one.arch,
        "gpu": 0,
        "scratch_storage_max_volumes_count": 0,
        "scratch_storage_max_size": 0,
        "end_of_service": False,
        "volumes_constraint": {"min_size": 0, "max_size": most},
        "per_volume_constraint": {"l_ssd": {"min_size": disks.GB, "max_size": most}},
        "network": {
            "interfaces": [{"internal_bandwidth": speed, "internet_bandwidth": speed}],
            "ipv6_support": True,
            "sum_internal_bandwidth": speed,
            "sum_internet_bandwidth": speed,
        },
        "capabilities": {
            "boot_types": ["local", "rescue"],
            "max_file_systems": 0,
            "block_storage": zone not in zones.WITHOUT_BLOCKS,
        },
        "block_bandwidth": speed,
    }


def list_(asked: Asked) -> list[tuple[str, Any]]:
    """Show all of a zone: a mapping, which comes in pages like a list."""
    return [(name, view(one, zone=asked.zone)) for name, one in of_zone(asked.zone).items()]


def availability(asked: Asked) -> list[tuple[str, Any]]:
    """Show which are in stock."""
    ground = asked.ground
    states = {**dict.fromkeys(ground.scarce, "scarce"), **dict.fromkeys(ground.short, "shortage")}
    return [(name, {"availability": states.get(name, "available")}) for name in of_zone(asked.zone)]


PATH = "/instance/v1/zones/{zone}/products/servers"
ROUTES = (
    Route(
        action="GetServerTypesAvailability",
        method="GET",
        path=PATH + "/availability",
        handler=availability,
        request=instance.GetServerTypesAvailabilityRequest,
        answer=instance.GetServerTypesAvailabilityResponse,
        listed="servers",
    ),
    Route(
        action="ListServersTypes",
        method="GET",
        path=PATH,
        handler=list_,
        request=instance.ListServersTypesRequest,
        answer=instance.ListServersTypesResponse,
        listed="servers",
    ),
)
