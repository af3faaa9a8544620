"""Which packages an image needs, as apt is asked for them: a name, or `name=glob` where the version is pinned."""

from bakery.core.texts import counted
from bakery.definition.bases import Base
from bakery.definition.choices import DockerSource, NginxSource, Step
from bakery.definition.model import ANY_VERSION, Definition

# All but containerd.io and the plugin are built from one source and carry one version.
DOCKER_COM_PINNED = ("docker-ce", "docker-ce-cli")
DOCKER_COM_OTHERS = ("containerd.io", "docker-buildx-plugin")
BUILDX = "docker-buildx"
LARGEST = 6
NGINX_RELATIVES = ("nginx-common", "nginx-core", "libnginx-mod-*")
"""What may depend on one exact version of nginx, and is pinned with it (provision/40-nginx.sh)."""
# What dokku only recommends, without herokuish: one repairs nginx when a container's address changes, one updates.
DOKKU_HELPERS = ("dokku-event-listener", "dokku-update")


def docker_packages(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return the packages that bring Docker; none when the definition has no docker step."""
    if Step.DOCKER not in definition.steps:
        return ()
    glob = definition.docker.version_for(base.name)
    if definition.docker.source is DockerSource.DOCKER_COM:
        return (*_pinned(DOCKER_COM_PINNED, glob), *DOCKER_COM_OTHERS)
    names = ("docker.io", "docker-cli") if base.is_docker_cli_apart else ("docker.io",)
    # Since Docker 23 its client builds with BuildKit through buildx alone; Debian 12's is older and has none.
    return (*_pinned(names, glob), *([BUILDX] if base.compose_package else []))


def nginx_packages(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return the packages that bring nginx; none when the definition has no nginx step."""
    if Step.NGINX not in definition.steps:
        return ()
    return _pinned(("nginx",), definition.nginx.version_for(base.name))


def dokku_packages(definition: Definition) -> tuple[str, ...]:
    """Return the packages that bring dokku; none when the definition has no dokku step."""
    if Step.DOKKU not in definition.steps:
        return ()
    herokuish = ("herokuish",) if definition.dokku.herokuish else ()
    return (f"dokku={definition.dokku.version}", *DOKKU_HELPERS, *herokuish)


def docker_plugins(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return Docker's compose and buildx, which dokku depends on.

    The distribution's where it has both; Docker's own beside the distribution's Docker where it does not (Debian 12).
    """
    if Step.DOKKU not in definition.steps:
        return ()
    is_distro = definition.docker.source is DockerSource.DISTRO and base.compose_package
    return (base.compose_package, BUILDX) if is_distro else ("docker-compose-plugin", "docker-buildx-plugin")


def asked_packages(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return everything that the steps ask for by name, and none of what comes along with it."""
    return (
        *definition.packages,
        *docker_packages(definition, base),
        *nginx_packages(definition, base),
        *dokku_packages(definition),
        *docker_plugins(definition, base),
    )


def native_packages(definition: Definition, base: Base) -> tuple[str, ...]:
    """Return what the distribution's own archive supplies, and an archive base can therefore hold already."""
    docker = docker_packages(definition, base) if definition.docker.source is DockerSource.DISTRO else ()
    nginx = nginx_packages(definition, base) if definition.nginx.source is NginxSource.DISTRO else ()
    return (*definition.packages, *docker, *nginx)


def summary(listed: str) -> str:
    """Return what an image holds, for people, from its list of packages (name, version, architecture, KiB)."""
    sizes = {name: int(kib or 0) for name, _, _, kib in (line.split("\t") for line in listed.splitlines())}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:LARGEST]
    named = ", ".join(f"{name} {sizes[name] / 1024:.0f}" for name in largest)
    return f"holds {counted(len(sizes), 'package')}, {sum(sizes.values()) / 1024:.0f} MB unpacked; the largest: {named}"


def _pinned(names: tuple[str, ...], glob: str) -> tuple[str, ...]:
    return names if glob == ANY_VERSION else tuple(f"{name}={glob}" for name in names)
