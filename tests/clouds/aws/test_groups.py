"""Security groups: open to whom the table [aws] says, one for each answer, and never more."""

from typing import Any

import pytest

from bakery.cloud import naming
from bakery.cloud.inventory import Question
from bakery.clouds.aws import groups, inventory, networks
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.tags import tags_of
from bakery.definition.aws import Aws
from bakery.rehearsal.server import Rehearsal
from tests.aws_account import account_of

OFFICE = ["203.0.113.0/24", "2001:db8::/32"]
WORLD = {("0.0.0.0/0", 22), ("::/0", 22)}


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region("eu-west-2")


def made(region: Region, **told: Any) -> dict[str, Any]:
    aws = Aws.model_validate(told)
    group = groups.for_login(region, aws, name="dokku-bakery-bake", network=networks.find(region, aws))
    return dict(region.ec2("describe_security_groups", GroupIds=[group])["SecurityGroups"][0])


def doors(group: dict[str, Any]) -> set[tuple[str, int]]:
    """Return who may come in where."""
    return {
        (one.get("CidrIp") or one["CidrIpv6"], rule["FromPort"])
        for rule in group["IpPermissions"]
        for one in (*rule["IpRanges"], *rule["Ipv6Ranges"])
    }


def test_where_nothing_is_said_everybody_may_knock(region: Region) -> None:
    group = made(region)
    assert (group["GroupName"], doors(group)) == ("dokku-bakery-bake", WORLD)


def test_only_those_who_are_named_may_knock(region: Region) -> None:
    made(region)
    group = made(region, allow_from=OFFICE)
    assert doors(group) == {("203.0.113.0/24", 22), ("2001:db8::/32", 22)}
    assert made(region, allow_from=OFFICE[::-1])["GroupId"] == group["GroupId"]
    assert doors(made(region)) == WORLD


def test_through_systems_manager_nobody_knocks(region: Region) -> None:
    made(region)
    assert doors(made(region, login="ssm", instance_profile="bakery")) == set()


SERVED = (80, 443)


def serving(region: Region, **told: Any) -> dict[str, Any]:
    aws = Aws.model_validate(told)
    network = networks.find(region, aws)
    group = groups.for_login(region, aws, name="dokku-bakery", network=network, ports=SERVED)
    return dict(region.ec2("describe_security_groups", GroupIds=[group])["SecurityGroups"][0])


def test_machines_that_serve_the_world_let_in_ssh_from_those_who_are_named(region: Region) -> None:
    world = {(one, port) for one in ("0.0.0.0/0", "::/0") for port in SERVED}
    assert doors(serving(region)) == world | WORLD
    group = serving(region, allow_from=OFFICE)
    assert doors(group) == world | {(one, 22) for one in OFFICE}
    assert serving(region, allow_from=OFFICE)["GroupId"] == group["GroupId"]
    assert doors(serving(region, login="ssm", instance_profile="bakery")) == world
    assert doors(serving(region, login="private")) == world | WORLD


def test_a_group_is_in_the_network_of_its_machines(region: Region) -> None:
    vpc = region.ec2("create_vpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = region.ec2("create_subnet", VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    assert made(region, subnet=subnet)["VpcId"] == vpc
    assert made(region)["VpcId"] != vpc


def test_a_group_has_one_s_own_tags_beside_ours(region: Region) -> None:
    tags = tags_of(made(region, tags={"team": "ops"}))
    assert tags == {"team": "ops", "Name": "dokku-bakery-bake", naming.RUN: "shared"}


def test_prune_finds_every_group_that_bakes_leave(region: Region) -> None:
    ids = {one["GroupId"] for one in (made(region), made(region, allow_from=OFFICE))}
    ids.add(made(region, login="ssm", instance_profile="bakery")["GroupId"])
    assert {one.id for one in inventory.take(region, Question()).groups} == ids
