"""Snapshots as strict as AWS; each rule names what it follows.

Where nothing else is named it is the action's own text in botocore (data/ec2/2016-11-15/service-2.json.gz). Words in an
assertion are AWS's own, as its users have published them.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakery.rehearsal import snapshots
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT, Snapshot
from tests.rehearsed_images import OWN_KEY, REGION, STRANGER, a_snapshot, an_image, an_instance, ec2_of, refused

FAR = "us-east-1"
UNKNOWN = "snap-0123456789abcdef0"


@pytest.fixture
def ec2(rehearsal: Rehearsal) -> Any:
    return ec2_of(rehearsal)


def told(ec2: Any, snapshot_id: str) -> dict[str, Any]:
    rows = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    assert len(rows) == 1
    found: dict[str, Any] = rows[0]
    return found


def found(ec2: Any, **asked: object) -> list[str]:
    return [row["SnapshotId"] for row in ec2.describe_snapshots(**asked)["Snapshots"]]


# DescribeSnapshots.


# Snapshot in botocore: every member that can be told.
def test_all_that_is_known_of_a_snapshot_is_told(rehearsal: Rehearsal, ec2: Any) -> None:
    started = datetime(2026, 11, 23, 14, 5, 6, tzinfo=UTC)
    snapshot = a_snapshot(
        rehearsal, started=started, description="d", tags={"a": "b"}, is_encrypted=True, kms_key=OWN_KEY
    )
    assert told(ec2, snapshot.id) == {
        "Description": "d",
        "Encrypted": True,
        "KmsKeyId": OWN_KEY,
        "OwnerId": ACCOUNT,
        "Progress": "100%",
        "SnapshotId": snapshot.id,
        "StartTime": started,
        "State": "completed",
        "StorageTier": "standard",
        "Tags": [{"Key": "a", "Value": "b"}],
        "VolumeId": "vol-ffffffff",
        "VolumeSize": 8,
    }
    plain = told(ec2, a_snapshot(rehearsal).id)
    assert plain["Description"] == ""
    assert not {"Tags", "KmsKeyId", "StateMessage", "TransferType"} & set(plain)


def test_an_encrypted_snapshot_without_a_key_has_aws_own(rehearsal: Rehearsal, ec2: Any) -> None:
    assert told(ec2, a_snapshot(rehearsal, is_encrypted=True).id)["KmsKeyId"].endswith(":alias/aws/ebs")


# SnapshotState in botocore: pending, completed, error.
@pytest.mark.parametrize(
    ("ready_at", "failure", "state"),
    [
        (0, "", "completed"),
        (0, "no", "error"),
        (1e12, "", "pending"),
        (1e12, "no", "pending"),  # a copy whose key is not looked at yet
        (float("inf"), "", "pending"),
        (float("inf"), "no", "error"),  # an upload that was given up
    ],
)
def test_a_snapshot_is_pending_then_completed_or_failed(
    rehearsal: Rehearsal, ec2: Any, ready_at: float, failure: str, state: str
) -> None:
    row = told(ec2, a_snapshot(rehearsal, ready_at=ready_at, failure=failure).id)
    assert row["State"] == state
    assert row["Progress"] == ("100%" if state == "completed" else "0%")
    assert row.get("StateMessage", "") == (failure if state == "error" else "")


# EC2 API Reference, "Error codes": InvalidSnapshot.NotFound, InvalidSnapshotID.Malformed.
def test_an_unknown_snapshot_is_not_found(rehearsal: Rehearsal, ec2: Any) -> None:
    status, code, message = refused(ec2.describe_snapshots, SnapshotIds=[UNKNOWN])
    assert (status, code, message) == (400, "InvalidSnapshot.NotFound", f"The snapshot '{UNKNOWN}' does not exist.")
    elsewhere = a_snapshot(rehearsal, region=FAR)
    assert refused(ec2.describe_snapshots, SnapshotIds=[elsewhere.id])[1] == "InvalidSnapshot.NotFound"
    assert refused(ec2.describe_snapshots, SnapshotIds=["snap-x"])[1] == "InvalidSnapshotID.Malformed"


# EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API".
def test_a_new_snapshot_is_hidden_at_first(rehearsal: Rehearsal, ec2: Any) -> None:
    rehearsal.faults = Faults(hidden_s=60)
    source = a_snapshot(rehearsal, region=FAR)
    copy = ec2.copy_snapshot(SourceRegion=FAR, SourceSnapshotId=source.id)["SnapshotId"]
    assert found(ec2, OwnerIds=["self"]) == []
    assert refused(ec2.describe_snapshots, SnapshotIds=[copy])[1] == "InvalidSnapshot.NotFound"
    rehearsal.world.snapshots[copy].visible_at = 0
    assert found(ec2, OwnerIds=["self"]) == [copy]


# Its text: "If you specify a snapshot ID for which you do not have access, it is not included in the returned results."
def test_of_other_owners_only_what_is_shared_is_seen(rehearsal: Rehearsal, ec2: Any) -> None:
    ours = a_snapshot(rehearsal)
    private = a_snapshot(rehearsal, owner=STRANGER)
    shared = a_snapshot(rehearsal, owner=STRANGER, readers={ACCOUNT})
    public = a_snapshot(rehearsal, owner=STRANGER, readers={"all"})
    assert found(ec2, OwnerIds=[STRANGER]) == [shared.id, public.id]
    assert found(ec2, OwnerIds=["self"]) == found(ec2, OwnerIds=[ACCOUNT]) == [ours.id]
    assert found(ec2, SnapshotIds=[private.id]) == []


# "self for snapshots for which you own or have explicit permissions, or all for public snapshots"
def test_restorable_snapshots_are_listed_by_who_may(rehearsal: Rehearsal, ec2: Any) -> None:
    ours = a_snapshot(rehearsal, readers={STRANGER})
    shared = a_snapshot(rehearsal, owner=STRANGER, readers={ACCOUNT})
    public = a_snapshot(rehearsal, owner=STRANGER, readers={"all"})
    assert found(ec2, RestorableByUserIds=["self"]) == found(ec2, RestorableByUserIds=[ACCOUNT]) == [ours.id, shared.id]
    assert found(ec2, RestorableByUserIds=[STRANGER]) == [ours.id]
    assert found(ec2, RestorableByUserIds=["all"]) == [public.id]


# DescribeSnapshots, Filters.
@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [
        ("description", "the b*", {"description": "the best"}),
        ("encrypted", "true", {"is_encrypted": True}),
        ("owner-id", STRANGER, {"owner": STRANGER, "readers": {"all"}}),
        ("progress", "0%", {"ready_at": 1e12}),
        ("start-time", "2021-09-29T*", {"started": datetime(2021, 9, 29, 11, 4, 43, tzinfo=UTC)}),
        ("status", "pending", {"ready_at": 1e12}),
        ("status", "error", {"failure": "no"}),
        ("tag:Team", "A", {"tags": {"Team": "A"}}),
        ("tag-key", "Te*", {"tags": {"Team": "A"}}),
        ("transfer-type", "standard", {"is_copy": True}),
        ("volume-id", "vol-1*", {"volume": "vol-11111111"}),
        ("volume-size", "99", {"size_gb": 99}),
    ],
)
def test_a_filter_finds_the_snapshots_it_names(
    rehearsal: Rehearsal, ec2: Any, name: str, value: str, fields: dict[str, Any]
) -> None:
    a_snapshot(rehearsal)
    snapshot = a_snapshot(rehearsal, **fields)
    assert found(ec2, Filters=[{"Name": name, "Values": [value]}]) == [snapshot.id]


def test_a_snapshot_is_found_by_its_id_and_every_one_is_at_hand(rehearsal: Rehearsal, ec2: Any) -> None:
    both = [a_snapshot(rehearsal).id, a_snapshot(rehearsal).id]
    assert found(ec2, Filters=[{"Name": "snapshot-id", "Values": [both[1]]}]) == both[1:]
    assert found(ec2, Filters=[{"Name": "storage-tier", "Values": ["standard"]}]) == both
    assert refused(ec2.describe_snapshots, Filters=[{"Name": "state", "Values": ["x"]}])[1] == "InvalidParameterValue"


def test_snapshots_are_paged_by_boto3(rehearsal: Rehearsal, ec2: Any) -> None:
    all_of_them = [a_snapshot(rehearsal).id for _ in range(6)]
    pages = list(ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], MaxResults=5))
    assert [row["SnapshotId"] for page in pages for row in page["Snapshots"]] == all_of_them
    assert len(pages) == 2


# CreateSnapshot.


def test_a_snapshot_of_a_volume_is_like_it(rehearsal: Rehearsal, ec2: Any) -> None:
    rehearsal.faults = Faults(pending_s=60)
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=3, Encrypted=True)["VolumeId"]
    labels = [{"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "b"}]}]
    answer = ec2.create_snapshot(VolumeId=volume, Description="d", TagSpecifications=labels)
    assert (answer["VolumeId"], answer["VolumeSize"], answer["Encrypted"]) == (volume, 3, True)
    assert (answer["State"], answer["Description"]) == ("pending", "d")
    assert answer["Tags"] == [{"Key": "a", "Value": "b"}]
    assert told(ec2, answer["SnapshotId"])["State"] == "pending"
    assert rehearsal.world.snapshots[answer["SnapshotId"]].disk is None


def test_a_snapshot_of_a_machines_root_device_has_its_disk(
    rehearsal: Rehearsal, ec2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = an_instance(an_image(rehearsal, root_device="/dev/xvda"))
    disk = Path("/disks/machine.qcow2")
    monkeypatch.setattr(rehearsal, "disk_of_instance", {instance.id: disk}.get)
    volume = instance.block_device_mapping["/dev/xvda"].volume_id
    snapshot_id = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    assert rehearsal.world.snapshots[snapshot_id].disk == disk


def test_a_snapshot_of_any_other_volume_has_no_disk(
    rehearsal: Rehearsal, ec2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(rehearsal, "disk_of_instance", asked.append)
    instance = an_instance(an_image(rehearsal))
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=3)["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=instance.id, Device="/dev/sdf")
    snapshot_id = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    assert rehearsal.world.snapshots[snapshot_id].disk is None
    assert asked == []


# "Snapshots that are taken from encrypted volumes are automatically encrypted."
@pytest.mark.parametrize("key", [OWN_KEY, ""])
def test_a_snapshot_has_the_key_of_its_volume(rehearsal: Rehearsal, ec2: Any, key: str) -> None:
    keyed = {"KmsKeyId": key} if key else {}
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=3, Encrypted=True, **keyed)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)
    assert snapshot["KmsKeyId"] == (key or f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/ebs")
    base = a_snapshot(rehearsal, is_encrypted=True, kms_key=key)
    machine = an_instance(an_image(rehearsal, snapshot=base.id), Encrypted=True)
    root = ec2.create_snapshot(VolumeId=machine.block_device_mapping["/dev/xvda"].volume_id)
    assert root["KmsKeyId"] == snapshot["KmsKeyId"]


def test_the_volume_must_be_there(ec2: Any) -> None:
    assert refused(ec2.create_snapshot, VolumeId="vol-0123456789abcdef0")[1] == "InvalidVolume.NotFound"


# CopySnapshot.


def test_a_copy_of_a_snapshot_is_like_it(rehearsal: Rehearsal, ec2: Any) -> None:
    source = a_snapshot(rehearsal, region=FAR, disk=Path("/disks/x.raw"), tags={"x": "y"}, description="old")
    labels = [{"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "b"}]}]
    asked = {"SourceRegion": FAR, "SourceSnapshotId": source.id, "Description": "d", "TagSpecifications": labels}
    answer = ec2.copy_snapshot(**asked)
    assert answer["Tags"] == [{"Key": "a", "Value": "b"}]
    copy = rehearsal.world.snapshots[answer["SnapshotId"]]
    assert (copy.region, copy.size_gb, copy.disk) == (REGION, 8, source.disk)
    assert (copy.tags, copy.description, copy.is_encrypted) == ({"a": "b"}, "d", False)


def test_a_copy_of_a_snapshot_fails_later_for_its_key(rehearsal: Rehearsal, ec2: Any) -> None:
    source = a_snapshot(rehearsal, region=FAR)
    asked = {"SourceRegion": FAR, "SourceSnapshotId": source.id, "Encrypted": True}
    good = told(ec2, ec2.copy_snapshot(**asked, KmsKeyId=OWN_KEY)["SnapshotId"])
    assert (good["State"], good["Encrypted"], good["KmsKeyId"]) == ("completed", True, OWN_KEY)
    bad = told(ec2, ec2.copy_snapshot(**asked, KmsKeyId="alias/bad")["SnapshotId"])
    assert (bad["State"], bad["StateMessage"]) == ("error", "Given key ID is not accessible")


# Encrypted: "You cannot set this parameter to false."; KmsKeyId: "the encrypted state must be true".
def test_a_copy_of_a_snapshot_cannot_be_told_not_to_be_encrypted(rehearsal: Rehearsal, ec2: Any) -> None:
    asked = {"SourceRegion": FAR, "SourceSnapshotId": a_snapshot(rehearsal, region=FAR).id}
    assert refused(ec2.copy_snapshot, **asked, Encrypted=False)[1] == "InvalidParameterValue"
    assert refused(ec2.copy_snapshot, **asked, KmsKeyId=OWN_KEY)[1] == "InvalidParameterDependency"


# EBS User Guide, "Copy an Amazon EBS snapshot": a copy is made of what is completed and one's own or shared.
def test_a_copy_needs_a_completed_snapshot_that_we_may_read(rehearsal: Rehearsal, ec2: Any) -> None:
    pending = a_snapshot(rehearsal, region=FAR, ready_at=float("inf"))
    assert refused(ec2.copy_snapshot, SourceRegion=FAR, SourceSnapshotId=pending.id)[1] == "IncorrectState"
    private = a_snapshot(rehearsal, region=FAR, owner=STRANGER)
    assert refused(ec2.copy_snapshot, SourceRegion=FAR, SourceSnapshotId=private.id)[1] == "InvalidSnapshot.NotFound"
    private.readers.add(ACCOUNT)
    assert ec2.copy_snapshot(SourceRegion=FAR, SourceSnapshotId=private.id)["SnapshotId"]


def test_pending_snapshots_that_are_no_copies_leave_room_for_copies(rehearsal: Rehearsal, ec2: Any) -> None:
    for _ in range(snapshots.MOST_COPIES):
        a_snapshot(rehearsal, ready_at=1e12)
    source = a_snapshot(rehearsal, region=FAR)
    assert ec2.copy_snapshot(SourceRegion=FAR, SourceSnapshotId=source.id)["SnapshotId"]


# EBS User Guide, "Quotas for Amazon EBS": snapshots and images together.
def test_copies_of_images_take_the_room_of_copies_of_snapshots(rehearsal: Rehearsal, ec2: Any) -> None:
    for _ in range(snapshots.MOST_COPIES):
        a_snapshot(rehearsal, is_copy=True, ready_at=1e12)
    source = a_snapshot(rehearsal, region=FAR)
    assert refused(ec2.copy_snapshot, SourceRegion=FAR, SourceSnapshotId=source.id)[1] == "ResourceLimitExceeded"


# DeleteSnapshot.


# "You must first deregister the AMI before you can delete the snapshot."
def test_a_snapshot_of_an_image_cannot_be_deleted(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal)
    _, code, message = refused(ec2.delete_snapshot, SnapshotId=image.snapshot)
    assert code == "InvalidSnapshot.InUse"
    assert message == f"The snapshot {image.snapshot} is currently in use by {image.id}"
    ec2.deregister_image(ImageId=image.id)
    ec2.delete_snapshot(SnapshotId=image.snapshot)
    assert refused(ec2.delete_snapshot, SnapshotId=image.snapshot)[1] == "InvalidSnapshot.NotFound"


def test_only_its_owner_deletes_or_shares_a_snapshot(rehearsal: Rehearsal, ec2: Any) -> None:
    theirs = a_snapshot(rehearsal, owner=STRANGER, readers={"all"})
    assert refused(ec2.delete_snapshot, SnapshotId=theirs.id)[1] == "InvalidSnapshot.NotFound"
    asked = {"SnapshotId": theirs.id, "CreateVolumePermission": {"Add": [{"UserId": ACCOUNT}]}}
    assert refused(ec2.modify_snapshot_attribute, **asked)[1] == "InvalidSnapshot.NotFound"


# Permissions.


def readers(ec2: Any, snapshot: Snapshot) -> list[dict[str, str]]:
    answer = ec2.describe_snapshot_attribute(SnapshotId=snapshot.id, Attribute="createVolumePermission")
    listed: list[dict[str, str]] = answer["CreateVolumePermissions"]
    return listed


def test_snapshots_are_shared_by_a_structure_and_by_lists(rehearsal: Rehearsal, ec2: Any) -> None:
    snapshot = a_snapshot(rehearsal)
    both = [{"UserId": STRANGER}, {"Group": "all"}]
    ec2.modify_snapshot_attribute(SnapshotId=snapshot.id, CreateVolumePermission={"Add": both})
    assert readers(ec2, snapshot) == both
    ec2.modify_snapshot_attribute(SnapshotId=snapshot.id, CreateVolumePermission={"Remove": both[1:]})
    assert readers(ec2, snapshot) == both[:1]
    lists = {"SnapshotId": snapshot.id, "Attribute": "createVolumePermission", "UserIds": [STRANGER]}
    ec2.modify_snapshot_attribute(OperationType="remove", **lists)
    assert readers(ec2, snapshot) == []
    ec2.modify_snapshot_attribute(OperationType="add", GroupNames=["all"], **lists)
    assert readers(ec2, snapshot) == both
    ec2.reset_snapshot_attribute(SnapshotId=snapshot.id, Attribute="createVolumePermission")
    assert readers(ec2, snapshot) == []
    wrong = {"SnapshotId": snapshot.id, "Attribute": "productCodes"}
    assert refused(ec2.reset_snapshot_attribute, **wrong)[1] == "InvalidParameterValue"


# "you cannot do both in a single operation"
def test_permissions_of_snapshots_are_added_or_removed(rehearsal: Rehearsal, ec2: Any) -> None:
    both = {"Add": [{"UserId": STRANGER}], "Remove": [{"UserId": "111111111111"}]}
    asked = {"SnapshotId": a_snapshot(rehearsal).id, "CreateVolumePermission": both}
    assert refused(ec2.modify_snapshot_attribute, **asked)[1] == "InvalidParameterCombination"


# "You can make up to 500 modifications to a snapshot in a single operation": the code is assumed.
@pytest.mark.parametrize("kind", ["Add", "Remove"])
def test_at_most_five_hundred_permissions_of_a_snapshot_change_at_once(
    rehearsal: Rehearsal, ec2: Any, kind: str
) -> None:
    readers = [{"UserId": f"{number:012d}"} for number in range(501)]
    asked = {"SnapshotId": a_snapshot(rehearsal).id}
    assert refused(ec2.modify_snapshot_attribute, **asked, CreateVolumePermission={kind: readers})[1] == (
        "InvalidParameterValue"
    )
    ec2.modify_snapshot_attribute(**asked, CreateVolumePermission={kind: readers[1:]})


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"UserIds": [STRANGER]}, "MissingParameter"),
        ({"UserIds": [STRANGER], "OperationType": "add"}, "MissingParameter"),
        ({"UserIds": [STRANGER], "Attribute": "createVolumePermission"}, "MissingParameter"),
        ({"UserIds": [STRANGER], "OperationType": "add", "Attribute": "productCodes"}, "InvalidParameterValue"),
        ({"CreateVolumePermission": {"Add": [{"Group": "everyone"}]}}, "InvalidAMIAttributeItemValue"),
        ({"CreateVolumePermission": {"Add": [{"UserId": "dokku"}]}}, "InvalidAMIAttributeItemValue"),
    ],
)
def test_permissions_of_snapshots_must_be_whole(
    rehearsal: Rehearsal, ec2: Any, asked: dict[str, Any], code: str
) -> None:
    assert refused(ec2.modify_snapshot_attribute, SnapshotId=a_snapshot(rehearsal).id, **asked)[1] == code


# What ModifySnapshotAttribute says: "Encrypted snapshots … cannot be made public. Snapshots encrypted with your default
# KMS key cannot be shared with other accounts."
@pytest.mark.parametrize("key", ["", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/ebs"])
def test_what_aws_own_key_encrypts_is_shared_with_nobody(rehearsal: Rehearsal, ec2: Any, key: str) -> None:
    snapshot = a_snapshot(rehearsal, is_encrypted=True, kms_key=key)
    asked = {"SnapshotId": snapshot.id, "CreateVolumePermission": {"Add": [{"UserId": STRANGER}]}}
    _, code, message = refused(ec2.modify_snapshot_attribute, **asked)
    assert (code, message) == ("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
    ec2.modify_snapshot_attribute(SnapshotId=snapshot.id, CreateVolumePermission={"Remove": [{"UserId": STRANGER}]})


def test_what_ones_own_key_encrypts_is_shared_but_not_with_everybody(rehearsal: Rehearsal, ec2: Any) -> None:
    snapshot = a_snapshot(rehearsal, is_encrypted=True, kms_key=OWN_KEY)
    ec2.modify_snapshot_attribute(SnapshotId=snapshot.id, CreateVolumePermission={"Add": [{"UserId": STRANGER}]})
    assert readers(ec2, snapshot) == [{"UserId": STRANGER}]
    asked = {"SnapshotId": snapshot.id, "CreateVolumePermission": {"Add": [{"Group": "all"}]}}
    assert refused(ec2.modify_snapshot_attribute, **asked)[1] == "OperationNotPermitted"
