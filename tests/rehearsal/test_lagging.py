"""Reads of a rehearsal cloud that lag: what was asked before is answered as it was then, for as long as was ordered."""

import time
from collections.abc import Callable
from typing import Any

from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from tests.rehearsal_clients import client, refused
from tests.rehearsed_images import an_image

LONG, SHORT = Faults(lag_s=60), Faults(lag_s=0.3)
OTHER = "eu-west-2"


def keys(rehearsal: Rehearsal, **at: str) -> list[str]:
    return [pair["KeyName"] for pair in client(rehearsal, "ec2", **at).describe_key_pairs()["KeyPairs"]]


def put(rehearsal: Rehearsal, value: str) -> None:
    client(rehearsal, "ssm").put_parameter(Name="/a", Value=value, Type="String", Overwrite=True)


def get(rehearsal: Rehearsal) -> list[str]:
    return [one["Value"] for one in client(rehearsal, "ssm").get_parameters(Names=["/a"])["Parameters"]]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API".
def test_a_question_is_answered_as_before_and_after_a_while_truly(rehearsal: Rehearsal) -> None:
    rehearsal.faults = LONG
    assert keys(rehearsal) == []
    client(rehearsal, "ec2").create_key_pair(KeyName="mine")
    assert keys(rehearsal) == []
    rehearsal.faults = SHORT
    wait_until(lambda: keys(rehearsal) == ["mine"])


def test_what_was_changed_and_what_was_removed_show_late_too(rehearsal: Rehearsal) -> None:
    put(rehearsal, "old")
    image, ec2 = an_image(rehearsal), client(rehearsal, "ec2")
    rehearsal.faults = LONG

    def seen() -> tuple[Any, ...]:
        images = ec2.describe_images(Owners=["self"])["Images"]
        readers = ec2.describe_image_attribute(ImageId=image.id, Attribute="launchPermission")["LaunchPermissions"]
        return get(rehearsal), [one.get("Tags") for one in images], readers

    before = seen()
    put(rehearsal, "new")
    ec2.create_tags(Resources=[image.id], Tags=[{"Key": "a", "Value": "b"}])
    ec2.modify_image_attribute(ImageId=image.id, LaunchPermission={"Add": [{"UserId": "210987654321"}]})
    assert seen() == before == (["old"], [None], [])
    ec2.deregister_image(ImageId=image.id)
    assert seen() == before
    rehearsal.faults = SHORT
    wait_until(lambda: not ec2.describe_images(Owners=["self"])["Images"] and get(rehearsal) == ["new"])


def test_a_refusal_is_repeated_too(rehearsal: Rehearsal) -> None:
    rehearsal.faults, ec2 = LONG, client(rehearsal, "ec2")
    asked = {"LaunchTemplateName": "fleet", "Versions": ["$Default"]}
    before = refused(ec2.describe_launch_template_versions, **asked)[:2]
    ec2.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData={"ImageId": "ami-0123456789abcdef0"})
    assert refused(ec2.describe_launch_template_versions, **asked)[:2] == before


def test_between_two_writes_the_state_between_them_is_seen(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(lag_s=2)
    put(rehearsal, "one")
    assert get(rehearsal) == ["one"]
    put(rehearsal, "two")
    time.sleep(1)
    put(rehearsal, "three")
    seen = get(rehearsal)
    while seen[-1] != "three" and len(seen) < 500:
        time.sleep(0.02)
        seen += get(rehearsal)
    assert list(dict.fromkeys(seen)) == ["one", "two", "three"]


def test_who_asks_for_the_first_time_in_another_region_or_in_a_new_world_hears_the_truth(rehearsal: Rehearsal) -> None:
    rehearsal.faults = LONG
    keys(rehearsal)
    client(rehearsal, "ec2", OTHER).create_key_pair(KeyName="there")
    assert keys(rehearsal, region=OTHER) == ["there"]
    client(rehearsal, "ec2").create_key_pair(KeyName="mine")
    rehearsal.reset()
    rehearsal.faults = LONG
    client(rehearsal, "ec2").create_key_pair(KeyName="new")
    assert keys(rehearsal) == ["new"]


def test_what_is_changed_is_the_truth(rehearsal: Rehearsal) -> None:
    rehearsal.faults = LONG
    keys(rehearsal)
    client(rehearsal, "ec2").create_key_pair(KeyName="mine")
    assert refused(client(rehearsal, "ec2").create_key_pair, KeyName="mine")[1] == "InvalidKeyPair.Duplicate"
