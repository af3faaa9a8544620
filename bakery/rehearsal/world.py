"""What the rehearsal cloud holds beside moto: images and snapshots with their disks, and when a state becomes true.

Times are seconds of the world's own clock (`World.now`); sizes are GiB.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

ACCOUNT = "123456789012"
"""moto's account; whoever rehearses is this account."""


@dataclass(kw_only=True)
class Snapshot:
    """A snapshot of a volume, with the disk it stands for where there is one."""

    id: str
    region: str
    size_gb: int
    started: datetime
    owner: str = ACCOUNT
    description: str = ""
    disk: Path | None = None
    """A disk image that is never written to again, qcow2 or raw by its suffix; None: nothing can boot from it."""
    tags: dict[str, str] = field(default_factory=dict)
    is_encrypted: bool = False
    kms_key: str = ""
    readers: set[str] = field(default_factory=set)
    """Accounts that may make volumes of it, and `all`."""
    ready_at: float = 0.0
    """When it is `completed`; infinity while it still takes blocks."""
    visible_at: float = 0.0
    """When it is found, as with an image."""
    failure: str = ""
    volume: str = "vol-ffffffff"
    """What it was made of; of copies and uploads AWS names this one, which never existed."""
    is_copy: bool = False


@dataclass(kw_only=True)
class Image:
    """An AMI."""

    id: str
    region: str
    name: str
    created: datetime
    snapshot: str
    """Of its root device; empty for a listed image that has no disk here."""
    size_gb: int
    owner: str = ACCOUNT
    owner_alias: str = ""
    description: str = ""
    arch: str = "x86_64"
    root_device: str = "/dev/xvda"
    volume_type: str = "gp3"
    iops: int = 0
    throughput_mib_s: int = 0
    is_deleted_on_termination: bool = True
    virtualization: str = "hvm"
    sriov: str = ""
    boot_mode: str = ""
    imds_support: str = ""
    tpm_support: str = ""
    is_ena: bool = False
    is_encrypted: bool = False
    source: tuple[str, str] | None = None
    """Region and id of what it is a copy of."""
    source_instance: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    readers: list[dict[str, str]] = field(default_factory=list)
    """Launch permissions, as AWS lists them: UserId, Group, OrganizationArn or OrganizationalUnitArn."""
    ready_at: float = 0.0
    visible_at: float = 0.0
    """When DescribeImages shows it: a new image is not seen at once everywhere."""
    failure: str = ""
    is_disabled: bool = False
    deprecated_at: datetime | None = None
    protection: str = "disabled"
    """As DescribeImages words it: disabled, enabled-without-cooldown, enabled-with-cooldown or disabled-until TIME."""
    last_launched: datetime | None = None
    base: str = ""
    """For a seeded image the key of its disk in `World.base_disks`; empty for all others."""


@dataclass(frozen=True, kw_only=True)
class Put:
    """A value of type aws:ec2:image that Parameter Store took, but has not looked at yet."""

    region: str
    image: str
    due: float
    """When it is looked at."""
    write: Callable[[], object]


@dataclass(kw_only=True)
class World:
    """Everything of one rehearsal; `lock` is held by whoever changes or reads more than one thing."""

    folder: Path
    """Where disks of images and instances are; removed with the rehearsal."""
    images: dict[str, Image] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    deregistered: dict[str, Image] = field(default_factory=dict)
    """Images that were; machines may still run from them."""
    unblocked: set[str] = field(default_factory=set)
    """Regions where images may be made public; AWS blocks that everywhere until somebody asks for it."""
    tokens: dict[tuple[str, str, str], object] = field(default_factory=dict)
    """What a ClientToken made: (region, action, token) → (parameters, id)."""
    base_disks: dict[str, Path] = field(default_factory=dict)
    """Disks behind the seeded base images, by `debian-12-amd64`."""
    opted_in: set[str] = field(default_factory=set)
    """Opt-in regions that this account has opted in to."""
    puts: list[Put] = field(default_factory=list)
    accelerator: str = "auto"
    """How machines are to run, one of `guests.accelerator.CHOICES`."""
    is_booting: bool = True
    """Whether instances get machines where their images have disks."""
    rack: object = None
    """Its machines, once there are any (`rack.Rack`, which stands on this module)."""
    closers: list[Callable[[], None]] = field(default_factory=list)
    """What ends the machines of this world; called once, the youngest first."""
    lock: RLock = field(default_factory=RLock)

    def close(self) -> None:
        """End what runs; whatever one closer raises, the others are called too."""
        with ExitStack() as stack:
            for closer in self.closers:
                stack.callback(closer)
            self.closers.clear()

    @staticmethod
    def now() -> float:
        """Return the seconds that `ready_at` and `visible_at` are compared with."""
        return time.monotonic()

    @staticmethod
    def today() -> datetime:
        """Return the time that is written down."""
        return datetime.now(UTC)

    def images_in(self, region: str) -> Iterator[Image]:
        """Give every image of a region, visible or not, oldest first."""
        yield from [image for image in self.images.values() if image.region == region]

    def snapshots_in(self, region: str) -> Iterator[Snapshot]:
        """Give every snapshot of a region, oldest first."""
        yield from [snapshot for snapshot in self.snapshots.values() if snapshot.region == region]


def new_id(kind: str) -> str:
    """Return a new id as AWS forms them: *kind* is `ami`, `snap`, `i`, …; 17 hex digits."""
    return f"{kind}-{secrets.token_hex(9)[:17]}"
