"""Makes an AMI of a snapshot that holds a whole disk, so that it starts on all machines that the disk itself can."""

from collections.abc import Mapping
from dataclasses import dataclass

from bakery.cloud.values import ImageState
from bakery.clouds.aws import lateness, published, removal
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.desired import EC2_ARCH
from bakery.clouds.aws.tags import tag_list
from bakery.definition.bases import Arch

ROOT_DEVICE = "/dev/xvda"
"""Only a name: the kernel finds the root file system by its label."""
UEFI = "uefi"
DUPLICATE = "InvalidAMIName.Duplicate"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """An AMI to make; *boot_mode* is EC2's word for what the disk can be started by."""

    name: str
    description: str
    arch: Arch
    snapshot: str
    size_gb: int
    boot_mode: str
    tags: Mapping[str, str]


def register(region: Region, wanted: Registration) -> str:
    """Make the AMI unless there is one of that name, and return its id as soon as it is listed.

    Where another run was faster, a snapshot of ours that nobody uses then is removed. Raises ApiError when AWS refuses,
    BakeryError when the AMI is not listed in time.
    """
    found = published.find(region, name=wanted.name)
    if found is None or found.state == ImageState.FAILED:
        _register(region, wanted)
    image = published.wait_available(region, name=wanted.name)
    if image.root_snapshot != wanted.snapshot:
        removal.remove_snapshot(region, wanted.snapshot)
    return image.id


def _register(region: Region, wanted: Registration) -> None:
    # What only newer machines have is asked for where no older one could start the image anyway: the EC2 user guide,
    # "Boot modes" (Nitro alone knows UEFI) and "NitroTPM" (UEFI and x86 alone).
    tpm = {"TpmSupport": "v2.0"} if (wanted.boot_mode, wanted.arch) == (UEFI, Arch.AMD64) else {}
    disk = {"SnapshotId": wanted.snapshot, "VolumeType": "gp3", "VolumeSize": wanted.size_gb}
    try:
        answer = region.ec2(
            "register_image",
            Name=wanted.name,
            Description=wanted.description,
            Architecture=EC2_ARCH[wanted.arch],
            VirtualizationType="hvm",
            RootDeviceName=ROOT_DEVICE,
            BlockDeviceMappings=[{"DeviceName": ROOT_DEVICE, "Ebs": {**disk, "DeleteOnTermination": True}}],
            EnaSupport=True,
            SriovNetSupport="simple",
            BootMode=wanted.boot_mode,
            ImdsSupport="v2.0",
            TagSpecifications=[{"ResourceType": "image", "Tags": tag_list(wanted.tags)}],
            **tpm,
        )
    except ApiError as error:
        if error.code != DUPLICATE:
            raise
        # Made a moment ago by another run, or by one that was killed, and not listed yet.
        return
    lateness.remember(region, wanted.name, image_id=str(answer["ImageId"]))
