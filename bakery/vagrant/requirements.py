"""What `up` asks before anything is made: the provider, vagrant, its plugin, the daemon, the ports."""

import shutil
import socket
from collections.abc import Set as AbstractSet

from bakery.core.errors import BakeryError, did_you_mean, impossible, missing
from bakery.vagrant import libvirt
from bakery.vagrant.vagrantfile import Ports, Provider

VAGRANT_HINT = (
    "apt-get install vagrant vagrant-libvirt  (Debian 12, Ubuntu 22.04); "
    "elsewhere: https://developer.hashicorp.com/vagrant/install"
)
LAST_PORT = 65535
VIRTUALBOX_HINT = "https://www.virtualbox.org/wiki/Downloads, or --provider libvirt"


def choose_provider(asked: str) -> Provider:
    """Return the provider asked for, or VirtualBox where it is installed and libvirt elsewhere."""
    if not asked:
        return Provider.VIRTUALBOX if shutil.which("VBoxManage") else Provider.LIBVIRT
    if asked not in list(Provider):
        raise impossible(f"unknown provider {asked!r}", hint=did_you_mean(asked, list(Provider)))
    return Provider(asked)


def require_vagrant() -> None:
    """Raise BakeryError (exit code 3) when vagrant is not installed."""
    if shutil.which("vagrant") is None:
        raise missing("vagrant is not installed, and runs the image on this machine", hint=VAGRANT_HINT)


def require_provider(provider: Provider, *, plugins: AbstractSet[str]) -> None:
    """Raise BakeryError (exit code 3) when what *provider* needs is not there, with the command that brings it."""
    if provider is Provider.VIRTUALBOX and shutil.which("VBoxManage") is None:
        raise missing("VirtualBox is not installed (no VBoxManage)", hint=VIRTUALBOX_HINT)
    if provider.plugin and provider.plugin not in plugins:
        raise missing(f"Vagrant has no plugin {provider.plugin}", hint=plugin_hint(provider))
    if provider is Provider.LIBVIRT:
        libvirt.require_running()


def plugin_hint(provider: Provider) -> str:
    """Return the command that installs a provider's plugin: beside a packaged Vagrant, the package of it."""
    if provider is Provider.LIBVIRT and shutil.which("vagrant") == "/usr/bin/vagrant" and shutil.which("apt-get"):
        return "sudo apt-get install vagrant-libvirt  (HashiCorp's Vagrant: vagrant plugin install vagrant-libvirt)"
    return f"vagrant plugin install {provider.plugin}"


def require_free_ports(ports: Ports) -> None:
    """Raise BakeryError when a port of 127.0.0.1 that shall lead into the machine is taken (exit code 2: is none)."""
    for name, port in (("http", ports.http), ("https", ports.https), ("health", ports.health)):
        if not 1 <= port <= LAST_PORT:
            raise impossible(f"--{name}-port {port}: ports go from 1 to {LAST_PORT}")
        with socket.socket() as probe:
            # Like the listener that will come: a port whose last connection is still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                hint = f"--{name}-port {port + 1}"
                raise BakeryError(f"port {port} of 127.0.0.1 cannot lead to {name}: {reason}", hint=hint) from None
