"""Spot instances as Packer asks for them: CreateFleet of type instant, with a launch template of its own."""

from typing import Any

from bakery.rehearsal.server import Rehearsal
from tests.rehearsal_clients import refused
from tests.rehearsed_images import an_image


def create(ec2: Any, image: str, **asked: Any) -> dict[str, Any]:
    data = {"ImageId": image, "InstanceInitiatedShutdownBehavior": "terminate"}
    ec2.create_launch_template(LaunchTemplateName="packer", LaunchTemplateData=data)
    told = {
        "Type": "instant",
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateName": "packer", "Version": "1"},
                "Overrides": [{"InstanceType": "t3.small"}],
            }
        ],
        "TargetCapacitySpecification": {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "spot"},
    } | asked
    answer: dict[str, Any] = ec2.create_fleet(**told)
    return answer


def test_an_instant_fleet_launches_as_its_template_says(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal)
    (made,) = create(ec2, image.id)["Instances"]
    (instance,) = ec2.describe_instances(InstanceIds=made["InstanceIds"])["Reservations"][0]["Instances"]
    assert (instance["ImageId"], instance["InstanceType"]) == (image.id, "t3.small")
    assert instance["InstanceLifecycle"] == "spot"
    assert instance["PublicIpAddress"].startswith("127.66.")
    shutdown = ec2.describe_instance_attribute(
        InstanceId=instance["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
    )
    assert shutdown["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_a_fleet_tells_what_it_could_not_launch(ec2: Any) -> None:
    answer = create(ec2, "ami-0123456789abcdef0")
    assert "Instances" not in answer or answer["Instances"] == []
    assert answer["Errors"][0]["ErrorCode"] == "InvalidAMIID.NotFound"


def test_a_fleet_that_lasts_is_refused(ec2: Any) -> None:
    assert refused(create, ec2=ec2, image="ami-0123456789abcdef0", Type="maintain")[1] == "UnsupportedOperation"


def test_spot_requests_are_refused(ec2: Any) -> None:
    assert refused(ec2.request_spot_instances, SpotPrice="1")[1] == "UnsupportedOperation"
    config = {"IamFleetRole": "arn:aws:iam::123456789012:role/fleet", "TargetCapacity": 1}
    assert refused(ec2.request_spot_fleet, SpotFleetRequestConfig=config)[1] == "UnsupportedOperation"
