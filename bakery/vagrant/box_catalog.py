"""A catalog of Vagrant boxes in a folder: versions, checksums, providers, as `vagrant box add` and `update` read them.

The folder is all there is to it: it may lie on this machine, or be copied to any web server that serves files. Its one
JSON file is written last and whole, so that it never names a box that is not there.
Format: developer.hashicorp.com/vagrant/docs/boxes/format, "Box Metadata".
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import impossible
from bakery.core.files import named, write_whole
from bakery.definition import layers
from bakery.disk.artifact import Artifact
from bakery.vagrant.vagrantfile import Provider

FORMATS = tuple(dict.fromkeys(provider.box_format for provider in Provider))
"""Of boxes: each is a provider's name, for which others take them, too."""
OWNER = "bakery"
KEEP = 3
"""Versions that stay where nothing else is said: `vagrant box update` needs one, a step back another."""
DIGEST_DIGITS = 6


def _version(text: str) -> str:
    if not all(part.isdigit() for part in text.split(".")):
        raise PydanticCustomError("version", "numbers with dots between")
    return text


class _Entry(BaseModel):
    # What others have put beside ours stays where it is.
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class Box(_Entry):
    """One file of a version, and who can start it."""

    name: str
    """The provider's."""
    url: str
    checksum_type: str
    checksum: str


class Version(_Entry):
    """One release."""

    version: Annotated[str, AfterValidator(_version)]
    providers: tuple[Box, ...] = ()

    @property
    def order(self) -> tuple[int, ...]:
        """What versions are ordered by."""
        return tuple(map(int, self.version.split(".")))


class Catalog(_Entry):
    """What the JSON file says."""

    name: str
    description: str = ""
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Where the catalog of one image on one base is: *folder* here, *url* for those who read it."""

    image: str
    base: str
    folder: Path
    url: str = ""
    """Empty: they read it in that folder, on this machine."""

    @property
    def name(self) -> str:
        """The box's name, which Vagrant knows it by."""
        return f"{OWNER}/{self.image}-{self.base}"

    @property
    def index(self) -> Path:
        """The JSON file."""
        return self.folder / f"{self.image}-{self.base}.json"

    def box(self, version: str, box_format: str) -> Path:
        """One version's box for a provider."""
        return self.folder / f"{self.image}-{self.base}" / version / f"{box_format}.box"

    def url_of(self, box: Path) -> str:
        """Return where a box is read."""
        if not self.url:
            return box.as_uri()
        return f"{self.url.rstrip('/')}/{box.relative_to(self.folder).as_posix()}"


def version_of(record: Mapping[str, Any], *, disk: str) -> str:
    """Return the version of a bake: its day, its minute, and a number that its disk alone has.

    Two bakes of one minute, as two checkouts may make them, are never taken for one another.
    """
    day, minute, _ = str(record["release"]).split("-")
    return f"{int(day)}.{int(minute)}.{int(record['files'][disk]['sha256'][:DIGEST_DIGITS], 16)}"


def put(baked: Artifact, shelf: Shelf, *, keep: int = KEEP, console: Console) -> str:
    """Add what was baked to a catalog, unless it is there, and return its version; older ones than *keep* are removed.

    Raises BakeryError: exit code 2 when nothing was baked, and for a file in the catalog's place that is none.
    """
    record = baked.read_record()
    if record is None:
        hint = f"./inv bake --image {baked.image} --base {baked.base}"
        raise impossible(f"there is no box of {baked.image} on {baked.base} yet", hint=hint)
    version = version_of(record, disk=baked.disk.name)
    # A folder without a file that says so is not ours: what is in it is looked at before anything is written.
    read(shelf)
    with folders.locked(shelf.folder / f".{shelf.index.name}.lock", what=shelf.name, console=console):
        boxes = [_put_box(baked, shelf, version, form, record=record) for form in FORMATS if baked.box(form).exists()]
        if not boxes:
            raise impossible(f"{baked.folder} has no box", hint=f"./inv bake --image {baked.image} --force")
        known = read(shelf)
        others = [one for one in known.versions if one.version != version] if known else []
        versions = sorted([*others, Version(version=version, providers=tuple(boxes))], key=lambda one: one.order)
        _write(shelf, known, versions[-keep:])
        _clear(shelf, versions[:-keep])
    return version


def read(shelf: Shelf) -> Catalog | None:
    """Return what the catalog says, None where there is none yet. Raises BakeryError (exit code 2) when it is none."""
    if not shelf.index.exists():
        return None
    try:
        found = Catalog.model_validate_json(shelf.index.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = f"{shelf.index} is no catalog of boxes: {f'{where}: ' if where else ''}{first['msg']}"
        raise impossible(said, hint="--to another folder, or take it away") from error
    if found.name != shelf.name:
        raise impossible(f"{shelf.index} is the catalog of {found.name}", hint="--to another folder")
    return found


def _put_box(baked: Artifact, shelf: Shelf, version: str, form: str, *, record: Mapping[str, Any]) -> Box:
    source, box = baked.box(form), shelf.box(version, form)
    if not box.exists() or box.stat().st_size != source.stat().st_size:
        box.parent.mkdir(parents=True, exist_ok=True)
        draft = box.with_name(f".{box.name}.{os.getpid()}")
        with named(box):
            try:
                _link_or_copy(source, draft)
                draft.replace(box)
            finally:
                draft.unlink(missing_ok=True)
    digest = str(record["files"][source.name]["sha256"])
    return Box(name=form, url=shelf.url_of(box), checksum_type="sha256", checksum=digest)


def _link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name where that costs nothing, and else a copy: another disk, or one that has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write(shelf: Shelf, known: Catalog | None, versions: Sequence[Version]) -> None:
    """Write the JSON file; every box of ours in it is where the catalog is read now."""
    found = known or Catalog(name=shelf.name, description=layers.whole(shelf.image).description)
    moved = [
        one.model_copy(update={"providers": tuple(_moved(shelf, one, box) for box in one.providers)})
        for one in versions
    ]
    told = found.model_copy(update={"versions": tuple(moved)}).model_dump(mode="json")
    write_whole(shelf.index, json.dumps(told, indent=2, ensure_ascii=False) + "\n")


def _moved(shelf: Shelf, version: Version, box: Box) -> Box:
    own = shelf.box(version.version, box.name)
    return box.model_copy(update={"url": shelf.url_of(own)}) if own.exists() else box


def _clear(shelf: Shelf, gone: Sequence[Version]) -> None:
    for one in gone:
        folder = shelf.box(one.version, FORMATS[0]).parent
        if folder.is_dir():
            shutil.rmtree(folder)
