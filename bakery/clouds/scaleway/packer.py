"""What Packer is told to bake an image in one zone of Scaleway: values in, templates out; nobody is asked.

Today's plugin starts from block storage, tags what it makes and is told user-data. The builder inside Packer 1.6 makes
snapshots of a machine's own disk alone and can do nothing of that: what can be done with it is done, and the rest said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakery.clouds.scaleway import answers
from bakery.clouds.scaleway.tags import tag_list
from bakery.core.errors import impossible
from bakery.core.files import write_whole
from bakery.definition.bases import Base
from bakery.definition.model import Definition
from bakery.definition.scaleway import Volume
from bakery.definition.sshkeys import NamedKey
from bakery.guests import seed
from bakery.packer import render, settings
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace, lay_out, write_values

PLUGIN = {"name": "scaleway", "version": ">= 1.5.0", "source": "github.com/scaleway/scaleway"}
"""A version that reads every attribute of the template."""
USER_DATA = "user-data"
SSH_PORT = 22
LOGIN = "root"
"""Whom the platform's keys are for on Scaleway's own images (scaleway.com/en/docs, "How to connect to an Instance")."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """What Packer is to bake in one zone."""

    layers: Sequence[Definition]
    """Every definition that the image is made of, the lowest first; the last one's steps run."""
    definition: Definition
    """What the layers come to."""
    base: Base
    keys: tuple[NamedKey, ...]
    fingerprint: str
    release: str
    zone: str
    source_image: str
    """The image to begin with; empty when it is to be given by hand, as the variable source_image."""
    login_user: str
    name: str
    """The image's name, and its snapshot's."""
    commercial_type: str
    tags: Mapping[str, str]
    """Of the image and its snapshot."""
    run_tags: Mapping[str, str]
    """Of what is there for the time of the bake: the server."""
    endpoint: str = ""
    """The address of a rehearsal; empty for Scaleway itself."""
    ssh_port: int = SSH_PORT


def require_possible(build: Build, *, packer: Packer) -> None:
    """Raise BakeryError (exit code 2) for a disk of which this Packer can make no image."""
    if packer.has_plugins or build.definition.scaleway.volume_type is Volume.LOCAL:
        return
    said = f"Packer {packer} makes images of l_ssd disks alone at Scaleway, and scaleway.volume_type is sbs_volume"
    hint = "Packer 1.7 or newer; or bake on this machine, then ./inv publish --from local; or "
    hint += f'scaleway.volume_type = "{Volume.LOCAL}" in images/{build.definition.name}.toml'
    raise impossible(said, hint=hint)


def packer_files(build: Build, *, packer: Packer) -> dict[str, str]:
    """Return the Packer templates for a bake in a zone, by file name, as `packer fmt` would write them."""
    files = {
        "image.pkr.hcl": "packer/image.pkr.hcl.j2",
        "source.pkr.hcl": "packer/sources/scaleway.pkr.hcl.j2",
    }
    if packer.has_plugins:
        files["plugins.pkr.hcl"] = "packer/plugins.pkr.hcl.j2"
    values = _values(build, packer=packer)
    return {name: render.text(template, values) for name, template in files.items()}


def _values(build: Build, *, packer: Packer) -> dict[str, object]:
    return {
        "image": build.definition.name,
        "description": build.definition.description,
        "source": "source.scaleway.image",
        "has_manifest": True,
        "plugin": PLUGIN,
        "has_plugins": packer.has_plugins,
        "zone": build.zone,
        "source_image": build.source_image,
        "commercial_type": build.commercial_type,
        "image_name": build.name,
        "server_name": f"bake-{build.definition.name}-{build.release}",
        "volume_type": build.definition.scaleway.volume_type.value,
        "disk_gb": answers.bytes_of(build.definition.disk.size_gb) // answers.GB,
        "tags": tag_list(build.tags),
        "server_tags": tag_list(build.run_tags),
        "ssh_port": build.ssh_port,
        "login_user": build.login_user,
        "is_rehearsal": bool(build.endpoint),
    }


def prepare(workspace: Workspace, build: Build, *, packer: Packer) -> None:
    """Write everything that `packer build` needs for a bake in a zone into the folder, in place of what was there."""
    told = settings.settings(
        build.layers,
        build.base,
        fingerprint=build.fingerprint,
        release=build.release,
        build_user=build.login_user,
        keys=build.keys,
    )
    templates = packer_files(build, packer=packer)
    public_key = lay_out(workspace, build.layers[-1], templates=templates, told=told)
    write_whole(workspace.folder / USER_DATA, seed.user_data(public_keys=[public_key]))
    write_values(workspace, variables(workspace, build, packer=packer))


def variables(workspace: Workspace, build: Build, *, packer: Packer) -> dict[str, str]:
    """Return what the templates of a bake in a zone leave open."""
    known = {"endpoint": build.endpoint} if build.endpoint else {}
    if packer.has_plugins:
        known |= {"user_data": str(workspace.folder / USER_DATA), "private_key": str(workspace.key)}
    return known | {
        "manifest_file": str(workspace.manifest),
        "provision_dir": str(workspace.folder / "provision"),
        "packages_file": str(workspace.packages),
    }
