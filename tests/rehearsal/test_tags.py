"""Tags as strict as AWS; each rule names what it follows.

Where nothing else is named it is the action's own text in botocore (data/ec2/2016-11-15/service-2.json.gz).
"""

from typing import Any

import pytest

from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import Image
from tests.rehearsed_images import REGION, STRANGER, a_snapshot, an_image, ec2_of, refused


@pytest.fixture
def ec2(rehearsal: Rehearsal) -> Any:
    return ec2_of(rehearsal)


@pytest.fixture
def image(rehearsal: Rehearsal) -> Image:
    return an_image(rehearsal)


@pytest.fixture
def volume(ec2: Any) -> str:
    """Return the id of something that moto keeps."""
    return str(ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"])


def tag(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def volume_tags(ec2: Any, volume: str) -> dict[str, str]:
    rows = ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0].get("Tags", [])
    return {row["Key"]: row["Value"] for row in rows}


def test_one_call_tags_what_is_ours_and_what_is_motos(
    rehearsal: Rehearsal, ec2: Any, image: Image, volume: str
) -> None:
    snapshot = a_snapshot(rehearsal)
    ec2.create_tags(Resources=[image.id, volume, snapshot.id], Tags=tag(a="1", b="2"))
    ec2.create_tags(Resources=[image.id, volume], Tags=tag(b="3", c=""))
    assert image.tags == volume_tags(ec2, volume) == {"a": "1", "b": "3", "c": ""}
    assert snapshot.tags == {"a": "1", "b": "2"}


# EC2 API Reference, "Error codes": InvalidAMIID.NotFound, InvalidSnapshot.NotFound.
@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("ami-0123456789abcdef0", "InvalidAMIID.NotFound"),
        ("snap-0123456789abcdef0", "InvalidSnapshot.NotFound"),
        ("vol-0123456789abcdef0", "InvalidVolume.NotFound"),
        ("ami-x", "InvalidAMIID.Malformed"),
    ],
)
def test_nothing_is_tagged_when_one_of_them_is_not_there(
    ec2: Any, image: Image, volume: str, resource: str, code: str
) -> None:
    asked = {"Resources": [image.id, volume, resource], "Tags": tag(a="1")}
    assert refused(ec2.create_tags, **asked)[1] == code
    assert image.tags == volume_tags(ec2, volume) == {}


# EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API".
def test_what_is_hidden_cannot_be_tagged_yet(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    snapshot = a_snapshot(rehearsal)
    image.visible_at = snapshot.visible_at = rehearsal.world.now() + 60
    assert refused(ec2.create_tags, Resources=[image.id], Tags=tag(a="1"))[1] == "InvalidAMIID.NotFound"
    assert refused(ec2.create_tags, Resources=[snapshot.id], Tags=tag(a="1"))[1] == "InvalidSnapshot.NotFound"
    assert ec2.describe_tags()["Tags"] == []


def test_others_images_cannot_be_tagged_in_a_rehearsal(rehearsal: Rehearsal, ec2: Any) -> None:
    theirs = an_image(rehearsal, owner=STRANGER, readers=[{"Group": "all"}])
    assert refused(ec2.create_tags, Resources=[theirs.id], Tags=tag(a="1"))[1] == "UnsupportedOperation"


# "Each resource can have a maximum of 50 tags."; EC2 API Reference, "Error codes", TagLimitExceeded.
def test_a_resource_has_50_tags_besides_aws_own(ec2: Any, image: Image) -> None:
    image.tags = {"aws:x": "y"}
    ec2.create_tags(Resources=[image.id], Tags=tag(**{f"k{number}": "" for number in range(50)}))
    assert refused(ec2.create_tags, Resources=[image.id], Tags=tag(one="more"))[1] == "TagLimitExceeded"
    ec2.create_tags(Resources=[image.id], Tags=tag(k0="changed"))
    assert image.tags["k0"] == "changed"


# EC2 User Guide, "Tag restrictions".
@pytest.mark.parametrize(
    "tags",
    [
        tag(**{"aws:x": "y"}),
        tag(**{"AWS:x": "y"}),
        tag(**{"": "y"}),
        tag(**{"k" * 129: ""}),
        tag(k="v" * 257),
        [*tag(k="1"), *tag(k="2")],
    ],
)
def test_a_tag_that_breaks_a_rule_is_refused(ec2: Any, image: Image, tags: list[dict[str, str]]) -> None:
    assert refused(ec2.create_tags, Resources=[image.id], Tags=tags)[1] == "InvalidParameterValue"
    assert image.tags == {}


def test_the_longest_tag_is_taken(ec2: Any, image: Image) -> None:
    ec2.create_tags(Resources=[image.id], Tags=tag(**{"k" * 128: "v" * 256}))
    assert image.tags == {"k" * 128: "v" * 256}


def test_the_same_rules_hold_for_tags_at_birth(rehearsal: Rehearsal, ec2: Any, image: Image) -> None:
    asked: dict[str, Any] = {"Name": "a copy", "SourceImageId": image.id, "SourceRegion": REGION}
    for tags, code in ((tag(**{"aws:x": "y"}), "InvalidParameterValue"), (many(51), "TagLimitExceeded")):
        labels = [{"ResourceType": "image", "Tags": tags}]
        assert refused(ec2.copy_image, **asked, TagSpecifications=labels)[1] == code
    image.tags = {f"old{number}": "" for number in range(50)}
    labels = [{"ResourceType": "image", "Tags": many(1)}]
    asked |= {"CopyImageTags": True, "TagSpecifications": labels}
    assert refused(ec2.copy_image, **asked)[1] == "TagLimitExceeded"
    assert len([one for one in rehearsal.world.snapshots_in(REGION) if one.is_copy]) == 0


def many(count: int) -> list[dict[str, str]]:
    return tag(**{f"k{number}": "" for number in range(count)})


@pytest.mark.parametrize("left_out", ["Tags", "Resources"])
def test_tags_and_resources_must_be_given(ec2: Any, image: Image, left_out: str) -> None:
    asked: dict[str, Any] = {"Resources": [image.id], "Tags": tag(a="1")} | {left_out: []}
    assert refused(ec2.create_tags, **asked)[1] == "MissingParameter"


# DeleteTags says of Tags: "If you specify a tag key without a tag value, we delete any tag with this key regardless of
# its value. If you specify a tag key with an empty string as the tag value, we delete the tag only if its value is an
# empty string."
@pytest.mark.parametrize(
    ("tags", "left"),
    [
        ([{"Key": "a"}], {"b": "", "aws:x": "y"}),
        ([{"Key": "a", "Value": "1"}], {"b": "", "aws:x": "y"}),
        ([{"Key": "a", "Value": "2"}], {"a": "1", "b": "", "aws:x": "y"}),
        ([{"Key": "a", "Value": ""}, {"Key": "b", "Value": ""}], {"a": "1", "aws:x": "y"}),
        ([{"Key": "c"}], {"a": "1", "b": "", "aws:x": "y"}),
    ],
)
def test_a_tag_is_deleted_by_its_key_and_by_its_value(
    ec2: Any, image: Image, tags: list[dict[str, str]], left: dict[str, str]
) -> None:
    image.tags = {"a": "1", "b": "", "aws:x": "y"}
    ec2.delete_tags(Resources=[image.id], Tags=tags)
    assert image.tags == left


# "If you omit this parameter, we delete all user-defined tags for the specified resources. We do not delete Amazon Web
# Services-generated tags".
def test_without_tags_all_are_deleted_but_aws_own(ec2: Any, image: Image) -> None:
    image.tags = {"a": "1", "b": "", "aws:x": "y"}
    ec2.delete_tags(Resources=[image.id])
    assert image.tags == {"aws:x": "y"}


def test_one_call_deletes_what_is_ours_and_what_is_motos(
    rehearsal: Rehearsal, ec2: Any, image: Image, volume: str
) -> None:
    snapshot = a_snapshot(rehearsal, tags={"a": "1"})
    ec2.create_tags(Resources=[image.id, volume], Tags=tag(a="1", b="2"))
    ec2.delete_tags(Resources=[image.id, volume, snapshot.id], Tags=[{"Key": "a"}])
    assert image.tags == volume_tags(ec2, volume) == {"b": "2"}
    assert snapshot.tags == {}


# TagDescription and DescribeTags, Filters.
def test_tags_are_listed_with_what_they_are_on(rehearsal: Rehearsal, ec2: Any, image: Image, volume: str) -> None:
    snapshot = a_snapshot(rehearsal)
    an_image(rehearsal, owner=STRANGER, readers=[{"Group": "all"}], tags={"theirs": "x"})
    ec2.create_tags(Resources=[image.id], Tags=tag(a="1"))
    ec2.create_tags(Resources=[snapshot.id, volume], Tags=tag(a="2"))
    rows = {
        kind: {"Key": "a", "Value": value, "ResourceId": resource, "ResourceType": kind}
        for kind, value, resource in (("image", "1", image.id), ("snapshot", "2", snapshot.id), ("volume", "2", volume))
    }

    def listed(name: str, value: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = ec2.describe_tags(Filters=[{"Name": name, "Values": [value]}])["Tags"]
        return found

    assert ec2.describe_tags()["Tags"] == list(rows.values())
    assert listed("resource-id", image.id) == listed("value", "1") == listed("tag:a", "1") == [rows["image"]]
    assert listed("resource-type", "volume") == [rows["volume"]]
    assert listed("key", "?") == list(rows.values())
    assert listed("key", "b") == []
    assert refused(ec2.describe_tags, Filters=[{"Name": "tag", "Values": ["a"]}])[1] == "InvalidParameterValue"


# DescribeTags says of MaxResults: "This value can be between 5 and 1000."
def test_tags_are_paged(ec2: Any, image: Image) -> None:
    ec2.create_tags(Resources=[image.id], Tags=many(7))
    pages = list(ec2.get_paginator("describe_tags").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Tags"]) for page in pages] == [5, 2]
    assert refused(ec2.describe_tags, MaxResults=4)[1] == "InvalidParameterValue"
