"""What there is of ours in one place, and what of it is in use: values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bakery.cloud.values import Group, Image, Instance, KeyPair, Snapshot


class Kind(StrEnum):
    """What there can be of ours, in the order in which it is removed: each may hold the next one."""

    INSTANCE = "instance"
    IMAGE = "image"
    SNAPSHOT = "snapshot"
    VOLUME = "volume"
    ADDRESS = "address"
    OBJECT = "object"
    GROUP = "security group"
    KEY = "key pair"


@dataclass(frozen=True, kw_only=True)
class Loose:
    """A thing of ours that nothing uses: a disk, an address, a file."""

    kind: Kind
    id: str
    what: str
    """It in words."""
    made_at: datetime


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a place, beside what is always asked."""

    pointers: Sequence[str] = ()
    """Names of those that say which image is `latest`."""
    templates: frozenset[str] = frozenset()
    """Our own launch templates: only their newest and default version counts, for each promotion makes another."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What one place has answered."""

    place: str
    images: Mapping[str, Image] = field(default_factory=dict)
    """By id: this account's, with our name or our tag."""
    instances: Sequence[Instance] = ()
    """All that are not terminated, whosoever."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Id of an image → name of a launch template that starts it."""
    pointers: Mapping[str, str] = field(default_factory=dict)
    """Name of a pointer → id of the image that it leads to."""
    snapshots: Sequence[Snapshot] = ()
    """Ours that no image uses."""
    groups: Sequence[Group] = ()
    keys: Sequence[KeyPair] = ()
    loose: Sequence[Loose] = ()
