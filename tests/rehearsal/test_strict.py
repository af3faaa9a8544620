"""What all strict actions of EC2 have in common: dry runs, and that nothing is forgotten in silence."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import Image
from tests.rehearsed_images import OWN_KEY, REGION, STRANGER, an_image, an_instance, ec2_of, refused

SHARE = {"Add": [{"UserId": STRANGER}]}
ACTIONS = (
    "copy_image",
    "copy_snapshot",
    "create_image",
    "create_snapshot",
    "create_tags",
    "delete_snapshot",
    "delete_tags",
    "deregister_image",
    "describe_image_attribute",
    "describe_images",
    "describe_snapshot_attribute",
    "describe_snapshots",
    "describe_tags",
    "disable_image",
    "disable_image_block_public_access",
    "disable_image_deprecation",
    "disable_image_deregistration_protection",
    "enable_image",
    "enable_image_block_public_access",
    "enable_image_deprecation",
    "enable_image_deregistration_protection",
    "get_image_block_public_access_state",
    "modify_image_attribute",
    "modify_snapshot_attribute",
    "register_image",
    "reset_image_attribute",
    "reset_snapshot_attribute",
)


@pytest.fixture
def image(rehearsal: Rehearsal) -> Image:
    return an_image(rehearsal)


def arguments(action: str, image: Image) -> dict[str, Any]:
    """Return what an action needs at the least."""
    resources = {"Resources": [image.id], "Tags": [{"Key": "a", "Value": "b"}]}
    known: dict[str, dict[str, Any]] = {
        "copy_image": {"Name": "a copy", "SourceImageId": image.id, "SourceRegion": REGION},
        "copy_snapshot": {"SourceSnapshotId": image.snapshot, "SourceRegion": REGION},
        "create_tags": resources,
        "delete_tags": resources,
        "describe_image_attribute": {"ImageId": image.id, "Attribute": "description"},
        "describe_snapshot_attribute": {"SnapshotId": image.snapshot, "Attribute": "createVolumePermission"},
        "enable_image_block_public_access": {"ImageBlockPublicAccessState": "block-new-sharing"},
        "enable_image_deprecation": {"ImageId": image.id, "DeprecateAt": image.created + timedelta(days=9)},
        "modify_image_attribute": {"ImageId": image.id, "Description": {"Value": "d"}},
        "modify_snapshot_attribute": {"SnapshotId": image.snapshot, "CreateVolumePermission": SHARE},
        "register_image": {
            "Name": "dokku",
            "RootDeviceName": "/dev/xvda",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": image.snapshot}}],
        },
        "reset_image_attribute": {"ImageId": image.id, "Attribute": "launchPermission"},
        "reset_snapshot_attribute": {"SnapshotId": image.snapshot, "Attribute": "createVolumePermission"},
        "delete_snapshot": {"SnapshotId": image.snapshot},
    }
    if action in {"create_image", "create_snapshot"}:
        machine = an_instance(image)
        volume = machine.block_device_mapping["/dev/xvda"].volume_id
        return {"VolumeId": volume} if action == "create_snapshot" else {"InstanceId": machine.id, "Name": "made"}
    is_general = action.startswith("describe_") or action.endswith(("_public_access", "_public_access_state"))
    return known.get(action, {} if is_general else {"ImageId": image.id})


# DryRun in botocore: "If you have the required permissions, the error response is DryRunOperation."
@pytest.mark.parametrize("action", ACTIONS)
def test_a_dry_run_changes_nothing(rehearsal: Rehearsal, image: Image, action: str) -> None:
    world = rehearsal.world
    asked = arguments(action, image)
    before = copy.deepcopy((world.images, world.snapshots, world.deregistered, world.unblocked))
    assert refused(getattr(ec2_of(rehearsal), action), **asked, DryRun=True)[1] == "DryRunOperation"
    assert (world.images, world.snapshots, world.deregistered, world.unblocked) == before


@pytest.mark.parametrize("action", sorted(set(ACTIONS) - {"delete_snapshot"}))
def test_the_same_action_without_it_is_carried_out(rehearsal: Rehearsal, image: Image, action: str) -> None:
    answer = getattr(ec2_of(rehearsal), action)(**arguments(action, image))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


# What AWS can do and the rehearsal cannot is refused: an answer that leaves it out would be believed.
@pytest.mark.parametrize(
    ("action", "name", "value"),
    [
        ("copy_image", "DestinationOutpostArn", "arn:aws:outposts:x"),
        ("copy_image", "DestinationAvailabilityZone", "x"),
        ("copy_image", "DestinationAvailabilityZoneId", "x"),
        ("copy_snapshot", "DestinationOutpostArn", "arn:aws:outposts:x"),
        ("copy_snapshot", "DestinationAvailabilityZone", "x"),
        ("create_image", "SnapshotLocation", "local"),
        ("create_image", "BootModeOverride", "uefi"),
        ("create_snapshot", "OutpostArn", "arn:aws:outposts:x"),
        ("create_snapshot", "Location", "local"),
        ("register_image", "ImageLocation", "x"),
        ("register_image", "KernelId", "x"),
        ("register_image", "RamdiskId", "x"),
        ("register_image", "BillingProducts", ["x"]),
        ("register_image", "UefiData", "x"),
    ],
)
def test_what_is_not_rehearsed_is_refused(
    rehearsal: Rehearsal, image: Image, action: str, name: str, value: object
) -> None:
    asked = arguments(action, image) | {name: value}
    _, code, message = refused(getattr(ec2_of(rehearsal), action), **asked)
    assert code == "UnsupportedOperation"
    assert message == f"The rehearsal cloud has no {name}"


# EBS User Guide, "Time-based copies".
def test_a_snapshots_copy_has_a_duration_in_quarters_of_an_hour(rehearsal: Rehearsal, image: Image) -> None:
    asked = arguments("copy_snapshot", image) | {"CompletionDurationMinutes": 20}
    assert refused(ec2_of(rehearsal).copy_snapshot, **asked)[1] == "InvalidParameterValue"


def test_what_is_done_in_one_region_is_not_done_in_another(rehearsal: Rehearsal, image: Image) -> None:
    asked = arguments("copy_image", image) | {"Encrypted": True, "KmsKeyId": OWN_KEY}
    far = ec2_of(rehearsal, "us-east-1")
    copied = rehearsal.world.images[far.copy_image(**asked)["ImageId"]]
    assert copied.region == "us-east-1"
    assert copied.failure == "Given key ID is not accessible"
