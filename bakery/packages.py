"""Which packages an image needs, as apt is asked for them: a name, or `name=glob` where the version is pinned."""

from bakery.bases import Base
from bakery.choices import DockerSource, NginxSource, Step
from bakery.definition import ANY_VERSION, Definition

# All but containerd.io and the plugin are built from one source and carry one version.
DOCKER_COM_PINNED = ("docker-ce", "docker-ce-cli")
DOCKER_COM_OTHERS = ("containerd.io", "docker-buildx-plugin")


def docker_packages(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return the packages that bring Docker; none when the definition has no docker step."""
    if Step.DOCKER not in definition.steps:
        return ()
    glob = definition.docker.version_for(base.name)
    if definition.docker.source is DockerSource.DOCKER_COM:
        return (*_pinned(DOCKER_COM_PINNED, glob), *DOCKER_COM_OTHERS)
    names = ("docker.io", "docker-cli") if base.is_docker_cli_apart else ("docker.io",)
    return _pinned(names, glob)


def nginx_packages(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return the packages that bring nginx; none when the definition has no nginx step."""
    if Step.NGINX not in definition.steps:
        return ()
    return _pinned(("nginx",), definition.nginx.version_for(base.name))


def native_packages(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return what the distribution's own archive supplies, and an archive base can therefore hold already."""
    docker = docker_packages(definition, base) if definition.docker.source is DockerSource.DISTRO else ()
    nginx = nginx_packages(definition, base) if definition.nginx.source is NginxSource.DISTRO else ()
    return (*definition.packages, *docker, *nginx)


def _pinned(names: tuple[str, ...], glob: str) -> tuple[str, ...]:
    return names if glob == ANY_VERSION else tuple(f"{name}={glob}" for name in names)
