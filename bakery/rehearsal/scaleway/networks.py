"""What servers reach the world by: addresses, and security groups with their rules."""

import uuid
from typing import Any

from scaleway.instance.v1 import types as instance

from bakery.rehearsal import service
from bakery.rehearsal.rack import rack_of
from bakery.rehearsal.scaleway import images, refusals
from bakery.rehearsal.scaleway.ground import Ground, Kind, Thing, stamp
from bakery.rehearsal.scaleway.routes import Asked, Route, matching, owner

BASE = "/instance/v1/zones/{zone}"
LAST_PORT = 65535


def address(asked: Asked, *, tags: list[str], is_kept: bool = True) -> Thing:
    """Make an address, one of this machine's loopback; a server's own one is not kept without it."""
    shown = {
        "address": rack_of(asked.ground.world).addresses.claim(),
        "organization": service.ORGANIZATION,
        "project": asked.project,
        "tags": tags,
        "type": "routed_ipv4",
        "state": "detached",
        "prefix": "",
        "ipam_id": str(uuid.uuid4()),
        "reverse": None,
        "server": None,
    }
    made = asked.ground.add(Kind.ADDRESS, asked.zone, shown, project=asked.project)
    made.data["is_kept"] = b"1" if is_kept else b""
    return made


def addresses_of(ground: Ground, server: Thing) -> list[Thing]:
    """Return a server's addresses."""
    listed = ground.of(Kind.ADDRESS, server.zone)
    return [one for one in listed if (one.shown["server"] or {}).get("id") == server.id]


def open_ports(ground: Ground, server: Thing) -> list[int]:
    """Return those of `service.PORTS` that a server's group lets TCP into, by any of its rules or else by itself.

    Whoever reaches a machine by its outer port may have opened that one. From where is not asked.
    """
    group = ground.one(Kind.GROUP, server.zone, server.shown["security_group"]["id"], project=server.project)
    return [port for port, outer in service.PORTS.items() if _is_open(group, {port, outer})]


def _is_open(group: Thing, either: set[int]) -> bool:
    for rule in sorted((one.shown for one in group.parts), key=lambda one: one["position"]):
        first = rule["dest_port_from"] or 1
        last = rule["dest_port_to"] or rule["dest_port_from"] or LAST_PORT
        is_meant = rule["direction"] == "inbound" and rule["protocol"] in {"tcp", "any"}
        if is_meant and either & set(range(first, last + 1)):
            return bool(rule["action"] == "accept")
    return bool(group.shown["inbound_default_policy"] == "accept")


def give(found: Thing, server: Thing | None) -> None:
    """Give an address to a server, or take it from the one that has it."""
    found.shown["server"] = None if server is None else {"id": server.id, "name": server.shown["name"]}
    found.state = "detached" if server is None else "attached"


def create_ip(asked: Asked) -> dict[str, Any]:
    """Make an address that is kept until somebody gives it back."""
    owner(asked, kind="compute_ips")
    if asked.body.get("type") == "routed_ipv6":
        raise refusals.not_rehearsed("IPv6 addresses")
    server = asked.body.get("server")
    holder = asked.ground.one(Kind.SERVER, asked.zone, server, project=asked.project) if server else None
    made = address(asked, tags=[*(asked.body.get("tags") or ())])
    give(made, holder)
    return {"ip": made.shown}


def list_ips(asked: Asked) -> list[dict[str, Any]]:
    """Show those that are kept."""
    found = matching([*asked.ground.of(Kind.ADDRESS, asked.zone)], asked)
    return [one.shown for one in found if one.project == asked.project and one.data["is_kept"]]


def _ip(asked: Asked) -> Thing:
    return asked.ground.one(Kind.ADDRESS, asked.zone, asked.ids["ip"], project=asked.project)


def get_ip(asked: Asked) -> dict[str, Any]:
    """Show one."""
    return {"ip": _ip(asked).shown}


def delete_ip(asked: Asked) -> None:
    """Give it back, be it a server's or nobody's."""
    asked.ground.drop(_ip(asked))


def group_of(asked: Asked) -> Thing:
    """Return the group that a new server is in where it names none: the project's own of that zone."""
    for one in asked.ground.of(Kind.GROUP, asked.zone):
        if one.project == asked.project and one.shown["project_default"]:
            return one
    told = {"name": "Default security group", "description": "Auto generated security group.", "project_default": True}
    return _group(asked, told)


def _group(asked: Asked, told: dict[str, Any]) -> Thing:
    shown = {
        "name": told.get("name") or "group",
        "description": told.get("description") or "",
        "enable_default_security": bool(told.get("enable_default_security", True)),
        "inbound_default_policy": told.get("inbound_default_policy") or "accept",
        "outbound_default_policy": told.get("outbound_default_policy") or "accept",
        "organization": service.ORGANIZATION,
        "project": asked.project,
        "tags": [*(told.get("tags") or ())],
        "project_default": bool(told.get("project_default")),
        "stateful": bool(told.get("stateful")),
        "state": "available",
        "creation_date": stamp(),
        "modification_date": stamp(),
    }
    return asked.ground.add(Kind.GROUP, asked.zone, shown, project=asked.project)


