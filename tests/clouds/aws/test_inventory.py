"""What there is of ours in a region, asked of a rehearsal: nothing of others, and nothing too little."""

from typing import Any

import pytest

from bakery.cloud import naming
from bakery.cloud.inventory import Inventory, Question
from bakery.clouds.aws import inventory
from bakery.clouds.aws.account import Region
from bakery.rehearsal.server import Rehearsal
from tests import releases
from tests.aws_account import account_of
from tests.rehearsed_images import STRANGER, a_snapshot, an_image
from tests.releases import DUBLIN

OURS = {naming.IMAGE: "host", naming.ARCH: "amd64"}


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region(DUBLIN)


def take(region: Region, **asked: Any) -> Inventory:
    return inventory.take(region, Question(**asked))


def test_images_are_ours_by_name_or_by_tag(cloud: Rehearsal, region: Region) -> None:
    named = an_image(cloud, region=DUBLIN, name="dokku-bakery/host/x/amd64")
    tagged = an_image(cloud, region=DUBLIN, name="by-hand", tags=dict(OURS))
    an_image(cloud, region=DUBLIN, name="other")
    an_image(cloud, region=DUBLIN, name="dokku-bakery/host/y/amd64", owner=STRANGER, readers=[{"Group": "all"}])
    an_image(cloud, region="eu-west-2", name="dokku-bakery/host/x/amd64")
    assert set(take(region).images) == {named.id, tagged.id}


def test_a_disabled_image_is_there_too(cloud: Rehearsal, region: Region) -> None:
    image = an_image(cloud, region=DUBLIN, name="dokku-bakery/host/x/amd64", is_disabled=True)
    assert take(region).images[image.id].state == "disabled"


def test_instances_are_those_of_anybody_that_are_not_terminated(cloud: Rehearsal, region: Region) -> None:
    image = an_image(cloud, region=DUBLIN)
    made = region.ec2("run_instances", ImageId=image.id, InstanceType="t3.small", MinCount=3, MaxCount=3)
    one, two, three = (str(instance["InstanceId"]) for instance in made["Instances"])
    region.ec2("terminate_instances", InstanceIds=[one])
    region.ec2("stop_instances", InstanceIds=[two])
    assert {found.id for found in take(region).instances} == {two, three}


def template(region: Region, name: str, *images: str) -> None:
    region.ec2("create_launch_template", LaunchTemplateName=name, LaunchTemplateData={"ImageId": images[0]})
    for image in images[1:]:
        data = {"ImageId": image}
        region.ec2("create_launch_template_version", LaunchTemplateName=name, LaunchTemplateData=data)


def test_every_version_of_a_launch_template_counts_but_of_our_own_the_default_and_the_newest(region: Region) -> None:
    template(region, "web", "ami-1", "ami-2", "ami-3")
    template(region, "fleet", "ami-4", "ami-5", "ami-6")
    assert take(region, templates=frozenset({"fleet"})).templates == {
        "ami-1": "web",
        "ami-2": "web",
        "ami-3": "web",
        "ami-4": "fleet",
        "ami-6": "fleet",
    }


def test_parameters_are_those_that_are_asked_for_however_many(region: Region) -> None:
    names = [f"/dokku-bakery/image-{number}/latest/amd64" for number in range(12)]
    for name in names:
        releases.write(DUBLIN, name, "ami-0123456789abcdef0")
    assert set(take(region, pointers=names).pointers) == set(names)


def test_where_another_checkout_says_latest_is_asked_as_well(cloud: Rehearsal, region: Region) -> None:
    an_image(cloud, region=DUBLIN, tags=dict(OURS))
    releases.write(DUBLIN, "/dokku-bakery/host/latest/amd64", "ami-0123456789abcdef0")
    assert take(region).pointers == {"/dokku-bakery/host/latest/amd64": "ami-0123456789abcdef0"}


def lonely(region: Region, **asked: Any) -> set[str]:
    return {one.id for one in take(region, **asked).snapshots}


def test_a_snapshot_with_our_tag_is_lonely_when_no_image_uses_it(cloud: Rehearsal, region: Region) -> None:
    alone = a_snapshot(cloud, region=DUBLIN, tags=dict(OURS))
    used, ours = (a_snapshot(cloud, region=DUBLIN, tags=dict(OURS)) for _ in range(2))
    an_image(cloud, region=DUBLIN, snapshot=used.id)
    an_image(cloud, region=DUBLIN, snapshot=ours.id, tags=dict(OURS))
    a_snapshot(cloud, region=DUBLIN)
    assert lonely(region) == {alone.id}


def test_a_snapshot_that_is_marked_to_be_removed_is_lonely_too(cloud: Rehearsal, region: Region) -> None:
    marked = a_snapshot(cloud, region=DUBLIN, tags={naming.REMOVING: "2026-11-23T04:15:00Z"})
    assert lonely(region) == {marked.id}


def test_what_aws_says_of_a_snapshot_does_not_make_it_ours(cloud: Rehearsal, region: Region) -> None:
    ours = an_image(cloud, region=DUBLIN, tags=dict(OURS))
    a_snapshot(cloud, region=DUBLIN, description=f"Created by CreateImage(i-1) for {ours.id}")
    a_snapshot(cloud, region=DUBLIN, description="a backup", tags={"team": "other"})
    assert lonely(region) == set()


def test_of_groups_and_keys_only_those_of_bakes_are_ours(region: Region) -> None:
    ours = [{"Key": naming.RUN, "Value": "shared"}]
    for name, tags in (("dokku-bakery-verify", ours), ("dokku-bakery-bake", []), ("dokku-bakery", ours)):
        specified = [{"ResourceType": "security-group", "Tags": tags}] if tags else []
        region.ec2("create_security_group", GroupName=name, Description="x", TagSpecifications=specified)
    theirs = [{"Key": "team", "Value": "other"}]
    for name, tags in (("packer_1", []), ("packer_2", theirs), ("mine", []), ("run", ours), ("packer_3", ours)):
        specified = [{"ResourceType": "key-pair", "Tags": tags}] if tags else []
        region.ec2("create_key_pair", KeyName=name, KeyType="ed25519", TagSpecifications=specified)
    found = take(region)
    assert [group.name for group in found.groups] == ["dokku-bakery-verify"]
    assert {pair.name for pair in found.keys} == {"run", "packer_3"}


def test_it_only_reads(cloud: Rehearsal, region: Region) -> None:
    take(region, pointers=["/dokku-bakery/host/latest/amd64"])
    assert [call.action for call in cloud.calls if not call.action.startswith(("Describe", "Get"))] == []
