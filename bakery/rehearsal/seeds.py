"""What a rehearsal begins with: the distributions' images in every region, and the public parameters that name them.

The names are written down here as the distributions give them, and not taken from `bakery.definition.bases`: whoever
looks for an image in the rehearsal has to know its name as well as on AWS.
"""

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from bakery.rehearsal import regions
from bakery.rehearsal.world import Image, Snapshot, World

Seed = TypeVar("Seed", Image, Snapshot)

SIZE_GB = 8

ARCHES = {"amd64": "x86_64", "arm64": "arm64"}
"""The distributions' names, and EC2's."""

CREATED = (datetime(2026, 8, 4, 5, 17, 30, tzinfo=UTC), datetime(2026, 10, 19, 22, 4, 12, tzinfo=UTC))
"""Of the older and of the newest version."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The images of one release; texts hold {arch} and {serial}."""

    base: str
    owner: str
    name: str
    serial: str
    """As strftime writes it."""
    description: str
    root_device: str
    volume_type: str
    parameters: tuple[str, ...]
    """Of the newest; with {serial} in them, of both."""
    imds_support: str = ""


def _ubuntu(version: str, codename: str, *, folder: str, volume: str, imds_support: str) -> Line:
    # documentation.ubuntu.com/aws, "Find Ubuntu images on AWS": gp3 since 23.10, gp2 before.
    paths = (
        f"/aws/service/canonical/ubuntu/server/{release}/stable/{serial}/{{arch}}/hvm/ebs-{volume}/ami-id"
        for release in (version, codename)
        for serial in ("current", "{serial}")
    )
    return Line(
        base=f"ubuntu-{version}",
        owner="099720109477",
        name=f"ubuntu/images/{folder}/ubuntu-{codename}-{version}-{{arch}}-server-{{serial}}",
        serial="%Y%m%d",
        description=f"Canonical, Ubuntu, {version}, {{arch}} {codename} image",
        root_device="/dev/sda1",
        volume_type=volume,
        parameters=tuple(paths),
        imds_support=imds_support,
    )


def _debian(version: str, codename: str) -> Line:
    # wiki.debian.org/Cloud/AmazonEC2Image; the device's name is in debian-cloud-images, cli/upload_ec2.py.
    return Line(
        base=f"debian-{version}",
        owner="136693071363",
        name=f"debian-{version}-{{arch}}-{{serial}}",
        serial="%Y%m%d-%H%M",
        description=f"Debian {version} ({{serial}})",
        root_device="/dev/xvda",
        volume_type="gp2",
        parameters=tuple(f"/aws/service/debian/release/{release}/latest/{{arch}}" for release in (version, codename)),
    )


LINES = (
    _ubuntu("22.04", "jammy", folder="hvm-ssd", volume="gp2", imds_support=""),
    _ubuntu("24.04", "noble", folder="hvm-ssd-gp3", volume="gp3", imds_support="v2.0"),
    _ubuntu("26.04", "resolute", folder="hvm-ssd-gp3", volume="gp3", imds_support="v2.0"),
    _debian("12", "bookworm"),
    _debian("13", "trixie"),
)


def sow(world: World) -> None:
    """Fill a new world: every release for both architectures in two versions, in all 34 regions, opted in or not."""
    for image, snapshot in _seedlings():
        world.images[image.id] = _like(image, tags={}, readers=[{**one} for one in image.readers])
        world.snapshots[snapshot.id] = _like(snapshot, tags={}, readers=set())


@functools.cache
def parameters(region: str) -> dict[str, str]:
    """Return the public parameters of both distributions in a region: name → id of the image."""
    found = {}
    for line, arch, created in _each():
        for path in line.parameters:
            serial = created.strftime(line.serial)
            # The newest comes last and takes the names without a serial.
            found[path.format(arch=arch, serial=serial)] = image_id(region, _name(line, arch, created))
    return found


def image_id(region: str, name: str) -> str:
    """Return the id of a seeded image: always the same for the same name, and another one in each region."""
    return f"ami-{_digits(region, name)}"


def _each() -> Iterator[tuple[Line, str, datetime]]:
    for line in LINES:
        for arch in ARCHES:
            for created in CREATED:
                yield line, arch, created


@functools.cache
def _seedlings() -> list[tuple[Image, Snapshot]]:
    """Return what each world gets its own copies of."""
    found = []
    for region in regions.ALL:
        for line, arch, created in _each():
            image = _image(line, arch, created, region=region)
            snapshot = Snapshot(id=image.snapshot, region=region, size_gb=SIZE_GB, started=created, owner=line.owner)
            found.append((image, snapshot))
    return found


def _like(seed: Seed, **own: object) -> Seed:
    """Return a copy with some values of its own, as `replace` would in ten times the time: there are 1360."""
    made = object.__new__(type(seed))
    made.__dict__ = {**seed.__dict__, **own}
    return made


def _image(line: Line, arch: str, created: datetime, *, region: str) -> Image:
    name = _name(line, arch, created)
    return Image(
        id=image_id(region, name),
        region=region,
        name=name,
        created=created,
        snapshot=f"snap-{_digits(region, name)}",
        size_gb=SIZE_GB,
        owner=line.owner,
        description=line.description.format(arch=arch, serial=created.strftime(line.serial)),
        arch=ARCHES[arch],
        root_device=line.root_device,
        volume_type=line.volume_type,
        boot_mode="uefi" if arch == "arm64" else "uefi-preferred",
        imds_support=line.imds_support,
        is_ena=True,
        readers=[{"Group": "all"}],
        base=f"{line.base}-{arch}",
    )


@functools.cache
def _name(line: Line, arch: str, created: datetime) -> str:
    return line.name.format(arch=arch, serial=created.strftime(line.serial))


@functools.cache
def _digits(region: str, name: str) -> str:
    return hashlib.sha256(f"{region} {name}".encode()).hexdigest()[:17]
