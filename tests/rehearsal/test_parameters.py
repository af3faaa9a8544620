"""Parameter Store as strict as AWS; each rule names the page it follows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bakery.rehearsal import seeds
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import Image, World
from tests.rehearsal_clients import REGION, client, refused

NAME = "/dokku-bakery/dokku/amd64"
PATH = "/aws/service/canonical/ubuntu/server/24.04/stable"


@pytest.fixture
def ssm(rehearsal: Rehearsal) -> Any:
    return client(rehearsal, "ssm")


@dataclass
class Clock:
    """The world's clock, which a test sets."""

    now: float = 1000.0


@pytest.fixture
def clock(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(World, "now", staticmethod(lambda: clock.now))
    return clock


def image(rehearsal: Rehearsal, number: int = 1, **said: Any) -> str:
    """Put an image of our own into the world and return its id."""
    made: dict[str, Any] = {
        "id": f"ami-{number:017x}",
        "region": REGION,
        "name": f"mine-{number}",
        "created": rehearsal.world.today(),
        "snapshot": "",
        "size_gb": 8,
    } | said
    rehearsal.world.images[made["id"]] = Image(**made)
    return str(made["id"])


def put(ssm: Any, value: str, **said: Any) -> Any:
    return ssm.put_parameter(**({"Name": NAME, "Value": value, "Type": "String", "DataType": "aws:ec2:image"} | said))


def value(ssm: Any, name: str = NAME) -> str:
    """Return a parameter's value; empty when there is none."""
    found = ssm.get_parameters(Names=[name])["Parameters"]
    return str(found[0]["Value"]) if found else ""


def test_the_id_of_an_image_that_is_there_is_written(rehearsal: Rehearsal, ssm: Any) -> None:
    mine = image(rehearsal)
    assert put(ssm, mine)["Version"] == 1
    found = ssm.get_parameter(Name=NAME)["Parameter"]
    assert (found["Value"], found["Version"], found["DataType"]) == (mine, 1, "aws:ec2:image")


# Systems Manager User Guide, "Native parameter support for Amazon Machine Image IDs": the value is validated
# asynchronously, and PutParameter returns before the validation is complete.
def test_a_new_value_is_read_back_only_after_a_while(rehearsal: Rehearsal, ssm: Any, clock: Clock) -> None:
    first, second = image(rehearsal, 1), image(rehearsal, 2)
    put(ssm, first)
    rehearsal.faults = Faults(parameter_s=30)
    assert put(ssm, second, Overwrite=True)["Version"] == 2
    clock.now += 29
    assert value(ssm) == first
    clock.now += 1
    assert value(ssm) == second


def test_a_new_parameter_is_not_found_until_it_was_checked(rehearsal: Rehearsal, ssm: Any, clock: Clock) -> None:
    rehearsal.faults = Faults(parameter_s=30)
    put(ssm, image(rehearsal))
    assert refused(ssm.get_parameter, Name=NAME)[1] == "ParameterNotFound"
    clock.now += 30
    assert value(ssm) != ""


# botocore's text of PutParameter, "DataType": an invalid AMI value is answered with success, and not written.
@pytest.mark.parametrize(
    "spoil",
    [
        lambda rehearsal: "ami-00000000000000000",
        lambda rehearsal: "no image at all",
        lambda rehearsal: image(rehearsal, region="eu-west-2"),
        lambda rehearsal: image(rehearsal, ready_at=rehearsal.world.now() + 60),
        lambda rehearsal: image(rehearsal, visible_at=rehearsal.world.now() + 60),
        lambda rehearsal: image(rehearsal, failure="the copy failed"),
        lambda rehearsal: image(rehearsal, is_disabled=True),
        lambda rehearsal: image(rehearsal, owner="210987654321"),
    ],
    ids=["unknown", "malformed", "elsewhere", "pending", "unseen", "failed", "disabled", "not ours"],
)
def test_an_image_that_cannot_be_used_is_accepted_and_silently_not_written(
    rehearsal: Rehearsal, ssm: Any, spoil: Callable[[Rehearsal], str]
) -> None:
    assert put(ssm, spoil(rehearsal))["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert value(ssm) == ""
    kept = image(rehearsal, 7)
    put(ssm, kept)
    put(ssm, spoil(rehearsal), Overwrite=True)
    assert value(ssm) == kept


@pytest.mark.parametrize("readers", [[{"Group": "all"}], [{"UserId": "123456789012"}]])
def test_an_image_that_is_shared_with_us_can_be_used(
    rehearsal: Rehearsal, ssm: Any, readers: list[dict[str, str]]
) -> None:
    shared = image(rehearsal, owner="210987654321", readers=readers)
    put(ssm, shared)
    assert value(ssm) == shared


# What counts is the moment of the check: an image that becomes available later does not mend it.
def test_an_image_that_is_ready_after_the_check_is_not_written(rehearsal: Rehearsal, ssm: Any, clock: Clock) -> None:
    rehearsal.faults = Faults(parameter_s=30)
    put(ssm, image(rehearsal, 1, ready_at=clock.now + 31))
    put(ssm, image(rehearsal, 2, ready_at=clock.now + 30), Name="/dokku-bakery/other")
    clock.now += 60
    assert value(ssm) == ""
    assert value(ssm, "/dokku-bakery/other") != ""


# Amazon SSM API Reference, PutParameter, "Errors": ParameterAlreadyExists.
@pytest.mark.parametrize("data_type", ["text", "aws:ec2:image"])
def test_an_existing_parameter_is_not_written_without_overwrite(rehearsal: Rehearsal, ssm: Any, data_type: str) -> None:
    put(ssm, image(rehearsal), DataType=data_type)
    answer = refused(put, ssm=ssm, value=image(rehearsal), DataType=data_type)
    assert answer[:2] == (400, "ParameterAlreadyExists")


# Systems Manager User Guide, "Parameter data types in Parameter Store": none changes to or from aws:ec2:image.
# The error's name is our assumption: of the errors that PutParameter has, it is the one for a call that is not valid.
@pytest.mark.parametrize(("before", "after"), [("text", "aws:ec2:image"), ("aws:ec2:image", "text")])
def test_a_data_type_stays(rehearsal: Rehearsal, ssm: Any, before: str, after: str) -> None:
    mine = image(rehearsal)
    put(ssm, mine, DataType=before)
    answer = refused(put, ssm=ssm, value=mine, DataType=after, Overwrite=True)
    assert answer[:2] == (400, "ValidationException")
    assert ssm.get_parameter(Name=NAME)["Parameter"]["DataType"] == before


# botocore's text of PutParameter, "DataType": the default is `text`.
def test_a_call_without_a_data_type_asks_for_text(rehearsal: Rehearsal, ssm: Any) -> None:
    mine = image(rehearsal)
    put(ssm, mine)
    answer = refused(ssm.put_parameter, Name=NAME, Value=mine, Type="String", Overwrite=True)
    assert answer[:2] == (400, "ValidationException")


# botocore's text of PutParameter, "DataType": "When you create a String parameter and specify aws:ec2:image".
def test_only_a_string_can_be_an_image(rehearsal: Rehearsal, ssm: Any) -> None:
    answer = refused(put, ssm=ssm, value=image(rehearsal), Type="StringList")
    assert answer[:2] == (400, "ValidationException")


# Amazon SSM API Reference, PutParameter, "Name": not prefixed with "aws" or "ssm", in any case.
@pytest.mark.parametrize("data_type", ["text", "aws:ec2:image"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/aws/service/mine", "AccessDeniedException"),
        ("aws-mine", "ValidationException"),
        ("/ssm/mine", "ValidationException"),
        ("SSM-mine", "ValidationException"),
    ],
)
def test_names_of_aws_are_refused(rehearsal: Rehearsal, ssm: Any, name: str, code: str, data_type: str) -> None:
    answer = refused(put, ssm=ssm, value=image(rehearsal), Name=name, DataType=data_type)
    assert answer[:2] == (400, code)


# PutParameter in botocore: 1011 characters with the ARN's, fifteen levels, and a description of 1024.
@pytest.mark.parametrize(
    ("longest", "one_more"),
    [
        (
            {"Name": "/" + "x" * (1010 - len(f"arn:aws:ssm:{REGION}:123456789012:parameter"))},
            {"Name": "/" + "x" * 1000},
        ),
        ({"Name": "/x" * 15}, {"Name": "/x" * 16}),
        ({"Description": "x" * 1024}, {"Description": "x" * 1025}),
    ],
)
def test_a_parameter_is_named_and_described_in_bounds(
    rehearsal: Rehearsal, ssm: Any, longest: dict[str, str], one_more: dict[str, str]
) -> None:
    image_id = image(rehearsal)
    put(ssm, image_id, **longest)
    asked = {"Name": NAME, "Value": image_id, "Type": "String", "DataType": "aws:ec2:image"}
    assert refused(ssm.put_parameter, **asked | one_more)[1] == "ValidationException"


def test_versions_and_labels_name_what_was_written(rehearsal: Rehearsal, ssm: Any) -> None:
    first, second = image(rehearsal, 1), image(rehearsal, 2)
    put(ssm, first)
    put(ssm, second, Overwrite=True)
    ssm.label_parameter_version(Name=NAME, ParameterVersion=1, Labels=["good"])
    assert ssm.get_parameter(Name=f"{NAME}:1")["Parameter"]["Value"] == first
    assert ssm.get_parameter(Name=f"{NAME}:good")["Parameter"]["Value"] == first
    assert [one["Value"] for one in ssm.get_parameter_history(Name=NAME)["Parameters"]] == [first, second]


# Systems Manager User Guide, "Calling AMI public parameters"; documentation.ubuntu.com/aws and wiki.debian.org/Cloud
# have the names.
@pytest.mark.parametrize(
    "name", [f"{PATH}/current/amd64/hvm/ebs-gp3/ami-id", "/aws/service/debian/release/13/latest/arm64"]
)
def test_public_parameters_name_the_newest_image_of_each_region(rehearsal: Rehearsal, name: str) -> None:
    found = {}
    for region in ("eu-west-1", "us-west-2"):
        answer = client(rehearsal, "ssm", region).get_parameter(Name=name)["Parameter"]
        found[region] = rehearsal.world.images[answer["Value"]]
        assert answer["ARN"] == f"arn:aws:ssm:{region}::parameter{name}"
        assert found[region].region == region
        assert found[region].created == seeds.CREATED[-1]
    assert found["eu-west-1"].id != found["us-west-2"].id


def test_a_public_parameter_that_is_not_there_is_not_found(ssm: Any) -> None:
    name = f"{PATH}/current/amd64/hvm/ebs-gp2/ami-id"
    assert refused(ssm.get_parameter, Name=name)[:2] == (400, "ParameterNotFound")


def test_public_parameters_and_our_own_are_read_in_one_call(rehearsal: Rehearsal, ssm: Any) -> None:
    put(ssm, image(rehearsal))
    debian, unknown = "/aws/service/debian/release/12/latest/amd64", "/aws/service/debian/release/9/latest/amd64"
    answer = ssm.get_parameters(Names=[NAME, debian, unknown, "/none"])
    assert {one["Name"] for one in answer["Parameters"]} == {NAME, debian}
    assert set(answer["InvalidParameters"]) == {unknown, "/none"}


# Amazon SSM API Reference, GetParameters, "Names": ten at most.
def test_eleven_names_in_one_call_are_refused(ssm: Any) -> None:
    answer = refused(ssm.get_parameters, Names=[f"/aws/service/debian/{n}" for n in range(11)])
    assert answer[:2] == (400, "ValidationException")


# Amazon SSM API Reference, GetParametersByPath: ten a page at most, and below a path only where Recursive is true.
def test_public_parameters_below_a_path_come_page_by_page(ssm: Any) -> None:
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path=PATH, Recursive=True))
    names = [one["Name"] for page in pages for one in page["Parameters"]]
    assert [len(page["Parameters"]) for page in pages] == [6]
    assert all(name.startswith(PATH) for name in names)
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/aws/service/canonical", Recursive=True))
    assert [len(page["Parameters"]) for page in pages] == [10, 10, 10, 6]
    assert ssm.get_parameters_by_path(Path=PATH)["Parameters"] == []


def test_our_own_parameters_below_a_path_are_motos(rehearsal: Rehearsal, ssm: Any) -> None:
    put(ssm, image(rehearsal))
    found = ssm.get_parameters_by_path(Path="/dokku-bakery", Recursive=True)["Parameters"]
    assert [one["Name"] for one in found] == [NAME]


def test_public_parameters_are_none_of_ours(ssm: Any) -> None:
    ssm.get_parameter(Name=f"{PATH}/current/amd64/hvm/ebs-gp3/ami-id")
    assert ssm.describe_parameters()["Parameters"] == []
