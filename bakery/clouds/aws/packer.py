"""What Packer is told to bake an AMI in one AWS region: values in, templates out; AWS is not asked for anything here.

What belongs to the definition or the region is written into the templates; what belongs to one machine or one run
(paths, keys, the address of a rehearsal) is a variable of theirs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakery.clouds.aws import desired
from bakery.core.files import write_whole
from bakery.definition.aws import ANYWHERE, Login
from bakery.definition.bases import Arch, Base, Distro
from bakery.definition.model import Definition
from bakery.definition.sshkeys import NamedKey
from bakery.guests import seed
from bakery.packer import render, settings
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace, lay_out, write_values

PLUGIN = {"name": "amazon", "version": ">= 1.3.0", "source": "github.com/hashicorp/amazon"}
"""A version that reads every attribute of the template (its CHANGELOG)."""

USER_DATA = "user-data"
SSH_PORT = 22
VOLUME_TYPE = "gp3"
IOPS, THROUGHPUT_MB = 3000, 125
"""What every gp3 volume has, in MiB/s; Packer 1.6 refuses gp3 unless both are written down."""

POLL_S = 5
LONGEST_WAIT_S = 2 * 3600
"""How long Packer waits for each thing that takes its time, above all the image."""

INSTANCE_TYPES = {
    Arch.AMD64: ("t3.small", "t3a.small", "t2.small", "m5.large"),
    Arch.ARM64: ("t4g.small", "m6g.medium", "m7g.medium"),
}
"""Tried in this order where a definition names none: not every region has the first."""
_ROOT_DEVICES = {Distro.DEBIAN: "/dev/xvda", Distro.UBUNTU: "/dev/sda1"}
_INTERFACES = {Login.SSH: "public_ip", Login.PRIVATE: "private_ip", Login.SSM: "session_manager"}


@dataclass(frozen=True, kw_only=True)
class Build:
    """What Packer is to bake in one region."""

    layers: Sequence[Definition]
    """Every definition that the image is made of, the lowest first; the last one's steps run."""
    definition: Definition
    """What the layers come to."""
    base: Base
    keys: tuple[NamedKey, ...]
    fingerprint: str
    release: str
    region: str
    source_image: str
    """The AMI to begin with; empty when it is to be given by hand, as the variable source_image."""
    login_user: str
    name: str
    """The AMI's name."""
    instance_type: str
    security_group: str
    """Its id; empty lets Packer make one for the time of the bake."""
    root_device: str
    tags: Mapping[str, str]
    """Of the AMI and its snapshot."""
    run_tags: Mapping[str, str]
    """Of what is there for the time of the bake: the instance and its volume."""
    endpoint: str = ""
    """The address of a rehearsal; empty for AWS itself."""
    ssh_port: int = SSH_PORT
    subnet: str = ""
    """The one that was chosen; empty leaves the choice to Packer, or to EC2 where the table says nothing either."""


def default_instance_type(arch: Arch) -> str:
    """Return the type for a definition that names none: two processors and 2 GiB, as a guest on this machine has."""
    return INSTANCE_TYPES[arch][0]


def default_root_device(base: Base) -> str:
    """Return the root device of a base's AMIs; the AMI itself says it too, but only to those with an account."""
    return _ROOT_DEVICES[base.distro]


def packer_files(build: Build, *, packer: Packer) -> dict[str, str]:
    """Return the Packer templates for a bake in a region, by file name, as `packer fmt` would write them."""
    files = {
        "image.pkr.hcl": "packer/image.pkr.hcl.j2",
        "source.pkr.hcl": "packer/sources/amazon-ebs.pkr.hcl.j2",
    }
    if packer.has_plugins:
        files["plugins.pkr.hcl"] = "packer/plugins.pkr.hcl.j2"
    values = _values(build, packer=packer)
    return {name: render.text(template, values) for name, template in files.items()}


def _values(build: Build, *, packer: Packer) -> dict[str, object]:
    aws = build.definition.aws
    return {
        "image": build.definition.name,
        "description": build.definition.description,
        "source": "source.amazon-ebs.image",
        "has_manifest": True,
        "plugin": PLUGIN,
        "has_plugins": packer.has_plugins,
        "region": build.region,
        "source_image": build.source_image,
        "ami_name": build.name,
        "ami_description": plain(desired.described(build.definition.description)),
        "instance_type": build.instance_type,
        "is_spot": aws.spot,
        "security_group": build.security_group,
        "root_device": build.root_device,
        "disk_gb": build.definition.disk.size_gb,
        "volume_type": VOLUME_TYPE,
        "iops": IOPS,
        "throughput_mb": THROUGHPUT_MB,
        "is_encrypted": aws.encrypt,
        "kms_key": aws.kms_keys.get(build.region, ""),
        "ssh_interface": _INTERFACES[aws.login],
        **_network_values(build),
        "ssh_port": build.ssh_port,
        "login_user": build.login_user,
        "is_rehearsal": bool(build.endpoint),
        "poll_s": POLL_S,
        "poll_attempts": LONGEST_WAIT_S // POLL_S,
        "tags": build.tags,
        "run_tags": build.run_tags,
    }


def _network_values(build: Build) -> dict[str, object]:
    aws = build.definition.aws
    subnet, vpc = build.subnet or aws.subnet_in(build.region), aws.vpc_in(build.region)
    filters = {**aws.subnet_filter, **({"vpc-id": vpc} if vpc else {})}
    return {
        "instance_profile": aws.instance_profile,
        "subnet": subnet,
        "subnet_filter": filters,
        "is_public_asked": aws.login is Login.SSH and bool(subnet or filters),
        # Only of a group that Packer makes; one of ours is open to them already.
        "sources": [] if build.security_group or aws.allow_from == ANYWHERE else list(aws.allow_from),
    }


def plain(text: str) -> str:
    """Return *text* without two braces in a row, with which a template of Go's begins in a description.

    Nothing that comes out again as two braces was found: Packer 1.6.6 does not even take `{{"{{"}}` everywhere.
    """
    return re.sub(r"\{(?=\{)", "{ ", text)


def prepare(workspace: Workspace, build: Build, *, packer: Packer) -> None:
    """Write everything that `packer build` needs for a bake in a region into the folder, in place of what was there."""
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
    # The root file system of Ubuntu's AMIs is hardly larger than what is in it: here it grows before the steps run.
    write_whole(workspace.folder / USER_DATA, seed.user_data(public_keys=[public_key]))
    write_values(workspace, variables(workspace, build))


def variables(workspace: Workspace, build: Build) -> dict[str, str]:
    """Return what the templates of a bake in a region leave open.

    The image to begin with is in the templates where it is known.
    """
    known = {"endpoint": build.endpoint} if build.endpoint else {}
    return known | {
        "private_key": str(workspace.key),
        "user_data": str(workspace.folder / USER_DATA),
        "manifest_file": str(workspace.manifest),
        "provision_dir": str(workspace.folder / "provision"),
        "packages_file": str(workspace.packages),
    }
