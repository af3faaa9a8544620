"""Removes what is ours in one region: every act may be done twice, and what is gone already is no mistake.

An image is tagged before anything else, with its snapshots: whoever comes after a kill knows what was meant.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bakery.cloud import naming
from bakery.cloud.values import Image
from bakery.clouds.aws import answers, lateness, parameters
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.tags import tag_list

GONE = frozenset(
    {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidSnapshot.NotFound", "InvalidGroup.NotFound"}
    | {"InvalidKeyPair.NotFound", "ParameterNotFound"}
)
IN_USE = "InvalidSnapshot.InUse"
HELD = "DependencyViolation"
HELD_DEADLINE_S = 120.0
"""How long a security group may be held by an instance that is ending."""


def remove_image(region: Region, image: Image, *, parameter: str) -> str:
    """Remove an image, its snapshots and the parameter that names it.

    Return the time until which it is protected and cannot be removed, in AWS's words; empty when it is gone.
    """
    if naming.REMOVING not in image.tags:
        with _gone_is_fine():
            mark = {naming.REMOVING: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
            region.ec2("create_tags", Resources=[image.id, *image.snapshots], Tags=tag_list(mark))
    forget(region, parameter, image_id=image.id)
    with _gone_is_fine():
        until = _unprotect(region, image)
        if until:
            return until
        region.ec2("deregister_image", ImageId=image.id, DeleteAssociatedSnapshots=True)
    for snapshot in image.snapshots:
        remove_snapshot(region, snapshot, freed_by=image.id)
    return ""


def forget(region: Region, parameter: str, *, image_id: str) -> None:
    """Delete a parameter if there is one that names this image."""
    if not parameter:
        return
    found = parameters.read(region, [parameter]).get(parameter)
    if found and found.image_id == image_id:
        with _gone_is_fine():
            region.ssm("delete_parameter", Name=parameter)


def remove_snapshot(region: Region, snapshot: str, *, freed_by: str = "") -> None:
    """Delete a snapshot, unless an image still uses it.

    The image *freed_by* was deregistered a moment ago: as long as AWS says that it uses the snapshot, it is waited for.
    """

    def act() -> None:
        try:
            with _gone_is_fine():
                region.ec2("delete_snapshot", SnapshotId=snapshot)
        except ApiError as error:
            if error.code != IN_USE or (freed_by and freed_by in error.message):
                raise

    lateness.known(region, act, codes={IN_USE})


def remove_group(region: Region, group: str) -> None:
    """Delete a security group, as soon as the instances that are ending let go of it.

    Raises ApiError when one still holds it after HELD_DEADLINE_S.
    """

    def act() -> None:
        with _gone_is_fine():
            region.ec2("delete_security_group", GroupId=group)

    lateness.known(region, act, codes={HELD}, deadline_s=HELD_DEADLINE_S)


def remove_key(region: Region, name: str) -> None:
    """Delete a key pair."""
    with _gone_is_fine():
        region.ec2("delete_key_pair", KeyName=name)


def _unprotect(region: Region, image: Image) -> str:
    """Take the protection off; return until when it goes on all the same, empty when it does not."""
    until = image.protected_until
    if image.is_protected:
        answer = region.ec2("disable_image_deregistration_protection", ImageId=image.id)
        until = answers.protected_until(str(answer["Return"]))
    return until if until and datetime.fromisoformat(until) > datetime.now(UTC) else ""


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        if error.code not in GONE:
            raise
