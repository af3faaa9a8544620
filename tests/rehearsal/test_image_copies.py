"""CopyImage and CreateImage as strict as AWS; each rule names what it follows.

Where nothing else is named it is the action's own text in botocore (data/ec2/2016-11-15/service-2.json.gz).
"""

from pathlib import Path
from typing import Any

import pytest

from bakery.rehearsal import keys
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT, Image, new_id
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

FAR = "us-east-1"


@pytest.fixture
def ec2(rehearsal: Rehearsal) -> Any:
    return ec2_of(rehearsal)


@pytest.fixture
def source(rehearsal: Rehearsal) -> Image:
    """Return an image in another region."""
    disk = rehearsal.world.folder / "disk.qcow2"
    return an_image(rehearsal, region=FAR, snapshot=a_snapshot(rehearsal, region=FAR, disk=disk).id)


def of(source: Image, **changes: Any) -> dict[str, Any]:
    """Return the arguments of a CopyImage that works, with these changes."""
    return {"Name": "a copy", "SourceImageId": source.id, "SourceRegion": source.region} | changes


def copied(rehearsal: Rehearsal, source: Image, **changes: Any) -> dict[str, Any]:
    return described(rehearsal, ec2_of(rehearsal).copy_image(**of(source, **changes))["ImageId"])


# CopyImage.


def test_a_copy_is_like_its_source(rehearsal: Rehearsal, source: Image) -> None:
    source.arch, source.boot_mode, source.imds_support, source.is_ena = "arm64", "uefi", "v2.0", True
    source.volume_type, source.iops, source.size_gb, source.root_device = "gp3", 3000, 20, "/dev/sda1"
    before = described(rehearsal, source.id, region=FAR)
    copy = copied(rehearsal, source, Description="d")
    for name in ("Architecture", "BootMode", "ImdsSupport", "EnaSupport", "RootDeviceName", "VirtualizationType"):
        assert copy[name] == before[name]
    ebs = copy["BlockDeviceMappings"][0]["Ebs"]
    assert ebs == before["BlockDeviceMappings"][0]["Ebs"] | {"SnapshotId": ebs["SnapshotId"]}
    assert (copy["Name"], copy["Description"]) == ("a copy", "d")
    assert (copy["SourceImageId"], copy["SourceImageRegion"]) == (source.id, FAR)


def test_a_copy_has_a_snapshot_of_its_own_with_the_same_disk(rehearsal: Rehearsal, source: Image) -> None:
    copy = copied(rehearsal, source)
    snapshot, original = snapshot_of(rehearsal, copy["ImageId"]), snapshot_of(rehearsal, source.id)
    assert snapshot.id != original.id
    assert snapshot.region == REGION
    assert snapshot.disk == original.disk is not None
    assert source.id in snapshot.description


# EC2 User Guide, "Copy an Amazon EC2 AMI": launch permissions are not copied; of the others nothing is said.
def test_permissions_protection_and_deprecation_are_not_copied(rehearsal: Rehearsal, source: Image) -> None:
    source.readers, source.protection = [{"UserId": STRANGER}], "enabled-with-cooldown"
    source.description, source.deprecated_at = "d", rehearsal.world.today()
    copy = copied(rehearsal, source)
    assert rehearsal.world.images[copy["ImageId"]].readers == []
    assert copy["DeregistrationProtection"] == "disabled"
    assert "DeprecationTime" not in copy
    assert "Description" not in copy


def test_a_copy_is_pending_at_first(rehearsal: Rehearsal, source: Image) -> None:
    rehearsal.faults = Faults(pending_s=60)
    copy = copied(rehearsal, source)
    assert copy["State"] == "pending"
    rehearsal.world.images[copy["ImageId"]].ready_at = 0
    assert described(rehearsal, copy["ImageId"])["State"] == "available"


# fedora-coreos-tracker and others tell it of AWS: only RegisterImage and CreateImage keep names unique.
def test_copies_may_have_the_same_name(ec2: Any, source: Image) -> None:
    assert ec2.copy_image(**of(source))["ImageId"] != ec2.copy_image(**of(source))["ImageId"]


def test_a_copy_takes_a_name_from_those_that_are_registered(rehearsal: Rehearsal, ec2: Any, source: Image) -> None:
    ec2.copy_image(**of(source))
    asked = {"RootDeviceName": "/dev/xvda", "Name": "a copy"}
    ebs = {"SnapshotId": a_snapshot(rehearsal).id}
    mappings = [{"DeviceName": "/dev/xvda", "Ebs": ebs}]
    assert refused(ec2.register_image, **asked, BlockDeviceMappings=mappings)[1] == "InvalidAMIName.Duplicate"


