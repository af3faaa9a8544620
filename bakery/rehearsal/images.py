"""Images as the rehearsal cloud knows them: which there are, in which state, and how DescribeImages words them."""

import re

from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import refusals, tags
from bakery.rehearsal.listing import Described, timestamp
from bakery.rehearsal.world import ACCOUNT, Image, World

_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_NAME = re.compile(r"[A-Za-z0-9()\[\] ./'@_-]{3,128}")

LONGEST_DESCRIPTION = 255

EVERYBODY = {"Group": "all"}

FILTERS = {
    "architecture": "Architecture",
    "block-device-mapping.delete-on-termination": "BlockDeviceMappings.Ebs.DeleteOnTermination",
    "block-device-mapping.device-name": "BlockDeviceMappings.DeviceName",
    "block-device-mapping.encrypted": "BlockDeviceMappings.Ebs.Encrypted",
    "block-device-mapping.snapshot-id": "BlockDeviceMappings.Ebs.SnapshotId",
    "block-device-mapping.volume-size": "BlockDeviceMappings.Ebs.VolumeSize",
    "block-device-mapping.volume-type": "BlockDeviceMappings.Ebs.VolumeType",
    "boot-mode": "BootMode",
    "creation-date": "CreationDate",
    "description": "Description",
    "ena-support": "EnaSupport",
    "hypervisor": "Hypervisor",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "is-public": "Public",
    "kernel-id": "",
    "manifest-location": "ImageLocation",
    "name": "Name",
    "owner-alias": "ImageOwnerAlias",
    "owner-id": "OwnerId",
    "platform": "",
    "product-code": "",
    "product-code.type": "",
    "ramdisk-id": "",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "source-image-id": "SourceImageId",
    "source-image-region": "SourceImageRegion",
    "source-instance-id": "SourceInstanceId",
    "sriov-net-support": "SriovNetSupport",
    "state": "State",
    "state-reason-code": "StateReason.Code",
    "state-reason-message": "StateReason.Message",
    "tag-key": "Tags.Key",
    "virtualization-type": "VirtualizationType",
}
"""DescribeImages in botocore, Filters, and where each looks; no image here has what leads nowhere."""


def state(image: Image, *, now: float) -> str:
    """Return what DescribeImages calls the state of an image: pending, failed, disabled or available."""
    if now < image.ready_at:
        return "pending"
    if image.failure:
        return "failed"
    return "disabled" if image.is_disabled else "available"


def named(world: World, image_id: str, *, region: str) -> Image:
    """Return the image of this id in this region.

    Raises InvalidAMIID.Malformed, .NotFound (also while a new image is not seen yet) or .Unavailable (deregistered).
    """
    if not _ID.fullmatch(image_id):
        raise refusals.malformed_image(image_id)
    image = world.images.get(image_id)
    if image and image.region == region and image.visible_at <= world.now():
        return image
    gone = world.deregistered.get(image_id)
    raise refusals.gone_image(image_id) if gone and gone.region == region else refusals.no_image(image_id)


def owned(world: World, image_id: str, *, region: str) -> Image:
    """Return an image that is ours to change.

    Raises like `named`, and AuthFailure for somebody else's.
    """
    image = named(world, image_id, region=region)
    if image.owner != ACCOUNT:
        raise refusals.foreign_image(image_id)
    return image


def available(world: World, image: Image) -> Image:
    """Return the image.

    Raises InvalidAMIID.Unavailable when it is pending, failed or disabled.
    """
    found = state(image, now=world.now())
    if found != "available":
        raise refusals.unusable_image(image.id, state=found)
    return image


def checked_name(name: str) -> str:
    """Return the name.

    Raises InvalidAMIName.Malformed when it breaks the rule in botocore (RegisterImage, Name).
    """
    if not _NAME.fullmatch(name):
        allowed = "letters, numbers, '(', ')', '.', '-', '/' and '_'"
        raise EC2ClientError(
            "InvalidAMIName.Malformed",
            f"AMI names must be between 3 and 128 characters long, and may contain {allowed}",
        )
    return name


