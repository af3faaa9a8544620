"""Security groups of ours: found by name in a zone, made where they are not, opened for what is missing, closed never.

A group for other ranges of addresses than the world is another one, so that two images do not open and close the same.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from scaleway.instance.v1 import SecurityGroupRuleProtocol

from bakery.cloud import naming
from bakery.clouds.scaleway import answers, deletion
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.tags import tag_list, tags_of
from bakery.definition.aws import ANYWHERE
from bakery.definition.scaleway import Scaleway

SSH = 22
HELD_DEADLINE_S = 120.0
"""How long a group may be held by a server that is ending."""


def of_machines(zone: Zone, table: Scaleway, *, name: str, ports: Sequence[int] = ()) -> str:
    """Return the id of the group of machines that are logged in to, with *ports* beside that open to the world."""
    if table.allow_from != ANYWHERE:
        name = f"{name}-{hashlib.sha256(' '.join(sorted(table.allow_from)).encode()).hexdigest()[:8]}"
    found = _find(zone, name) or _make(zone, table, name=name)
    wanted = {(port, one) for port in ports for one in ANYWHERE} | {(SSH, one) for one in table.allow_from}
    told = {"security_group_id": found.id}
    rules = [*zone.all(zone.instances.list_security_group_rules, "rules", **told)]
    having = {(rule.dest_port_from, rule.ip_range) for rule in rules}
    for number, (port, allowed) in enumerate(sorted(wanted - having), start=len(rules) + 1):
        rule = {"ip_range": allowed, "dest_port_from": port, "position": number, "editable": True}
        method = zone.instances.create_security_group_rule
        zone.call(
            method, **told, **rule, protocol=SecurityGroupRuleProtocol.TCP.value, direction="inbound", action="accept"
        )
    return str(found.id)


def ours(zone: Zone) -> list[Any]:
    """Return the groups with our tag."""
    listed = zone.all(zone.instances.list_security_groups, "security_groups", project=zone.project)
    return [one for one in listed if naming.RUN in tags_of(one.tags)]


def remove(zone: Zone, group: str) -> None:
    """Delete a group, as soon as the servers that are ending let go of it; one that is gone is no mistake.

    Raises ApiError when one still holds it after HELD_DEADLINE_S.
    """
    delete = partial(zone.call, zone.instances.delete_security_group, security_group_id=group)
    deletion.until_let_go(zone, delete, deadline_s=HELD_DEADLINE_S)


def _find(zone: Zone, name: str) -> Any:
    return next((answers.group(one) for one in ours(zone) if one.name == name), None)


def _make(zone: Zone, table: Scaleway, *, name: str) -> Any:
    made = zone.make(
        zone.instances.create_security_group,
        find=lambda: _find(zone, name),
        name=name,
        description="Made by Dokku Bakery",
        project=zone.project,
        tags=tag_list({**table.tags, naming.TITLE: name, naming.RUN: "shared"}),
        stateful=True,
        inbound_default_policy="drop",
        outbound_default_policy="accept",
    )
    return getattr(made, "security_group", made)
