"""Images as a region lists them: this account's own by what is asked of them, or any one by its id."""

from collections.abc import Iterator, Mapping
from typing import Any

from bakery.cloud import naming
from bakery.cloud.values import Image
from bakery.clouds.aws import answers
from bakery.clouds.aws.account import ApiError, Region

NO_SUCH_IMAGE = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed")


def own(region: Region) -> list[Image]:
    """Return this account's images that are not disabled, whoever made them."""
    return [*listed(region)]


def tagged(region: Region, name: str) -> list[Image]:
    """Return the images whose tag says that they are releases of an image, but for disabled ones."""
    return [*listed(region, {f"tag:{naming.IMAGE}": [name]})]


def ours(region: Region) -> list[Image]:
    """Return all images with our tag, disabled ones among them."""
    return [*listed(region, {"tag-key": [naming.IMAGE]}, is_disabled_too=True)]


def listed(
    region: Region,
    filters: Mapping[str, list[str]] | None = None,
    *,
    owner: str = "self",
    is_disabled_too: bool = False,
) -> Iterator[Image]:
    """Give an account's images that pass all filters (DescribeImages, "Filters")."""
    asked: dict[str, Any] = {"IncludeDisabled": True} if is_disabled_too else {}
    if filters:
        asked["Filters"] = [{"Name": name, "Values": values} for name, values in filters.items()]
    return (answers.image(one) for one in region.all("ec2", "describe_images", "Images", Owners=[owner], **asked))


def at(region: Region, image_id: str) -> Image | None:
    """Return the image of that id, whosoever; None when the region has none."""
    try:
        found = region.ec2("describe_images", ImageIds=[image_id])["Images"]
    except ApiError as error:
        if error.code in NO_SUCH_IMAGE:
            return None
        raise
    return answers.image(found[0]) if found else None
