"""How a server comes to be: its type, its image, its root disk, its addresses, its group."""

import secrets
from typing import Any

from scaleway.instance.v1 import types as instance

from bakery.rehearsal import service
from bakery.rehearsal.scaleway import (
    disks,
    images,
    machines,
    market,
    networks,
    refusals,
    server_types,
    servers,
    volumes,
    zones,
)
from bakery.rehearsal.scaleway.ground import Kind, Thing, stamp
from bakery.rehearsal.scaleway.routes import Asked, Route, owner


def create(asked: Asked) -> dict[str, Any]:
    """Make a server of an image, with its disks and addresses; it is off."""
    project, given, ground = owner(asked, kind="compute_servers"), asked.body, asked.ground
    name = given["commercial_type"]
    kind = server_types.of_zone(asked.zone).get(name)
    if kind is None:
        raise refusals.constraint("commercial_type", f"{asked.zone} has no {name}")
    if name in ground.short:
        raise refusals.out_of_stock(name)
    image = _image(asked, kind)
    addresses = [_free_address(asked, one) for one in given.get("public_ips") or ()]
    group = networks.group_of(asked)
    if given.get("security_group"):
        group = ground.one(Kind.GROUP, asked.zone, given["security_group"], project=project)
    shown = _shown(asked, arch=kind.arch)
    shown["security_group"] = {key: group.shown[key] for key in ("id", "name")}
    disk = _disk(asked, image, kind)
    made = ground.add(Kind.SERVER, asked.zone, shown, project=project)
    made.parts = [disk]
    machines.put_behind(ground, made)
    made.shown["image"] = images.view(image)
    for one in addresses:
        networks.give(one, made)
    return {"server": servers.view(ground, made)}


def _image(asked: Asked, kind: server_types.Type) -> Thing:
    """Return the image that is named by id or by the marketplace's label."""
    named = asked.body.get("image")
    if not named:
        raise refusals.constraint("image", "the rehearsal cloud has no servers without an image")
    sort = "instance_local" if _wanted(asked).get("volume_type") == volumes.LOCAL else "instance_sbs"
    sort = "instance_local" if asked.zone in zones.WITHOUT_BLOCKS else sort
    if named in market.LABELS:
        named = market.image_id(asked.zone, named, arch=kind.arch, sort=sort)
    image = images.visible(asked, named)
    if image.state != "available":
        raise refusals.transient(image.kind, image.id, image.state)
    if image.shown["arch"] != kind.arch:
        raise refusals.constraint("image", f"its arch is {image.shown['arch']}, and the type's {kind.arch}")
    return image


def _wanted(asked: Asked) -> dict[str, Any]:
    """Return what is said of the root disk."""
    return dict((asked.body.get("volumes") or {}).get("0") or {})


def _disk(asked: Asked, image: Thing, kind: server_types.Type) -> Thing:
    """Make the root disk of an image. Raises RefusedError where the image or the type has no such disks."""
    root, wanted = image.parts[0], _wanted(asked)
    usual = volumes.BLOCK if root.kind is Kind.BLOCK_SNAPSHOT else volumes.LOCAL
    told = wanted.get("volume_type") or usual
    size = wanted.get("size") or root.shown["size"]
    if told not in {usual, *volumes.GONE}:
        raise refusals.constraint("volumes.0.volume_type", f"the image starts from {usual}")
    most = kind.local_gb * disks.GB
    if told == volumes.LOCAL and size > most:
        raise refusals.constraint("volumes", f"the total size of local volumes must be between 0 and {most}")
    return volumes.make(asked, told, name=wanted.get("name") or image.shown["name"], size=size, source=root)


def _free_address(asked: Asked, identity: str) -> Thing:
    found = asked.ground.one(Kind.ADDRESS, asked.zone, identity, project=asked.project)
    if found.shown["server"] is not None:
        raise refusals.constraint("public_ips", f"{identity} is attached to another server")
    return found


def _shown(asked: Asked, *, arch: str) -> dict[str, Any]:
    given = asked.body
    name = given.get("name") or f"srv-{secrets.token_hex(3)}"
    return {
        "name": name,
        "hostname": name,
        "organization": service.ORGANIZATION,
        "project": asked.project,
        "tags": [*(given.get("tags") or ())],
        "commercial_type": given["commercial_type"],
        "dynamic_ip_required": given.get("dynamic_ip_required") is not False,
        "protected": bool(given.get("protected")),
        "mac_address": "de:00:00:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3)),
        "state": "stopped",
        "boot_type": given.get("boot_type") or "local",
        "maintenances": [],
        "state_detail": "",
        "arch": arch,
        "private_nics": [],
        "filesystems": [],
        "end_of_service": False,
        "routed_ip_enabled": True,
        "enable_ipv6": False,
        "creation_date": stamp(),
        "modification_date": stamp(),
    }


ROUTES = (
    Route(
        action="CreateServer",
        method="POST",
        path=servers.BASE,
        handler=create,
        request=instance.CreateServerRequest,
        answer=instance.CreateServerResponse,
    ),
)
