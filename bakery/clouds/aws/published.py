"""A release in one AWS region as AWS shows it."""

from typing import Any

from bakery.cloud.reconcile import Seen, Wanted
from bakery.cloud.values import Image, ImageState, Snapshot
from bakery.clouds.aws import answers, images, lateness, parameters
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.errors import PASSING
from bakery.core.errors import BakeryError, impossible
from bakery.definition.aws import PUBLIC

DEADLINE_S = 3600.0
"""Of one region: copies of large images to far regions take half an hour."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
DECIDED = frozenset({ImageState.AVAILABLE, ImageState.FAILED, ImageState.DISABLED})
"""States of an image that nothing comes of by itself any more."""


def find(region: Region, *, name: str, is_newest: bool = False) -> Image | None:
    """Return this account's image of that name (a glob), or None.

    Of two alike the older counts, so that every run takes the same, unless *is_newest*; disabled ones count only when
    there is none in use, and failed ones only when there is no other.
    """
    # "Recently deregistered images appear in the returned results for a short interval" (DescribeImages).
    found = [image for image in _named(region, name) if image.state != ImageState.GONE]
    found.sort(key=lambda image: image.age)
    alive = [image for image in found if image.state != ImageState.FAILED]
    if not alive:
        return found[-1] if found else None
    in_use = [image for image in alive if image.state != ImageState.DISABLED] or alive
    return in_use[-1] if is_newest else in_use[0]


def is_gone(region: Region, image_id: str) -> bool:
    """Return whether AWS knows that an image was deregistered; after a while it knows nothing of it any more."""
    try:
        found = region.ec2("describe_images", ImageIds=[image_id], IncludeDisabled=True)["Images"]
    except ApiError as error:
        if error.code not in PASSING:
            raise
        return error.code == "InvalidAMIID.Unavailable"
    return any(answers.image(one).state == ImageState.GONE for one in found)


def disabled(region: str, image_id: str) -> BakeryError:
    """Return the error of an image that was taken out of use; only its owner can enable it (EnableImage)."""
    hint = f"aws ec2 enable-image --region {region} --image-id {image_id}  (then this again), or deregister it"
    return impossible(f"{region}: {image_id} is disabled: somebody has taken it out of use", hint=hint)


def _named(region: Region, name: str) -> list[Image]:
    """Return this account's images of that name (a glob); a listing without what we have just made is asked for again.

    What does not show in time is gone.
    """

    def listed() -> list[Image]:
        return list(images.listed(region, {"name": [name]}, is_disabled_too=True))

    def is_new(found: list[Image]) -> bool:
        unlisted = lateness.remembered(region, name) - {image.id for image in found}
        return all(is_gone(region, image_id) for image_id in unlisted)

    return lateness.until(region, listed, is_enough=is_new, deadline_s=lateness.DEADLINE_S)


def look(region: Region, wanted: Wanted) -> Seen:
    """Return how a release is in a region now."""
    image = find(region, name=wanted.name)
    if image is None or image.state == ImageState.FAILED:
        return Seen(image=image)
    if image.state in {ImageState.PENDING, ImageState.DISABLED}:
        return Seen(image=image, **_parameters(region, wanted))
    template_image, template_version = _template(region, wanted.launch_template) if wanted.launch_template else ("", "")
    return Seen(
        image=image,
        snapshot=_snapshot(region, image.root_snapshot),
        image_readers=_image_readers(region, image.id),
        snapshot_readers=_snapshot_readers(region, image.root_snapshot),
        **_parameters(region, wanted),
        template_image=template_image,
        template_version=template_version,
    )


def wait_available(region: Region, *, name: str, deadline_s: float = DEADLINE_S) -> Image:
    """Return this account's newest image of that name as soon as machines can be started from it.

    Raises BakeryError: exit code 2 when it is disabled, 1 when it failed, or is not available after *deadline_s*.
    """
    image = lateness.until(
        region,
        lambda: find(region, name=name, is_newest=True),
        is_enough=lambda found: found is not None and found.state in DECIDED,
        deadline_s=deadline_s,
        longest_pause_s=LONGEST_PAUSE_S,
    )
    if image is not None and image.state == ImageState.AVAILABLE:
        return image
    if image is not None and image.state == ImageState.DISABLED:
        raise disabled(region.name, image.id)
    if image is not None and image.state == ImageState.FAILED:
        raise BakeryError(f"{region.name}: {image.id} failed: {image.failure}", hint="run it again")
    state = f"still {image.state}" if image else "not there"
    raise BakeryError(f"{region.name}: {name} is {state} after {deadline_s:.0f} s", hint="run it again: it goes on")


def _snapshot(region: Region, snapshot: str) -> Snapshot | None:
    found = region.ec2("describe_snapshots", SnapshotIds=[snapshot])["Snapshots"] if snapshot else []
    return answers.snapshot(found[0]) if found else None


def _readers(permissions: list[dict[str, str]]) -> frozenset[str]:
    return frozenset(
        PUBLIC if permission.get("Group") == "all" else next(iter(permission.values())) for permission in permissions
    )


def _image_readers(region: Region, image_id: str) -> frozenset[str]:
    answer = region.ec2("describe_image_attribute", ImageId=image_id, Attribute="launchPermission")
    return _readers(answer.get("LaunchPermissions", []))


def _snapshot_readers(region: Region, snapshot: str) -> frozenset[str]:
    if not snapshot:
        return frozenset()
    answer = region.ec2("describe_snapshot_attribute", SnapshotId=snapshot, Attribute="createVolumePermission")
    return _readers(answer.get("CreateVolumePermissions", []))


def _parameters(region: Region, wanted: Wanted) -> dict[str, Any]:
    found = parameters.read(region, [name for name in (wanted.parameter, wanted.latest) if name])
    return {
        "parameters": {name: one.image_id for name, one in found.items()},
        "versions": {name: one.version for name, one in found.items()},
    }


def _template(region: Region, name: str) -> tuple[str, str]:
    """Return what the default version of a launch template starts, and which version that is; nothing without one."""
    try:
        answer = region.ec2("describe_launch_template_versions", LaunchTemplateName=name, Versions=["$Default"])
    except ApiError as error:
        if error.code == "InvalidLaunchTemplateName.NotFoundException":
            return "", ""
        raise
    for version in answer["LaunchTemplateVersions"]:
        image_id = version["LaunchTemplateData"].get("ImageId", "")
        return str(image_id), f"{version['LaunchTemplateId']} {version['VersionNumber']}"
    return "", ""
