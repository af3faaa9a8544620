"""The story of `invoke render`: what a bake would hand to Packer and Vagrant, written down to be read and used."""

from pathlib import Path

from bakery.core.console import Console
from bakery.disk import base
from bakery.guests import accelerator, qemu
from bakery.local import packer_input, plan
from bakery.local.plan import Order, Plan
from bakery.packer import engine, render
from bakery.packer.workspace import Workspace
from bakery.vagrant import vagrantfile
from bakery.vagrant.vagrantfile import Provider


def write(order: Order, *, console: Console) -> list[Path]:
    """Write the Packer folder and the Vagrantfile of an image; return their paths.

    Raises BakeryError: exit code 2 for an unknown image or base, 3 when Packer or the firmware is not installed.
    """
    planned = plan.make(order)
    packer, machine = engine.installed(), accelerator.probe()
    space = Workspace(folder=planned.artifact.workspace)
    disk = base.cached(planned.base, planned.definition.arch)
    packer_input.prepare(space, planned, disk=disk, accelerator=machine, packer=packer)
    if disk is None:
        console.say(f"no {planned.base.name} base is cached yet: set base_disk and base_sha256 yourself, or bake once")
    file = planned.artifact.folder / "Vagrantfile"
    render.write(file.parent, {file.name: vagrantfile_text(planned, is_kvm=machine.name == "kvm")})
    return [space.folder, file]


def vagrantfile_text(planned: Plan, *, is_kvm: bool) -> str:
    """Return the Vagrantfile for every provider, beside the boxes."""
    record = planned.record
    # Without a baked disk the name tells at least which definition it is.
    digest = record["files"][planned.artifact.disk.name]["sha256"] if record else planned.fingerprint
    machine = vagrantfile.Machine(
        image=planned.definition.name,
        base=planned.base.name,
        digest=digest,
        firmware=str(qemu.firmware()),
        is_kvm=is_kvm,
        health_in_guest=planned.definition.health.port,
    )
    boxes = {provider: planned.artifact.box(provider.box_format).name for provider in Provider}
    return vagrantfile.vagrantfile(machine, boxes=boxes)