def test_a_copys_name_obeys_the_rule_for_names(ec2: Any, source: Image) -> None:
    assert refused(ec2.copy_image, **of(source, Name="a:b:c"))[1] == "InvalidAMIName.Malformed"


# EC2 API Reference, "Ensuring idempotency in Amazon EC2 API requests".
def test_the_same_token_makes_the_same_copy(rehearsal: Rehearsal, ec2: Any, source: Image) -> None:
    first = ec2.copy_image(**of(source, ClientToken="t"))["ImageId"]
    assert ec2.copy_image(**of(source, ClientToken="t"))["ImageId"] == first
    assert len([image for image in rehearsal.world.images_in(REGION) if image.owner == ACCOUNT]) == 1
    other = of(source, ClientToken="t", Name="another copy")
    assert refused(ec2.copy_image, **other)[1] == "IdempotentParameterMismatch"


def test_a_token_counts_in_one_region(rehearsal: Rehearsal, ec2: Any, source: Image) -> None:
    first = ec2.copy_image(**of(source, ClientToken="t"))["ImageId"]
    assert ec2_of(rehearsal, "eu-west-2").copy_image(**of(source, ClientToken="t"))["ImageId"] != first


def test_the_source_must_be_in_the_region_that_is_named(rehearsal: Rehearsal, ec2: Any, source: Image) -> None:
    assert refused(ec2.copy_image, **of(source, SourceRegion=REGION))[1] == "InvalidAMIID.NotFound"
    source.visible_at = rehearsal.world.now() + 60
    assert refused(ec2.copy_image, **of(source))[1] == "InvalidAMIID.NotFound"


@pytest.mark.parametrize("region", ["us-middle-1", "af-south-1", "cn-north-1"])
def test_the_source_region_must_be_one_of_this_accounts(ec2: Any, source: Image, region: str) -> None:
    assert refused(ec2.copy_image, **of(source, SourceRegion=region))[1] == "InvalidParameterValue"


# EC2 API Reference, "Error codes", InvalidAMIID.Unavailable: not in a state from which …
@pytest.mark.parametrize("fields", [{"ready_at": float("inf")}, {"failure": "no"}, {"is_disabled": True}])
def test_the_source_must_be_available(ec2: Any, source: Image, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(source, name, value)
    assert refused(ec2.copy_image, **of(source))[1] == "InvalidAMIID.Unavailable"


# EC2 User Guide, "Copy an AMI": of somebody else's image its storage must be shared too; the words are AWS's.
def test_of_another_owner_the_snapshot_must_be_shared_too(rehearsal: Rehearsal, ec2: Any) -> None:
    theirs = an_image(rehearsal, region=FAR, owner=STRANGER, readers=[{"UserId": ACCOUNT}])
    _, code, message = refused(ec2.copy_image, **of(theirs))
    assert code == "InvalidRequest"
    assert message == "You do not have permission to access the storage of this ami"
    snapshot_of(rehearsal, theirs.id).readers = {ACCOUNT}
    assert copied(rehearsal, theirs)["OwnerId"] == ACCOUNT


def test_a_shared_snapshot_does_not_make_a_private_image_ones_own(rehearsal: Rehearsal, ec2: Any) -> None:
    theirs = an_image(rehearsal, region=FAR, owner=STRANGER)
    snapshot_of(rehearsal, theirs.id).readers = {ACCOUNT}
    assert refused(ec2.copy_image, **of(theirs))[1] == "InvalidRequest"


def test_an_image_that_is_only_listed_cannot_be_copied(rehearsal: Rehearsal, ec2: Any) -> None:
    listed = an_image(rehearsal, region=FAR, owner=STRANGER, readers=[{"Group": "all"}], snapshot="")
    assert refused(ec2.copy_image, **of(listed))[1] == "InvalidRequest"


def test_tags_are_copied_on_request_and_only_ones_own(rehearsal: Rehearsal, source: Image) -> None:
    source.tags = {"a": "1", "b": "2", "aws:x": "3"}
    assert "Tags" not in copied(rehearsal, source)
    labels = [{"ResourceType": "image", "Tags": [{"Key": "b", "Value": "9"}]}]
    copy = copied(rehearsal, source, CopyImageTags=True, TagSpecifications=labels)
    assert copy["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "9"}]
    theirs = an_image(rehearsal, region=FAR, owner=STRANGER, readers=[{"Group": "all"}], tags={"a": "1"})
    snapshot_of(rehearsal, theirs.id).readers = {"all"}
    assert "Tags" not in copied(rehearsal, theirs, CopyImageTags=True)


def test_image_and_snapshot_are_tagged_apart(rehearsal: Rehearsal, ec2: Any, source: Image) -> None:
    labels = [{"ResourceType": kind, "Tags": [{"Key": "kind", "Value": kind}]} for kind in ("image", "snapshot")]
    copy = copied(rehearsal, source, TagSpecifications=labels)
    assert copy["Tags"] == [{"Key": "kind", "Value": "image"}]
    assert snapshot_of(rehearsal, copy["ImageId"]).tags == {"kind": "snapshot"}
    wrong = of(source, TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}])
    assert refused(ec2.copy_image, **wrong)[1] == "InvalidParameterValue"


