"""What a bake leaves: a disk image, Vagrant boxes, lists and records, named after image and base."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakery import store
from bakery.bases import BaseName


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The files of one image on one base in one place; they exist only whole."""

    image: str
    base: BaseName
    folder: Path

    @property
    def stem(self) -> str:
        """The name that all files begin with."""
        return f"{self.image}-{self.base}"

    @property
    def disk(self) -> Path:
        """The compressed qcow2 image."""
        return self.folder / f"{self.stem}.qcow2"

    def box(self, provider: str) -> Path:
        """The Vagrant box for one provider."""
        return self.folder / f"{self.stem}.{provider}.box"

    @property
    def settings(self) -> Path:
        """What the steps were told, which is what the image tests expect."""
        return self.folder / f"{self.stem}.env"

    @property
    def packages(self) -> Path:
        """Every installed package: name, version, architecture."""
        return self.folder / f"{self.stem}.packages.tsv"

    @property
    def blocks(self) -> Path:
        """The digests of the disk's blocks, made when it is first brought to a cloud."""
        return self.folder / f"{self.stem}.blocks.tsv"

    @property
    def log(self) -> Path:
        """What Packer and the steps printed during the last bake."""
        return self.folder / f"{self.stem}.log"

    @property
    def verdict(self) -> Path:
        """What the image tests printed."""
        return self.folder / f"{self.stem}.verify.log"

    @property
    def record(self) -> Path:
        """Fingerprint, hashes and timings, as JSON; written last."""
        return self.folder / f"{self.stem}.json"

    @property
    def rejected(self) -> Path:
        """The disk of a bake that did not pass verification, kept to be looked at."""
        return self.folder / f"{self.stem}.rejected.qcow2"

    @property
    def workspace(self) -> Path:
        """The folder that Packer bakes it from."""
        return self.folder / f"{self.stem}.packer"

    def read_record(self) -> dict[str, Any] | None:
        """Return the record, or None when nothing whole is there."""
        if not (self.record.exists() and self.disk.exists()):
            return None
        record: dict[str, Any] = json.loads(self.record.read_text())
        return record


def local(image: str, base: BaseName) -> Artifact:
    """Return where the artifact of a local bake is, or will be."""
    return Artifact(image=image, base=base, folder=store.build_dir(image))
