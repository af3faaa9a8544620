"""The story of trying an image on this machine with Vagrant: up, ssh, status, halt, destroy.

A machine that this module began and could not finish is taken away again, and vagrant is always waited for.
"""

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakery.core import folders, process
from bakery.core.console import Console
from bakery.core.errors import impossible
from bakery.core.files import write_whole
from bakery.core.texts import home
from bakery.definition import arch, bases, layers
from bakery.disk import artifact
from bakery.disk.artifact import Artifact
from bakery.guests import accelerator, qemu
from bakery.packer import render
from bakery.vagrant import box_catalog, libvirt, vagrantfile
from bakery.vagrant.box_catalog import Shelf
from bakery.vagrant.requirements import choose_provider, require_free_ports, require_provider, require_vagrant
from bakery.vagrant.vagrantfile import Ports, Provider

if TYPE_CHECKING:
    from bakery.vagrant.cli import Vagrant

INSTANCE_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Request:
    """The machine a person asks for; an empty *provider* means the best one here."""

    image: str
    base: str
    provider: str = ""
    memory_mb: int = vagrantfile.MEMORY_MB
    cpus: int = vagrantfile.CPUS
    ports: Ports = field(default_factory=Ports)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The catalog that a person asks for; an empty *folder* is the one of `up`."""

    image: str
    base: str
    folder: str = ""
    url: str = ""
    keep: int = box_catalog.KEEP


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a running machine answers."""

    http: str
    https: str
    health: str

    def __str__(self) -> str:
        """Return one URL a line."""
        return f"{self.http}\n{self.https}\n{self.health}"


def up(request: Request, *, console: Console) -> Address:
    """Start a machine from the baked box and return its address.

    Raises BakeryError: exit code 2 for an unknown provider, an image not baked yet or a machine made from an earlier
    image, 3 for a missing tool, plugin or daemon, 1 for a port that is taken or when vagrant fails.
    """
    provider = choose_provider(request.provider)
    baked = _baked(request.image, request.base, provider=provider)
    require_vagrant()
    folder = folder_of(baked)
    require_same_machine(baked, folder=folder, provider=provider)
    machine = _machine(request, baked=baked, provider=provider)
    box_catalog.put(baked, shelf_of(baked), console=console)
    catalog = Path(os.path.relpath(shelf_of(baked).index, folder)).as_posix()
    render.write(folder, {"Vagrantfile": vagrantfile.vagrantfile(machine, boxes={provider: catalog})})
    cli = _cli(folder, console=console)
    require_provider(provider, plugins=cli.plugins())
    if provider.is_forwarding and not _is_running(folder, cli=cli):
        require_free_ports(request.ports)
    with console.phase("vagrant up"):
        _start(baked, cli=cli, provider=provider, console=console)
    return _address(machine, host="127.0.0.1" if provider.is_forwarding else cli.host())


def offer(order: Offer, *, console: Console) -> Path:
    """Add the baked boxes to a catalog and return its JSON file.

    Raises BakeryError (exit code 2) when nothing was baked, and for a folder or an address that cannot be one.
    """
    if order.url and not re.fullmatch(r"(https?|file)://\S+", order.url):
        raise impossible(f"--url {order.url}: no address that Vagrant reads", hint="--url https://boxes.example.com")
    baked = artifact.local(order.image, bases.base(order.base).name)
    if baked.read_record() is None:
        arch.require_bakeable(layers.whole(order.image).arch)
    folder = home(order.folder).absolute() if order.folder else shelf_of(baked).folder
    shelf = replace(shelf_of(baked), folder=folder, url=order.url)
    version = box_catalog.put(baked, shelf, keep=order.keep, console=console)
    console.say(f"{shelf.name} {version}: vagrant init {shelf.name} {shelf.url_of(shelf.index)} && vagrant up")
    return shelf.index


def ssh(image: str, base: str, *, command: Sequence[str] = (), console: Console) -> int:
    """Open an SSH session (or run *command*) in the machine and return ssh's exit code."""
    settings = write_ssh_settings(image, base, console=console)
    return process.attach(["ssh", "-F", str(settings), base, *command])


def write_ssh_settings(image: str, base: str, *, console: Console) -> Path:
    """Write the ssh configuration that reaches the running machine as host *base*, and return its path."""
    folder = _existing(image, base)
    settings = folder / "ssh-config"
    write_whole(settings, _cli(folder, console=console).ssh_settings())
    return settings


def status(image: str, base: str, *, console: Console) -> str:
    """Return the machine's state in a word or two, such as `not created` or `running (libvirt)`."""
    folder = folder_of(artifact.local(image, bases.base(base).name))
    if not created_providers(folder):
        return "not created"
    require_vagrant()
    found = _cli(folder, console=console).state()
    return f"{found.state.replace('_', ' ')} ({found.provider})"


def halt(image: str, base: str, *, console: Console) -> None:
    """Shut the machine down; `up` starts it again with what is on its disk."""
    folder = _existing(image, base)
    with console.phase("vagrant halt"):
        _cli(folder, console=console).stop()