def test_an_encrypted_copy_has_the_key_it_was_asked_for(rehearsal: Rehearsal, source: Image) -> None:
    copy = copied(rehearsal, source, Encrypted=True, KmsKeyId=OWN_KEY)
    assert copy["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert copy["State"] == "available"
    snapshot = snapshot_of(rehearsal, copy["ImageId"])
    assert (snapshot.is_encrypted, snapshot.kms_key) == (True, OWN_KEY)


# What KmsKeyId says: "If this parameter is not specified, your … managed KMS key for Amazon EBS is used."
def test_without_a_key_aws_own_is_used(rehearsal: Rehearsal, source: Image) -> None:
    copy = copied(rehearsal, source, Encrypted=True)
    assert snapshot_of(rehearsal, copy["ImageId"]).kms_key == f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/ebs"


# Encrypted: "you cannot create an unencrypted copy of an encrypted snapshot".
def test_what_is_encrypted_stays_encrypted(rehearsal: Rehearsal) -> None:
    secret = an_image(rehearsal, region=FAR, is_encrypted=True)
    assert copied(rehearsal, secret)["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


# What KmsKeyId says: "If you specify a KMS key, you must also set the encrypted state to true."
@pytest.mark.parametrize("encrypted", [{}, {"Encrypted": False}])
def test_a_key_needs_encryption(ec2: Any, source: Image, encrypted: dict[str, bool]) -> None:
    assert refused(ec2.copy_image, **of(source, KmsKeyId=OWN_KEY, **encrypted))[1] == "InvalidParameterDependency"


# What KmsKeyId says: "if you specify an identifier that is not valid, the action can appear to complete, but eventually
# fails. The specified KMS key must exist in the destination Region."
@pytest.mark.parametrize(
    "key", [OWN_KEY.replace(REGION, FAR), OWN_KEY.replace("key/0b", "key/bad"), "alias/bad", "my key", "key/x"]
)
def test_a_key_that_cannot_be_used_makes_the_copy_fail_later(rehearsal: Rehearsal, source: Image, key: str) -> None:
    rehearsal.faults = Faults(pending_s=60)
    copy = copied(rehearsal, source, Encrypted=True, KmsKeyId=key)
    assert copy["State"] == "pending"
    image = rehearsal.world.images[copy["ImageId"]]
    image.ready_at = 0
    failed = described(rehearsal, image.id)
    assert failed["State"] == "failed"
    assert failed["StateReason"]["Message"] == "Given key ID is not accessible"


# KmsKeyId: "You can specify the KMS key using any of the following", four forms.
@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("mrk-1234abcd12ab34cd56ef1234567890ab", "key/mrk-1234abcd12ab34cd56ef1234567890ab"),
        ("alias/ExampleAlias", "alias/ExampleAlias"),
        (f"arn:aws:kms:{REGION}:012345678910:alias/ExampleAlias", "alias/ExampleAlias"),
        (OWN_KEY, OWN_KEY.rpartition(":")[2]),
    ],
)
def test_a_key_has_four_forms(key: str, name: str) -> None:
    assert keys.problem(key, region=REGION) == ""
    assert keys.arn(key, region=REGION).startswith(f"arn:aws:kms:{REGION}:")
    assert keys.arn(key, region=REGION).endswith(f":{name}")


