"""Tags: what a key and a value may be, how many there may be, and how a request brings them.

EC2 User Guide, "Tag restrictions": 50 tags, keys of 128 and values of 256 characters, aws: is AWS's own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import refusals

MOST = 50
LONGEST_KEY, LONGEST_VALUE = 128, 256

RESERVED = "aws:"


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as EC2 lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def is_reserved(key: str) -> bool:
    """Say whether a key is AWS's own."""
    return key.lower().startswith(RESERVED)


def read(items: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags of a request.

    Raises InvalidParameterValue for one that breaks a rule or comes twice.
    """
    found: dict[str, str] = {}
    for item in items:
        key, value = item.get("Key", ""), item.get("Value", "")
        if not key:
            raise refusals.bad_value("Tag key cannot be null or empty.")
        if is_reserved(key):
            raise refusals.bad_value("Tag keys starting with 'aws:' are reserved for internal use")
        if len(key) > LONGEST_KEY:
            raise refusals.bad_value(f"Tag key exceeds the maximum length of {LONGEST_KEY} characters")
        if len(value) > LONGEST_VALUE:
            raise refusals.bad_value(f"Tag value exceeds the maximum length of {LONGEST_VALUE} characters")
        if key in found:
            raise refusals.bad_value(f"Duplicate tag key '{key}' specified.")
        found[key] = value
    return found


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return *old* with *new* over it.

    Raises TagLimitExceeded when that is too many; AWS's own do not count.
    """
    both = {**old, **new}
    if len([key for key in both if not is_reserved(key)]) > MOST:
        raise EC2ClientError("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
    return both


def specified(specifications: Sequence[Mapping[str, Any]], *, kinds: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the tags of TagSpecifications by kind of resource, one entry for each of *kinds*.

    Raises InvalidParameterValue for another kind, and like `read` and `merged`.
    """
    found: dict[str, dict[str, str]] = {kind: {} for kind in kinds}
    for one in specifications:
        kind = one.get("ResourceType", "")
        if kind not in found:
            raise refusals.bad_value(f"'{kind}' is not a valid taggable resource type for this operation.")
        found[kind] = merged(found[kind], read(one.get("Tags", [])))
    return found


def without(tags: Mapping[str, str], items: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what DeleteTags leaves: an item without a value takes any, none at all takes every tag but AWS's own."""
    if not items:
        return {key: value for key, value in tags.items() if is_reserved(key)}
    left = dict(tags)
    for item in items:
        key = item["Key"]
        if item.get("Value") in {None, left.get(key)}:
            left.pop(key, None)
    return left
