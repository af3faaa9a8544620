"""The package archives beside the distribution's own: Docker's, nginx's and dokku's, or a mirror of one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from bakery.definition.bases import Base
from bakery.definition.choices import DockerSource, NginxChannel, NginxSource, Step
from bakery.definition.model import Definition
from bakery.sources.apt import AptSource

DOCKER = DockerSource.DOCKER_COM.value
NGINX = NginxSource.NGINX_ORG.value
DOKKU = "dokku"
HOST_FROM_GUEST = "10.0.2.2"
"""Where a guest in QEMU's user network finds the baking machine (QEMU manual, "Using the user mode network stack")."""


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One vendor's archive for one base, and the only key whose signature is believed there."""

    name: str
    source: AptSource
    key_url: str
    key: str
    """Fingerprint (40 hex digits), or the last 16 of it where no more is published."""
    way_out: str
    """What to write into the definition where the archive does not answer."""

    def settings(self, prefix: str) -> dict[str, str]:
        """Return what the steps are told, as a guest reaches it."""
        line = f"{from_guest(self.source.uri)} {self.source.suite} {' '.join(self.source.components)}"
        return {
            f"{prefix}_ARCHIVE": line,
            f"{prefix}_ARCHIVE_KEY": self.key,
            f"{prefix}_ARCHIVE_KEY_URL": from_guest(self.key_url),
        }


NOBODY = {"_ARCHIVE": "", "_ARCHIVE_KEY": "", "_ARCHIVE_KEY_URL": ""}


def vendors_of(definition: Definition, base: Base) -> dict[str, Vendor]:
    """Return the vendors that a definition asks for, by the name it uses for them."""
    return {vendor.name: vendor for vendor in _wanted(definition, base)}


def _wanted(definition: Definition, base: Base) -> Iterator[Vendor]:
    is_chosen = Step.DOCKER in definition.steps and definition.docker.source is DockerSource.DOCKER_COM
    if is_chosen or (Step.DOKKU in definition.steps and not base.compose_package):
        yield docker(definition, base)
    if Step.NGINX in definition.steps and definition.nginx.source is NginxSource.NGINX_ORG:
        yield nginx(definition, base)
    if Step.DOKKU in definition.steps:
        yield dokku(definition, base)


def docker(definition: Definition, base: Base) -> Vendor:
    """Return Docker's archive (docs.docker.com/engine/install)."""
    root = f"{definition.docker.archive or 'https://download.docker.com'}/linux/{base.distro}"
    is_chosen = definition.docker.source is DockerSource.DOCKER_COM
    return Vendor(
        name=DOCKER,
        source=AptSource(uri=root, suite=base.codename, components=("stable",)),
        key_url=f"{root}/gpg",
        key=definition.docker.archive_key or "9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
        way_out='docker.source = "distro"' if is_chosen else 'docker.archive = "a mirror of download.docker.com"',
    )


def nginx(definition: Definition, base: Base) -> Vendor:
    """Return nginx.org's archive (nginx.org/en/linux_packages.html)."""
    root = definition.nginx.archive or "https://nginx.org"
    folder = "packages/mainline" if definition.nginx.channel is NginxChannel.MAINLINE else "packages"
    return Vendor(
        name=NGINX,
        source=AptSource(uri=f"{root}/{folder}/{base.distro}", suite=base.codename, components=("nginx",)),
        key_url=f"{root}/keys/nginx_signing.key",
        key=definition.nginx.archive_key or "573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62",
        way_out='nginx.source = "distro"',
    )


def dokku(definition: Definition, base: Base) -> Vendor:
    """Return dokku's archive (dokku.com/docs/getting-started/install/debian), which has a suite for each release.

    No source has the whole fingerprint of its key; the archive's own name for it holds the last 16 digits
    (https://github.com/dokku/dokku/pull/5263).
    """
    root = definition.dokku.archive or "https://packagecloud.io/dokku/dokku"
    return Vendor(
        name=DOKKU,
        source=AptSource(uri=f"{root}/{base.distro}", suite=base.dokku_suite, components=("main",)),
        key_url=f"{root}/gpgkey",
        key=definition.dokku.archive_key or "FB2B6AA421CD193F",
        way_out='dokku.archive = "a mirror of packagecloud.io/dokku/dokku"',
    )


def from_guest(url: str) -> str:
    """Return an address of this very machine as a guest reaches it; any other one is the same for both."""
    parts = urlsplit(url)
    if parts.hostname not in {"127.0.0.1", "localhost"}:
        return url
    return parts._replace(netloc=parts.netloc.replace(parts.hostname, HOST_FROM_GUEST)).geturl()
