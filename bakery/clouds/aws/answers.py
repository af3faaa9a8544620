"""What AWS answers, made into values: nothing else knows what it calls the parts of an image, a snapshot, a machine.

AWS leaves out what is empty. Two things are counted on, an id and since when something is there: what is taken to be
older than it is could be removed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bakery.cloud.values import Group, Image, ImageState, Instance, KeyPair, Pointer, Snapshot
from bakery.clouds.aws.tags import tags_of

Found = Mapping[str, Any]
"""One thing as a Describe… action shows it."""
UNTIL = "disabled-until "
"""How a protection is shown that goes on for a day after it was taken off (EnableImageDeregistrationProtection)."""


def image(found: Found) -> Image:
    """Return an image as DescribeImages shows it."""
    state, protection = str(found.get("State", "")), str(found.get("DeregistrationProtection", ""))
    # A disk of the machine's own (instance store) has no "Ebs".
    disks = {one.get("DeviceName"): one["Ebs"] for one in found.get("BlockDeviceMappings", ()) if "Ebs" in one}
    root = disks.get(found.get("RootDeviceName"), {})
    return Image(
        id=str(found["ImageId"]),
        name=str(found.get("Name", "")),
        state=state,
        created_at=datetime.fromisoformat(found["CreationDate"]),
        owner=str(found.get("OwnerId", "")),
        tags=tags_of(found),
        description=str(found.get("Description", "")),
        failure=_failure(found) if state == ImageState.FAILED else "",
        architecture=str(found.get("Architecture", "")),
        boot_mode=str(found.get("BootMode", "")),
        root_device=str(found.get("RootDeviceName", "")),
        root_size_gb=int(root.get("VolumeSize", 0)),
        root_snapshot=str(root.get("SnapshotId", "")),
        snapshots=tuple(str(disk["SnapshotId"]) for disk in disks.values() if disk.get("SnapshotId")),
        size_gb=max((int(disk.get("VolumeSize", 0)) for disk in disks.values()), default=0),
        source_id=str(found.get("SourceImageId", "")),
        source_place=str(found.get("SourceImageRegion", "")),
        deprecate_at=_moment(found.get("DeprecationTime")),
        last_launched_at=_moment(found.get("LastLaunchedTime")),
        is_public=bool(found.get("Public")),
        is_protected=protection.startswith("enabled"),
        protected_until=protected_until(protection),
        is_imdsv2_required=found.get("ImdsSupport") == "v2.0",
    )


def protected_until(protection: str) -> str:
    """Return until when a protection goes on that was taken off, empty when it does not: of AWS's word for it."""
    return protection.removeprefix(UNTIL) if protection.startswith(UNTIL) else ""


def snapshot(found: Found) -> Snapshot:
    """Return a snapshot as DescribeSnapshots shows it."""
    return Snapshot(
        id=str(found["SnapshotId"]),
        state=str(found.get("State", "")),
        started_at=found["StartTime"],
        tags=tags_of(found),
        description=str(found.get("Description", "")),
        size_gb=int(found.get("VolumeSize", 0)),
        is_encrypted=bool(found.get("Encrypted")),
        key=str(found.get("KmsKeyId", "")),
    )


def instance(found: Found) -> Instance:
    """Return an instance as DescribeInstances shows it."""
    return Instance(
        id=str(found["InstanceId"]),
        image_id=str(found.get("ImageId", "")),
        state=str(found["State"]["Name"]),
        started_at=found["LaunchTime"],
        tags=tags_of(found),
        reason=str(found.get("StateReason", {}).get("Message", "")),
        groups=tuple(str(group["GroupId"]) for group in found.get("SecurityGroups", ())),
        key_name=str(found.get("KeyName", "")),
        subnet=str(found.get("SubnetId", "")),
        public_address=str(found.get("PublicIpAddress", "")),
        private_address=str(found.get("PrivateIpAddress", "")),
        ipv6_address=str(found.get("Ipv6Address", "")),
    )


def group(found: Found) -> Group:
    """Return a security group as DescribeSecurityGroups shows it."""
    return Group(id=str(found["GroupId"]), name=str(found.get("GroupName", "")))


def key_pair(found: Found) -> KeyPair:
    """Return a key pair as DescribeKeyPairs shows it."""
    return KeyPair(name=str(found["KeyName"]), created_at=found.get("CreateTime"))


def pointer(found: Found) -> Pointer:
    """Return a parameter as GetParameters shows it."""
    return Pointer(image_id=str(found["Value"]), version=int(found["Version"]), written_at=found["LastModifiedDate"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _failure(found: Found) -> str:
    """Return why an image failed, in AWS's words."""
    reason = found.get("StateReason", {})
    return str(reason.get("Message") or reason.get("Code") or "AWS does not say why")
