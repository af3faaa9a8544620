"""Block device mappings of images: the rehearsal cloud has root devices only, and refuses all others.

Rules: EbsBlockDevice in botocore; a message in AWS's own words where it is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bakery.rehearsal import refusals
from bakery.rehearsal.world import Image, Snapshot

VOLUME_TYPES = ("standard", "io1", "io2", "gp2", "sc1", "st1", "gp3")
LARGEST_GB = 65536
THROUGHPUT_MIB_S = range(125, 2001)
"""EbsBlockDevice in botocore, Throughput: for gp3 alone."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """What a root device's volume is like."""

    size_gb: int
    type: str
    iops: int = 0
    throughput_mib_s: int = 0
    is_deleted_on_termination: bool = True


def root(mappings: Sequence[Mapping[str, Any]], *, device: str) -> Mapping[str, Any]:
    """Return what a request says of the root device's volume: the fields of EbsBlockDevice, none if it says nothing.

    Raises UnsupportedOperation when it maps any other device.
    """
    for mapping in mappings:
        name = mapping.get("DeviceName", "")
        if name != device or "Ebs" not in mapping:
            raise refusals.not_rehearsed(f"device beside the volume of the root device {device}: {name}")
    if len(mappings) > 1:
        raise refusals.bad_mapping(f"The device '{device}' is used in more than one block-device mapping")
    return mappings[0]["Ebs"] if mappings else {}


def with_volume(image: Image, volume: Volume) -> Image:
    """Return the image with this volume as its root device."""
    return replace(
        image,
        size_gb=volume.size_gb,
        volume_type=volume.type,
        iops=volume.iops,
        throughput_mib_s=volume.throughput_mib_s,
        is_deleted_on_termination=volume.is_deleted_on_termination,
    )


def of_snapshot(ebs: Mapping[str, Any], snapshot: Snapshot) -> Volume:
    """Return the volume that an image registered with this snapshot begins with.

    Raises InvalidBlockDeviceMapping, InvalidParameterValue or InvalidParameterCombination for what cannot be.
    """
    for name in ("Encrypted", "KmsKeyId"):
        # "If you include this parameter, the request will fail"; with which code is assumed.
        if name in ebs:
            raise refusals.bad_mapping(f"The parameter {name} cannot be specified with a snapshot")
    size_gb = int(ebs.get("VolumeSize") or snapshot.size_gb)
    if size_gb < snapshot.size_gb:
        raise refusals.bad_mapping(
            f"Volume of size {size_gb}GB is smaller than snapshot '{snapshot.id}', expect size >= {snapshot.size_gb}GB"
        )
    if size_gb > LARGEST_GB:
        raise refusals.bad_mapping(f"Volume of size {size_gb}GB is larger than {LARGEST_GB}GB")
    # The default is not in botocore; CreateVolume's is gp2.
    volume_type = ebs.get("VolumeType") or "gp2"
    if volume_type not in VOLUME_TYPES:
        raise refusals.bad_value(f"Invalid volume type: {volume_type}")
    throughput = int(ebs.get("Throughput") or 0)
    if throughput and volume_type != "gp3":
        raise refusals.bad_combination(f"The parameter throughput is not supported for {volume_type} volumes.")
    if throughput and throughput not in THROUGHPUT_MIB_S:
        raise refusals.bad_value(f"Throughput of {throughput} MiB/s is not between 125 and 2000")
    return Volume(
        size_gb=size_gb,
        type=volume_type,
        iops=int(ebs.get("Iops") or 0),
        throughput_mib_s=throughput,
        is_deleted_on_termination=ebs.get("DeleteOnTermination", True),
    )


def of_instance(ebs: Mapping[str, Any], volume: Volume, *, is_encrypted: bool) -> Volume:
    """Return the volume that an image of an instance begins with: the instance's own.

    Raises InvalidBlockDeviceMapping when the request changes more than DeleteOnTermination: "The only option that can
    be changed for existing mappings or snapshots" (CreateImage in botocore, BlockDeviceMappings; the code is assumed).
    """
    own = {"VolumeSize": volume.size_gb, "VolumeType": volume.type}
    # moto's volumes of instances forget Iops and Throughput, so there is nothing to hold a request against.
    for name, value in ebs.items():
        if name not in {"DeleteOnTermination", "Encrypted", "Iops", "Throughput"} and own.get(name) != value:
            raise refusals.bad_mapping(f"{name} of the instance's volume is {own.get(name)} and cannot be changed")
    if ebs.get("Encrypted") and not is_encrypted:
        raise refusals.bad_mapping("An unencrypted volume cannot be encrypted by CreateImage")
    return replace(
        volume,
        iops=int(ebs.get("Iops") or 0),
        throughput_mib_s=int(ebs.get("Throughput") or 0),
        is_deleted_on_termination=ebs.get("DeleteOnTermination", volume.is_deleted_on_termination),
    )
