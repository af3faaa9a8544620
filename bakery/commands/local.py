"""The command line: strings in, package calls out, one result on stdout; all talk is on stderr.

Everything heavier than this file is imported when a task runs, so that `invoke --list` answers at once.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bakery.commands.command import IMAGE, IMAGE_HELP, REHEARSE_HELP, Context, number, task
from bakery.commands.releases import (
    LOCAL,
    LOCAL_HELP,
    bake_in_regions,
    bring_local,
    is_local,
    local_order,
    region_order,
)
from bakery.core.errors import impossible

SOURCE_HELP = {
    "base-from": "archive: this machine's package archive; cloud: the official cloud image (default: what fits)"
}

ACCELERATOR_HELP = {"accelerator": "how machines run here: kvm, native, tcg or auto, the first of them that works"}


@task(
    help={
        **IMAGE_HELP,
        **SOURCE_HELP,
        **REHEARSE_HELP,
        "region": "bake in this AWS region instead, and copy to those given after it",
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
    accelerator: str = "auto",
) -> None:
    """Bake an image, boot it and judge it, here or in AWS regions; prints the path of the image, or its ids."""
    from bakery.core.console import Console
    from bakery.guests import accelerator as accelerators
    from bakery.local import bake as baking
    from bakery.local import plan as planning
    from bakery.packer import engine

    is_local(LOCAL if import_ else "", fan_out=fan_out, verify_upload=verify_upload)
    if (region or per_region or rehearse) and not import_:
        if base_from:
            raise impossible(
                "--base-from is for bakes on this machine", hint="leave it out: a region has its own bases"
            )
        if accelerator != "auto":
            raise impossible("--accelerator is for bakes on this machine", hint="leave it out: AWS runs the machine")
        wanted = region_order(region, image=image, base=base, force=force, per_region=per_region)
        bake_in_regions(wanted, is_dry=dry_run, is_rehearsal=rehearse)
        return
    order = planning.Order(image=image, base=base, base_from=base_from, is_forced=force, accelerator=accelerator)
    if import_ and per_region:
        raise impossible("--per-region bakes in each region, --import on this machine alone", hint="one of the two")
    sent = (
        local_order(region, image=image, base=base, fan_out=fan_out, verify_upload=verify_upload) if import_ else None
    )
    if dry_run:
        planned = planning.make(order)
        print("\n".join(planned.lines()))
        if not planned.is_done:
            print(f"time         {baking.expected(planned, machine=accelerators.choose(accelerator))}")
        print(f"command      {shlex.join(engine.build_argv(planned.artifact.workspace))}")
        if sent:
            print(f"then         send it to {', '.join(sent.regions)} (once baked: ./inv plan --from local)")
        return
    if sent:
        bring_local(sent, is_dry=False, is_rehearsal=rehearse, bake=lambda console: baking.bake(order, console=console))
        return
    print(baking.bake(order, console=Console()).disk)


@task(
    help={
        **IMAGE_HELP,
        **ACCELERATOR_HELP,
        "host": "judge a machine that runs already: ssh://[user@]address[:port]",
        "key": "private key for --host (default: those that ssh tries by itself)",
    }
)
def verify(
    _context: Context, image: str = IMAGE, base: str = "", host: str = "", key: str = "", accelerator: str = "auto"
) -> None:
    """Boot fresh copies of a baked image and run the image tests on them; exit code 4 when it does not pass."""
    from bakery.core.console import Console
    from bakery.local import verify as judge

    console = Console()
    verdict = (
        judge.host(host, key=key, console=console)
        if host
        else judge.image(image, base=base, accelerator=accelerator, console=console)
    )
    print(f"passed {verdict.total} tests")


@task(
    help={
        **IMAGE_HELP,
        **SOURCE_HELP,
        **REHEARSE_HELP,
        "region": "for a bake in this AWS region; give it as often as there are regions (default: for this machine)",
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
    if region:
        from bakery.commands.session import open_account
        from bakery.release import render as region_rendering

        console = Console()
        paths = region_rendering.write(
            order,
            regions=region,
            enter=lambda names: open_account(is_rehearsal=rehearse, console=console, regions=names),
            is_rehearsal=rehearse,
            console=console,
        )
    else:
        from bakery.local import render as rendering

        paths = rendering.write(order, console=Console())
    for path in paths:
        print(path)


@task(
    help={
        **IMAGE_HELP,
        "provider": "virtualbox, libvirt or qemu (default: the first that is there)",
        "memory-mb": "memory of the machine (default: 2048)",
        "cpus": "processors of the machine (default: 2)",
        "http-port": "port of 127.0.0.1 that leads to the machine's port 80 (default: 8080; not with libvirt)",
        "https-port": "port of 127.0.0.1 that leads to the machine's port 443 (default: 8443; not with libvirt)",
        "health-port": "port of 127.0.0.1 that leads to the machine's health (default: 8077; not with libvirt)",
    }
)
def up(
    _context: Context,
    image: str = IMAGE,
    base: str = "",
    provider: str = "",
    memory_mb: str = "2048",
    cpus: str = "2",
    http_port: str = "8080",
    https_port: str = "8443",
    health_port: str = "8077",
) -> None:
    """Start a machine from the baked Vagrant box; prints its addresses."""
    from bakery.core.console import Console
    from bakery.vagrant import machine
    from bakery.vagrant.vagrantfile import Ports

    request = machine.Request(
        image=image,
        base=base_of(image, base),
        provider=provider,
        memory_mb=number("--memory-mb", memory_mb, least=512),
        cpus=number("--cpus", cpus, least=1),
        ports=Ports(
            http=number("--http-port", http_port, least=1),
            https=number("--https-port", https_port, least=1),
            health=number("--health-port", health_port, least=1),
        ),
    )
    print(machine.up(request, console=Console()))


@task(help={**IMAGE_HELP, "command": "run this instead of a login shell"})
def ssh(_context: Context, image: str = IMAGE, base: str = "", command: str = "") -> None:
    """Log in to the machine that `up` started; ends with the exit code of what ran there."""
    from bakery.core.console import Console
    from bakery.vagrant import machine

    words = [command] if command else []
    sys.exit(machine.ssh(image, base_of(image, base), command=words, console=Console()))


@task(help=IMAGE_HELP)
def status(_context: Context, image: str = IMAGE, base: str = "") -> None:
    """Print the state of the machine that `up` started."""
    from bakery.core.console import Console
    from bakery.vagrant import machine

    print(machine.status(image, base_of(image, base), console=Console()))


@task(help=IMAGE_HELP)
def halt(_context: Context, image: str = IMAGE, base: str = "") -> None:
    """Shut down the machine that `up` started; `up` starts it again with what is on its disk."""
    from bakery.core.console import Console
    from bakery.vagrant import machine

    machine.halt(image, base_of(image, base), console=Console())


@task(help=IMAGE_HELP)
def destroy(_context: Context, image: str = IMAGE, base: str = "") -> None:
    """Remove the machine that `up` started, its disk and its box."""
    from bakery.core.console import Console
    from bakery.vagrant import machine

    machine.destroy(image, base_of(image, base), console=Console())


@task(
    help={
        "host": "a node, [user@]address (user: dokku); give it as often as there are nodes",
        "app": "the app's name",
        "crt": "file with the certificate and its chain, PEM",
        "key": "file with its private key, PEM without a passphrase",
    },
    iterable=["host"],
)
def certs(_context: Context, host: Sequence[str] | None = None, app: str = "", crt: str = "", key: str = "") -> None:
    """Bring an app's certificate to every node that serves it, over SSH to dokku; all nodes at the same time."""
    from bakery.core.console import Console
    from bakery.local import certs as certificates

    pair = certificates.Pair(certificate=Path(crt), key=Path(key))
    certificates.push(pair, app=app, hosts=host or (), console=Console())


@task(help={"fast": "leave out what boots a machine (under two minutes)", "k": "only tests whose name matches"})
def test(_context: Context, fast: bool = False, k: str = "") -> None:
    """Run every check: format, lint, types, shell scripts, templates, unit tests, and real machines unless --fast."""
    from bakery.core.console import Console
    from bakery.local import checks

    checks.run(is_fast=fast, pattern=k, console=Console())


@task()
def doctor(_context: Context) -> None:
    """Show what is installed, what answers, and which commands work here."""
    from bakery.local import doctor as doctoring

    doctoring.report()


@task()
def clean(_context: Context) -> None:
    """Remove the cache of bases and downloads; baked images stay. Prints what was freed."""
    from bakery.core import folders

    print(f"freed {folders.clean_cache() / 1e6:.0f} MB")


def base_of(image: str, base: str) -> str:
    """Return the base asked for, or the one of the definition."""
    from bakery.definition import bases, layers

    return bases.base(base or layers.whole(image).base).name
