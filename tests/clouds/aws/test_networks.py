"""Where in a region's networks machines are: as the table [aws] says, or told in one line that it cannot be."""

from typing import Any

import pytest

from bakery.clouds.aws import networks
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.networks import Network
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws import Aws
from bakery.rehearsal.server import Rehearsal
from tests.aws_account import account_of

HOME = "eu-west-2"


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region(HOME)


@pytest.fixture
def vpc(region: Region) -> str:
    return str(region.ec2("create_vpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"])


def a_subnet(region: Region, vpc: str, block: str, name: str) -> str:
    tags = [{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": name}]}]
    return str(region.ec2("create_subnet", VpcId=vpc, CidrBlock=block, TagSpecifications=tags)["Subnet"]["SubnetId"])


def found(region: Region, **told: Any) -> Network:
    return networks.find(region, Aws.model_validate(told))


def test_where_nothing_is_said_it_is_the_default_vpc_and_ec2_chooses(region: Region) -> None:
    (default,) = region.ec2("describe_vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert found(region) == Network(vpc=default["VpcId"], subnet="")


def test_a_subnet_brings_its_vpc(region: Region, vpc: str) -> None:
    small = a_subnet(region, vpc, "10.9.1.0/28", "builds")
    assert found(region, subnet=small) == found(region, subnet={HOME: small}) == Network(vpc=vpc, subnet=small)


def test_of_several_the_one_with_most_room_is_taken(region: Region, vpc: str) -> None:
    a_subnet(region, vpc, "10.9.1.0/28", "builds")
    large = a_subnet(region, vpc, "10.9.2.0/24", "builds")
    a_subnet(region, vpc, "10.9.128.0/17", "others")
    assert found(region, subnet_filter={"tag:Name": "build*"}).subnet == large
    assert found(region, vpc=vpc, subnet_filter={"tag:Name": "builds"}).subnet == large


def test_a_vpc_alone_is_enough(region: Region, vpc: str) -> None:
    only = a_subnet(region, vpc, "10.9.1.0/28", "builds")
    assert found(region, vpc={HOME: vpc}) == Network(vpc=vpc, subnet=only)


def test_what_is_for_another_region_says_nothing_of_this_one(region: Region) -> None:
    assert found(region, subnet={"us-east-1": "subnet-0123456789abcdef0"}) == found(region)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"subnet": "subnet-0123456789abcdef0"}, "subnet-id subnet-0123456789abcdef0"),
        ({"vpc": "vpc-0123456789abcdef0"}, "vpc-id vpc-0123456789abcdef0"),
        ({"subnet_filter": {"tag:Name": "nowhere"}}, "tag:Name nowhere"),
    ],
)
def test_a_network_that_is_not_there_is_told_with_what_was_looked_for(
    told: dict[str, Any], said: str, region: Region
) -> None:
    with pytest.raises(BakeryError, match=f"{HOME}: there is no subnet with {said}") as caught:
        found(region, **told)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint


def test_a_region_without_a_default_vpc_leads_to_the_key(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Region, "ec2", lambda *_, **__: {"Vpcs": []})
    with pytest.raises(BakeryError, match="eu-west-2 has no default VPC") as caught:
        found(region)
    assert caught.value.hint.startswith("aws.subnet in images/NAME.toml")
