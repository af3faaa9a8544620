"""Permissions in the two forms that EC2 takes them: a structure with Add and Remove, or flat lists and an operation.

ModifyImageAttribute and ModifySnapshotAttribute in botocore. Where the structure is there the lists beside it are
ignored: Packer sends both.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakery.definition.aws_regions import ARN
from bakery.rehearsal import refusals

Permission = dict[str, str]
"""One of UserId, Group, OrganizationArn and OrganizationalUnitArn, and its value."""

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html, "Resource types"
RULES = {
    "UserId": ("userId", re.compile(r"\d{12}")),
    "Group": ("group", re.compile("all")),
    "OrganizationArn": (
        "organizationArn",
        re.compile(rf"{ARN}:organizations::\d{{12}}:organization/o-[a-z0-9]{{10,32}}"),
    ),
    "OrganizationalUnitArn": (
        "organizationalUnitArn",
        re.compile(rf"{ARN}:organizations::\d{{12}}:ou/o-[a-z0-9]{{10,32}}/ou-[a-z0-9-]{{10,40}}"),
    ),
}
"""What AWS calls each in an error, and its form."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to be added and removed."""

    added: list[Permission]
    removed: list[Permission]


def structured(changes: Mapping[str, Any]) -> Change:
    """Return the change that a structure asks for.

    Raises InvalidAMIAttributeItemValue for what is nobody.
    """
    added, removed = ([_checked(one) for one in changes.get(name) or []] for name in ("Add", "Remove"))
    return Change(added=added, removed=removed)


def flat(lists: Mapping[str, Sequence[str]], *, operation: str) -> Change:
    """Return the change that flat lists ask for, by the kind of permission.

    Raises InvalidParameterValue for another *operation* than add and remove, and like `structured`.
    """
    if operation not in {"add", "remove"}:
        raise refusals.bad_value(f"Value ({operation}) for parameter operationType is invalid.")
    items = [_checked({kind: value}) for kind, values in lists.items() for value in values]
    if not items:
        raise refusals.no_parameter("UserId")
    return Change(added=items if operation == "add" else [], removed=items if operation == "remove" else [])


def _checked(permission: Mapping[str, str]) -> Permission:
    for kind, value in permission.items():
        name, form = RULES[kind]
        if not form.fullmatch(value):
            raise refusals.bad_item(value, kind=name)
    if len(permission) != 1:
        raise refusals.bad_combination("Exactly one account, group, organization or unit is one permission.")
    return dict(permission)
