"""How images end, as strict as AWS; each rule names what it follows.

Where nothing else is named it is the action's own text in botocore (data/ec2/2016-11-15/service-2.json.gz).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bakery.rehearsal.image_lifecycle import latest_public
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import Image
from tests.rehearsed_images import STRANGER, a_snapshot, an_image, described, ec2_of, refused


@pytest.fixture
def ec2(rehearsal: Rehearsal) -> Any:
    return ec2_of(rehearsal)


@pytest.fixture
def image(rehearsal: Rehearsal) -> Image:
    return an_image(rehearsal)


# Deprecation.


# What DeprecateAt says: "If you specify a value for seconds, Amazon EC2 rounds the seconds to the nearest minute."
@pytest.mark.parametrize(("second", "minute"), [(29, 17), (30, 18)])
def test_a_deprecation_is_on_the_minute(rehearsal: Rehearsal, ec2: Any, image: Image, second: int, minute: int) -> None:
    year = rehearsal.world.today().year + 1
    moment = datetime(year, 10, 15, 13, 17, second, tzinfo=UTC)
    assert ec2.enable_image_deprecation(ImageId=image.id, DeprecateAt=moment)["Return"] is True
    assert described(rehearsal, image.id)["DeprecationTime"] == f"{year}-10-15T13:{minute}:00.000Z"
    assert ec2.disable_image_deprecation(ImageId=image.id)["Return"] is True
    assert "DeprecationTime" not in described(rehearsal, image.id)


# DeprecateAt: "You can't specify a date in the past. The upper limit for DeprecateAt is 10 years from now".
@pytest.mark.parametrize(("days", "is_good"), [(-1, False), (1, True), (3651, True), (3654, False)])
def test_a_deprecation_is_within_ten_years(
    rehearsal: Rehearsal, ec2: Any, image: Image, days: int, *, is_good: bool
) -> None:
    asked = {"ImageId": image.id, "DeprecateAt": rehearsal.world.today() + timedelta(days=days)}
    if is_good:
        assert ec2.enable_image_deprecation(**asked)["Return"] is True
    else:
        assert refused(ec2.enable_image_deprecation, **asked)[1] == "InvalidParameterValue"


# DeprecateAt: "except for public AMIs, where the upper limit is 2 years from the creation date".
@pytest.mark.parametrize(("days", "is_good"), [(700, True), (731, False)])
def test_a_public_images_deprecation_is_within_two_years_of_its_creation(
    rehearsal: Rehearsal, ec2: Any, days: int, *, is_good: bool
) -> None:
    today = rehearsal.world.today()
    image = an_image(rehearsal, readers=[{"Group": "all"}], created=today - timedelta(days=10))
    asked = {"ImageId": image.id, "DeprecateAt": today + timedelta(days=days)}
    if is_good:
        assert ec2.enable_image_deprecation(**asked)["Return"] is True
    else:
        assert refused(ec2.enable_image_deprecation, **asked)[1] == "InvalidParameterValue"


def test_two_years_after_a_leap_day_is_the_first_of_march(rehearsal: Rehearsal) -> None:
    leap = an_image(rehearsal, created=datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert latest_public(leap) == datetime(2030, 3, 1, 12, tzinfo=UTC)


# EC2 User Guide, "Deprecate an AMI": "To cancel the deprecation date … you must make the AMI private".
def test_a_public_images_deprecation_cannot_be_cancelled(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, readers=[{"Group": "all"}], deprecated_at=rehearsal.world.today())
    assert refused(ec2.disable_image_deprecation, ImageId=image.id)[1] == "OperationNotPermitted"
    image.readers.clear()
    ec2.disable_image_deprecation(ImageId=image.id)
    assert image.deprecated_at is None


# EC2 User Guide: "To deprecate an AMI, you must be the owner of the AMI"; of the others likewise.
@pytest.mark.parametrize(
    "action",
    [
        "enable_image_deprecation",
        "disable_image_deprecation",
        "enable_image",
        "disable_image",
        "enable_image_deregistration_protection",
        "disable_image_deregistration_protection",
        "deregister_image",
    ],
)
def test_only_its_owner_ends_an_image(rehearsal: Rehearsal, ec2: Any, action: str) -> None:
    theirs = an_image(rehearsal, owner=STRANGER, readers=[{"Group": "all"}])
    when = {"DeprecateAt": rehearsal.world.today() + timedelta(days=1)} if action == "enable_image_deprecation" else {}
    assert refused(getattr(ec2, action), ImageId=theirs.id, **when)[1] == "AuthFailure"
    assert refused(getattr(ec2, action), ImageId="ami-0123456789abcdef0", **when)[1] == "InvalidAMIID.NotFound"


# Disabling.


# "Sets the AMI state to disabled and removes all launch permissions from the AMI."
def test_a_disabled_image_has_no_permissions_and_a_state_of_its_own(
    rehearsal: Rehearsal, ec2: Any, image: Image
) -> None:
    image.readers.append({"UserId": STRANGER})
    assert ec2.disable_image(ImageId=image.id)["Return"] is True
    assert described(rehearsal, image.id, IncludeDisabled=True)["State"] == "disabled"
    assert image.readers == []
    assert ec2.enable_image(ImageId=image.id)["Return"] is True
    assert described(rehearsal, image.id)["State"] == "available"
    assert image.readers == []


def test_a_pending_image_cannot_be_disabled(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, ready_at=float("inf"))
    assert refused(ec2.disable_image, ImageId=image.id)[1] == "InvalidAMIID.Unavailable"


# Protection.


# AWS CLI reference, enable-image-deregistration-protection, "Examples".
def test_a_protected_image_cannot_be_deregistered(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    answer = ec2.enable_image_deregistration_protection(ImageId=image.id)
    assert answer["Return"] == "enabled-without-cooldown"
    assert described(rehearsal, image.id)["DeregistrationProtection"] == "enabled-without-cooldown"
    assert refused(ec2.deregister_image, ImageId=image.id)[1] == "OperationNotPermitted"
    assert ec2.disable_image_deregistration_protection(ImageId=image.id)["Return"] == "disabled"
    assert ec2.deregister_image(ImageId=image.id)["Return"] is True


# WithCooldown: "enforces deregistration protection for 24 hours after deregistration protection is disabled".
def test_a_cooldown_protects_for_a_day_more(
    rehearsal: Rehearsal, ec2: Any, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ec2.enable_image_deregistration_protection(ImageId=image.id, WithCooldown=True)
    assert answer["Return"] == "enabled-with-cooldown"
    assert ec2.disable_image_deregistration_protection(ImageId=image.id)["Return"].startswith("disabled-until ")
    # Asking again does not shorten it.
    assert ec2.disable_image_deregistration_protection(ImageId=image.id)["Return"].startswith("disabled-until ")
    began = rehearsal.world.today()
    monkeypatch.setattr(rehearsal.world, "today", lambda: began + timedelta(hours=23))
    assert refused(ec2.deregister_image, ImageId=image.id)[1] == "OperationNotPermitted"
    monkeypatch.setattr(rehearsal.world, "today", lambda: began + timedelta(hours=25))
    assert ec2.deregister_image(ImageId=image.id)["Return"] is True


def test_a_cooldown_that_is_over_is_told_as_disabled(ec2: Any, image: Image) -> None:
    image.protection = "disabled-until 2026-01-01T00:00:00.000Z"
    assert ec2.disable_image_deregistration_protection(ImageId=image.id)["Return"] == "disabled"


# Deregistering.


# EC2 API Reference, "Error codes", InvalidAMIID.Unavailable: deregistered, or no longer available.
def test_a_deregistered_image_is_unavailable(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    ec2.deregister_image(ImageId=image.id)
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    for action in (ec2.deregister_image, ec2.disable_image):
        assert refused(action, ImageId=image.id)[1] == "InvalidAMIID.Unavailable"
    assert refused(ec2.describe_images, ImageIds=[image.id])[1] == "InvalidAMIID.Unavailable"
    elsewhere = ec2_of(rehearsal, "eu-west-2")
    assert refused(elsewhere.describe_images, ImageIds=[image.id])[1] == "InvalidAMIID.NotFound"


def test_a_deregistered_images_name_is_free(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    ec2.deregister_image(ImageId=image.id)
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": image.snapshot}}
    asked = {"Name": image.name, "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [mapping]}
    assert ec2.register_image(**asked)["ImageId"] != image.id


# What DeleteAssociatedSnapshots says: "Default: The snapshots are not deleted."
def test_the_snapshot_stays_unless_it_is_to_go_too(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    answer = ec2.deregister_image(ImageId=image.id)
    assert image.snapshot in rehearsal.world.snapshots
    assert "DeleteSnapshotResults" not in answer
    other = an_image(rehearsal)
    answer = ec2.deregister_image(ImageId=other.id, DeleteAssociatedSnapshots=True)
    assert answer["DeleteSnapshotResults"] == [{"SnapshotId": other.snapshot, "ReturnCode": "success"}]
    assert other.snapshot not in rehearsal.world.snapshots


# DeleteAssociatedSnapshots: "If a snapshot is associated with multiple AMIs, it is not deleted, regardless of this
# setting."; DeleteSnapshotReturnCode, "skipped".
def test_a_snapshot_of_two_images_goes_with_the_last_one(rehearsal: Rehearsal, ec2: Any) -> None:
    snapshot = a_snapshot(rehearsal)
    first, second = an_image(rehearsal, snapshot=snapshot.id), an_image(rehearsal, snapshot=snapshot.id)
    answer = ec2.deregister_image(ImageId=first.id, DeleteAssociatedSnapshots=True)
    assert answer["DeleteSnapshotResults"] == [{"SnapshotId": snapshot.id, "ReturnCode": "skipped"}]
    answer = ec2.deregister_image(ImageId=second.id, DeleteAssociatedSnapshots=True)
    assert answer["DeleteSnapshotResults"] == [{"SnapshotId": snapshot.id, "ReturnCode": "success"}]