def destroy(image: str, base: str, *, console: Console) -> None:
    """Remove the machine, its boxes, its volumes and its folder; does nothing where there is nothing."""
    wanted = artifact.local(image, bases.base(base).name)
    folder = folder_of(wanted)
    written = folder / "Vagrantfile"
    if not written.exists():
        console.say(f"there is no machine of {image} on {base}: nothing to destroy")
        return
    require_vagrant()
    with console.phase("vagrant destroy"):
        cli = _cli(folder, console=console)
        cli.remove()
        box = vagrantfile.box_of(written.read_text(encoding="utf-8"))
        cli.remove_box(box.name, box.version)
        if f'provider "{Provider.LIBVIRT}"' in written.read_text(encoding="utf-8"):
            domain = vagrantfile.domain_prefix(image, _instance_of(folder)) + base
            libvirt.remove_volumes([f"{domain}.img", f"{domain}_", box.volume], console=console)
    shutil.rmtree(folder)


def folder_of(baked: Artifact) -> Path:
    """Return the folder of the machine's Vagrantfile; Vagrant keeps its own state beside it."""
    return baked.folder / f"vagrant-{baked.base}"


def require_same_machine(baked: Artifact, *, folder: Path, provider: Provider) -> None:
    """Raise BakeryError (exit code 2) when the folder has a machine of another provider or made from another image."""
    there = created_providers(folder)
    if not there:
        return
    hint = f"./inv destroy --image {baked.image} --base {baked.base}"
    if provider not in there:
        raise impossible(f"there is a machine of {baked.stem} already, with {', '.join(there)}", hint=hint)
    if f'"{_version(baked)}"' not in (folder / "Vagrantfile").read_text(encoding="utf-8"):
        raise impossible(f"there is a machine of {baked.stem} made from an earlier bake of it", hint=hint)


def created_providers(folder: Path) -> list[str]:
    """Return the providers with which Vagrant has made a machine here: it keeps the machine's id in a file for each."""
    return sorted(path.parent.name for path in (folder / ".vagrant" / "machines").glob("*/*/id"))


def _cli(folder: Path, *, console: Console) -> "Vagrant":
    # Imported late: `invoke --list` must not pay for it.
    from bakery.vagrant.cli import Vagrant

    return Vagrant(folder, console=console)


def _baked(image: str, base: str, *, provider: Provider) -> Artifact:
    arch.require_bakeable(layers.whole(image).arch, act="started")
    baked = artifact.local(image, bases.base(base).name)
    if baked.read_record() is None or not baked.box(provider.box_format).exists():
        hint = f"./inv bake --image {image} --base {base}"
        raise impossible(f"there is no {provider.box_format} box of {image} on {base} yet", hint=hint)
    return baked


def _machine(request: Request, *, baked: Artifact, provider: Provider) -> vagrantfile.Machine:
    machine = vagrantfile.Machine(
        image=request.image,
        base=request.base,
        box=shelf_of(baked).name,
        version=_version(baked),
        memory_mb=request.memory_mb,
        cpus=request.cpus,
        ports=request.ports,
        health_in_guest=_health_port(baked),
        instance=_instance_of(folder_of(baked)),
    )
    if provider is Provider.VIRTUALBOX:
        return machine
    return replace(machine, firmware=str(qemu.firmware()), is_kvm=accelerator.probe().name == "kvm")


def _start(baked: Artifact, *, cli: "Vagrant", provider: Provider, console: Console) -> None:
    was_there = bool(created_providers(folder_of(baked)))
    try:
        cli.start(provider.value)
    except KeyboardInterrupt:
        if not was_there:
            console.say("interrupted: removing the machine that was being made")
            with process.uninterrupted():
                destroy(baked.image, baked.base, console=console)
        raise


def _existing(image: str, base: str) -> Path:
    folder = folder_of(artifact.local(image, bases.base(base).name))
    if not created_providers(folder):
        raise impossible(f"there is no machine of {image} on {base}", hint=f"./inv up --image {image} --base {base}")
    require_vagrant()
    return folder


def _is_running(folder: Path, *, cli: "Vagrant") -> bool:
    return bool(created_providers(folder)) and cli.state().state == "running"


def _address(machine: vagrantfile.Machine, *, host: str) -> Address:
    if host != "127.0.0.1":
        return Address(
            http=f"http://{host}",
            https=f"https://{host}",
            health=f"http://{host}:{machine.health_in_guest}/health",
        )
    return Address(
        http=f"http://{host}:{machine.ports.http}",
        https=f"https://{host}:{machine.ports.https}",
        health=f"http://{host}:{machine.ports.health}/health",
    )


def _instance_of(folder: Path) -> str:
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:INSTANCE_DIGITS]


def shelf_of(baked: Artifact) -> Shelf:
    """Return where `up` and `box` keep an image's boxes on this machine."""
    return Shelf(image=baked.image, base=baked.base, folder=folders.build_dir(baked.image, "boxes"))


def _version(baked: Artifact) -> str:
    record = baked.read_record()
    assert record is not None
    return box_catalog.version_of(record, disk=baked.disk.name)


def _health_port(baked: Artifact) -> int:
    settings = dict(word.partition("=")[::2] for word in shlex.split(baked.settings.read_text(encoding="utf-8")))
    return int(settings["BAKERY_HEALTH_PORT"])
