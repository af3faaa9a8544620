"""What Packer is given for a bake on this machine: values in, a folder out."""

from bakery.core import process
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.disk import qemu_img
from bakery.disk.base import BaseDisk, sha256
from bakery.guests import qemu, seed
from bakery.guests.accelerator import Accelerator
from bakery.local.plan import Plan
from bakery.packer import fingerprint, render
from bakery.packer.engine import Packer
from bakery.packer.workspace import HOSTNAME, Workspace, lay_out, write_values

BEGIN = "begin.qcow2"
QEMU_PLUGIN = {"name": "qemu", "version": ">= 1.1.0", "source": "github.com/hashicorp/qemu"}
"""The first version that reads every attribute of the template (its CHANGELOG)."""


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
    templates = packer_files(plan.definition, plan.base, packer=packer, is_native=accelerator.is_native)
    public_key = lay_out(workspace, plan.layers[-1], templates=templates, told=plan.told)
    # A native machine runs already: it has a seed and a copy of the disk of its own.
    if not accelerator.is_native:
        seed.make_seed(
            workspace.folder / "seed.iso",
            user_data=seed.user_data(public_keys=[public_key], is_grown=False),
            meta_data=seed.meta_data(instance_id=f"bake-{plan.fingerprint[: fingerprint.SHORT]}", hostname=HOSTNAME),
        )
        if disk is not None:
            size_gb = plan.definition.disk.size_gb
            process.run(qemu_img.overlay_argv(disk.path, out=workspace.folder / BEGIN, size_gb=size_gb))
    write_values(workspace, variables(workspace, accelerator=accelerator))


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
    known = {"base_disk": str(begin), "base_sha256": sha256(begin)} if begin.exists() else {}
    return known | {
        "seed": str(folder / "seed.iso"),
        "firmware": str(qemu.firmware()),
        "accelerator": accelerator.name,
        "cpu": accelerator.cpu,
        "cpus": str(accelerator.cpus),
        "output_dir": str(workspace.output),
        **common,
    }
