"""The tasks around the one machine that `up` starts here, from the baked Vagrant box."""

import sys

from bakery.commands.command import IMAGE, IMAGE_HELP, Context, number, task


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


@task(
    help={
        **IMAGE_HELP,
        "to": "folder of the catalog (default: build/IMAGE/boxes, which `up` reads)",
        "url": "where that folder will be read, such as https://boxes.example.com (default: there, on this machine)",
        "keep": "versions that stay (default: 3)",
    }
)
def box(_context: Context, image: str = IMAGE, base: str = "", to: str = "", url: str = "", keep: str = "3") -> None:
    """Put the baked boxes into a catalog that `vagrant box add` and `update` read; prints its JSON file."""
    from bakery.core.console import Console
    from bakery.vagrant import machine
    from bakery.vagrant.machine import Offer

    offer = Offer(image=image, base=base_of(image, base), folder=to, url=url, keep=number("--keep", keep, least=1))
    print(machine.offer(offer, console=Console()))


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


def base_of(image: str, base: str) -> str:
    """Return the base asked for, or the one of the definition."""
    from bakery.definition import bases, layers

    return bases.base(base or layers.whole(image).base).name
