"""The package archives beside the distribution's own: Docker's and nginx's, for those who ask for them."""

from bakery.apt import AptSource
from bakery.bases import Base
from bakery.choices import DockerSource, NginxChannel, NginxSource, Step
from bakery.definition import Definition

DOCKER = DockerSource.DOCKER_COM.value
NGINX = NginxSource.NGINX_ORG.value


def docker_archive(base: Base) -> AptSource:
    """Return Docker's archive for a base (docs.docker.com/engine/install)."""
    return AptSource(
        uri=f"https://download.docker.com/linux/{base.distro}", suite=base.codename, components=("stable",)
    )


def nginx_archive(base: Base, *, channel: NginxChannel = NginxChannel.STABLE) -> AptSource:
    """Return nginx.org's archive for a base (nginx.org/en/linux_packages.html)."""
    folder = "mainline/" if channel is NginxChannel.MAINLINE else ""
    uri = f"https://nginx.org/packages/{folder}{base.distro}"
    return AptSource(uri=uri, suite=base.codename, components=("nginx",))


def vendor_archives(definition: Definition, base: Base) -> dict[str, AptSource]:
    """Return the archives that a definition asks for, by the name it uses for them."""
    found = {}
    if definition.docker.source is DockerSource.DOCKER_COM and Step.DOCKER in definition.steps:
        found[DOCKER] = docker_archive(base)
    if definition.nginx.source is NginxSource.NGINX_ORG and Step.NGINX in definition.steps:
        found[NGINX] = nginx_archive(base, channel=definition.nginx.channel)
    return found
