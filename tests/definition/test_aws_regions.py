"""What is a region, and which regions can share images."""

import botocore.session
import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import aws_regions
from bakery.definition.aws_regions import LOCAL, REGIONS, Partition


@pytest.mark.parametrize("partition", Partition)
def test_the_regions_are_those_that_boto3_knows(partition: Partition) -> None:
    known = botocore.session.get_session().get_available_regions("ec2", partition_name=partition)
    assert known
    assert sorted(name for name in REGIONS if aws_regions.partition(name) is partition) == sorted(known)


def test_a_region_is_its_own_name() -> None:
    assert aws_regions.region("eu-west-2") == "eu-west-2"


@pytest.mark.parametrize("name", ["eu-wset-2", LOCAL, ""])
def test_what_is_no_region_is_refused(name: str) -> None:
    with pytest.raises(BakeryError, match=f"there is no region '{name}'") as caught:
        aws_regions.region(name)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_slip_of_the_pen_is_answered_with_the_nearest() -> None:
    with pytest.raises(BakeryError) as caught:
        aws_regions.region("eu-wset-2")
    assert caught.value.hint == "did you mean 'eu-west-2'?"


@pytest.mark.parametrize(
    ("name", "partition"),
    [
        ("eu-west-2", Partition.AWS),
        ("cn-north-1", Partition.CHINA),
        ("us-gov-west-1", Partition.GOVERNMENT),
        ("eusc-de-east-1", Partition.EUROPE),
    ],
)
def test_a_regions_name_tells_its_partition(name: str, partition: Partition) -> None:
    assert aws_regions.partition(name) is partition


def test_every_partition_has_a_region_that_is_asked_about_the_others() -> None:
    assert {aws_regions.partition(name): name for name in aws_regions.HOMES.values()} == aws_regions.HOMES
    assert set(aws_regions.HOMES) == set(Partition)


@pytest.mark.parametrize("name", [*REGIONS, "eu-west-4", "us-northeast-1", "eusc-fr-west-1"])
def test_a_region_that_is_newer_than_our_table_may_be_one(name: str) -> None:
    assert aws_regions.is_form(name)
