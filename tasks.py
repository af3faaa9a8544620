"""The command line: strings in, package calls out, one result on stdout; all talk is on stderr.

Everything heavier than this file is imported when a task runs, so that `invoke --list` answers at once.
"""

import functools
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.tasks import task as invoke_task

from bakery.errors import BakeryError, ExitCode, impossible

IMAGE = "host"
IMAGE_HELP = {
    "image": f"which definition in images/ (default: {IMAGE})",
    "base": "ubuntu-22.04, ubuntu-24.04, debian-12 or debian-13 (default: the definition's)",
}
SOURCE_HELP = {
    "base-from": "archive: this machine's package archive; cloud: the official cloud image (default: what fits)"
}


def task(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make an invoke task that ends a mistake with one clear line and a documented exit code, never a traceback."""

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def guarded(*args: Any, **kwargs: Any) -> None:
            from bakery import process

            process.interrupt_on_sigterm()
            try:
                body(*args, **kwargs)
            except BakeryError as error:
                print(f"error: {error.message}", file=sys.stderr)
                if error.hint:
                    print(f"hint:  {error.hint}", file=sys.stderr)
                sys.exit(error.exit_code)
            except KeyboardInterrupt:
                print("interrupted: everything was stopped and cleaned up", file=sys.stderr)
                sys.exit(ExitCode.INTERRUPTED)

        return invoke_task(guarded, **options)

    return decorate


@task(
    help={
        **IMAGE_HELP,
        **SOURCE_HELP,
        "force": "bake even when nothing changed",
        "dry-run": "print the plan and the Packer command, change nothing",
    }
)
def bake(
    _context: Context,
    image: str = IMAGE,
    base: str = "",
    base_from: str = "",
    force: bool = False,
    dry_run: bool = False,
) -> None:
    """Bake an image on this machine, boot it twice and judge it; prints the path of the image."""
    from bakery import bake as baking
    from bakery import packer, plan
    from bakery.console import Console

    order = plan.Order(image=image, base=base, base_from=base_from, is_forced=force)
    if dry_run:
        planned = plan.make(order)
        print("\n".join(planned.lines()))
        print(f"command      {shlex.join(packer.build_argv(planned.artifact.workspace))}")
        return
    print(baking.bake(order, console=Console()).disk)


@task(
    help={
        **IMAGE_HELP,
        "host": "judge a machine that runs already: ssh://[user@]address[:port]",
        "key": "private key for --host (default: those that ssh tries by itself)",
    }
)
def verify(_context: Context, image: str = IMAGE, base: str = "", host: str = "", key: str = "") -> None:
    """Boot two copies of a baked image and run the image tests on them; exit code 4 when it does not pass."""
    from bakery import judge
    from bakery.console import Console

    console = Console()
    verdict = judge.host(host, key=key, console=console) if host else judge.image(image, base=base, console=console)
    print(f"passed {verdict.total} tests")


@task(help={**IMAGE_HELP, **SOURCE_HELP})
def render(_context: Context, image: str = IMAGE, base: str = "", base_from: str = "") -> None:
    """Write the Packer templates and the Vagrantfile to build/, to be read and used by hand; prints their paths."""
    from bakery import rendering
    from bakery.console import Console
    from bakery.plan import Order

    for path in rendering.write(Order(image=image, base=base, base_from=base_from), console=Console()):
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
    from bakery import machine
    from bakery.console import Console
    from bakery.vagrant import Ports

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
    from bakery import machine
    from bakery.console import Console

    words = [command] if command else []
    sys.exit(machine.ssh(image, base_of(image, base), command=words, console=Console()))


@task(help=IMAGE_HELP)
def status(_context: Context, image: str = IMAGE, base: str = "") -> None:
    """Print the state of the machine that `up` started."""
    from bakery import machine
    from bakery.console import Console

    print(machine.status(image, base_of(image, base), console=Console()))


@task(help=IMAGE_HELP)
def halt(_context: Context, image: str = IMAGE, base: str = "") -> None:
    """Shut down the machine that `up` started; `up` starts it again with what is on its disk."""
    from bakery import machine
    from bakery.console import Console

    machine.halt(image, base_of(image, base), console=Console())


@task(help=IMAGE_HELP)
def destroy(_context: Context, image: str = IMAGE, base: str = "") -> None:
    """Remove the machine that `up` started, its disk and its box."""
    from bakery import machine
    from bakery.console import Console

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
def certs(_context: Context, host: Sequence[str] = (), app: str = "", crt: str = "", key: str = "") -> None:
    """Bring an app's certificate to every node that serves it, over SSH to dokku; all nodes at the same time."""
    from bakery import certs as certificates
    from bakery.console import Console

    pair = certificates.Pair(certificate=Path(crt), key=Path(key))
    certificates.push(pair, app=app, hosts=host, console=Console())


@task(help={"fast": "leave out what boots a machine (under two minutes)", "k": "only tests whose name matches"})
def test(_context: Context, fast: bool = False, k: str = "") -> None:
    """Run every check: format, lint, types, shell scripts, templates, unit tests, and real machines unless --fast."""
    from bakery import checks
    from bakery.console import Console

    checks.run(is_fast=fast, pattern=k, console=Console())


@task()
def doctor(_context: Context) -> None:
    """Show what is installed, what answers, and which commands work here."""
    from bakery import doctor as doctoring

    doctoring.report()


@task()
def clean(_context: Context) -> None:
    """Remove the cache of bases and downloads; baked images stay. Prints what was freed."""
    from bakery import store

    print(f"freed {store.clean_cache() / 1e6:.0f} MB")


def base_of(image: str, base: str) -> str:
    """Return the base asked for, or the one of the definition."""
    from bakery import bases, images

    return bases.base(base or images.whole(image).base).name


def number(option: str, text: str, *, least: int) -> int:
    """Return *text* as a whole number of at least *least*.

    Raises BakeryError (exit code 2) when it is not one.
    """
    if not text.isdecimal() or int(text) < least:
        raise impossible(
            f"{option} {text}: a whole number of at least {least} is needed", hint=f"{option} {max(least, 2)}"
        )
    return int(text)
