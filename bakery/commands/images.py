"""The tasks that make an image, judge it, and write down how it is made; with --region they do so in AWS."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bakery.commands.command import IMAGE, IMAGE_HELP, REHEARSE_HELP, Context, task
from bakery.commands.into_aws import (
    LOCAL,
    LOCAL_HELP,
    bake_in_regions,
    bring_local,
    is_local,
    local_order,
    region_order,
)
from bakery.core.errors import impossible
from bakery.core.texts import home

if TYPE_CHECKING:
    from bakery.local.plan import Order
    from bakery.release import import_

SOURCE_HELP = {
    "base-from": "archive: this machine's package archive; cloud: the official cloud image (default: what fits)"
}

AUTO = "auto"
OF_THIS_MACHINE = "--accelerator is for machines on this machine"
THEIR_MACHINE = "leave it out: the cloud runs the machine"
ACCELERATOR_HELP = {"accelerator": "how machines run here: kvm, native, tcg or auto, the first of them that works"}


@task(
    help={
        **IMAGE_HELP,
        **SOURCE_HELP,
        **REHEARSE_HELP,
        "region": "bake in this AWS region or Scaleway zone instead, and copy to those given after it",
        "per-region": "bake in each region instead of copying from the first",
        **ACCELERATOR_HELP,
        "force": "bake even when nothing changed",
        "import": "bake on this machine, and bring the image to the regions block by block",
        **LOCAL_HELP,
        "dry-run": "print the plan and the Packer command, change nothing",
    },
    iterable=["region"],
)
def bake(
    _context: Context,
    image: str = IMAGE,
    base: str = "",
    base_from: str = "",
    region: Sequence[str] | None = None,
    per_region: bool = False,
    force: bool = False,
    dry_run: bool = False,
    rehearse: bool = False,
    import_: bool = False,
    fan_out: str = "",
    verify_upload: bool = False,
    accelerator: str = AUTO,
) -> None:
    """Bake an image, boot and verify it, here or in regions of a cloud; prints the path of the image, or its ids."""
    from bakery.core.console import Console
    from bakery.local import bake
    from bakery.local.plan import Order

    is_local(LOCAL if import_ else "", fan_out=fan_out, verify_upload=verify_upload)
    if (region or per_region or rehearse) and not import_:
        if base_from:
            raise impossible(
                "--base-from is for bakes on this machine", hint="leave it out: a region has its own bases"
            )
        if accelerator != AUTO and not rehearse:
            raise impossible(OF_THIS_MACHINE, hint=THEIR_MACHINE)
        wanted = region_order(region, image=image, base=base, force=force, per_region=per_region)
        bake_in_regions(wanted, is_dry=dry_run, is_rehearsal=rehearse, accelerator=accelerator.removeprefix(AUTO))
        return
    order = Order(image=image, base=base, base_from=base_from, is_forced=force, accelerator=accelerator)
    if import_ and per_region:
        raise impossible("--per-region bakes in each region, --import on this machine alone", hint="one of the two")
    sent = (
        local_order(region, image=image, base=base, fan_out=fan_out, verify_upload=verify_upload) if import_ else None
    )
    if dry_run:
        show_plan(order, sent=sent)
    elif sent:
        bring_local(sent, is_dry=False, is_rehearsal=rehearse, first=lambda console: bake.bake(order, console=console))
    else:
        print(bake.bake(order, console=Console()).disk)


@task(
    help={
        **IMAGE_HELP,
        **ACCELERATOR_HELP,
        "host": "judge a machine that runs already: ssh://[user@]address[:port]",
        "key": "private key for --host (default: those that ssh tries by itself)",
        "region": "judge a machine that is started in this AWS region or Scaleway zone; repeatable",
        "release": "with --region: the release, or how its name begins (default: the newest)",
        **REHEARSE_HELP,
    },
    iterable=["region"],
)
def verify(
    _context: Context,
    image: str = IMAGE,
    base: str = "",
    host: str = "",
    key: str = "",
    accelerator: str = AUTO,
    region: Sequence[str] | None = None,
    release: str = "",
    rehearse: bool = False,
) -> None:
    """Boot fresh copies of a baked image and run the image tests on them; exit code 4 when it does not pass."""
    from bakery.core.console import Console
    from bakery.local import verify

    console = Console()
    if key and not host:
        raise impossible("--key is for --host", hint="--host ssh://user@192.0.2.7")
    if host and (region or base or accelerator != AUTO or image != IMAGE):
        said = "--host is a machine that runs already: it takes --key, and neither an image nor a place"
        raise impossible(said, hint=f"./inv verify --host {host}")
    if region:
        if accelerator != AUTO and not rehearse:
            raise impossible(OF_THIS_MACHINE, hint=THEIR_MACHINE)
        from bakery.commands.session import open_account
        from bakery.release import verify as in_places

        order = in_places.Order(image=image, release=release, regions=tuple(region), base=base)
        account = open_account(
            is_rehearsal=rehearse,
            console=console,
            regions=order.regions,
            accelerator=accelerator.removeprefix(AUTO),
        )
        in_places.verify(order, account=account, console=console)
        return
    if release or rehearse:
        raise impossible("--release and --rehearse are for --region", hint="--region eu-west-2")
    verdict = (
        verify.host(host, key=str(home(key)) if key else "", console=console)
        if host
        else verify.image(image, base=base, accelerator=accelerator, console=console)
    )
    print(f"passed {verdict.total} tests")


@task(
    help={
        **IMAGE_HELP,
        **SOURCE_HELP,
        **REHEARSE_HELP,
        "region": "for a bake in this AWS region or Scaleway zone; repeatable (default: for this machine)",
    },
    iterable=["region"],
)
def render(
    _context: Context,
    image: str = IMAGE,
    base: str = "",
    base_from: str = "",
    region: Sequence[str] | None = None,
    rehearse: bool = False,
) -> None:
    """Write the Packer templates and the Vagrantfile to build/, to be read and used by hand; prints their paths."""
    from bakery.core.console import Console
    from bakery.local.plan import Order

    order = Order(image=image, base=base, base_from=base_from)
    if rehearse and not region:
        raise impossible("--rehearse is for --region", hint="leave it out: this machine is no cloud")
    if region:
        from bakery.commands.session import open_account, sketches
        from bakery.release import render as in_aws

        console = Console()
        paths = in_aws.write(
            order,
            sketches=sketches(region),
            enter=lambda names: open_account(is_rehearsal=rehearse, console=console, regions=names),
            is_rehearsal=rehearse,
            console=console,
        )
    else:
        from bakery.local import render

        paths = render.write(order, console=Console())
    for path in paths:
        print(path)


def show_plan(order: "Order", *, sent: "import_.Order | None") -> None:
    """Print what a bake of *order* on this machine would do, how long that takes, and where it is *sent* then."""
    from bakery.guests import accelerator
    from bakery.local import bake, plan
    from bakery.packer import engine

    planned = plan.make(order)
    print("\n".join(planned.lines()))
    if not planned.is_done:
        print(f"time         {bake.expected(planned, machine=accelerator.choose(order.accelerator))}")
    print(f"command      {shlex.join(engine.build_argv(planned.artifact.workspace))}")
    if sent:
        print(f"then         send it to {', '.join(sent.regions)} (once baked: ./inv plan --from local)")
