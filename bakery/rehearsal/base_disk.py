"""Gives the rehearsal cloud the disk behind a base image: the very one that a bake on this machine begins with."""

from dataclasses import replace

from bakery.core.console import Console
from bakery.core.errors import missing
from bakery.local import bake, plan
from bakery.rehearsal import service
from bakery.sources import preflight


def lend(image: str, *, base: str, console: Console) -> None:
    """Make the base disk of an image unless it is cached, and tell the rehearsal cloud that runs where it is.

    Raises BakeryError: exit code 3 when the base cannot be had on this machine, or when no rehearsal runs.
    """
    there = service.running()
    if there is None:
        raise missing("no rehearsal is running", hint="./inv bake --rehearse --region eu-west-2")
    planned = plan.make(plan.Order(image=image, base=base))
    while planned.below is not None:
        planned = planned.below
    with console.phase("base"):
        demand = replace(planned.demand, typed="./inv bake --rehearse --region …")
        digests = preflight.preflight(demand)
        disk = bake.base_disk(planned, below=None, digests=digests, console=console)
    name = f"{planned.base.name}-{planned.definition.arch}"
    service.ask(there, "POST", "base-disks", body={name: str(disk.path)})
