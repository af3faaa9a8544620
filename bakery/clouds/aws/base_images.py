"""Finds the image a base has in a region: asked of AWS each time, because distributions publish new ones every week.

A base is named by its public SSM parameter where there is one; otherwise its owner and the pattern of its names tell.
"""

from enum import StrEnum

from bakery.cloud.values import BaseImage, Image
from bakery.clouds.aws import answers, images
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.desired import EC2_ARCH
from bakery.clouds.aws.errors import REFUSED
from bakery.core.errors import impossible, missing
from bakery.definition.aws_regions import Partition, partition
from bakery.definition.bases import Arch, Base, Distro

OWNERS = {
    (Distro.UBUNTU, Partition.CHINA): "837727238323",
    (Distro.UBUNTU, Partition.GOVERNMENT): "513442679011",
}
"""Who publishes a base in the partitions that its AwsBase is not about; Debian's accounts there were not found.

Canonical's: documentation.ubuntu.com/aws, "Find Ubuntu images on AWS".
"""


class FoundBy(StrEnum):
    """Which question an image was the answer to."""

    SSM = "ssm"
    DESCRIBE = "describe"


def newest(region: Region, base: Base, arch: Arch) -> BaseImage:
    """Return a base's newest image in a region: two calls where the distribution keeps a parameter there.

    Raises BakeryError: exit code 3 when the region has none or does not answer.
    """
    found = _by_parameter(region, base.aws.parameter(arch))
    if found is not None:
        return _base_image(found, found_by=FoundBy.SSM)
    pattern = base.aws.pattern(arch)
    filters = {"name": [pattern], "architecture": [EC2_ARCH[arch]], "state": ["available"]}
    listed = images.listed(region, filters, owner=_owner(region, base))
    latest = max(listed, key=lambda image: image.created_at, default=None)
    if latest is None:
        raise missing(
            f"{region.name}: there is no image of {base.name} for {arch} ({pattern})",
            hint=f"./inv regions --base {base.name}  (shows where there is one)",
        )
    return _base_image(latest, found_by=FoundBy.DESCRIBE)


def at(region: Region, image_id: str) -> BaseImage:
    """Return the image of that id.

    Raises BakeryError (exit code 2) when the region has no such image, or one that no bake can start from.
    """
    found = images.at(region, image_id)
    if found is None:
        raise impossible(
            f"{region.name}: there is no image {image_id!r}", hint="./inv regions  (every region has ids of its own)"
        )
    return _base_image(found, found_by=FoundBy.DESCRIBE)


def _by_parameter(region: Region, name: str) -> Image | None:
    """Return the image that a public parameter leads to; None where there is no such parameter or no such image."""
    try:
        answer = region.ssm("get_parameter", Name=name)
    except ApiError as error:
        if error.code == "ParameterNotFound" or error.code in REFUSED:
            return None
        raise
    return images.at(region, answers.pointer(answer["Parameter"]).image_id)


def _owner(region: Region, base: Base) -> str:
    where = partition(region.name)
    if where is Partition.AWS:
        return base.aws.owner
    if (base.distro, where) not in OWNERS:
        raise missing(
            f"{region.name}: it is not known who publishes {base.name} in {where}",
            hint="--base ubuntu-24.04, or the id of an image that you trust",
        )
    return OWNERS[base.distro, where]


def _base_image(image: Image, *, found_by: FoundBy) -> BaseImage:
    if not image.root_size_gb:
        raise impossible(f"{image.id} ({image.name}) has no EBS disk to start from")
    return BaseImage(
        id=image.id,
        name=image.name,
        created=image.created_at,
        root_device=image.root_device,
        size_gb=image.root_size_gb,
        boot_mode=image.boot_mode,
        owner=image.owner,
        found_by=found_by,
    )
