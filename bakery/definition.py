"""What an image is: `images/NAME.toml`, read strictly, so that a typo is an answer and never a silent default.

Every key is explained in images/README.md; tests/test_definition.py holds the two together.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from bakery.aws_table import Aws
from bakery.bases import DEFAULT_BASE, Arch, BaseName
from bakery.choices import DEFAULT_STEPS, DockerSource, NginxChannel, NginxSource, RootLogin, Step
from bakery.errors import did_you_mean
from bakery.rules import (
    Address,
    Calendar,
    Commit,
    DegradedCode,
    Description,
    Duration,
    ExactVersion,
    Fingerprint,
    GitUrl,
    ImageName,
    KeyName,
    PackageName,
    Pin,
    PluginName,
    Port,
    Table,
    keep_hours,
    wrong,
)

ANY_VERSION = "*"
_STEP_OF = {
    "docker": Step.DOCKER,
    "nginx": Step.NGINX,
    "cleanup": Step.CLEANUP,
    "health": Step.HEALTH,
    "dokku": Step.DOKKU,
    "plugins": Step.PLUGINS,
}
"""Tables that only the step which reads them can make true."""
SYSTEM_GB = 4
"""What the system, docker's first images and the logs need beside swap and ballast."""


class Disk(Table):
    """Sizes of the disk and of what is made on it at first boot."""

    size_gb: int = Field(default=40, ge=8, le=16384)
    swap_gb: int = Field(default=2, ge=0)
    ballast_mb: int = Field(default=512, ge=0)

    @model_validator(mode="after")
    def _room_is_left(self) -> Self:
        if self.size_gb - self.swap_gb < SYSTEM_GB:
            raise wrong(f"{self.swap_gb} GB of {self.size_gb} GB leave less than {SYSTEM_GB} GB", key="swap_gb")
        if (self.size_gb - self.swap_gb) * 1024 - self.ballast_mb < SYSTEM_GB * 1024:
            both = f"{self.ballast_mb} MB beside {self.swap_gb} GB swap"
            raise wrong(f"{both} leave less than {SYSTEM_GB} GB of {self.size_gb} GB", key="ballast_mb")
        return self


class _Pinned(Table):
    version: Pin = ANY_VERSION

    def version_for(self, base: str) -> str:
        """Return the version glob for a base; ``*`` where the definition's table leaves it out."""
        return self.version if isinstance(self.version, str) else self.version.get(base, ANY_VERSION)


class _Archived(Table):
    archive: Address = ""
    archive_key: Fingerprint = ""

    @model_validator(mode="after")
    def _key_has_its_archive(self) -> Self:
        if self.archive_key and not self.archive:
            raise wrong("is for a mirror that signs with a key of its own; archive is not set", key="archive_key")
        return self


class Docker(_Pinned, _Archived):
    """Which Docker."""

    source: DockerSource = Field(default=DockerSource.DISTRO, strict=False)


class Nginx(_Pinned, _Archived):
    """Which nginx."""

    source: NginxSource = Field(default=NginxSource.DISTRO, strict=False)
    channel: NginxChannel = Field(default=NginxChannel.STABLE, strict=False)


class Ssh(Table):
    """Who may log in, and whose keys are in the image; passwords never log in."""

    root_login: RootLogin = Field(default=RootLogin.KEY, strict=False)
    keys: dict[KeyName, str] = Field(default_factory=dict)
    login: tuple[KeyName, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _login_keys_are_there(self) -> Self:
        for name in self.login:
            if name not in self.keys:
                raise wrong(f"there is no key {name!r} in ssh.keys", key="login", hint=did_you_mean(name, self.keys))
        return self


class Cleanup(Table):
    """When the clean-up runs and what is too young for it."""

    schedule: Calendar = "*-*-* 04:15:00"
    keep: Duration = "24h"

    @property
    def keep_hours(self) -> int:
        """Return the age in hours below which nothing is removed."""
        return keep_hours(self.keep)


class Health(Table):
    """Where the machine says how it is."""

    port: Port = 8077
    interval_s: int = Field(default=30, ge=5, le=3600)
    degraded_code: DegradedCode = 200


class Dokku(_Archived):
    """Which dokku."""

    version: ExactVersion = "0.38.27"
    herokuish: bool = False


class Plugin(Table):
    """One plugin of dokku, at one commit."""

    name: PluginName
    url: GitUrl
    commit: Commit
    pull: bool = False


class Definition(Table):
    """One image."""

    name: ImageName
    description: Description = ""
    base: BaseName = Field(default=DEFAULT_BASE, strict=False)
    arch: Arch = Field(default=Arch.AMD64, strict=False)
    from_: ImageName | None = Field(default=None, alias="from")
    steps: tuple[Annotated[Step, Field(strict=False)], ...] = Field(default=DEFAULT_STEPS, strict=False)
    packages: tuple[PackageName, ...] = Field(default=(), strict=False)
    disk: Disk = Disk()
    docker: Docker = Docker()
    nginx: Nginx = Nginx()
    ssh: Ssh = Ssh()
    cleanup: Cleanup = Cleanup()
    health: Health = Health()
    dokku: Dokku = Dokku()
    plugins: tuple[Plugin, ...] = Field(default=(), strict=False)
    aws: Aws = Aws()

    @model_validator(mode="after")
    def _lists_make_sense(self) -> Self:
        lists = {"steps": self.steps, "packages": self.packages, "plugins": [each.name for each in self.plugins]}
        for key, values in lists.items():
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise wrong(f"{twice[0]!r} is listed twice", key=key)
        for step in self.steps:
            if step.is_always_last:
                raise wrong(f"{step.value!r} always runs at the end and cannot be listed", key="steps")
        for key, step in _STEP_OF.items():
            if key in self.model_fields_set and step not in self.steps and not self._is_for_plugins(key):
                raise wrong(f"does nothing, because the step {step.value!r} is not in steps", key=key)
        if self.from_ is None:
            require_needs(self.steps, below=frozenset())
        return self

    def _is_for_plugins(self, key: str) -> bool:
        """Return whether *key* only says where the dokku step finds Docker's compose and buildx."""
        is_archive = self.docker.model_fields_set <= {"archive", "archive_key"}
        return key == "docker" and Step.DOKKU in self.steps and is_archive

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Return the steps in the order in which they run, with seal and check at the end."""
        return tuple(step for step in Step if step in self.steps or step.is_always_last)


def require_needs(steps: tuple[Step, ...], *, below: frozenset[Step]) -> None:
    """Raise unless each step has those it needs, in *steps* or *below*."""
    for step in steps:
        for need in sorted(step.needs - below - frozenset(steps)):
            raise wrong(f"{step.value!r} needs the step {need.value!r}", key="steps")