# EBS User Guide, "Quotas for Amazon EBS"; the words are AWS's for CopySnapshot.
def test_a_region_takes_20_copies_at_once(rehearsal: Rehearsal, ec2: Any, source: Image) -> None:
    rehearsal.faults = Faults(pending_s=60)
    copies = [ec2.copy_image(**of(source))["ImageId"] for _ in range(20)]
    _, code, message = refused(ec2.copy_image, **of(source))
    assert code == "ResourceLimitExceeded"
    assert message == "Too many snapshot copies in progress. The limit is 20 for this destination region."
    ec2_of(rehearsal, "eu-west-2").copy_image(**of(source))
    snapshot_of(rehearsal, copies[0]).ready_at = 0
    ec2.copy_image(**of(source))


# EBS User Guide, "Time-based copies".
@pytest.mark.parametrize(("minutes", "is_good"), [(15, True), (2880, True), (20, False), (0, False), (2895, False)])
def test_a_copys_duration_is_in_quarters_of_an_hour(ec2: Any, source: Image, minutes: int, *, is_good: bool) -> None:
    asked = of(source, SnapshotCopyCompletionDurationMinutes=minutes)
    if is_good:
        assert ec2.copy_image(**asked)["ImageId"]
    else:
        assert refused(ec2.copy_image, **asked)[1] == "InvalidParameterValue"


# CreateImage.


@pytest.fixture
def base(rehearsal: Rehearsal) -> Image:
    fields: dict[str, Any] = {"arch": "arm64", "boot_mode": "uefi", "imds_support": "v2.0", "is_ena": True}
    return an_image(rehearsal, root_device="/dev/sda1", **fields)


@pytest.fixture
def machine(base: Image) -> Any:
    """Return moto's instance of that image, its root volume of 20 GiB."""
    return an_instance(base)


@pytest.fixture
def instance(machine: Any) -> str:
    return str(machine.id)


def test_an_image_of_a_machine_is_like_the_machines_own(
    rehearsal: Rehearsal, ec2: Any, base: Image, instance: str
) -> None:
    image = described(rehearsal, ec2.create_image(InstanceId=instance, Name="made", Description="d")["ImageId"])
    before = described(rehearsal, base.id)
    for name in ("Architecture", "BootMode", "ImdsSupport", "EnaSupport", "RootDeviceName", "VirtualizationType"):
        assert image[name] == before[name]
    assert (image["Name"], image["Description"], image["SourceInstanceId"]) == ("made", "d", instance)
    ebs = image["BlockDeviceMappings"][0]["Ebs"]
    wanted = {"VolumeSize": 20, "VolumeType": "gp3", "Encrypted": False, "DeleteOnTermination": True}
    assert {name: ebs[name] for name in wanted} == wanted
    assert snapshot_of(rehearsal, image["ImageId"]).size_gb == 20


