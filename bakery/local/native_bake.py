"""Bakes in a native machine: it is booted first, Packer runs the steps in it, and then it is switched off."""

import shutil
from contextlib import ExitStack

from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.disk.base import BaseDisk
from bakery.guests import guest
from bakery.guests.accelerator import NATIVE, Accelerator
from bakery.guests.guest import Machine, Site
from bakery.local.plan import Plan
from bakery.packer import build as builder
from bakery.packer.engine import Packer
from bakery.packer.workspace import HOSTNAME, Workspace

HERE = Accelerator(name=NATIVE, reason="")


class NotBootedError(Exception):
    """The base does not boot natively here, which says nothing against it."""


def build(space: Workspace, planned: Plan, *, disk: BaseDisk, packer_: Packer, console: Console) -> dict[str, float]:
    """Boot a copy of *disk*, run the steps in it, and switch it off: then it is `space.disk`.

    Return the seconds that each step took.
    Raises BakeryError like builder.build, and NotBootedError when the machine does not come up.
    """
    space.output.mkdir()
    machine = Machine(
        name=HOSTNAME,
        disk=disk.path,
        size_gb=planned.definition.disk.size_gb,
        user=planned.base.default_user,
        is_grown=False,
    )
    with guest.site() as temporary, ExitStack() as running:
        site = Site(folder=temporary.folder, disks=space.output)
        for half in ("", ".pub"):
            shutil.copy(f"{space.key}{half}", f"{site.key}{half}")
        try:
            one = running.enter_context(guest.booted(machine, site=site, accelerator=HERE))
            seconds = guest.wait_for_ssh([one], accelerator=HERE)
        except BakeryError as error:
            raise NotBootedError(str(error)) from error
        console.update(f"the machine lets us in after {seconds:.0f} s")
        log = planned.artifact.unfinished.log
        steps = builder.build(space, log=log, packer_=packer_, console=console, ssh_port=one.port)
        one.power_off()
    return steps
