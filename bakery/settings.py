"""What the steps are told: every name a script in provision/ may read is made here and nowhere else."""

import shlex
from collections.abc import Mapping

from bakery.bases import Base
from bakery.definition import Definition
from bakery.packages import docker_packages, nginx_packages

FILE_NAME = "provision-settings.env"


def settings(definition: Definition, base: Base, *, fingerprint: str, build_user: str) -> dict[str, str]:
    """Return the environment of the steps; *build_user* is who Packer logs in as, whose key must be sealed away."""
    values = {
        "IMAGE": definition.name,
        "BASE": base.name,
        "DISTRO": base.distro,
        "CODENAME": base.codename,
        "ARCH": definition.arch,
        "FINGERPRINT": fingerprint,
        "STEPS": " ".join(definition.all_steps),
        "BUILD_USER": build_user,
        "PACKAGES": " ".join(definition.packages),
        "SWAP_GB": definition.disk.swap_gb,
        "BALLAST_MB": definition.disk.ballast_mb,
        "DOCKER_SOURCE": definition.docker.source,
        "DOCKER_PACKAGES": " ".join(docker_packages(definition, base)),
        "NGINX_SOURCE": definition.nginx.source,
        "NGINX_CHANNEL": definition.nginx.channel,
        "NGINX_PACKAGES": " ".join(nginx_packages(definition, base)),
        "SSH_ROOT_LOGIN": definition.ssh.root_login,
        "CLEANUP_SCHEDULE": definition.cleanup.schedule,
        "CLEANUP_KEEP_HOURS": definition.cleanup.keep_hours,
        "HEALTH_PORT": definition.health.port,
        "HEALTH_INTERVAL_S": definition.health.interval_s,
    }
    return {f"BAKERY_{name}": str(value) for name, value in values.items()}


def render_env(settings: Mapping[str, str]) -> str:
    """Return the settings as lines that a shell can source."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
