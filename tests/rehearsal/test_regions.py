"""Regions as AWS tells of them; each rule names the page it follows."""

import boto3
import pytest

from bakery.rehearsal import regions
from bakery.rehearsal.server import Rehearsal
from tests.rehearsal_clients import client, refused


def listed(rehearsal: Rehearsal, **asked: object) -> dict[str, str]:
    answer = client(rehearsal, "ec2").describe_regions(**asked)
    return {region["RegionName"]: region["OptInStatus"] for region in answer["Regions"]}


def test_the_regions_are_those_that_botocore_knows() -> None:
    assert list(regions.ALL) == sorted(boto3.Session().get_available_regions("ec2"))


# AWS Account Management, "Enable or disable AWS Regions": 17 regions are on from the start.
def test_without_all_regions_only_open_ones_are_listed(rehearsal: Rehearsal) -> None:
    found = listed(rehearsal)
    assert len(found) == 17
    assert set(found.values()) == {"opt-in-not-required"}
    assert "eu-west-1" in found
    assert "me-south-1" not in found


# Amazon EC2 API Reference, DescribeRegions, "AllRegions".
def test_all_regions_lists_closed_ones_too(rehearsal: Rehearsal) -> None:
    found = listed(rehearsal, AllRegions=True)
    assert len(found) == 34
    assert found["af-south-1"] == "not-opted-in"


def test_a_region_opted_in_to_is_listed_as_such(rehearsal: Rehearsal) -> None:
    rehearsal.world.opted_in.add("af-south-1")
    assert listed(rehearsal)["af-south-1"] == "opted-in"


# Amazon EC2 API Reference, DescribeRegions, "RegionName": whether they are enabled or disabled for the account.
def test_a_named_region_is_listed_whatever_its_state(rehearsal: Rehearsal) -> None:
    assert listed(rehearsal, RegionNames=["me-south-1", "us-east-1"]) == {
        "me-south-1": "not-opted-in",
        "us-east-1": "opt-in-not-required",
    }


# Amazon EC2 API Reference, "Client error codes", InvalidParameterValue; the words as a user of AWS met them
# (github.com/awslabs/amazon-s3-tar-tool, pull request 7).
def test_a_name_that_is_no_regions_is_refused(rehearsal: Rehearsal) -> None:
    answer = refused(client(rehearsal, "ec2").describe_regions, RegionNames=["eu-west-9", "eu-west-1"])
    assert answer == (400, "InvalidParameterValue", "Invalid region: [eu-west-9]")


# Amazon EC2 API Reference, DescribeRegions, "Filter": endpoint, opt-in-status, region-name.
@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("opt-in-status", ["not-opted-in"], 17),
        ("opt-in-status", ["opt-in-not-required", "opted-in"], 17),
        ("region-name", ["eu-*"], 8),
        ("region-name", ["us-west-?"], 2),
        ("endpoint", ["ec2.sa-east-1.amazonaws.com"], 1),
        ("region-name", ["eu-west-[12]"], 0),
    ],
)
def test_filters_are_honoured(rehearsal: Rehearsal, name: str, values: list[str], count: int) -> None:
    assert len(listed(rehearsal, AllRegions=True, Filters=[{"Name": name, "Values": values}])) == count


def test_filters_find_no_closed_region_without_all_regions(rehearsal: Rehearsal) -> None:
    assert listed(rehearsal, Filters=[{"Name": "opt-in-status", "Values": ["not-opted-in"]}]) == {}


# Amazon EC2 API Reference, "Client error codes", InvalidParameterValue.
def test_an_unknown_filter_is_refused(rehearsal: Rehearsal) -> None:
    answer = refused(client(rehearsal, "ec2").describe_regions, Filters=[{"Name": "city", "Values": ["Paris"]}])
    assert answer == (400, "InvalidParameterValue", "The filter 'city' is invalid")


# A region that is not enabled has no credentials of the account. EC2 API Reference, "Client error codes", AuthFailure
# (401: github.com/turbot/steampipe-plugin-aws, issue 75); SSM's and EBS direct's "Common errors",
# UnrecognizedClientException, which SSM sends with 400 and whose 403 for EBS direct is that page's and not seen.
@pytest.mark.parametrize("region", ["ap-east-1", "xx-east-1", "us-gov-west-1"])
def test_a_closed_region_knows_no_account(rehearsal: Rehearsal, region: str) -> None:
    assert refused(client(rehearsal, "ec2", region).describe_images, Owners=["self"]) == (
        401,
        "AuthFailure",
        "AWS was not able to validate the provided access credentials",
    )
    ssm, ebs = client(rehearsal, "ssm", region), client(rehearsal, "ebs", region)
    assert refused(ssm.get_parameter, Name="/a")[:2] == (400, "UnrecognizedClientException")
    assert refused(ebs.start_snapshot, VolumeSize=1)[:2] == (403, "UnrecognizedClientException")


def test_a_region_opted_in_to_knows_the_account(rehearsal: Rehearsal) -> None:
    rehearsal.world.opted_in.add("ap-east-1")
    assert client(rehearsal, "ec2", "ap-east-1").describe_key_pairs()["KeyPairs"] == []


# moto's own, which the rehearsal relies on.
def test_instance_types_are_offered_by_region(rehearsal: Rehearsal) -> None:
    answer = client(rehearsal, "ec2").describe_instance_type_offerings(
        LocationType="region", Filters=[{"Name": "instance-type", "Values": ["t3.small", "t4g.small", "t99.small"]}]
    )
    found = {(offer["InstanceType"], offer["Location"]) for offer in answer["InstanceTypeOfferings"]}
    assert found == {("t3.small", "eu-west-1"), ("t4g.small", "eu-west-1")}
