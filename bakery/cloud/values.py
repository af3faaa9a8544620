"""What a cloud shows of what it has, in nobody's own words: values only, which each cloud makes of its answers.

Ids and places are texts that only the cloud itself reads; times are aware of their zone; sizes are GiB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ImageState(StrEnum):
    """The states of an image that are decided by; a cloud may have more of its own."""

    PENDING = "pending"
    """Being made: nothing starts from it yet."""
    AVAILABLE = "available"
    FAILED = "failed"
    DISABLED = "disabled"
    """Taken out of use by its owner: whole, and nothing starts from it."""
    GONE = "deregistered"
    """Removed, and shown for a while yet."""


class InstanceState(StrEnum):
    """The states of an instance that are decided by; a cloud may have more of its own."""

    PENDING = "pending"
    RUNNING = "running"
    ENDING = "shutting-down"


class SnapshotState(StrEnum):
    """The states of a snapshot that are decided by; a cloud may have more of its own."""

    PENDING = "pending"
    """It takes blocks yet, or what it was given is being stored."""
    COMPLETED = "completed"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What machines can be started from in one place."""

    id: str
    name: str
    state: str
    """An ImageState, or the cloud's own word for another one."""
    created_at: datetime
    owner: str = ""
    """The number of the account that made it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    failure: str = ""
    """Why it failed, in the cloud's words; empty where it did not."""
    architecture: str = ""
    """The cloud's own word for it."""
    boot_mode: str = ""
    """The cloud's own word for what starts it; empty where the machine decides."""
    root_device: str = ""
    """The name of the disk that it starts from; empty where it is not told."""
    root_size_gb: int = 0
    """Of that disk; 0 where it is none that can be stored, or not shown yet."""
    root_snapshot: str = ""
    """The id of that disk's snapshot, empty as long as it is not shown."""
    snapshots: tuple[str, ...] = ()
    """The ids of the snapshots of all its disks, that one among them."""
    size_gb: int = 0
    """Of its largest disk; 0 where it is not told."""
    source_id: str = ""
    """The id of the image that it is a copy of, empty where it is none."""
    source_place: str = ""
    """Where that one is."""
    deprecate_at: datetime | None = None
    """From when it counts as old; None: never."""
    last_launched_at: datetime | None = None
    """When a machine was last started from it, a day late; None where that is not known."""
    is_public: bool = False
    is_protected: bool = False
    """Whether its removal would be refused."""
    protected_until: str = ""
    """Until when a protection that was taken off goes on all the same (ISO 8601); empty where it does not."""

    @property
    def age(self) -> tuple[datetime, str, str]:
        """What images are sorted by, the oldest first: of two releases within a second the name knows the later one."""
        return self.created_at, self.name, self.id

    is_imdsv2_required: bool = False
    """Whether its machines' metadata answers to tokens alone."""


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """An image of a distribution, which a bake may start from."""

    id: str
    name: str
    created: datetime
    root_device: str
    """The name of its root disk, empty where its cloud has no such names."""
    size_gb: int
    """Of the root disk, in GiB; a machine's may be larger and never smaller."""
    boot_mode: str
    """The cloud's own word for what starts it; empty where the machine decides."""
    owner: str
    found_by: str
    """Which question it was the answer to, in the cloud's words."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a disk held at one moment."""

    id: str
    state: str
    """A SnapshotState, or the cloud's own word for another one."""
    started_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    size_gb: int = 0
    """Of a disk made of it, however little it holds."""
    is_encrypted: bool = False
    key: str = ""
    """The full name of the key that it is encrypted with; empty where it is not, or not told."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A machine in one place, running or not."""

    id: str
    image_id: str
    state: str
    """An InstanceState, or the cloud's own word for another one."""
    started_at: datetime
    """When it was last started."""
    tags: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    """Why it is in this state, in the cloud's words; empty where that is not told."""
    groups: tuple[str, ...] = ()
    """The ids of the groups that say who reaches it."""
    key_name: str = ""
    """The name of the key pair it was started with, empty without one."""
    subnet: str = ""
    public_address: str = ""
    """By IPv4; empty where it has none, as the other two."""
    private_address: str = ""
    """Likewise, within its network."""
    ipv6_address: str = ""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Who reaches the machines that are in it."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """A key that a machine lets in from its start; it is removed by its name."""

    name: str
    created_at: datetime | None = None
    """None where that is not told."""


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """What a well-known name leads to in one place, such as `latest`."""

    image_id: str
    version: int
    """Rises with each write."""
    written_at: datetime