def test_its_snapshot_has_the_disk_that_the_machine_runs_from(
    rehearsal: Rehearsal, ec2: Any, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Path("/disks/machine.qcow2")
    monkeypatch.setattr(rehearsal, "disk_of_instance", {instance: disk}.get)
    image_id = ec2.create_image(InstanceId=instance, Name="made")["ImageId"]
    assert snapshot_of(rehearsal, image_id).disk == disk


def test_the_disk_is_asked_for_only_when_the_name_is_free(
    rehearsal: Rehearsal, ec2: Any, base: Image, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(rehearsal, "disk_of_instance", asked.append)
    assert refused(ec2.create_image, InstanceId=instance, Name=base.name)[1] == "InvalidAMIName.Duplicate"
    assert asked == []


def test_a_name_that_is_taken_while_the_disk_is_asked_for_is_refused_too(
    rehearsal: Rehearsal, ec2: Any, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "disk_of_instance", lambda _: an_image(rehearsal, name="made") and None)
    assert refused(ec2.create_image, InstanceId=instance, Name="made")[1] == "InvalidAMIName.Duplicate"
    assert len([image for image in rehearsal.world.images.values() if image.name == "made"]) == 1


def test_an_image_can_be_made_after_its_base_is_deregistered(
    rehearsal: Rehearsal, ec2: Any, base: Image, instance: str
) -> None:
    ec2.deregister_image(ImageId=base.id)
    image_id = ec2.create_image(InstanceId=instance, Name="made")["ImageId"]
    assert described(rehearsal, image_id)["BootMode"] == "uefi"


def test_image_and_snapshot_of_a_machine_are_tagged_apart(rehearsal: Rehearsal, ec2: Any, instance: str) -> None:
    labels = [{"ResourceType": kind, "Tags": [{"Key": "kind", "Value": kind}]} for kind in ("image", "snapshot")]
    image_id = ec2.create_image(InstanceId=instance, Name="made", TagSpecifications=labels)["ImageId"]
    assert described(rehearsal, image_id)["Tags"] == [{"Key": "kind", "Value": "image"}]
    assert snapshot_of(rehearsal, image_id).tags == {"kind": "snapshot"}


def test_image_and_snapshot_of_a_machine_are_pending_together(rehearsal: Rehearsal, ec2: Any, instance: str) -> None:
    rehearsal.faults = Faults(pending_s=60)
    image_id = ec2.create_image(InstanceId=instance, Name="made")["ImageId"]
    snapshot = ec2.describe_snapshots(SnapshotIds=[snapshot_of(rehearsal, image_id).id])["Snapshots"][0]
    assert (described(rehearsal, image_id)["State"], snapshot["State"]) == ("pending", "pending")


# What BlockDeviceMappings says: "The only option that can be changed … is DeleteOnTermination."
@pytest.mark.parametrize(
    "ebs",
    [{"VolumeSize": 30}, {"VolumeSize": 10}, {"VolumeType": "gp2"}, {"Encrypted": True}, {"SnapshotId": "snap-1"}],
)
def test_a_machines_volume_cannot_be_changed_by_its_image(ec2: Any, instance: str, ebs: dict[str, Any]) -> None:
    mappings = [{"DeviceName": "/dev/sda1", "Ebs": ebs}]
    asked = {"InstanceId": instance, "Name": "made", "BlockDeviceMappings": mappings}
    assert refused(ec2.create_image, **asked)[1] == "InvalidBlockDeviceMapping"


def test_a_machines_volume_can_be_told_as_it_is_and_whether_it_outlives_the_machine(
    rehearsal: Rehearsal, ec2: Any, instance: str
) -> None:
    ebs = {
        "VolumeSize": 20,
        "VolumeType": "gp3",
        "Encrypted": False,
        "Iops": 3000,
        "Throughput": 125,
        "DeleteOnTermination": False,
    }
    mappings = [{"DeviceName": "/dev/sda1", "Ebs": ebs}]
    image_id = ec2.create_image(InstanceId=instance, Name="made", BlockDeviceMappings=mappings)["ImageId"]
    told = described(rehearsal, image_id)["BlockDeviceMappings"][0]["Ebs"]
    assert {name: told[name] for name in ebs} == ebs


@pytest.mark.parametrize("asked", [{}, {"Encrypted": True}, {"Encrypted": False}])
def test_an_encrypted_machines_image_is_encrypted_whatever_is_asked_for(
    rehearsal: Rehearsal, ec2: Any, base: Image, asked: dict[str, bool]
) -> None:
    machine = an_instance(base, Encrypted=True, KmsKeyId=OWN_KEY)
    mappings = [{"DeviceName": "/dev/sda1", "Ebs": asked | {"DeleteOnTermination": True}}]
    image_id = ec2.create_image(InstanceId=machine.id, Name="made", BlockDeviceMappings=mappings)["ImageId"]
    assert described(rehearsal, image_id)["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert snapshot_of(rehearsal, image_id).kms_key == OWN_KEY


def test_without_a_key_of_its_own_a_machines_image_has_its_bases(rehearsal: Rehearsal, ec2: Any, base: Image) -> None:
    snapshot_of(rehearsal, base.id).kms_key = OWN_KEY
    plain = ec2.create_image(InstanceId=an_instance(base).id, Name="plain")["ImageId"]
    assert snapshot_of(rehearsal, plain).kms_key == ""
    secret = ec2.create_image(InstanceId=an_instance(base, Encrypted=True).id, Name="secret")["ImageId"]
    assert snapshot_of(rehearsal, secret).kms_key == OWN_KEY


# EC2 API Reference, "Error codes": InvalidInstanceID.NotFound, IncorrectInstanceState.
def test_the_machine_must_be_there_and_running_or_stopped(ec2: Any, machine: Any) -> None:
    assert refused(ec2.create_image, InstanceId=new_id("i"), Name="made")[1] == "InvalidInstanceID.NotFound"
    machine.stop()
    assert ec2.create_image(InstanceId=machine.id, Name="made")["ImageId"]
    machine.terminate()
    assert refused(ec2.create_image, InstanceId=machine.id, Name="again")[1] == "IncorrectInstanceState"