def checked_description(text: str) -> str:
    """Return the description.

    Raises InvalidParameterValue for letters beyond ASCII, and for more than the 255 that botocore tells (CopyImage,
    Description); the words for the latter are assumed.
    """
    if not text.isascii():
        raise refusals.not_ascii()
    if len(text) > LONGEST_DESCRIPTION:
        raise refusals.bad_value(f"Image descriptions are limited to {LONGEST_DESCRIPTION} characters.")
    return text


def require_free_name(world: World, name: str, *, region: str) -> None:
    """Raise InvalidAMIName.Duplicate when an image of ours in this region has this name, seen or not."""
    for image in world.images_in(region):
        if image.owner == ACCOUNT and image.name == name:
            raise EC2ClientError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")


def is_public(image: Image) -> bool:
    """Say whether anybody may launch it."""
    return EVERYBODY in image.readers


def is_shared_with(image: Image, account: str) -> bool:
    """Say whether it is shared with this account by its number."""
    return {"UserId": account} in image.readers


def may_launch(image: Image) -> bool:
    """Say whether we may launch it: it is ours, public, or shared with us."""
    return image.owner == ACCOUNT or is_public(image) or is_shared_with(image, ACCOUNT)


def users_of(world: World, snapshot_id: str) -> list[Image]:
    """Return the images that a snapshot is the root device of."""
    return [image for image in world.images.values() if image.snapshot == snapshot_id]


def described(image: Image, *, now: float) -> Described:
    """Return what DescribeImages says of an image: the names are those of Image in botocore."""
    found = state(image, now=now)
    row = {
        "Architecture": image.arch,
        "BlockDeviceMappings": [{"DeviceName": image.root_device, "Ebs": _ebs(image, is_pending=found == "pending")}],
        "BootMode": image.boot_mode,
        "CreationDate": image.created,
        "DeprecationTime": timestamp(image.deprecated_at) if image.deprecated_at else "",
        "DeregistrationProtection": image.protection,
        "Description": image.description,
        "EnaSupport": image.is_ena,
        "Hypervisor": "xen",
        "ImageId": image.id,
        "ImageLocation": f"{image.owner_alias or image.owner}/{image.name}",
        "ImageOwnerAlias": image.owner_alias,
        "ImageType": "machine",
        "ImdsSupport": image.imds_support,
        "LastLaunchedTime": timestamp(image.last_launched) if image.last_launched else "",
        "Name": image.name,
        "OwnerId": image.owner,
        "PlatformDetails": "Linux/UNIX",
        "Public": is_public(image),
        "RootDeviceName": image.root_device,
        "RootDeviceType": "ebs",
        "SourceImageId": image.source[1] if image.source else "",
        "SourceImageRegion": image.source[0] if image.source else "",
        "SourceInstanceId": image.source_instance,
        "SriovNetSupport": image.sriov,
        "State": found,
        # Which code a copy fails with is not documented; of those in StateReason this is the one that fits.
        "StateReason": {"Code": "Client.InternalError", "Message": image.failure} if found == "failed" else "",
        "Tags": tags.listed(image.tags) or "",
        "TpmSupport": image.tpm_support,
        "UsageOperation": "RunInstances",
        "VirtualizationType": image.virtualization,
    }
    # EC2 leaves out what there is none of, an empty list of tags too.
    return {name: value for name, value in row.items() if value != ""}


def _ebs(image: Image, *, is_pending: bool) -> Described:
    # While AWS makes the snapshots itself, an image does not name them yet; publishers have to wait for them.
    is_made_here = image.source is not None or bool(image.source_instance)
    row = {
        "DeleteOnTermination": image.is_deleted_on_termination,
        "Encrypted": image.is_encrypted,
        "Iops": image.iops or "",
        "SnapshotId": "" if is_pending and is_made_here else image.snapshot,
        "Throughput": image.throughput_mib_s or "",
        "VolumeSize": image.size_gb,
        "VolumeType": image.volume_type,
    }
    return {name: value for name, value in row.items() if value != ""}
