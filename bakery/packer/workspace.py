"""The folder that Packer bakes from: templates, values, steps, and the seed that lets it in.

`invoke render` leaves this folder to be read and used by hand; `invoke bake` uses the same one.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bakery.core.files import write_whole
from bakery.definition.model import Definition
from bakery.guests import guest
from bakery.packer import fingerprint, render, settings

SECRETS = ("key", "key.pub", "seed.iso")
OUTPUT = "output"
HOSTNAME = "bakery-build"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One folder that `packer build` is run on."""

    folder: Path

    @property
    def output(self) -> Path:
        """The folder of the disk that is baked."""
        return self.folder / OUTPUT

    @property
    def disk(self) -> Path:
        """The disk that is baked: a native machine's, or else Packer's own."""
        raw = self.output / f"{HOSTNAME}.raw"
        return raw if raw.exists() else self.output / "disk.qcow2"

    @property
    def key(self) -> Path:
        """The private key of this bake alone."""
        return self.folder / "key"

    @property
    def packages(self) -> Path:
        """The packages of the image: name, version and architecture, tab between, one a line."""
        return self.folder / "packages.tsv"

    @property
    def manifest(self) -> Path:
        """Where Packer notes the id of an image in a cloud."""
        return self.folder / "manifest.json"

    @property
    def settings(self) -> Path:
        """What the steps were told."""
        return self.folder / "provision" / settings.FILE_NAME

    def clear(self) -> None:
        """Remove what must not outlive a bake: its key, and disks that Packer left when it was killed."""
        for name in SECRETS:
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.output, ignore_errors=True)


def lay_out(workspace: Workspace, layer: Definition, *, templates: Mapping[str, str], told: Mapping[str, str]) -> str:
    """Write templates, the layer's steps, what they are *told* and a new key, in place of what was there.

    Returns the public key.
    """
    folder = workspace.folder
    shutil.rmtree(folder, ignore_errors=True)
    render.write(folder, templates)
    # The very content that the fingerprint is of, and not how it lies on this disk.
    for name, content in fingerprint.provision_contents(layer).items():
        target = workspace.folder / "provision" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content.data)
        target.chmod(0o755 if content.is_program else 0o644)
    write_whole(workspace.settings, settings.render_env(told))
    return guest.make_key(workspace.key)


def write_values(workspace: Workspace, values: Mapping[str, str]) -> None:
    """Write what the templates leave open, where Packer reads it by itself."""
    write_whole(workspace.folder / "values.auto.pkrvars.json", json.dumps(values, indent=2) + "\n")
