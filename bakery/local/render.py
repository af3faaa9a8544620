"""The story of `invoke render`: what a bake would hand to Packer and Vagrant, written down to be read and used."""

import os
from pathlib import Path

from bakery.core import folders
from bakery.core.console import Console
from bakery.disk import base
from bakery.guests import accelerator, qemu
from bakery.local import packer_input, plan
from bakery.local.plan import Order, Plan
from bakery.packer import engine, render
from bakery.packer.workspace import Workspace
from bakery.vagrant import box_catalog, vagrantfile
from bakery.vagrant.machine import shelf_of
from bakery.vagrant.vagrantfile import Provider


def write(order: Order, *, console: Console) -> list[Path]:
    """Write the Packer folder and the Vagrantfile of an image; return their paths. A bake of it is waited for.

    Raises BakeryError: exit code 2 for an unknown image or base, 3 when Packer or the firmware is not installed.
    """
    artifact = plan.make(order).artifact
    with folders.locked(artifact.lock, what=artifact.stem, console=console):
        return _write(plan.make(order), console=console)


def _write(planned: Plan, *, console: Console) -> list[Path]:
    packer, machine = engine.installed(), accelerator.probe()
    space = Workspace(folder=planned.artifact.workspace)
    disk = base.cached(planned.base, planned.definition.arch)
    packer_input.prepare(space, planned, disk=disk, accelerator=machine, packer=packer)
    if disk is None:
        console.say(f"no {planned.base.name} base is cached yet: set base_disk and base_sha256 yourself, or bake once")
    file = planned.artifact.folder / "Vagrantfile"
    if planned.record is not None:
        box_catalog.put(planned.artifact, shelf_of(planned.artifact), console=console)
    render.write(file.parent, {file.name: vagrantfile_text(planned, is_kvm=machine.name == "kvm")})
    return [space.folder, file]


def vagrantfile_text(planned: Plan, *, is_kvm: bool) -> str:
    """Return the Vagrantfile for every provider; without a baked disk, of the newest box that the catalog will have."""
    record, shelf = planned.record, shelf_of(planned.artifact)
    machine = vagrantfile.Machine(
        image=planned.definition.name,
        base=planned.base.name,
        box=shelf.name,
        version=box_catalog.version_of(record, disk=planned.artifact.disk.name) if record else "",
        firmware=str(qemu.firmware()),
        is_kvm=is_kvm,
        health_in_guest=planned.definition.health.port,
    )
    catalog = Path(os.path.relpath(shelf.index, planned.artifact.folder)).as_posix()
    return vagrantfile.vagrantfile(machine, boxes=dict.fromkeys(Provider, catalog))
