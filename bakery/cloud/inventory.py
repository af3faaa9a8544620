"""What there is of ours in one place, and what of it is in use: values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bakery.cloud.values import Group, Image, Instance, KeyPair, Snapshot


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a place, beside what is always asked."""

    parameters: Sequence[str] = ()
    """Names of those that say which image is `latest`."""
    templates: frozenset[str] = frozenset()
    """Our own launch templates: only their newest and default version counts, for each promotion makes another."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What one place has answered."""

    region: str
    images: Mapping[str, Image] = field(default_factory=dict)
    """By id: this account's, with our name or our tag."""
    instances: Sequence[Instance] = ()
    """All that are not terminated, whosoever."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Id of an image → name of a launch template that starts it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    snapshots: Sequence[Snapshot] = ()
    """Ours that no image uses."""
    groups: Sequence[Group] = ()
    keys: Sequence[KeyPair] = ()
