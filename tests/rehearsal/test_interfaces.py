"""What EC2 refuses of a launch's network; messages in EC2's own words where they are known."""

from typing import Any

import pytest

from bakery.rehearsal.server import Rehearsal
from tests.rehearsal_clients import refused
from tests.rehearsed_images import an_image


@pytest.fixture
def subnet(ec2: Any) -> str:
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    return str(ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"])


def group(ec2: Any, subnet: str = "") -> str:
    vpc = {"VpcId": ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]} if subnet else {}
    return str(ec2.create_security_group(GroupName="ours", Description="x", **vpc)["GroupId"])


def request(rehearsal: Rehearsal, **asked: Any) -> dict[str, Any]:
    return {"ImageId": an_image(rehearsal).id, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1} | asked


def interface(subnet: str, *groups: str, **told: Any) -> list[dict[str, Any]]:
    return [{"DeviceIndex": 0, "SubnetId": subnet, "Groups": list(groups), **told}]


def test_an_interface_says_subnet_groups_and_public_address(rehearsal: Rehearsal, ec2: Any, subnet: str) -> None:
    ours = group(ec2, subnet)
    for is_public in (True, False):
        told = interface(subnet, ours, AssociatePublicIpAddress=is_public)
        (made,) = ec2.run_instances(**request(rehearsal, NetworkInterfaces=told))["Instances"]
        (seen,) = ec2.describe_instances(InstanceIds=[made["InstanceId"]])["Reservations"][0]["Instances"]
        assert seen["SubnetId"] == subnet
        assert [one["GroupId"] for one in seen["SecurityGroups"]] == [ours]
        assert ("PublicIpAddress" in seen) is is_public


@pytest.mark.parametrize("name", ["SubnetId", "SecurityGroupIds"])
def test_subnet_and_groups_are_the_interface_s_or_the_instance_s(
    name: str, rehearsal: Rehearsal, ec2: Any, subnet: str
) -> None:
    ours = group(ec2, subnet)
    also = {"SubnetId": subnet} if name == "SubnetId" else {"SecurityGroupIds": [ours]}
    asked = request(rehearsal, NetworkInterfaces=interface(subnet, ours), **also)
    assert refused(ec2.run_instances, **asked)[1] == "InvalidParameterCombination"


def test_a_subnet_that_is_not_there_is_not_found(rehearsal: Rehearsal, ec2: Any) -> None:
    for asked in (
        {"SubnetId": "subnet-0123456789abcdef0"},
        {"NetworkInterfaces": interface("subnet-0123456789abcdef0")},
    ):
        assert refused(ec2.run_instances, **request(rehearsal, **asked))[1] == "InvalidSubnetID.NotFound"


def test_a_group_of_another_network_is_refused(rehearsal: Rehearsal, ec2: Any, subnet: str) -> None:
    theirs = group(ec2)
    for asked in (
        {"SubnetId": subnet, "SecurityGroupIds": [theirs]},
        {"NetworkInterfaces": interface(subnet, theirs)},
        {"SecurityGroupIds": [group(ec2, subnet)]},
    ):
        assert refused(ec2.run_instances, **request(rehearsal, **asked))[1] == "InvalidParameter"
    assert ec2.describe_instances()["Reservations"] == []


def test_a_group_that_is_not_there_is_not_found(rehearsal: Rehearsal, ec2: Any) -> None:
    asked = request(rehearsal, SecurityGroupIds=["sg-0123456789abcdef0"])
    assert refused(ec2.run_instances, **asked)[1] == "InvalidGroup.NotFound"
