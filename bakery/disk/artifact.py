"""What a bake leaves: a disk image, Vagrant boxes, lists and records, named after image and base."""

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bakery.core import folders
from bakery.core.errors import impossible
from bakery.definition.bases import BaseName

KEYS = {
    **dict.fromkeys(("image", "base", "arch", "fingerprint", "release", "baked_at", "accelerator"), str),
    **dict.fromkeys(("files", "seconds"), dict),
}
"""What is read of a record, and what it is."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The files of one image on one base in one place; they exist only whole."""

    image: str
    base: BaseName
    folder: Path
    suffix: str = ""

    @property
    def stem(self) -> str:
        """The name that all files begin with."""
        return f"{self.image}-{self.base}{self.suffix}"

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
    def manifest(self) -> Path:
        """Everything that is in it, as a machine that was booted from it told."""
        return self.folder / f"{self.stem}.manifest.json"

    @property
    def sbom(self) -> Path:
        """The same as a software bill of materials in CycloneDX's form."""
        return self.folder / f"{self.stem}.cdx.json"

    @property
    def provenance(self) -> Path:
        """Where it comes from and what it passed, as a statement in in-toto's form."""
        return self.folder / f"{self.stem}.provenance.json"

    @property
    def blocks(self) -> Path:
        """The digests of the disk's blocks, made when it is first brought to a cloud."""
        return self.folder / f"{self.stem}.blocks.tsv"

    @property
    def log(self) -> Path:
        """What Packer and the steps printed during the last bake."""
        return self.folder / f"{self.stem}.log"

    @property
    def unfinished(self) -> "Artifact":
        """The same under another name: where a bake's logs are until it has ended well, and stay when it has not."""
        return replace(self, suffix=".unfinished")

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

    @property
    def lock(self) -> Path:
        """What a bake on this machine holds as long as all these files, and that folder, are its own."""
        return self.folder / f".{self.stem}.lock"

    def read_record(self) -> dict[str, Any] | None:
        """Return the record, or None when nothing whole is there.

        Raises BakeryError (exit code 2) for a file that no bake has written so.
        """
        if not (self.record.exists() and self.disk.exists()):
            return None
        try:
            record = json.loads(self.record.read_bytes())
        except ValueError:
            record = None
        if not self._is_whole(record):
            hint = f"rm {shlex.quote(str(self.record))}, then ./inv bake --image {self.image} --base {self.base}"
            raise impossible(f"{self.record} is damaged: it does not say what was baked", hint=hint)
        found: dict[str, Any] = record
        return found

    def _is_whole(self, record: object) -> bool:
        if not isinstance(record, dict) or not all(isinstance(record.get(key), kind) for key, kind in KEYS.items()):
            return False
        disk = record["files"].get(self.disk.name)
        return isinstance(disk, dict) and isinstance(disk.get("sha256"), str)


def local(image: str, base: BaseName) -> Artifact:
    """Return where the artifact of a local bake is, or will be."""
    return Artifact(image=image, base=base, folder=folders.build_dir(image))