def view_group(ground: Ground, group: Thing) -> dict[str, Any]:
    """Return a group with the servers that are in it."""
    held = [{key: one.shown[key] for key in ("id", "name")} for one in members(ground, group)]
    return {**group.shown, "servers": held}


def members(ground: Ground, group: Thing) -> list[Thing]:
    """Return the servers of a group."""
    return [one for one in ground.of(Kind.SERVER, group.zone) if one.shown["security_group"]["id"] == group.id]


def create_group(asked: Asked) -> dict[str, Any]:
    """Make a group."""
    owner(asked, kind="compute_security_groups")
    return {"security_group": view_group(asked.ground, _group(asked, dict(asked.body)))}


def list_groups(asked: Asked) -> list[dict[str, Any]]:
    """Show this project's."""
    found = matching([*asked.ground.of(Kind.GROUP, asked.zone)], asked)
    return [view_group(asked.ground, one) for one in found if one.project == asked.project]


def _one(asked: Asked) -> Thing:
    return asked.ground.one(Kind.GROUP, asked.zone, asked.ids["security_group_id"], project=asked.project)


def get_group(asked: Asked) -> dict[str, Any]:
    """Show one."""
    return {"security_group": view_group(asked.ground, _one(asked))}


def delete_group(asked: Asked) -> None:
    """Delete a group that no server is in (the words: scaleway-sdk-go, scw/errors_test.go)."""
    found = _one(asked)
    if members(asked.ground, found):
        raise refusals.in_use("Group is in use. You cannot delete it.")
    asked.ground.drop(found)


def create_rule(asked: Asked) -> dict[str, Any]:
    """Add a rule to a group."""
    group, given = _one(asked), asked.body
    ports = {"dest_port_from": given.get("dest_port_from"), "dest_port_to": given.get("dest_port_to")}
    shown = {key: given[key] for key in ("protocol", "direction", "action", "ip_range", "position")}
    told = {**shown, **ports, "editable": True}
    made = Thing(
        kind=Kind.RULE,
        zone=asked.zone,
        project=asked.project,
        shown={"id": str(uuid.uuid4()), "zone": asked.zone, **told},
    )
    group.parts.append(made)
    return {"rule": made.shown}


def list_rules(asked: Asked) -> list[dict[str, Any]]:
    """Show a group's."""
    return [one.shown for one in _one(asked).parts]


def update_ip(asked: Asked) -> dict[str, Any]:
    """Tag it anew."""
    found = _ip(asked)
    images.change(found, asked, "tags", "reverse")
    found.shown.pop("modification_date")
    return {"ip": found.shown}


IPS, GROUPS = BASE + "/ips", BASE + "/security_groups"
RULES = GROUPS + "/{security_group_id}/rules"
ROUTES = (
    Route(
        action="CreateIp",
        method="POST",
        path=IPS,
        handler=create_ip,
        request=instance.CreateIpRequest,
        answer=instance.CreateIpResponse,
    ),
    Route(
        action="ListIps",
        method="GET",
        path=IPS,
        handler=list_ips,
        request=instance.ListIpsRequest,
        answer=instance.ListIpsResponse,
        listed="ips",
    ),
    Route(action="GetIp", method="GET", path=IPS + "/{ip}", handler=get_ip, answer=instance.GetIpResponse),
    Route(
        action="UpdateIp",
        method="PATCH",
        path=IPS + "/{ip}",
        handler=update_ip,
        request=instance.UpdateIpRequest,
        answer=instance.UpdateIpResponse,
    ),
    Route(action="DeleteIp", method="DELETE", path=IPS + "/{ip}", handler=delete_ip),
    Route(
        action="CreateSecurityGroup",
        method="POST",
        path=GROUPS,
        handler=create_group,
        request=instance.CreateSecurityGroupRequest,
        answer=instance.CreateSecurityGroupResponse,
    ),
    Route(
        action="ListSecurityGroups",
        method="GET",
        path=GROUPS,
        handler=list_groups,
        request=instance.ListSecurityGroupsRequest,
        answer=instance.ListSecurityGroupsResponse,
        listed="security_groups",
    ),
    Route(
        action="GetSecurityGroup",
        method="GET",
        path=GROUPS + "/{security_group_id}",
        handler=get_group,
        answer=instance.GetSecurityGroupResponse,
    ),
    Route(action="DeleteSecurityGroup", method="DELETE", path=GROUPS + "/{security_group_id}", handler=delete_group),
    Route(
        action="CreateSecurityGroupRule",
        method="POST",
        path=RULES,
        handler=create_rule,
        request=instance.CreateSecurityGroupRuleRequest,
        answer=instance.CreateSecurityGroupRuleResponse,
    ),
    Route(
        action="ListSecurityGroupRules",
        method="GET",
        path=RULES,
        handler=list_rules,
        request=instance.ListSecurityGroupRulesRequest,
        answer=instance.ListSecurityGroupRulesResponse,
        listed="rules",
    ),
)
