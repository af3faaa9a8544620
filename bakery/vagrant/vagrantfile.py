"""What Vagrant is told: names, the Vagrantfile's values, the metadata in a box; values in, text out."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from bakery.guests import seed
from bakery.packer import render

USER = "vagrant"

INSECURE_PUBLIC_KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr+kz4TjGYe7gHzIw+niNltGEFHzD8+v1I2YJ6oXevct"
    "1YeS0o9HZyN1Q9qgCgzUFtdOKLv6IedplqoPkcmF0aYet2PkEDo3MlTBckFXPITAMzF8dJSIFo9D8HfdOV0IAdx4O7PtixWKn5y2hMNG0zQPyUec"
    "p4pzC6kivAIhyfHilFR61RGL+GPXQ2MWZWFYbAGjyiYJnAmCP3NOTd0jMZEnDkbUvxhMmBYSdETk1rRgm+R4LOzFUGaHqHDLKLX+FIPKcF96hruc"
    "XzcWyLbIbEgE98OHlnVYCzRdK8jlqm8tehUc9c9WhQ== vagrant insecure public key"
)
"""The public key whose private half everybody has (https://github.com/hashicorp/vagrant/tree/main/keys).

`vagrant up` logs in with it once and puts a key of its own in its place. Only this RSA key is offered: a Vagrant older
than 2.3.8 does not know the newer ed25519 one and would leave it in the machine.
"""

QEMU_SSH_PORT = 50022
"""Where vagrant-qemu finds SSH unless it is told otherwise (its config.rb)."""
CPUS = 2
MEMORY_MB = 2048
DIGEST_DIGITS = 8
AWS_BOX = "dummy"
AWS_BOX_URL = "https://github.com/mitchellh/vagrant-aws/raw/master/dummy.box"
"""The empty box of vagrant-aws, by the name that its README gives it."""
HALT_TIMEOUT_S = 120
AWS_BOOT_TIMEOUT_S = 300


class Provider(StrEnum):
    """Where Vagrant runs a machine."""

    VIRTUALBOX = "virtualbox"
    LIBVIRT = "libvirt"
    QEMU = "qemu"

    @property
    def box_format(self) -> str:
        """Whose boxes it takes: vagrant-qemu takes libvirt's."""
        return "libvirt" if self is Provider.QEMU else self.value

    @property
    def is_forwarding(self) -> bool:
        """Whether its machines are reached through ports of 127.0.0.1 and not by an address of their own."""
        return self is not Provider.LIBVIRT

    @property
    def plugin(self) -> str:
        """The Vagrant plugin it needs, empty when Vagrant brings it along."""
        return "" if self is Provider.VIRTUALBOX else f"vagrant-{self.value}"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Ports of 127.0.0.1 that lead into the machine."""

    http: int = 8080
    https: int = 8443
    health: int = 8077

    def forwarded(self, *, health_in_guest: int) -> list[dict[str, object]]:
        """Return each forwarded port: its name, and where it begins and ends."""
        return [
            {"id": "http", "guest": 80, "host": self.http},
            {"id": "https", "guest": 443, "host": self.https},
            {"id": "health", "guest": health_in_guest, "host": self.health},
        ]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box as Vagrant keeps it."""

    name: str
    version: str

    @property
    def volume(self) -> str:
        """What the volumes of its disks are called in libvirt's pool (vagrant-libvirt 0.11.2, handle_box_image.rb)."""
        return f"{self.name.replace('/', '-VAGRANTSLASH-')}_vagrant_box_image_{self.version}_"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine that Vagrant shall run."""

    image: str
    base: str
    box: str
    """Its box's name, as the catalog has it."""
    version: str
    """Of the box, so that one from another bake is never taken for this one."""
    firmware: str = ""
    """The UEFI firmware for libvirt and QEMU; VirtualBox has its own."""
    is_kvm: bool = False
    memory_mb: int = MEMORY_MB
    cpus: int = CPUS
    ports: Ports = field(default_factory=Ports)
    health_in_guest: int = 8077
    instance: str = ""
    """Tells apart the machines of two checkouts on one libvirt."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A machine that Vagrant shall run on AWS, with the plugin vagrant-aws."""

    image: str
    base: str
    region: str
    image_id: str
    user: str
    instance_type: str
    root_device: str
    disk_gb: int
    volume_type: str


@dataclass(frozen=True, kw_only=True)
class OvfDisk:
    """One disk of a VirtualBox box."""

    file: str
    file_bytes: int
    capacity_bytes: int


def box_name(image: str, base: str, digest: str) -> str:
    """Return what a machine of the box calls itself at first, such as `bakery-host-debian-12-1a2b3c4d`."""
    return f"bakery-{image}-{base}-{digest[:DIGEST_DIGITS]}"


def box_of(text: str) -> Box:
    """Return the box that a Vagrantfile of ours names."""
    found = [re.search(rf"config\.vm\.{key} = \"([^\"]+)\"", text) for key in ("box", "box_version")]
    name, version = (one[1] if one else "" for one in found)
    return Box(name=name, version=version)


def domain_prefix(image: str, instance: str) -> str:
    """Return what libvirt's name of the machine begins with; the base's name follows."""
    return f"bakery-{instance}-{image}-" if instance else f"bakery-{image}-"


def vagrantfile(machine: Machine, *, boxes: Mapping[Provider, str]) -> str:
    """Render Vagrantfile.j2 for a machine and the catalog of boxes of each provider, relative to the Vagrantfile."""
    values: dict[str, object] = {
        "image": machine.image,
        "base": machine.base,
        "machine": machine.base,
        "box": machine.box,
        "version": machine.version,
        "boxes": {provider.value: file for provider, file in boxes.items()},
        "boot_timeout_s": 300 if machine.is_kvm else 900,
        "halt_timeout_s": HALT_TIMEOUT_S,
        "ports": machine.ports.forwarded(health_in_guest=machine.health_in_guest),
        "memory_mb": machine.memory_mb,
        "cpus": machine.cpus,
        "is_kvm": machine.is_kvm,
        "firmware": machine.firmware,
        "firmware_dir": str(Path(machine.firmware).parent),
        "domain_prefix": domain_prefix(machine.image, machine.instance),
        "ssh_port": QEMU_SSH_PORT,
        "aws": None,
    }
    return render.text("Vagrantfile.j2", values)


def aws_vagrantfile(instance: Instance) -> str:
    """Render Vagrantfile.j2 for a machine on AWS.

    Its key pair and its security groups are the reader's own, so they are read from the environment by the file itself.
    """
    values: dict[str, object] = {
        "image": instance.image,
        "base": instance.base,
        "machine": instance.base,
        "box": AWS_BOX,
        "version": "",
        "boxes": {},
        "boot_timeout_s": AWS_BOOT_TIMEOUT_S,
        "halt_timeout_s": HALT_TIMEOUT_S,
        "aws": {**asdict(instance), "box_url": AWS_BOX_URL, "name": f"{instance.image} on {instance.base}"},
    }
    return render.text("Vagrantfile.j2", values)


def seed_texts(name: str) -> tuple[str, str]:
    """Return the user-data and meta-data that make an image a box: the user `vagrant`, and the key Vagrant replaces."""
    hostname = name.removeprefix("bakery-").replace(".", "-")
    user_data = seed.user_data(public_keys=[INSECURE_PUBLIC_KEY], user=USER)
    return user_data, seed.meta_data(instance_id=name, hostname=hostname)


def libvirt_metadata(*, virtual_bytes: int, disks: Sequence[str]) -> str:
    """Return a libvirt box's metadata.json.

    `disks` is box format 2, whose disks are all copied to the pool; `format` and `virtual_size` (GiB) are what tools
    that know only format 1 read (vagrant-libvirt 0.11.2, action/handle_box_image.rb).
    """
    virtual_gb = -(-virtual_bytes // 2**30)
    paths = [{"path": file} for file in disks]
    metadata = {"provider": "libvirt", "format": "qcow2", "virtual_size": virtual_gb, "disks": paths}
    return json.dumps(metadata, indent=2) + "\n"


def virtualbox_metadata() -> str:
    """Return a VirtualBox box's metadata.json."""
    return json.dumps({"provider": "virtualbox"}) + "\n"


def box_vagrantfile(box_format: str) -> str:
    """Return the Vagrantfile inside a box: what every machine made from it needs."""
    return (Path(__file__).parent / "templates" / f"{box_format}.Vagrantfile").read_text(encoding="utf-8")


def ovf(name: str, *, disks: Sequence[OvfDisk], epoch: int) -> str:
    """Render the OVF 1.0 description of a VirtualBox machine, in the form in which VirtualBox itself exports them.

    Disks hang on the PIIX4 IDE controller and the network card is virtio: the kernels for clouds know both, but neither
    AHCI nor the Intel card VirtualBox would choose.
    """
    described = [
        {
            "file": disk.file,
            "file_bytes": disk.file_bytes,
            "capacity_bytes": disk.capacity_bytes,
            "uuid": _uuid(f"{name}/{disk.file}"),
        }
        for disk in disks
    ]
    values: dict[str, object] = {
        "name": name,
        "uuid": _uuid(name),
        "mac": "080027" + hashlib.sha256(name.encode()).hexdigest()[:6].upper(),
        "cpus": CPUS,
        "memory_mb": MEMORY_MB,
        "changed": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "disks": described,
    }
    return render.text("bakery/vagrant/templates/box.ovf.j2", values)


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"dokku-bakery:{name}"))
