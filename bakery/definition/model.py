"""What an image is: `images/NAME.toml`, read strictly, so that a typo is an answer and never a silent default.

Every key is explained in images/README.md; tests/definition/test_model.py holds the two together.
"""

from typing import Annotated, Self

from pydantic import Field, PlainValidator, model_validator

from bakery.core.errors import did_you_mean
from bakery.definition import own_steps
from bakery.definition.aws import Aws
from bakery.definition.bases import DEFAULT_BASE, Arch, BaseName
from bakery.definition.choices import DEFAULT_STEPS, DockerSource, NginxChannel, NginxSource, RootLogin, Step
from bakery.definition.own_steps import AnyStep, OwnStep, in_order
from bakery.definition.rules import (
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
    KeyValue,
    PackageName,
    Pin,
    PluginName,
    Port,
    Table,
    keep_hours,
    wrong,
)
from bakery.definition.scaleway import Scaleway

ANY_VERSION = "*"
SYSTEM_MB = 2300
"""What the system, docker's first images and the logs take of a disk."""
SHARE_PERCENT = 93
"""Of a disk's bytes that ext4 gives away: 5 % are root's own (mke2fs, "-m"), the rest are its tables."""


class Disk(Table):
    """Sizes of the disk and of what is made on it at first boot."""

    size_gb: int = Field(default=40, ge=8, le=16384)
    swap_gb: int = Field(default=2, ge=0)
    ballast_mb: int = Field(default=512, ge=0)

    def require_sense(self) -> None:
        """Raise PydanticCustomError unless the machine will make swap and ballast, as `bakery-disk` does.

        Both together get half of what is free at first boot, and no more.
        """
        room_mb = (self.size_gb * 1024 * SHARE_PERCENT // 100 - SYSTEM_MB) // 2
        swap_mb = self.swap_gb * 1024
        if swap_mb + self.ballast_mb > room_mb:
            both = f"{self.swap_gb} GB swap and {self.ballast_mb} MB ballast"
            problem = f"{both} are more than half of what {self.size_gb} GB have free, {room_mb} MB"
            raise wrong(problem, key="swap_gb" if swap_mb > room_mb else "ballast_mb")


class _Pinned(Table):
    version: Pin = ANY_VERSION

    def version_for(self, base: str) -> str:
        """Return the version glob for a base; ``*`` where the definition's table leaves it out."""
        return self.version if isinstance(self.version, str) else self.version.get(base, ANY_VERSION)


class _Archived(Table):
    archive: Address = ""
    archive_key: Fingerprint = ""

    def require_sense(self) -> None:
        """Raise PydanticCustomError when a key is told whose archive is not."""
        if self.archive_key and not self.archive:
            raise wrong("is for a mirror that signs with a key of its own; archive is not set", key="archive_key")


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
    keys: dict[KeyName, KeyValue] = Field(default_factory=dict)
    login: tuple[KeyName, ...] = Field(default=(), strict=False)

    def require_sense(self) -> None:
        """Raise PydanticCustomError when a login is for a key that is not there."""
        for name in self.login:
            if name not in self.keys:
                raise wrong(f"there is no key {name!r} in ssh.keys", key="login", hint=did_you_mean(name, self.keys))


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


class Releases(Table):
    """What holds for releases in every cloud."""

    keep: int = Field(default=3, ge=1, le=1000)


class Definition(Table):
    """One image."""

    name: ImageName
    description: Description = ""
    base: BaseName = Field(default=DEFAULT_BASE, strict=False)
    arch: Arch = Field(default=Arch.AMD64, strict=False)
    from_: ImageName | None = Field(default=None, alias="from")
    steps: tuple[Annotated[AnyStep, PlainValidator(own_steps.read)], ...] = Field(default=DEFAULT_STEPS, strict=False)
    packages: tuple[PackageName, ...] = Field(default=(), strict=False)
    disk: Disk = Disk()
    docker: Docker = Docker()
    nginx: Nginx = Nginx()
    ssh: Ssh = Ssh()
    cleanup: Cleanup = Cleanup()
    health: Health = Health()
    dokku: Dokku = Dokku()
    plugins: tuple[Plugin, ...] = Field(default=(), strict=False)
    releases: Releases = Releases()
    aws: Aws = Aws()
    scaleway: Scaleway = Scaleway()

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
        return self

    @property
    def all_steps(self) -> tuple[AnyStep, ...]:
        """Return the steps in the order in which they run, with record, seal and check at the end."""
        return in_order([*self.steps, *(step for step in Step if step.is_always_last)])

    @property
    def places(self) -> tuple[str, ...]:
        """Return where the image is to be."""
        return (*self.aws.regions, *self.scaleway.zones)

    @property
    def own_steps(self) -> tuple[OwnStep, ...]:
        """Return those steps that are scripts beside the definition."""
        return tuple(step for step in self.steps if isinstance(step, OwnStep))
