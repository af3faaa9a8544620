"""What AWS answers becomes values, whatever it leaves out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bakery.cloud.values import Group, Image, Instance, KeyPair, Pointer, Snapshot
from bakery.clouds.aws import answers

AT = datetime(2026, 11, 23, 4, 15, tzinfo=UTC)
TAGS = [{"Key": "team", "Value": "ops"}, {"Key": "Name", "Value": "host"}]


def image(**told: Any) -> Image:
    return answers.image({"ImageId": "ami-1", "CreationDate": "2026-11-23T04:15:00.000Z", **told})


def test_of_an_image_all_is_taken_that_is_asked_for() -> None:
    found = image(
        Name="dokku-bakery/host/x/amd64",
        State="available",
        OwnerId="123456789012",
        Tags=TAGS,
        Description="What it is",
        Architecture="x86_64",
        BootMode="uefi",
        RootDeviceName="/dev/xvda",
        BlockDeviceMappings=[
            {"DeviceName": "/dev/xvdb", "Ebs": {"SnapshotId": "snap-2", "VolumeSize": 20}},
            {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 8}},
            {"DeviceName": "/dev/xvdc", "VirtualName": "ephemeral0"},
        ],
        SourceImageId="ami-0",
        SourceImageRegion="eu-west-2",
        DeprecationTime="2026-11-23T04:15:00.000Z",
        LastLaunchedTime="2026-11-23T04:15:00Z",
        Public=True,
        DeregistrationProtection="enabled-with-cooldown",
        ImdsSupport="v2.0",
    )
    assert found == Image(
        id="ami-1",
        name="dokku-bakery/host/x/amd64",
        state="available",
        created_at=AT,
        owner="123456789012",
        tags={"team": "ops", "Name": "host"},
        description="What it is",
        architecture="x86_64",
        boot_mode="uefi",
        root_device="/dev/xvda",
        root_size_gb=8,
        root_snapshot="snap-1",
        snapshots=("snap-2", "snap-1"),
        size_gb=20,
        source_id="ami-0",
        source_place="eu-west-2",
        deprecate_at=AT,
        last_launched_at=AT,
        is_public=True,
        is_protected=True,
        is_imdsv2_required=True,
    )


def test_of_an_image_everything_but_its_id_and_date_may_be_left_out_or_empty() -> None:
    nothing = Image(id="ami-1", name="", state="", created_at=AT)
    assert image() == nothing
    assert image(Description="", DeprecationTime="", ImdsSupport="", BlockDeviceMappings=[]) == nothing


def test_a_snapshot_that_is_not_shown_yet_has_no_id() -> None:
    found = image(RootDeviceName="/dev/xvda", BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {}}])
    assert (found.root_snapshot, found.snapshots, found.size_gb) == ("", (), 0)


@pytest.mark.parametrize(
    ("protection", "is_protected", "until"),
    [
        ("disabled", False, ""),
        ("enabled-without-cooldown", True, ""),
        ("enabled-with-cooldown", True, ""),
        ("disabled-until 2026-11-24T04:15:00.000Z", False, "2026-11-24T04:15:00.000Z"),
    ],
)
def test_a_protection_is_on_or_off_or_goes_on_for_a_while(protection: str, is_protected: bool, until: str) -> None:
    found = image(DeregistrationProtection=protection)
    assert (found.is_protected, found.protected_until) == (is_protected, until)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ({"StateReason": {"Code": "Client.Error", "Message": "the key is disabled"}}, "the key is disabled"),
        ({"StateReason": {"Code": "Client.InternalError"}}, "Client.InternalError"),
        ({"StateReason": {}}, "AWS does not say why"),
        ({}, "AWS does not say why"),
    ],
)
def test_an_image_that_failed_says_why_and_no_other_does(reason: dict[str, Any], told: str) -> None:
    assert image(State="failed", **reason).failure == told
    assert image(State="available", **reason).failure == ""


def test_a_snapshot_is_as_it_is_shown() -> None:
    told = {"State": "completed", "StartTime": AT, "Tags": TAGS[:1], "Description": "a backup", "VolumeSize": 8}
    assert answers.snapshot({"SnapshotId": "snap-1", **told, "Encrypted": True, "KmsKeyId": "arn"}) == Snapshot(
        id="snap-1",
        state="completed",
        started_at=AT,
        tags={"team": "ops"},
        description="a backup",
        size_gb=8,
        is_encrypted=True,
        key="arn",
    )
    assert answers.snapshot({"SnapshotId": "snap-1", "StartTime": AT}) == Snapshot(id="snap-1", state="", started_at=AT)


def test_an_instance_is_as_it_is_shown() -> None:
    told = {
        "ImageId": "ami-1",
        "State": {"Name": "stopped"},
        "LaunchTime": AT,
        "Tags": TAGS[:1],
        "StateReason": {"Code": "Client.Volume", "Message": "no volume"},
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web"}],
        "KeyName": "mine",
        "SubnetId": "subnet-1",
        "PublicIpAddress": "203.0.113.1",
        "PrivateIpAddress": "10.0.0.1",
        "Ipv6Address": "2001:db8::1",
    }
    assert answers.instance({"InstanceId": "i-1", **told}) == Instance(
        id="i-1",
        image_id="ami-1",
        state="stopped",
        started_at=AT,
        tags={"team": "ops"},
        reason="no volume",
        groups=("sg-1",),
        key_name="mine",
        subnet="subnet-1",
        public_address="203.0.113.1",
        private_address="10.0.0.1",
        ipv6_address="2001:db8::1",
    )
    bare = answers.instance({"InstanceId": "i-1", "State": {"Name": "pending"}, "LaunchTime": AT})
    assert bare == Instance(id="i-1", image_id="", state="pending", started_at=AT)


def test_groups_key_pairs_and_parameters_are_as_they_are_shown() -> None:
    assert answers.group({"GroupId": "sg-1", "GroupName": "web"}) == Group(id="sg-1", name="web")
    assert answers.key_pair({"KeyName": "mine"}) == KeyPair(name="mine")
    assert answers.key_pair({"KeyName": "mine", "CreateTime": AT}) == KeyPair(name="mine", created_at=AT)
    told = {"Name": "/a", "Value": "ami-1", "Version": 3, "LastModifiedDate": AT}
    assert answers.pointer(told) == Pointer(image_id="ami-1", version=3, written_at=AT)
