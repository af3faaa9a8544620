"""What EC2 refuses to launch, and what it fills in; messages in EC2's own words where they are known."""

import base64
import time
from typing import Any

import pytest

from bakery.rehearsal import launch, seeds
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from tests.rehearsal_clients import REGION, client, refused
from tests.rehearsed_images import STRANGER, a_snapshot, an_image

NAME = "/shop/image"


def request(image: str, **asked: Any) -> dict[str, Any]:
    return {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1} | asked


def run(ec2: Any, image: str, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = ec2.run_instances(**request(image, **asked))
    return answer


def first(ec2: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Return what DescribeInstances says of the first instance of a launch."""
    asked = [answer["Instances"][0]["InstanceId"]]
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=asked)["Reservations"][0]["Instances"][0]
    return found


def code(ec2: Any, image: str, **asked: Any) -> str:
    return refused(ec2.run_instances, **request(image, **asked))[1]


def root_volume(ec2: Any, answer: dict[str, Any]) -> dict[str, Any]:
    (mapping,) = first(ec2, answer)["BlockDeviceMappings"]
    (volume,) = ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
    return {"DeviceName": mapping["DeviceName"], **volume}


def put(rehearsal: Rehearsal, value: str, **asked: Any) -> None:
    told = {"Name": NAME, "Value": value, "Type": "String", "DataType": "aws:ec2:image"} | asked
    client(rehearsal, "ssm").put_parameter(**told)


def test_an_image_that_is_not_there_is_not_found(ec2: Any) -> None:
    _, found, message = refused(ec2.run_instances, **request("ami-0123456789abcdef0"))
    assert (found, message) == ("InvalidAMIID.NotFound", "The image id '[ami-0123456789abcdef0]' does not exist")


def test_an_image_of_another_region_is_not_found(rehearsal: Rehearsal, ec2: Any) -> None:
    assert code(ec2, an_image(rehearsal, region="us-east-1").id) == "InvalidAMIID.NotFound"


def test_an_image_that_nobody_sees_yet_is_not_found(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, visible_at=rehearsal.world.now() + 60)
    assert code(ec2, image.id) == "InvalidAMIID.NotFound"


def test_something_that_is_no_image_s_id_is_malformed(ec2: Any) -> None:
    assert code(ec2, "debian-12") == "InvalidAMIID.Malformed"


def test_a_pending_image_is_unavailable(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, ready_at=rehearsal.world.now() + 60)
    assert code(ec2, image.id) == "InvalidAMIID.Unavailable"


@pytest.mark.parametrize("field", [{"is_disabled": True}, {"failure": "a copy went wrong"}])
def test_a_failed_or_disabled_image_is_unavailable(rehearsal: Rehearsal, ec2: Any, field: dict[str, Any]) -> None:
    assert code(ec2, an_image(rehearsal, **field).id) == "InvalidAMIID.Unavailable"


def test_somebody_else_s_image_must_be_shared_with_us(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, owner=STRANGER)
    _, found, message = refused(ec2.run_instances, **request(image.id))
    assert (found, message) == ("AuthFailure", f"Not authorized for images: [{image.id}]")
    image.readers.append({"UserId": "123456789012"})
    assert run(ec2, image.id)


def test_everybody_s_image_may_be_launched(rehearsal: Rehearsal, ec2: Any) -> None:
    assert run(ec2, an_image(rehearsal, owner=STRANGER, readers=[{"Group": "all"}]).id)


def test_without_an_image_nothing_is_launched(ec2: Any) -> None:
    assert refused(ec2.run_instances, MinCount=1, MaxCount=1)[1] == "MissingParameter"


def test_a_public_parameter_stands_for_its_image(rehearsal: Rehearsal, ec2: Any) -> None:
    name, image = next(iter(seeds.parameters(REGION).items()))
    assert first(ec2, run(ec2, f"resolve:ssm:{name}"))["ImageId"] == image


def test_a_parameter_stands_for_its_image_and_a_version_for_an_older_one(rehearsal: Rehearsal, ec2: Any) -> None:
    old, new = an_image(rehearsal).id, an_image(rehearsal).id
    put(rehearsal, old)
    put(rehearsal, new, Overwrite=True)
    client(rehearsal, "ssm").label_parameter_version(Name=NAME, ParameterVersion=1, Labels=["stable"])
    for text, image in ((NAME, new), (f"{NAME}:1", old), (f"{NAME}:2", new), (f"{NAME}:stable", old)):
        assert first(ec2, run(ec2, f"resolve:ssm:{text}"))["ImageId"] == image


def test_a_parameter_is_written_by_the_time_it_takes(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal).id
    rehearsal.faults = Faults(parameter_s=0.01)
    put(rehearsal, image)
    rehearsal.faults = Faults()
    time.sleep(0.02)
    assert first(ec2, run(ec2, f"resolve:ssm:{NAME}"))["ImageId"] == image


@pytest.mark.parametrize("name", ["/nothing", f"{NAME}:7", "/aws/service/debian/release/99/latest/amd64"])
def test_a_parameter_that_is_not_there_stands_for_nothing(rehearsal: Rehearsal, ec2: Any, name: str) -> None:
    put(rehearsal, an_image(rehearsal).id)
    assert code(ec2, f"resolve:ssm:{name}") == "SsmInvalidParameter"


def test_a_parameter_must_be_of_the_type_for_images(rehearsal: Rehearsal, ec2: Any) -> None:
    put(rehearsal, an_image(rehearsal).id, DataType="text")
    _, found, message = refused(ec2.run_instances, **request(f"resolve:ssm:{NAME}"))
    assert found == "SsmInvalidParameter"
    assert message == "Unsupported data type. The following parameter data types are supported: aws:ec2:image"


def test_an_unknown_key_pair_is_refused(rehearsal: Rehearsal, ec2: Any) -> None:
    assert code(ec2, an_image(rehearsal).id, KeyName="laptop") == "InvalidKeyPair.NotFound"


def test_a_key_pair_that_ec2_made_is_known(rehearsal: Rehearsal, ec2: Any) -> None:
    ec2.create_key_pair(KeyName="laptop", KeyType="rsa")
    assert first(ec2, run(ec2, an_image(rehearsal).id, KeyName="laptop"))["KeyName"] == "laptop"


def test_an_unknown_instance_type_is_refused(rehearsal: Rehearsal, ec2: Any) -> None:
    _, found, message = refused(ec2.run_instances, **request(an_image(rehearsal).id, InstanceType="t99.micro"))
    assert (found, message) == ("InvalidParameterValue", "Invalid value 't99.micro' for InstanceType.")


@pytest.mark.parametrize(("instance_type", "arch"), [("t3.micro", "arm64"), ("t4g.micro", "x86_64")])
def test_type_and_image_must_be_of_one_architecture(
    rehearsal: Rehearsal, ec2: Any, instance_type: str, arch: str
) -> None:
    image = an_image(rehearsal, arch=arch)
    _, found, message = refused(ec2.run_instances, **request(image.id, InstanceType=instance_type))
    assert found == "InvalidParameterValue"
    assert f"does not match the architecture '{arch}' of the specified AMI" in message


def test_a_root_volume_is_not_smaller_than_its_snapshot(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, snapshot=a_snapshot(rehearsal, size_gb=20).id, size_gb=20)
    mapping = [{"DeviceName": image.root_device, "Ebs": {"VolumeSize": 19}}]
    _, found, message = refused(ec2.run_instances, **request(image.id, BlockDeviceMappings=mapping))
    assert found == "InvalidBlockDeviceMapping"
    assert message == f"Volume of size 19GB is smaller than snapshot '{image.snapshot}', expect size >= 20GB"


def test_the_root_volume_is_as_the_image_says(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, size_gb=12, volume_type="gp3", root_device="/dev/sda1", is_encrypted=True)
    volume = root_volume(ec2, run(ec2, image.id))
    assert (volume["DeviceName"], volume["Size"], volume["VolumeType"]) == ("/dev/sda1", 12, "gp3")
    assert volume["Encrypted"]


def test_the_root_volume_is_as_the_request_says(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal)
    ebs = {"VolumeSize": 40, "VolumeType": "gp2", "Encrypted": True, "DeleteOnTermination": False}
    answer = run(ec2, image.id, BlockDeviceMappings=[{"DeviceName": image.root_device, "Ebs": ebs}])
    volume = root_volume(ec2, answer)
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (40, "gp2", True)
    assert not first(ec2, answer)["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"]


def test_a_device_that_is_not_rehearsed_is_refused(rehearsal: Rehearsal, ec2: Any) -> None:
    mapping = [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8}}]
    assert code(ec2, an_image(rehearsal).id, BlockDeviceMappings=mapping) == "UnsupportedOperation"


def test_instance_and_volume_are_tagged(rehearsal: Rehearsal, ec2: Any) -> None:
    tags = {kind: [{"Key": "for", "Value": kind}] for kind in ("instance", "volume")}
    specifications = [{"ResourceType": kind, "Tags": tag} for kind, tag in tags.items()]
    answer = run(ec2, an_image(rehearsal).id, TagSpecifications=specifications)
    assert first(ec2, answer)["Tags"] == tags["instance"]
    assert root_volume(ec2, answer)["Tags"] == tags["volume"]


def test_an_image_may_require_tokens(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, imds_support="v2.0").id
    options = first(ec2, run(ec2, image))["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 2)
    options = first(ec2, run(ec2, image, MetadataOptions={"HttpTokens": "optional"}))["MetadataOptions"]
    assert options["HttpTokens"] == "optional"


def test_another_image_requires_no_tokens(rehearsal: Rehearsal, ec2: Any) -> None:
    assert first(ec2, run(ec2, an_image(rehearsal).id))["MetadataOptions"]["HttpTokens"] == "optional"


def test_user_data_is_16_kb_at_most(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal).id
    assert run(ec2, image, UserData="x" * launch.USER_DATA_BYTES)
    assert code(ec2, image, UserData="x" * (launch.USER_DATA_BYTES + 1)) == "InvalidParameterValue"


def test_user_data_is_base64() -> None:
    launch.require_user_data(base64.b64encode(b"#!/bin/sh").decode())
    with pytest.raises(Exception, match="Invalid BASE64"):
        launch.require_user_data("#!/bin/sh")


def test_as_many_are_launched_as_were_asked_for(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal).id
    assert len(run(ec2, image, MinCount=1, MaxCount=3)["Instances"]) == 3
    assert code(ec2, image, MinCount=3, MaxCount=1) == "InvalidParameterValue"


def test_the_same_token_gives_the_same_reservation(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal).id
    first_time, again = (run(ec2, image, ClientToken="one") for _ in range(2))
    assert first_time["ReservationId"] == again["ReservationId"]
    assert len(ec2.describe_instances()["Reservations"]) == 1
    assert run(ec2, image, ClientToken="two")["ReservationId"] != again["ReservationId"]


def test_a_token_stands_for_one_request(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal).id
    run(ec2, image, ClientToken="one")
    assert code(ec2, image, ClientToken="one", InstanceType="t3.small") == "IdempotentParameterMismatch"


def test_a_token_that_was_refused_may_be_used_again(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal).id
    assert code(ec2, image, ClientToken="one", InstanceType="t99.micro")
    assert run(ec2, image, ClientToken="one")


def test_a_dry_run_launches_nothing(rehearsal: Rehearsal, ec2: Any) -> None:
    assert code(ec2, an_image(rehearsal).id, DryRun=True) == "DryRunOperation"
    assert ec2.describe_instances()["Reservations"] == []


def test_a_template_fills_in_what_the_request_leaves_open(rehearsal: Rehearsal, ec2: Any) -> None:
    ec2.create_key_pair(KeyName="laptop")
    image = an_image(rehearsal)
    data = {
        "ImageId": image.id,
        "InstanceType": "t3.large",
        "KeyName": "laptop",
        "UserData": base64.b64encode(b"#cloud-config").decode(),
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [{"DeviceName": image.root_device, "Ebs": {"VolumeSize": 30}}],
        "TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "for", "Value": "volume"}]}],
    }
    template = ec2.create_launch_template(LaunchTemplateName="shop", LaunchTemplateData=data)["LaunchTemplate"]
    asked = {"LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplateId"]}, "MinCount": 1, "MaxCount": 1}
    answer = ec2.run_instances(**asked, InstanceType="t3.small")
    found = first(ec2, answer)
    assert (found["ImageId"], found["InstanceType"], found["KeyName"]) == (image.id, "t3.small", "laptop")
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    volume = root_volume(ec2, answer)
    assert (volume["Size"], volume["Tags"]) == (30, [{"Key": "for", "Value": "volume"}])
    told = ec2.describe_instance_attribute(InstanceId=found["InstanceId"], Attribute="userData")
    assert told["UserData"]["Value"] == data["UserData"]


def test_a_template_s_later_version_may_be_asked_for(rehearsal: Rehearsal, ec2: Any) -> None:
    data = {"ImageId": an_image(rehearsal).id, "UserData": base64.b64encode(b"#cloud-config").decode()}
    ec2.create_launch_template(LaunchTemplateName="shop", LaunchTemplateData={"InstanceType": "t3.micro"})
    ec2.create_launch_template_version(LaunchTemplateName="shop", LaunchTemplateData=data)
    asked = {"LaunchTemplate": {"LaunchTemplateName": "shop", "Version": "$Latest"}, "MinCount": 1, "MaxCount": 1}
    assert first(ec2, ec2.run_instances(**asked))["ImageId"] == data["ImageId"]


def test_a_launch_that_is_refused_leaves_nothing(rehearsal: Rehearsal, ec2: Any) -> None:
    rehearsal.faults = Faults(pending_s=60)
    assert code(ec2, an_image(rehearsal).id, KeyName="laptop")
    assert ec2.describe_instances()["Reservations"] == []
    assert ec2.describe_volumes()["Volumes"] == []
