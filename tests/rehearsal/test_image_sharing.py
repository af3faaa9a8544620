"""Attributes and permissions of images as strict as AWS; each rule names what it follows.

Where nothing else is named it is the action's own text in botocore (data/ec2/2016-11-15/service-2.json.gz). Words in an
assertion are AWS's own, as its users have published them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import Image
from tests.rehearsed_images import (
    OWN_KEY,
    REGION,
    STRANGER,
    a_snapshot,
    an_image,
    an_instance,
    described,
    ec2_of,
    refused,
    snapshot_of,
)

ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-abcdef0123"
UNIT = "arn:aws:organizations::123456789012:ou/o-abcdef0123/ou-ab12-cdef3456"
ALL = {"Group": "all"}


@pytest.fixture
def ec2(rehearsal: Rehearsal) -> Any:
    return ec2_of(rehearsal)


@pytest.fixture
def image(rehearsal: Rehearsal) -> Image:
    return an_image(rehearsal)


def readers(ec2: Any, image: Image) -> list[dict[str, str]]:
    answer = ec2.describe_image_attribute(ImageId=image.id, Attribute="launchPermission")
    found: list[dict[str, str]] = answer["LaunchPermissions"]
    return found


def share(ec2: Any, image: Image, *permissions: dict[str, str]) -> dict[str, Any]:
    """Return the arguments that add permissions in the structured form."""
    return {"ImageId": image.id, "LaunchPermission": {"Add": list(permissions)}}


# Permissions.


def test_permissions_are_added_and_removed_by_a_structure(ec2: Any, image: Image) -> None:
    four = [{"UserId": STRANGER}, {"OrganizationArn": ORGANIZATION}, {"OrganizationalUnitArn": UNIT}]
    ec2.modify_image_attribute(**share(ec2, image, *four))
    ec2.modify_image_attribute(**share(ec2, image, {"UserId": STRANGER}))
    assert readers(ec2, image) == four
    changes = {"Remove": four[:2], "Add": [{"UserId": "111111111111"}]}
    ec2.modify_image_attribute(ImageId=image.id, LaunchPermission=changes)
    assert readers(ec2, image) == [four[2], {"UserId": "111111111111"}]


def test_permissions_are_added_and_removed_by_lists(ec2: Any, image: Image) -> None:
    lists = {"UserIds": [STRANGER], "OrganizationArns": [ORGANIZATION], "OrganizationalUnitArns": [UNIT]}
    asked = {"ImageId": image.id, "Attribute": "launchPermission"} | lists
    ec2.modify_image_attribute(OperationType="add", **asked)
    assert len(readers(ec2, image)) == 3
    ec2.modify_image_attribute(OperationType="remove", **asked)
    assert readers(ec2, image) == []


# OperationType, UserIds: "can be used only when the Attribute parameter is launchPermission"; the code and its
# parameter are AWS's answer to Packer 0.8.0 (hashicorp/packer, issue 2305).
def test_lists_need_their_attribute_and_an_operation(ec2: Any, image: Image) -> None:
    lone = {"ImageId": image.id, "UserIds": [STRANGER]}
    _, code, message = refused(ec2.modify_image_attribute, **lone)
    assert (code, message) == ("MissingParameter", "The request must contain the parameter LaunchPermission")
    assert refused(ec2.modify_image_attribute, **lone, OperationType="add")[1] == "MissingParameter"
    assert refused(ec2.modify_image_attribute, **lone, Attribute="launchPermission")[1] == "MissingParameter"
    asked = lone | {"Attribute": "launchPermission", "UserIds": []}
    assert refused(ec2.modify_image_attribute, **asked, OperationType="add")[1] == "MissingParameter"
    wrong = lone | {"Attribute": "launchPermission", "OperationType": "set"}
    assert refused(ec2.modify_image_attribute, **wrong)[1] == "InvalidParameterValue"


# packer 1.6.6, step_modify_ami_attributes.go, sends both, and AWS takes it.
def test_beside_a_structure_lists_are_ignored(ec2: Any, image: Image) -> None:
    ec2.modify_image_attribute(**share(ec2, image, {"UserId": STRANGER}), UserIds=["111111111111"])
    assert readers(ec2, image) == [{"UserId": STRANGER}]


@pytest.mark.parametrize(
    ("permission", "kind"),
    [
        ({"UserId": " "}, "userId"),
        ({"UserId": "dokku"}, "userId"),
        ({"Group": "everyone"}, "group"),
        ({"OrganizationArn": UNIT}, "organizationArn"),
        ({"OrganizationalUnitArn": ORGANIZATION}, "organizationalUnitArn"),
    ],
)
def test_nobody_cannot_be_given_a_permission(ec2: Any, image: Image, permission: dict[str, str], kind: str) -> None:
    _, code, message = refused(ec2.modify_image_attribute, **share(ec2, image, permission))
    assert code == "InvalidAMIAttributeItemValue"
    assert message == f'Invalid attribute item value "{next(iter(permission.values()))}" for {kind} item type.'


def test_one_permission_is_for_one_reader(ec2: Any, image: Image) -> None:
    two = {"UserId": STRANGER, "Group": "all"}
    assert refused(ec2.modify_image_attribute, **share(ec2, image, two))[1] == "InvalidParameterCombination"


# EC2 API Reference, "Error codes", InvalidAMIID.Unavailable: "not in a state from which you can … modify attributes".
@pytest.mark.parametrize(
    ("fields", "state"),
    [({"ready_at": float("inf")}, "pending"), ({"failure": "no"}, "failed"), ({"is_disabled": True}, "disabled")],
)
def test_only_an_available_image_can_be_changed(
    rehearsal: Rehearsal, ec2: Any, fields: dict[str, Any], state: str
) -> None:
    image = an_image(rehearsal, **fields)
    for asked in ({"Description": {"Value": "d"}}, {"LaunchPermission": {"Add": [{"UserId": STRANGER}]}}):
        _, code, message = refused(ec2.modify_image_attribute, ImageId=image.id, **asked)
        assert code == "InvalidAMIID.Unavailable"
        assert message == f"The AMI ID '{image.id}' is currently {state} and may not be used for this operation"


def test_only_its_owner_can_change_or_read_an_image(rehearsal: Rehearsal, ec2: Any) -> None:
    theirs = an_image(rehearsal, owner=STRANGER, readers=[ALL])
    asked = {"ImageId": theirs.id, "Description": {"Value": "d"}}
    _, code, message = refused(ec2.modify_image_attribute, **asked)
    assert (code, message) == ("AuthFailure", f"Not authorized for image:{theirs.id}")
    assert refused(ec2.describe_image_attribute, ImageId=theirs.id, Attribute="description")[1] == "AuthFailure"
    assert refused(ec2.reset_image_attribute, ImageId=theirs.id, Attribute="launchPermission")[1] == "AuthFailure"


# EC2 User Guide, "Share an AMI": only with a key of one's own.
def test_what_aws_own_key_encrypts_cannot_be_shared(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, is_encrypted=True)
    _, code, message = refused(ec2.modify_image_attribute, **share(ec2, image, {"UserId": STRANGER}))
    assert code == "InvalidParameter"
    assert message == "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot."
    snapshot_of(rehearsal, image.id).kms_key = OWN_KEY
    ec2.modify_image_attribute(**share(ec2, image, {"UserId": STRANGER}))
    assert readers(ec2, image) == [{"UserId": STRANGER}]


# Public images.


def test_an_encrypted_image_cannot_be_public(rehearsal: Rehearsal, ec2: Any) -> None:
    ec2.disable_image_block_public_access()
    snapshot = a_snapshot(rehearsal, is_encrypted=True, kms_key=OWN_KEY)
    image = an_image(rehearsal, snapshot=snapshot.id, is_encrypted=True)
    _, code, message = refused(ec2.modify_image_attribute, **share(ec2, image, ALL))
    assert code == "UnsupportedOperation"
    assert message == "Encrypted snapshots can't be shared publicly. Specify another snapshot."


# EC2 User Guide, "Block public access to your AMIs", "Default settings".
def test_a_region_blocks_public_images_until_it_is_told_not_to(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "block-new-sharing"
    _, code, message = refused(ec2.modify_image_attribute, **share(ec2, image, ALL))
    assert code == "OperationNotPermitted"
    assert "you must call the DisableImageBlockPublicAccess API" in message
    assert ec2.disable_image_block_public_access()["ImageBlockPublicAccessState"] == "unblocked"
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "unblocked"
    ec2.modify_image_attribute(**share(ec2, image, ALL))
    assert described(rehearsal, image.id)["Public"] is True
    elsewhere = ec2_of(rehearsal, "eu-west-2").get_image_block_public_access_state()
    assert elsewhere["ImageBlockPublicAccessState"] == "block-new-sharing"


# "if you already have public AMIs, they will remain publicly available"
def test_blocking_leaves_public_what_is_public(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    ec2.disable_image_block_public_access()
    ec2.modify_image_attribute(**share(ec2, image, ALL))
    answer = ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    assert answer["ImageBlockPublicAccessState"] == "block-new-sharing"
    assert described(rehearsal, image.id)["Public"] is True
    assert refused(ec2.modify_image_attribute, **share(ec2, an_image(rehearsal), ALL))[1] == "OperationNotPermitted"
    ec2.modify_image_attribute(**share(ec2, image, ALL, {"UserId": STRANGER}))  # is public already
    assert len(readers(ec2, image)) == 2


def test_blocking_knows_one_state(ec2: Any) -> None:
    asked = {"ImageBlockPublicAccessState": "unblocked"}
    assert refused(ec2.enable_image_block_public_access, **asked)[1] == "InvalidParameterValue"


# EC2 User Guide, "AMI quotas".
def test_a_region_has_five_public_images(rehearsal: Rehearsal, ec2: Any) -> None:
    ec2.disable_image_block_public_access()
    public = [an_image(rehearsal) for _ in range(5)]
    for one in public:
        ec2.modify_image_attribute(**share(ec2, one, ALL))
    _, code, message = refused(ec2.modify_image_attribute, **share(ec2, an_image(rehearsal), ALL))
    assert code == "ResourceLimitExceeded"
    assert message == (
        "You have reached your quota of 5 for the number of public images allowed in this Region. Deregister unused "
        "public images or make them private, or request an increase in your public AMIs quota."
    )
    ec2.modify_image_attribute(ImageId=public[0].id, LaunchPermission={"Remove": [ALL]})
    ec2.modify_image_attribute(**share(ec2, an_image(rehearsal), ALL))


# EC2 User Guide, "Deprecate an AMI": "By default, the deprecation date of all public AMIs is set to two years from the
# AMI creation date."
@pytest.mark.parametrize("days", [None, 100, 3000])
def test_a_public_image_is_deprecated_two_years_after_its_creation_at_the_latest(
    rehearsal: Rehearsal, ec2: Any, days: int | None
) -> None:
    created = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    image = an_image(rehearsal, created=created, deprecated_at=created + timedelta(days=days) if days else None)
    ec2.disable_image_block_public_access()
    ec2.modify_image_attribute(**share(ec2, image, ALL))
    wanted = "2027-03-03T14:00:00.000Z" if days == 100 else "2028-11-23T14:00:00.000Z"
    assert described(rehearsal, image.id)["DeprecationTime"] == wanted


# Other attributes.


@pytest.mark.parametrize("asked", [{"Description": {"Value": "d"}}, {"Attribute": "description", "Value": "d"}])
def test_a_description_is_set_in_either_form(ec2: Any, image: Image, asked: dict[str, Any]) -> None:
    image.description = "old"
    ec2.modify_image_attribute(ImageId=image.id, **asked)
    answer = ec2.describe_image_attribute(ImageId=image.id, Attribute="description")
    assert answer["Description"] == {"Value": "d"}


# AWS's own words, for all that describes an image; CopyImage in botocore has the length.
@pytest.mark.parametrize("text", ["Zürich", "x" * 256])
def test_a_description_is_255_letters_of_ascii_wherever_it_is_given(
    rehearsal: Rehearsal, ec2: Any, image: Image, text: str
) -> None:
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": image.snapshot}}
    instance = an_instance(image)
    before = len(rehearsal.world.images), len(rehearsal.world.snapshots)
    for call, asked in (
        (ec2.modify_image_attribute, {"ImageId": image.id, "Description": {"Value": text}}),
        (ec2.copy_image, {"SourceRegion": REGION, "SourceImageId": image.id, "Name": "copy", "Description": text}),
        (ec2.create_image, {"InstanceId": instance.id, "Name": "made", "Description": text}),
        (
            ec2.register_image,
            {"Name": "new", "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [disk], "Description": text},
        ),
    ):
        code, message = refused(call, **asked)[1:]
        assert code == "InvalidParameterValue"
        assert ("Character sets beyond ASCII are not supported" in message) == (text != "x" * 256)
    assert (len(rehearsal.world.images), len(rehearsal.world.snapshots)) == before


# What ImdsSupport says: "After you set the value to v2.0, you can't undo it."
def test_imdsv2_can_be_set_and_not_unset(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    ec2.modify_image_attribute(ImageId=image.id, ImdsSupport={"Value": "v2.0"})
    assert described(rehearsal, image.id)["ImdsSupport"] == "v2.0"
    answer = ec2.describe_image_attribute(ImageId=image.id, Attribute="imdsSupport")
    assert answer["ImdsSupport"] == {"Value": "v2.0"}
    for value in ("v1.0", ""):
        asked = {"ImageId": image.id, "ImdsSupport": {"Value": value}}
        assert refused(ec2.modify_image_attribute, **asked)[1] == "InvalidParameterValue"


# "You can specify only one attribute at a time."
def test_one_attribute_is_changed_at_a_time(ec2: Any, image: Image) -> None:
    asked = {"ImageId": image.id, "Description": {"Value": "d"}, "ImdsSupport": {"Value": "v2.0"}}
    assert refused(ec2.modify_image_attribute, **asked)[1] == "InvalidParameterCombination"
    mixed = {"ImageId": image.id, "Description": {"Value": "d"}, "Attribute": "launchPermission"}
    assert refused(ec2.modify_image_attribute, **mixed)[1] == "InvalidParameterCombination"
    assert image.description == ""
    unknown = {"ImageId": image.id, "Attribute": "name", "Value": "x"}
    assert refused(ec2.modify_image_attribute, **unknown)[1] == "InvalidParameterValue"


# ImageAttribute: each attribute is a member of its own.
@pytest.mark.parametrize(
    ("attribute", "member", "fields", "value"),
    [
        ("bootMode", "BootMode", {"boot_mode": "uefi"}, "uefi"),
        ("tpmSupport", "TpmSupport", {"tpm_support": "v2.0"}, "v2.0"),
        ("sriovNetSupport", "SriovNetSupport", {"sriov": "simple"}, "simple"),
        ("deregistrationProtection", "DeregistrationProtection", {}, "disabled"),
        (
            "lastLaunchedTime",
            "LastLaunchedTime",
            {"last_launched": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)},
            "2026-01-02T03:04:05.000Z",
        ),
    ],
)
def test_each_attribute_can_be_asked_for(
    rehearsal: Rehearsal, ec2: Any, attribute: str, member: str, fields: dict[str, Any], value: str
) -> None:
    image = an_image(rehearsal, **fields)
    answer = ec2.describe_image_attribute(ImageId=image.id, Attribute=attribute)
    assert answer[member] == {"Value": value}
    assert answer["ImageId"] == image.id


def test_an_attribute_that_an_image_does_not_have_has_no_value(ec2: Any, image: Image) -> None:
    assert ec2.describe_image_attribute(ImageId=image.id, Attribute="bootMode")["BootMode"] == {}
    assert "ProductCodes" not in ec2.describe_image_attribute(ImageId=image.id, Attribute="productCodes")


# What Attribute says of blockDeviceMapping: "Using this attribute returns the Client.AuthFailure error."
def test_the_mappings_are_no_attribute_any_more(ec2: Any, image: Image) -> None:
    asked = {"ImageId": image.id, "Attribute": "blockDeviceMapping"}
    assert refused(ec2.describe_image_attribute, **asked)[1] == "AuthFailure"


# "currently you can only reset the launch permission attribute"
def test_permissions_can_be_reset(ec2: Any, image: Image) -> None:
    ec2.modify_image_attribute(**share(ec2, image, {"UserId": STRANGER}))
    ec2.reset_image_attribute(ImageId=image.id, Attribute="launchPermission")
    assert readers(ec2, image) == []
    wrong = {"ImageId": image.id, "Attribute": "description"}
    assert refused(ec2.reset_image_attribute, **wrong)[1] == "InvalidParameterValue"
