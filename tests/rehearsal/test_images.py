"""DescribeImages and RegisterImage as strict as AWS; each rule names what it follows.

Where nothing else is named it is the action's own text in botocore (data/ec2/2016-11-15/service-2.json.gz).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT
from tests.rehearsed_images import STRANGER, a_snapshot, an_image, described, ec2_of, refused

ROOT = "/dev/xvda"
UNKNOWN = "ami-0123456789abcdef0"


@pytest.fixture
def ec2(rehearsal: Rehearsal) -> Any:
    return ec2_of(rehearsal)


def found(ec2: Any, **asked: object) -> list[str]:
    return [image["ImageId"] for image in ec2.describe_images(**asked)["Images"]]


def filtered(ec2: Any, name: str, *values: str) -> list[str]:
    return found(ec2, Filters=[{"Name": name, "Values": list(values)}])


def asked_for(rehearsal: Rehearsal, **changes: Any) -> dict[str, Any]:
    """Return the arguments of a RegisterImage that works, of a snapshot of 8 GiB, with these changes."""
    ebs = changes.pop("ebs", {})
    if "SnapshotId" not in ebs:
        ebs = {"SnapshotId": a_snapshot(rehearsal).id} | ebs
    good = {
        "Name": "dokku (2026.11) [x]/a.b-c@d_e'f",
        "Architecture": "arm64",
        "RootDeviceName": ROOT,
        "VirtualizationType": "hvm",
        "BlockDeviceMappings": [{"DeviceName": ROOT, "Ebs": ebs}],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


# DescribeImages: what there is, and who sees it.


def test_an_unknown_id_is_not_found(ec2: Any) -> None:
    status, code, message = refused(ec2.describe_images, ImageIds=[UNKNOWN])
    assert (status, code) == (400, "InvalidAMIID.NotFound")
    assert message == f"The image id '[{UNKNOWN}]' does not exist"


# EC2 API Reference, "Error codes", InvalidAMIID.Malformed.
@pytest.mark.parametrize("text", ["ami-1", "ami-0123456789ABCDEF0", "snap-0123456789abcdef0", "dokku"])
def test_what_is_no_id_is_malformed(ec2: Any, text: str) -> None:
    assert refused(ec2.describe_images, ImageIds=[text])[1] == "InvalidAMIID.Malformed"


def test_an_image_of_another_region_is_not_found(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, region="eu-west-2")
    assert refused(ec2.describe_images, ImageIds=[image.id])[1] == "InvalidAMIID.NotFound"


# EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API".
def test_a_new_image_is_hidden_at_first(rehearsal: Rehearsal, ec2: Any) -> None:
    rehearsal.faults = Faults(hidden_s=60)
    image_id = ec2.register_image(**asked_for(rehearsal))["ImageId"]
    assert found(ec2, Owners=["self"]) == []
    assert refused(ec2.describe_images, ImageIds=[image_id])[1] == "InvalidAMIID.NotFound"
    rehearsal.world.images[image_id].visible_at = 0
    assert found(ec2, Owners=["self"]) == found(ec2, ImageIds=[image_id]) == [image_id]


def test_owners_are_self_numbers_and_aliases(rehearsal: Rehearsal, ec2: Any) -> None:
    ours = an_image(rehearsal)
    other = an_image(rehearsal, owner=STRANGER, owner_alias="amazon", readers=[{"Group": "all"}])
    assert found(ec2, Owners=["self"]) == found(ec2, Owners=[ACCOUNT]) == [ours.id]
    assert found(ec2, Owners=["amazon"]) == found(ec2, Owners=[STRANGER]) == [other.id]
    assert found(ec2, Owners=["self", "amazon"]) == [ours.id, other.id]


# EC2 API Reference, "Error codes", InvalidUserID.Malformed.
def test_an_owner_who_is_nobody_is_refused(ec2: Any) -> None:
    assert refused(ec2.describe_images, Owners=["canonical"])[1] == "InvalidUserID.Malformed"


def test_of_other_owners_only_what_we_may_launch_is_seen(rehearsal: Rehearsal, ec2: Any) -> None:
    private = an_image(rehearsal, owner=STRANGER)
    shared = an_image(rehearsal, owner=STRANGER, readers=[{"UserId": ACCOUNT}])
    public = an_image(rehearsal, owner=STRANGER, readers=[{"Group": "all"}])
    an_image(rehearsal, owner=STRANGER, readers=[{"UserId": "111111111111"}])
    assert found(ec2, Owners=[STRANGER]) == [shared.id, public.id]
    assert found(ec2, ImageIds=[private.id]) == []


def test_executable_users_are_those_with_explicit_permissions(rehearsal: Rehearsal, ec2: Any) -> None:
    an_image(rehearsal)
    lent = an_image(rehearsal, readers=[{"UserId": STRANGER}])
    borrowed = an_image(rehearsal, owner=STRANGER, readers=[{"UserId": ACCOUNT}])
    public = an_image(rehearsal, readers=[{"Group": "all"}])
    assert found(ec2, ExecutableUsers=["self"]) == found(ec2, ExecutableUsers=[ACCOUNT]) == [borrowed.id]
    assert found(ec2, ExecutableUsers=[STRANGER]) == [lent.id]
    assert found(ec2, ExecutableUsers=["all"], Owners=["self"]) == [public.id]


# EC2 User Guide, "Deprecate an Amazon EC2 AMI".
def test_a_deprecated_image_of_another_owner_is_seen_only_by_its_id_or_on_request(
    rehearsal: Rehearsal, ec2: Any
) -> None:
    yesterday = rehearsal.world.today() - timedelta(days=1)
    theirs = an_image(rehearsal, owner=STRANGER, readers=[{"Group": "all"}], deprecated_at=yesterday)
    ours = an_image(rehearsal, deprecated_at=yesterday)
    later = an_image(rehearsal, owner=STRANGER, readers=[{"Group": "all"}], deprecated_at=yesterday + timedelta(days=2))
    assert found(ec2, Owners=["self", STRANGER]) == [ours.id, later.id]
    assert found(ec2, Owners=[STRANGER], IncludeDeprecated=True) == [theirs.id, later.id]
    assert found(ec2, ImageIds=[theirs.id]) == [theirs.id]


def test_a_disabled_image_is_seen_only_on_request(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, is_disabled=True)
    assert found(ec2, Owners=["self"]) == found(ec2, ImageIds=[image.id]) == []
    assert found(ec2, Owners=["self"], IncludeDisabled=True) == [image.id]


def test_pages_are_paged_by_boto3(rehearsal: Rehearsal, ec2: Any) -> None:
    images = [an_image(rehearsal).id for _ in range(7)]
    pages = list(ec2.get_paginator("describe_images").paginate(Owners=["self"], MaxResults=5))
    assert [len(page["Images"]) for page in pages] == [5, 2]
    assert [image["ImageId"] for page in pages for image in page["Images"]] == images
    assert refused(ec2.describe_images, Owners=["self"], MaxResults=4)[1] == "InvalidParameterValue"


# DescribeImages, Filters.
@pytest.mark.parametrize(
    ("name", "value", "fields"),
    [
        ("name", "dokku-*", {"name": "dokku-1"}),
        ("architecture", "arm64", {"arch": "arm64"}),
        ("description", "?he best", {"description": "the best"}),
        ("creation-date", "2021-09-29T*", {"created": datetime(2021, 9, 29, 11, 4, 43, tzinfo=UTC)}),
        ("boot-mode", "uefi", {"boot_mode": "uefi"}),
        ("ena-support", "true", {"is_ena": True}),
        ("is-public", "true", {"readers": [{"Group": "all"}]}),
        ("owner-id", STRANGER, {"owner": STRANGER, "readers": [{"UserId": ACCOUNT}]}),
        ("owner-alias", "amazon", {"owner": STRANGER, "owner_alias": "amazon", "readers": [{"UserId": ACCOUNT}]}),
        ("root-device-name", "/dev/sda1", {"root_device": "/dev/sda1"}),
        ("virtualization-type", "paravirtual", {"virtualization": "paravirtual"}),
        ("tag:Team", "A", {"tags": {"Team": "A"}}),
        ("tag-key", "Team", {"tags": {"Team": "A"}}),
        ("source-image-id", "ami-11111111", {"source": ("us-east-1", "ami-11111111")}),
        ("source-image-region", "us-east-?", {"source": ("us-east-1", "ami-11111111")}),
        ("source-instance-id", "i-11111111", {"source_instance": "i-11111111"}),
        ("sriov-net-support", "simple", {"sriov": "simple"}),
        ("state", "failed", {"failure": "no"}),
        ("state-reason-message", "no", {"failure": "no"}),
        ("block-device-mapping.volume-size", "99", {"size_gb": 99}),
        ("block-device-mapping.volume-type", "io2", {"volume_type": "io2"}),
        ("block-device-mapping.encrypted", "true", {"is_encrypted": True}),
        ("block-device-mapping.delete-on-termination", "false", {"is_deleted_on_termination": False}),
        ("block-device-mapping.device-name", "/dev/sda1", {"root_device": "/dev/sda1"}),
    ],
)
def test_a_filter_finds_what_it_names(
    rehearsal: Rehearsal, ec2: Any, name: str, value: str, fields: dict[str, Any]
) -> None:
    rehearsal.world.images.clear()  # the distributions' images have some of these too
    an_image(rehearsal)
    image = an_image(rehearsal, **fields)
    assert filtered(ec2, name, value) == [image.id]


def test_an_image_is_found_by_its_id_and_by_its_snapshot(rehearsal: Rehearsal, ec2: Any) -> None:
    an_image(rehearsal)
    image = an_image(rehearsal)
    assert filtered(ec2, "image-id", image.id) == [image.id]
    assert filtered(ec2, "block-device-mapping.snapshot-id", image.snapshot) == [image.id]


def test_every_image_is_a_machine_on_ebs_under_xen(rehearsal: Rehearsal, ec2: Any) -> None:
    rehearsal.world.images.clear()
    image = an_image(rehearsal)
    for name, value in (("image-type", "machine"), ("root-device-type", "ebs"), ("hypervisor", "xen")):
        assert filtered(ec2, name, value) == [image.id]
        assert filtered(ec2, name, "other") == []


def test_an_unknown_filter_is_refused(ec2: Any) -> None:
    _, code, message = refused(ec2.describe_images, Filters=[{"Name": "nome", "Values": ["x"]}])
    assert code == "InvalidParameterValue"
    assert message == "The filter 'nome' is invalid"


# Image in botocore: every member that can be told.
def test_all_that_is_known_of_an_image_is_told(rehearsal: Rehearsal) -> None:
    moment = datetime(2026, 11, 23, 14, 5, 6, 789000, tzinfo=UTC)
    image = an_image(
        rehearsal,
        name="dokku",
        created=moment,
        description="d",
        arch="arm64",
        boot_mode="uefi",
        imds_support="v2.0",
        tpm_support="v2.0",
        is_ena=True,
        sriov="simple",
        volume_type="gp3",
        iops=3000,
        throughput_mib_s=125,
        tags={"a": "b"},
        deprecated_at=moment,
        last_launched=moment,
        readers=[{"UserId": STRANGER}],
        source=("us-east-1", "ami-11111111"),
        source_instance="i-11111111",
    )
    assert described(rehearsal, image.id) == {
        "Architecture": "arm64",
        "BlockDeviceMappings": [
            {
                "DeviceName": ROOT,
                "Ebs": {
                    "DeleteOnTermination": True,
                    "Encrypted": False,
                    "Iops": 3000,
                    "SnapshotId": image.snapshot,
                    "Throughput": 125,
                    "VolumeSize": 8,
                    "VolumeType": "gp3",
                },
            }
        ],
        "BootMode": "uefi",
        "CreationDate": "2026-11-23T14:05:06.000Z",
        "DeprecationTime": "2026-11-23T14:05:06.000Z",
        "DeregistrationProtection": "disabled",
        "Description": "d",
        "EnaSupport": True,
        "Hypervisor": "xen",
        "ImageId": image.id,
        "ImageLocation": f"{ACCOUNT}/dokku",
        "ImageType": "machine",
        "ImdsSupport": "v2.0",
        "LastLaunchedTime": "2026-11-23T14:05:06.000Z",
        "Name": "dokku",
        "OwnerId": ACCOUNT,
        "PlatformDetails": "Linux/UNIX",
        "Public": False,
        "RootDeviceName": ROOT,
        "RootDeviceType": "ebs",
        "SourceImageId": "ami-11111111",
        "SourceImageRegion": "us-east-1",
        "SourceInstanceId": "i-11111111",
        "SriovNetSupport": "simple",
        "State": "available",
        "Tags": [{"Key": "a", "Value": "b"}],
        "TpmSupport": "v2.0",
        "UsageOperation": "RunInstances",
        "VirtualizationType": "hvm",
    }


# EC2 API Reference, DescribeImages, "Examples": there is no empty element for what an image does not have.
def test_what_an_image_does_not_have_is_left_out(rehearsal: Rehearsal) -> None:
    left_out = {"BootMode", "Description", "ImdsSupport", "TpmSupport", "Tags", "DeprecationTime", "StateReason"}
    row = described(rehearsal, an_image(rehearsal).id)
    assert not left_out & set(row)
    assert not {"Iops", "Throughput"} & set(row["BlockDeviceMappings"][0]["Ebs"])


def test_an_image_of_an_owner_with_an_alias_is_located_under_it(rehearsal: Rehearsal) -> None:
    image = an_image(rehearsal, owner=STRANGER, owner_alias="amazon", readers=[{"Group": "all"}])
    assert described(rehearsal, image.id)["ImageLocation"] == f"amazon/{image.name}"
    assert described(rehearsal, image.id)["ImageOwnerAlias"] == "amazon"


# ImageState in botocore.
def test_an_image_is_pending_then_available_or_failed(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(pending_s=60)
    good = rehearsal.world.images[ec2_of(rehearsal).register_image(**asked_for(rehearsal))["ImageId"]]
    bad = an_image(rehearsal, ready_at=good.ready_at, failure="no key")
    assert described(rehearsal, good.id)["State"] == described(rehearsal, bad.id)["State"] == "pending"
    assert "StateReason" not in described(rehearsal, bad.id)
    good.ready_at = bad.ready_at = 0
    assert described(rehearsal, good.id)["State"] == "available"
    assert described(rehearsal, bad.id)["State"] == "failed"
    assert described(rehearsal, bad.id)["StateReason"]["Message"] == "no key"


# Seen by public publishers: bottlerocket-os/bottlerocket, pull request 1066.
@pytest.mark.parametrize("origin", [{"source": ("us-east-1", "ami-11111111")}, {"source_instance": "i-11111111"}])
def test_an_image_that_aws_makes_the_snapshot_of_does_not_name_it_while_pending(
    rehearsal: Rehearsal, origin: dict[str, Any]
) -> None:
    image = an_image(rehearsal, ready_at=rehearsal.world.now() + 60, **origin)
    assert "SnapshotId" not in described(rehearsal, image.id)["BlockDeviceMappings"][0]["Ebs"]
    image.ready_at = 0
    assert described(rehearsal, image.id)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == image.snapshot


def test_a_registered_image_names_its_snapshot_at_once(rehearsal: Rehearsal) -> None:
    image = an_image(rehearsal, ready_at=rehearsal.world.now() + 60)
    assert described(rehearsal, image.id)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == image.snapshot


# RegisterImage.


def test_a_registered_image_is_as_it_was_asked_for(rehearsal: Rehearsal, ec2: Any) -> None:
    ebs = {"VolumeSize": 10, "VolumeType": "gp3", "Throughput": 2000, "Iops": 4000, "DeleteOnTermination": False}
    asked = asked_for(
        rehearsal,
        ebs=ebs,
        Description="d",
        BootMode="uefi",
        EnaSupport=True,
        ImdsSupport="v2.0",
        TpmSupport="v2.0",
        SriovNetSupport="simple",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    image = described(rehearsal, ec2.register_image(**asked)["ImageId"])
    same = ("Name", "Architecture", "Description", "BootMode", "EnaSupport", "ImdsSupport", "TpmSupport")
    for name in (*same, "RootDeviceName", "SriovNetSupport", "VirtualizationType"):
        assert image[name] == asked[name]
    wanted = asked["BlockDeviceMappings"][0]["Ebs"] | {"Encrypted": False}
    assert image["BlockDeviceMappings"] == [{"DeviceName": ROOT, "Ebs": wanted}]
    assert image["Tags"] == [{"Key": "a", "Value": "b"}]
    assert image["State"] == "available"
    assert image["OwnerId"] == ACCOUNT
    assert image["Public"] is False


# "Default: For Amazon EBS-backed AMIs, i386." and "Default: paravirtual": nothing of today boots from such an image.
def test_what_is_not_said_is_as_in_2006(rehearsal: Rehearsal, ec2: Any) -> None:
    asked = asked_for(rehearsal, Architecture=None, VirtualizationType=None)
    image = described(rehearsal, ec2.register_image(**asked)["ImageId"])
    assert (image["Architecture"], image["VirtualizationType"], image["EnaSupport"]) == ("i386", "paravirtual", False)


def test_the_largest_volume_is_taken(rehearsal: Rehearsal, ec2: Any) -> None:
    image = described(rehearsal, ec2.register_image(**asked_for(rehearsal, ebs={"VolumeSize": 65536}))["ImageId"])
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 65536


# EbsBlockDevice, VolumeSize: "If you specify a snapshot, the default is the snapshot size."
def test_a_volume_is_as_large_as_its_snapshot_unless_more_is_asked_for(rehearsal: Rehearsal, ec2: Any) -> None:
    image = described(rehearsal, ec2.register_image(**asked_for(rehearsal))["ImageId"])
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 8


# EbsBlockDevice: "equal to or larger than the snapshot size"; the words are AWS's.
def test_a_volume_smaller_than_its_snapshot_is_refused(rehearsal: Rehearsal, ec2: Any) -> None:
    _, code, message = refused(ec2.register_image, **asked_for(rehearsal, ebs={"VolumeSize": 7}))
    assert code == "InvalidBlockDeviceMapping"
    assert message.startswith("Volume of size 7GB is smaller than snapshot 'snap-")
    assert message.endswith("', expect size >= 8GB")


# EbsBlockDevice, Encrypted: "you must omit this parameter"; KmsKeyId: "only supported … by RunInstances".
@pytest.mark.parametrize("ebs", [{"Encrypted": True}, {"Encrypted": False}, {"KmsKeyId": "alias/x"}])
def test_a_snapshots_encryption_cannot_be_chosen(rehearsal: Rehearsal, ec2: Any, ebs: dict[str, Any]) -> None:
    assert refused(ec2.register_image, **asked_for(rehearsal, ebs=ebs))[1] == "InvalidBlockDeviceMapping"


def test_an_image_of_an_encrypted_snapshot_is_encrypted(rehearsal: Rehearsal, ec2: Any) -> None:
    ebs = {"SnapshotId": a_snapshot(rehearsal, is_encrypted=True).id}
    image = described(rehearsal, ec2.register_image(**asked_for(rehearsal, ebs=ebs))["ImageId"])
    assert image["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


# EbsBlockDevice, Throughput: "valid only for gp3 volumes … Minimum value of 125. Maximum value of 2,000."
@pytest.mark.parametrize(
    ("ebs", "code"),
    [
        ({"VolumeType": "gp2", "Throughput": 125}, "InvalidParameterCombination"),
        ({"VolumeType": "gp3", "Throughput": 124}, "InvalidParameterValue"),
        ({"VolumeType": "gp3", "Throughput": 2001}, "InvalidParameterValue"),
        ({"VolumeType": "gp4"}, "InvalidParameterValue"),
        ({"VolumeSize": 65537}, "InvalidBlockDeviceMapping"),
    ],
)
def test_a_volume_that_cannot_be_is_refused(rehearsal: Rehearsal, ec2: Any, ebs: dict[str, Any], code: str) -> None:
    assert refused(ec2.register_image, **asked_for(rehearsal, ebs=ebs))[1] == code


def test_the_root_device_must_be_mapped_to_a_snapshot(rehearsal: Rehearsal, ec2: Any) -> None:
    asked = asked_for(rehearsal)
    assert refused(ec2.register_image, **asked | {"BlockDeviceMappings": []})[1] == "InvalidBlockDeviceMapping"
    empty = [{"DeviceName": ROOT, "Ebs": {"VolumeSize": 8}}]
    assert refused(ec2.register_image, **asked | {"BlockDeviceMappings": empty})[1] == "InvalidBlockDeviceMapping"
    twice = asked["BlockDeviceMappings"] * 2
    assert refused(ec2.register_image, **asked | {"BlockDeviceMappings": twice})[1] == "InvalidBlockDeviceMapping"
    del asked["RootDeviceName"]
    assert refused(ec2.register_image, **asked)[1] == "MissingParameter"


@pytest.mark.parametrize(
    "mapping",
    [
        {"DeviceName": ROOT, "VirtualName": "ephemeral0"},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
        {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 1}},
    ],
)
def test_devices_beside_the_root_device_are_not_rehearsed(
    rehearsal: Rehearsal, ec2: Any, mapping: dict[str, Any]
) -> None:
    asked = asked_for(rehearsal)
    asked["BlockDeviceMappings"].append(mapping)
    assert refused(ec2.register_image, **asked)[1] == "UnsupportedOperation"


# EC2 API Reference, "Error codes": InvalidSnapshot.NotFound, InvalidSnapshotID.Malformed.
def test_the_snapshot_must_be_ours_and_in_this_region(rehearsal: Rehearsal, ec2: Any) -> None:
    elsewhere = a_snapshot(rehearsal, region="eu-west-2")
    foreign = a_snapshot(rehearsal, owner=STRANGER)
    for snapshot_id in ("snap-0123456789abcdef0", elsewhere.id, foreign.id):
        asked = asked_for(rehearsal, ebs={"SnapshotId": snapshot_id})
        assert refused(ec2.register_image, **asked)[1] == "InvalidSnapshot.NotFound"
    asked = asked_for(rehearsal, ebs={"SnapshotId": "snap-x"})
    assert refused(ec2.register_image, **asked)[1] == "InvalidSnapshotID.Malformed"


# EC2 API Reference, "Error codes", IncorrectState.
@pytest.mark.parametrize("fields", [{"ready_at": float("inf")}, {"failure": "no"}])
def test_the_snapshot_must_be_completed(rehearsal: Rehearsal, ec2: Any, fields: dict[str, Any]) -> None:
    asked = asked_for(rehearsal, ebs={"SnapshotId": a_snapshot(rehearsal, **fields).id})
    assert refused(ec2.register_image, **asked)[1] == "IncorrectState"


# The rule is the text of Name; of the lengths, botocore itself refuses the short ones.
@pytest.mark.parametrize("name", ["a" * 129, "a:b:c", "naïve", "abc\n"])
def test_a_name_that_breaks_the_rule_is_malformed(rehearsal: Rehearsal, ec2: Any, name: str) -> None:
    assert refused(ec2.register_image, **asked_for(rehearsal, Name=name))[1] == "InvalidAMIName.Malformed"


# EC2 API Reference, "Error codes", InvalidAMIName.Duplicate; the words are AWS's.
def test_a_duplicate_name_is_refused(rehearsal: Rehearsal, ec2: Any) -> None:
    # An image that is not seen yet has its name all the same.
    image = an_image(rehearsal, name="dokku", visible_at=rehearsal.world.now() + 60)
    _, code, message = refused(ec2.register_image, **asked_for(rehearsal, Name="dokku"))
    assert code == "InvalidAMIName.Duplicate"
    assert message == f"AMI name dokku is already in use by AMI {image.id}"


def test_names_elsewhere_are_no_duplicates(rehearsal: Rehearsal, ec2: Any) -> None:
    an_image(rehearsal, name="dokku", region="eu-west-2")
    an_image(rehearsal, name="dokku", owner=STRANGER)
    assert ec2.register_image(**asked_for(rehearsal, Name="dokku"))["ImageId"]


# "the value for ResourceType must be image. If you specify another value for ResourceType, the request fails."
def test_only_the_image_can_be_tagged_with_it(rehearsal: Rehearsal, ec2: Any) -> None:
    labels = [{"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert refused(ec2.register_image, **asked_for(rehearsal, TagSpecifications=labels))[1] == "InvalidParameterValue"


# EC2 User Guide, "Requirements for using NitroTPM".
@pytest.mark.parametrize("boot_mode", [None, "uefi-preferred", "legacy-bios"])
def test_a_tpm_needs_uefi(rehearsal: Rehearsal, ec2: Any, boot_mode: str | None) -> None:
    asked = asked_for(rehearsal, TpmSupport="v2.0", BootMode=boot_mode)
    assert refused(ec2.register_image, **asked)[1] == "InvalidParameterCombination"


@pytest.mark.parametrize("wrong", [{"Architecture": "amd64"}, {"BootMode": "efi"}, {"ImdsSupport": "v1.0"}])
def test_a_value_that_a_parameter_cannot_have_is_refused(rehearsal: Rehearsal, ec2: Any, wrong: dict[str, str]) -> None:
    assert refused(ec2.register_image, **asked_for(rehearsal, **wrong))[1] == "InvalidParameterValue"


def test_moto_holds_no_images_of_its_own(rehearsal: Rehearsal, ec2: Any) -> None:
    known = {image.id for image in rehearsal.world.images_in("eu-west-1")}
    assert set(found(ec2)) == known


def test_the_disk_of_a_snapshot_stays_with_it(rehearsal: Rehearsal, ec2: Any) -> None:
    disk = rehearsal.world.folder / "disk.qcow2"
    snapshot = replace(a_snapshot(rehearsal), disk=disk)
    rehearsal.world.snapshots[snapshot.id] = snapshot
    image_id = ec2.register_image(**asked_for(rehearsal, ebs={"SnapshotId": snapshot.id}))["ImageId"]
    assert rehearsal.world.snapshots[rehearsal.world.images[image_id].snapshot].disk == disk
