"""What an image is: `images/NAME.toml`, read strictly, so that a typo is an answer and never a silent default.

Every key is explained in images/README.md; tests/test_definition.py holds the two together.
"""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from bakery import ROOT
from bakery.bases import Arch, BaseName
from bakery.choices import DEFAULT_STEPS, DockerSource, NginxChannel, NginxSource, RootLogin, Step
from bakery.complaint import complaint, shown
from bakery.errors import did_you_mean, impossible
from bakery.rules import (
    Address,
    Calendar,
    Commit,
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
    image_name,
    keep_hours,
    wrong,
)

IMAGES = Path(os.environ.get("BAKERY_IMAGES_DIR") or ROOT / "images")
"""Where definitions are; people who keep their own beside their own code say so."""
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


class _Table(BaseModel):
    # Strict for every value; the fields that say strict=False are enums and tuples, which TOML can only write as
    # text and lists.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True, serialize_by_alias=True)


class Disk(_Table):
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


class _Pinned(_Table):
    version: Pin = ANY_VERSION

    def version_for(self, base: str) -> str:
        """Return the version glob for a base; ``*`` where the definition's table leaves it out."""
        return self.version if isinstance(self.version, str) else self.version.get(base, ANY_VERSION)


class _Archived(_Table):
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


class Ssh(_Table):
    """Who may log in, and whose keys are in the image; passwords never log in."""

    root_login: RootLogin = Field(default=RootLogin.KEY, strict=False)
    keys: dict[KeyName, str] = {}
    login: tuple[KeyName, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _login_keys_are_there(self) -> Self:
        for name in self.login:
            if name not in self.keys:
                raise wrong(f"there is no key {name!r} in ssh.keys", key="login", hint=did_you_mean(name, self.keys))
        return self


class Cleanup(_Table):
    """When the clean-up runs and what is too young for it."""

    schedule: Calendar = "*-*-* 04:15:00"
    keep: Duration = "24h"

    @property
    def keep_hours(self) -> int:
        """Return the age in hours below which nothing is removed."""
        return keep_hours(self.keep)


class Health(_Table):
    """Where the machine says how it is."""

    port: Port = 8077
    interval_s: int = Field(default=30, ge=5, le=3600)


class Dokku(_Archived):
    """Which dokku."""

    version: ExactVersion = "0.38.27"
    herokuish: bool = False


class Plugin(_Table):
    """One plugin of dokku, at one commit."""

    name: PluginName
    url: GitUrl
    commit: Commit
    pull: bool = False


class Definition(_Table):
    """One image."""

    name: ImageName
    description: Description = ""
    base: BaseName = Field(default=BaseName.DEBIAN_12, strict=False)
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
            _require_needs(self.steps, below=frozenset())
        return self

    def _is_for_plugins(self, key: str) -> bool:
        """Return whether *key* only says where the dokku step finds Docker's compose and buildx."""
        is_archive = self.docker.model_fields_set <= {"archive", "archive_key"}
        return key == "docker" and Step.DOKKU in self.steps and is_archive

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Return the steps in the order in which they run, with seal and check at the end."""
        return tuple(step for step in Step if step in self.steps or step.is_always_last)


def load(name: str, *, folder: Path = IMAGES) -> Definition:
    """Read the definition of an image.

    Raises BakeryError (exit code 2) when there is none of that name, or when the file cannot be what is wanted.
    """
    known = names(folder)
    if name not in known:
        raise impossible(f"there is no image {name!r} in {shown(folder)}/", hint=did_you_mean(name, known))
    return load_file(folder / f"{name}.toml")


def load_file(path: Path) -> Definition:
    """Read one definition file; its name is the image's.

    Raises BakeryError (exit code 2) with one line for each thing that is wrong: file, key path, problem.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise impossible(f"{shown(path)}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise impossible(f"{shown(path)}: {_syntax(str(error))}") from error
    try:
        image_name(path.stem)
    except PydanticCustomError as error:
        raise impossible(f"{shown(path)}: {(error.context or {})['text']}") from error
    if "name" in values:
        raise impossible(f"{shown(path)}: name: the file's name is the image's name", hint="remove the key")
    try:
        return Definition.model_validate({**values, "name": path.stem})
    except ValidationError as error:
        raise complaint(error, path=path, model=Definition, hidden=frozenset({"name"})) from error


def names(folder: Path = IMAGES) -> list[str]:
    """Return the names of all images."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def chain(name: str, *, folder: Path = IMAGES) -> list[Definition]:
    """Return an image's layers, the lowest first and the image itself last.

    Raises BakeryError (exit code 2) when a layer is missing, when layers go in a circle, or when a step needs one
    that neither the image nor a layer below has.
    """
    layers = [load(name, folder=folder)]
    while (below := layers[-1].from_) is not None:
        path = [*(layer.name for layer in layers), below]
        file = shown(folder / f"{layers[-1].name}.toml")
        if below in path[:-1]:
            raise impossible(f"{file}: from: layers go in a circle: {' → '.join(path[path.index(below) :])}")
        if below not in names(folder):
            raise impossible(f"{file}: from: there is no image {below!r}", hint=did_you_mean(below, names(folder)))
        layers.append(load(below, folder=folder))
    layers.reverse()
    done: frozenset[Step] = frozenset()
    for layer in layers:
        try:
            _require_needs(layer.steps, below=done)
        except PydanticCustomError as error:
            problem = (error.context or {})["text"]
            raise impossible(f"{shown(folder / f'{layer.name}.toml')}: steps: {problem}") from error
        done |= frozenset(layer.steps)
        if layer.ssh.keys and Step.FIRSTBOOT not in done:
            problem = f"does nothing, because the step {Step.FIRSTBOOT.value!r} is in no layer"
            raise impossible(f"{shown(folder / f'{layer.name}.toml')}: ssh.keys: {problem}")
    return layers


def whole(name: str, *, folder: Path = IMAGES) -> Definition:
    """Return an image as a machine will have it: what its file leaves open is its layers'.

    Raises BakeryError (exit code 2) like `chain`.
    """
    return effective(chain(name, folder=folder))


def effective(layers: Sequence[Definition]) -> Definition:
    """Return what the topmost layer comes to: its own keys, and those of the layers below where it sets none.

    Its steps are those of all layers. A table is merged key by key.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        for name in layer.model_fields_set:
            value = getattr(layer, name)
            if isinstance(value, _Table) and name in values:
                value = value.model_copy(update={**_set_in(values[name]), **_set_in(value)})
            values[name] = value
    steps = {step for layer in layers for step in layer.steps}
    return layers[-1].model_copy(update={**values, "steps": tuple(step for step in Step if step in steps)})


def _set_in(table: _Table) -> dict[str, Any]:
    return {name: getattr(table, name) for name in table.model_fields_set}


def _require_needs(steps: tuple[Step, ...], *, below: frozenset[Step]) -> None:
    for step in steps:
        for need in sorted(step.needs - below - frozenset(steps)):
            raise wrong(f"{step.value!r} needs the step {need.value!r}", key="steps")


def _syntax(text: str) -> str:
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", text)
    return f"line {found[2]}: {found[1]}" if found else text.replace("(at end of document)", "(at the end of the file)")
