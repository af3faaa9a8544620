"""What the steps are told: every name a script in provision/ may read is made here and nowhere else."""

import shlex
from collections.abc import Mapping, Sequence

from bakery.definition.bases import Base
from bakery.definition.layers import effective
from bakery.definition.model import Definition
from bakery.definition.sshkeys import NamedKey
from bakery.sources.packages import docker_packages, docker_plugins, dokku_packages, nginx_packages
from bakery.sources.vendors import DOCKER, DOKKU, NGINX, NOBODY, from_guest, vendors_of

FILE_NAME = "provision-settings.env"


def settings(
    layers: Sequence[Definition],
    base: Base,
    *,
    fingerprint: str,
    release: str,
    build_user: str,
    keys: Sequence[NamedKey] = (),
) -> dict[str, str]:
    """Return the environment of the steps of the topmost of *layers*, which goes on from those below.

    *build_user* is who Packer logs in as, whose key must be sealed away.
    """
    image, below = effective(layers), layers[:-1]
    values = {
        "IMAGE": image.name,
        "BASE": base.name,
        "DISTRO": base.distro,
        "CODENAME": base.codename,
        "ARCH": image.arch,
        "FINGERPRINT": fingerprint,
        "RELEASE": release,
        "STEPS": " ".join(layers[-1].all_steps),
        "STEPS_BELOW": " ".join(step for layer in below for step in layer.all_steps if not step.is_always_last),
        "BUILD_USER": build_user,
        "PACKAGES": " ".join(dict.fromkeys(package for layer in layers for package in layer.packages)),
        "SWAP_GB": image.disk.swap_gb,
        "BALLAST_MB": image.disk.ballast_mb,
        "DOCKER_SOURCE": image.docker.source,
        "DOCKER_PACKAGES": " ".join(docker_packages(image, base)),
        "NGINX_SOURCE": image.nginx.source,
        "NGINX_PACKAGES": " ".join(nginx_packages(image, base)),
        "SSH_ROOT_LOGIN": image.ssh.root_login,
        "SSH_KEYS": " ".join(key.setting for key in keys),
        "CLEANUP_SCHEDULE": image.cleanup.schedule,
        "CLEANUP_KEEP_HOURS": image.cleanup.keep_hours,
        "HEALTH_PORT": image.health.port,
        "HEALTH_INTERVAL_S": image.health.interval_s,
        "HEALTH_DEGRADED_CODE": image.health.degraded_code,
        "DOKKU_PACKAGES": " ".join(dokku_packages(image)),
        "DOKKU_DOCKER_PLUGINS": " ".join(docker_plugins(image, base)),
        "PLUGINS": " ".join(plugins(image)),
        **_archives(image, base),
    }
    return {f"BAKERY_{name}": str(value) for name, value in values.items()}


def plugins(image: Definition) -> list[str]:
    """Return each plugin as one word, NAME|URL|COMMIT|pull or NAME|URL|COMMIT|-, as a guest reaches it."""
    return [
        "|".join((plugin.name, from_guest(plugin.url), plugin.commit, "pull" if plugin.pull else "-"))
        for plugin in image.plugins
    ]


def render_env(settings: Mapping[str, str]) -> str:
    """Return the settings as lines that a shell can source."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())


def _archives(image: Definition, base: Base) -> dict[str, str]:
    vendors = vendors_of(image, base)
    found: dict[str, str] = {}
    for prefix, name in (("DOCKER", DOCKER), ("NGINX", NGINX), ("DOKKU", DOKKU)):
        nobody = {f"{prefix}{ending}": text for ending, text in NOBODY.items()}
        found |= vendors[name].settings(prefix) if name in vendors else nobody
    return found
