"""What one release holds, as a machine that was booted from it told it before anything was asked of it."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_serializer

from bakery.catalog.values import Entry, Fingerprint, ReleaseName, Time
from bakery.definition.bases import Arch, BaseName
from bakery.definition.rules import Commit, ImageName, wrong

FORMAT = 1
"""Of the file: a bakery that would misread a newer one says so instead."""


def _said(text: str) -> str:
    # An apt, a passwd or a unit that holds more than a line is no name of anything.
    if not text or not text.isprintable():
        raise wrong(f"{text!r} is no name: one line, and not an empty one")
    return text


Name = Annotated[str, AfterValidator(_said)]


class Part(Entry):
    """A thing in an image; what is as usual is left out of the file."""

    @model_serializer(mode="wrap")
    def _short(self, write: Callable[[Any], Any]) -> Any:
        fields = type(self).model_fields
        return {name: value for name, value in write(self).items() if value or fields[name].is_required()}


class Package(Part):
    """An installed package, as dpkg has it."""

    name: Name
    version: Name
    arch: Name
    source_name: str = ""
    """The source package that it was built from; empty where that has its own name."""
    source_revision: str = ""
    """The version of that; empty where it is its own."""
    suite: str = ""
    """Which suite of an archive its version was made for, such as `bookworm-security`; empty where nobody tells."""

    @property
    def source(self) -> str:
        """The source package that it was built from."""
        return self.source_name or self.name

    @property
    def source_version(self) -> str:
        """The version of its source package."""
        return self.source_revision or self.version

    @property
    def is_security(self) -> bool:
        """Whether its version was made for a suite of security updates, as far as is told."""
        return self.suite.endswith("-security")


class Plugin(Part):
    """A plugin of dokku's that is none of its core."""

    name: Name
    version: str = ""
    commit: Commit
    url: str = ""


class ContainerImage(Part):
    """A container image that Docker has already."""

    name: Name
    id: Name
    digest: str = ""


class Timer(Part):
    """A timer that is on, and when it is due, in systemd's words."""

    unit: Name
    due: tuple[str, ...] = ()


class CronEntry(Part):
    """A line of a crontab, or a script in one of cron's folders, whose line is empty."""

    file: Name
    line: str = ""


class Listening(Part):
    """A port that something answers at; the address is `own` where it is the machine's, which differs by machine."""

    protocol: Name
    address: Name
    port: int = Field(ge=0, le=65535)
    """0 where the kernel chose one for a program that talks with its own kind, which is another at each boot."""
    program: str = ""


class User(Part):
    """A user, with the groups he is in beside his own."""

    name: Name
    uid: int = Field(ge=0)
    shell: str = ""
    groups: tuple[str, ...] = ()


class Privileged(Part):
    """A program that runs as another user or group than who starts it."""

    path: Name
    mode: Annotated[str, Field(pattern=r"^[0-7]{4}$")]
    owner: Name
    """`USER:GROUP`."""


class Boot(Part):
    """How long a boot took, in seconds, from the kernel's first moment until systemd had nothing more to start."""

    total_s: float = Field(ge=0)
    kernel_s: float = Field(default=0.0, ge=0)
    initrd_s: float = Field(default=0.0, ge=0)


class Manifest(Entry):
    """Everything in one release, for one architecture."""

    format: int = FORMAT
    image: ImageName
    release: ReleaseName
    arch: Arch
    base: BaseName
    fingerprint: Fingerprint
    asked_at: Time
    machine: Name
    """What kind of machine told it, such as `kvm`, `tcg` or `aws`: boots of different kinds do not compare."""
    kernel: Name
    boot: Boot | None = None
    packages: tuple[Package, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    containers: tuple[ContainerImage, ...] = ()
    units: tuple[Name, ...] = ()
    """What is enabled at boot, by the links that enabling makes, but timers."""
    timers: tuple[Timer, ...] = ()
    cron: tuple[CronEntry, ...] = ()
    listening: tuple[Listening, ...] = ()
    users: tuple[User, ...] = ()
    privileged: tuple[Privileged, ...] = ()
    directories: dict[Name, int] = Field(default_factory=dict)
    """Bytes of disk by directory, each without those that are listed below it."""

    @field_validator("packages")
    @classmethod
    def _each_once(cls, packages: tuple[Package, ...]) -> tuple[Package, ...]:
        seen: set[tuple[str, str]] = set()
        for one in packages:
            if (one.name, one.arch) in seen:
                raise wrong(f"{one.name!r} for {one.arch} is listed twice")
            seen.add((one.name, one.arch))
        return packages

    @property
    def bytes(self) -> int:
        """How much disk all of it takes."""
        return sum(self.directories.values())
