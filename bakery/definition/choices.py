"""The closed sets a definition chooses from, beside the bases: steps, sources, channels, logins."""

from enum import StrEnum


class Step(StrEnum):
    """The steps of provision/, in the order in which they run."""

    SYSTEM = "system"
    DISK = "disk"
    DOCKER = "docker"
    NGINX = "nginx"
    SSH = "ssh"
    CLEANUP = "cleanup"
    HEALTH = "health"
    FIRSTBOOT = "firstboot"
    DOKKU = "dokku"
    PLUGINS = "plugins"
    RECORD = "record"
    SEAL = "seal"
    CHECK = "check"

    @property
    def is_always_last(self) -> bool:
        """Return whether every image runs it at the end, listed or not."""
        return self in {Step.RECORD, Step.SEAL, Step.CHECK}

    @property
    def number(self) -> int:
        """Return the number that its script in provision/ begins with."""
        return _NUMBERS[self]

    @property
    def needs(self) -> "frozenset[Step]":
        """Return the steps without which this one has nothing to work on."""
        return _NEEDS.get(self, frozenset())


_NUMBERS = dict(zip(Step, (10, 20, 30, 40, 50, 60, 70, 74, 76, 78, 80, 90, 99), strict=True))
_NEEDS = {
    Step.HEALTH: frozenset({Step.NGINX}),  # nginx serves the answer
    Step.CLEANUP: frozenset({Step.DOCKER}),  # docker's leftovers are what fills the disk
    Step.DOKKU: frozenset({Step.DOCKER, Step.NGINX, Step.FIRSTBOOT}),  # its keys and its domain come at first boot
    Step.PLUGINS: frozenset({Step.DOKKU}),
}
DEFAULT_STEPS = tuple(step for step in Step if not step.is_always_last and step not in {Step.DOKKU, Step.PLUGINS})


class DockerSource(StrEnum):
    """Whose Docker: the distribution's docker.io or Docker's own docker-ce."""

    DISTRO = "distro"
    DOCKER_COM = "docker.com"


class NginxSource(StrEnum):
    """Whose nginx: the distribution's or nginx.org's."""

    DISTRO = "distro"
    NGINX_ORG = "nginx.org"


class NginxChannel(StrEnum):
    """Which of nginx.org's two archives."""

    STABLE = "stable"
    MAINLINE = "mainline"


class RootLogin(StrEnum):
    """How root may log in over SSH."""

    KEY = "key"
    NO = "no"
