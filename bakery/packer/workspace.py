"""The folder that Packer bakes from: templates, values, steps, and the seed that lets it in.

`invoke render` leaves this folder to be read and used by hand; `invoke bake` uses the same one.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bakery.clouds.aws import packer as amazon
from bakery.clouds.aws.packer import Build
from bakery.core import process
from bakery.core.files import write_whole
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.disk import base as basedisk
from bakery.disk import qemu_img
from bakery.disk.base import BaseDisk
from bakery.guests import guest, qemu, seed
from bakery.guests.accelerator import Accelerator
from bakery.local.plan import Plan
from bakery.packer import fingerprint, render, settings
from bakery.packer.engine import Packer

SECRETS = ("key", "key.pub", "seed.iso")
OUTPUT = "output"
HOSTNAME = "bakery-build"
BEGIN = "begin.qcow2"
USER_DATA = "user-data"
QEMU_PLUGIN = {"name": "qemu", "version": ">= 1.1.0", "source": "github.com/hashicorp/qemu"}
"""The first version that reads every attribute of the template (its CHANGELOG)."""


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


def packer_files(definition: Definition, base: Base, *, packer: Packer, is_native: bool = False) -> dict[str, str]:
    """Return the Packer templates for a local bake, by file name, as `packer fmt` would write them.

    Where machines run natively, Packer is given one that runs already.
    """
    source = "null" if is_native else "qemu"
    values = {
        "image": definition.name,
        "description": definition.description,
        "build_user": base.default_user,
        "source": f"source.{source}.image",
        "has_manifest": False,
        "disk_gb": definition.disk.size_gb,
        "memory_mb": qemu.MEMORY_MB,
        "plugin": QEMU_PLUGIN,
    }
    files = {
        "image.pkr.hcl": "packer/image.pkr.hcl.j2",
        "source.pkr.hcl": f"packer/sources/{source}.pkr.hcl.j2",
    }
    if packer.has_plugins and not is_native:
        files["plugins.pkr.hcl"] = "packer/plugins.pkr.hcl.j2"
    return {name: render.text(template, values) for name, template in files.items()}


def prepare(
    workspace: Workspace, plan: Plan, *, disk: BaseDisk | None, accelerator: Accelerator, packer: Packer
) -> None:
    """Write everything that `packer build` needs into the folder, in place of what was there."""
    folder = workspace.folder
    shutil.rmtree(folder, ignore_errors=True)
    render.write(folder, packer_files(plan.definition, plan.base, packer=packer, is_native=accelerator.is_native))
    public_key = guest.make_key(workspace.key)
    seed.make_seed(
        folder / "seed.iso",
        user_data=seed.user_data(public_keys=[public_key], is_grown=False),
        meta_data=seed.meta_data(instance_id=f"bake-{plan.fingerprint[: fingerprint.SHORT]}", hostname=HOSTNAME),
    )
    told = settings.settings(
        plan.layers,
        plan.base,
        fingerprint=plan.fingerprint,
        release=plan.release,
        build_user=plan.base.default_user,
        keys=plan.keys,
    )
    _copy_steps(workspace, plan.layers[-1], told=told)
    if disk is not None:
        process.run(qemu_img.overlay_argv(disk.path, out=folder / BEGIN, size_gb=plan.definition.disk.size_gb))
    _write_values(workspace, variables(workspace, accelerator=accelerator))


def prepare_region(workspace: Workspace, build: Build, *, packer: Packer) -> None:
    """Write everything that `packer build` needs for a bake in a region into the folder, in place of what was there."""
    folder = workspace.folder
    shutil.rmtree(folder, ignore_errors=True)
    render.write(folder, amazon.packer_files(build, packer=packer))
    public_key = guest.make_key(folder / "key")
    # The root file system of Ubuntu's AMIs is hardly larger than what is in it: here it grows before the steps run.
    write_whole(folder / USER_DATA, seed.user_data(public_keys=[public_key]))
    told = settings.settings(
        build.layers,
        build.base,
        fingerprint=build.fingerprint,
        release=build.release,
        build_user=build.login_user,
        keys=build.keys,
    )
    _copy_steps(workspace, build.layers[-1], told=told)
    _write_values(workspace, region_variables(workspace, build))


def variables(workspace: Workspace, *, accelerator: Accelerator) -> dict[str, str]:
    """Return what the templates leave open: this machine's paths and abilities.

    Packer copies the disk it begins with and hashes it first. It gets an empty overlay of the base, so that both take
    no time. Where there is none, its two variables are left out and Packer asks for them.
    """
    folder = workspace.folder
    begin = folder / BEGIN
    common = {
        "private_key": str(workspace.key),
        "provision_dir": str(folder / "provision"),
        "packages_file": str(workspace.packages),
    }
    if accelerator.is_native:
        return common
    known = {"base_disk": str(begin), "base_sha256": basedisk.sha256(begin)} if begin.exists() else {}
    return known | {
        "seed": str(folder / "seed.iso"),
        "firmware": str(qemu.firmware()),
        "accelerator": accelerator.name,
        "cpu": accelerator.cpu,
        "cpus": str(accelerator.cpus),
        "output_dir": str(workspace.output),
        **common,
    }


def region_variables(workspace: Workspace, build: Build) -> dict[str, str]:
    """Return what the templates of a bake in a region leave open.

    The image to begin with is in the templates where it is known.
    """
    known = {"endpoint": build.endpoint} if build.endpoint else {}
    return known | {
        "private_key": str(workspace.folder / "key"),
        "user_data": str(workspace.folder / USER_DATA),
        "manifest_file": str(workspace.manifest),
        "provision_dir": str(workspace.folder / "provision"),
        "packages_file": str(workspace.packages),
    }


def _write_values(workspace: Workspace, values: Mapping[str, str]) -> None:
    write_whole(workspace.folder / "values.auto.pkrvars.json", json.dumps(values, indent=2) + "\n")


def _copy_steps(workspace: Workspace, layer: Definition, *, told: Mapping[str, str]) -> None:
    # The very content that the fingerprint is of, and not how it lies on this disk.
    for name, content in fingerprint.provision_contents(layer).items():
        target = workspace.folder / "provision" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content.data)
        target.chmod(0o755 if content.is_program else 0o644)
    write_whole(workspace.settings, settings.render_env(told))
