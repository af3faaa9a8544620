"""What is removed is gone, what is gone already is no mistake, and nothing else is touched."""

from datetime import timedelta
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.cloud.inventory import Inventory, Kind, Question
from bakery.cloud.values import Image
from bakery.clouds.aws import inventory, lateness, removal
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.place import AwsPlace
from bakery.rehearsal import image_lifecycle
from bakery.rehearsal.server import Rehearsal
from bakery.release import leftovers
from tests import releases
from tests.aws_account import account_of
from tests.rehearsed_images import a_snapshot, an_image
from tests.releases import DUBLIN

PARAMETER = "/dokku-bakery/host/20260101-0000-0123456789ab/amd64"
OURS = {naming.IMAGE: "host", naming.ARCH: "amd64"}


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region(DUBLIN)


def take(region: Region, **asked: Any) -> Inventory:
    return inventory.take(region, Question(**asked))


def image(cloud: Rehearsal, region: Region, **fields: Any) -> Image:
    """Return a new image as the region shows it."""
    made = an_image(cloud, region=DUBLIN, tags=dict(OURS), **fields)
    return take(region).images[made.id]


def test_an_image_goes_with_its_snapshot_and_the_parameter_that_names_it(cloud: Rehearsal, region: Region) -> None:
    found = image(cloud, region, protection="enabled-without-cooldown")
    releases.write(DUBLIN, PARAMETER, found.id)
    assert removal.remove_image(region, found, parameter=PARAMETER) == ""
    assert releases.own_images(cloud) == releases.own_snapshots(cloud) == set()
    assert releases.parameters(DUBLIN) == {}


def test_removing_what_is_gone_already_is_no_mistake(cloud: Rehearsal, region: Region) -> None:
    found = image(cloud, region, protection="enabled-without-cooldown")
    for _ in range(2):
        assert removal.remove_image(region, found, parameter=PARAMETER) == ""
    removal.remove_snapshot(region, "snap-0123456789abcdef0")
    removal.remove_group(region, "sg-0123456789abcdef0")
    removal.remove_key(region, "packer_x")


def test_a_parameter_that_names_another_image_stays(cloud: Rehearsal, region: Region) -> None:
    found = image(cloud, region)
    releases.write(DUBLIN, PARAMETER, "ami-0123456789abcdef0")
    removal.remove_image(region, found, parameter=PARAMETER)
    assert releases.parameters(DUBLIN) == {PARAMETER: "ami-0123456789abcdef0"}


def test_a_snapshot_that_aws_has_left_is_deleted_by_itself(
    cloud: Rehearsal, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = image(cloud, region)
    call = Region.ec2

    def forgetful(self: Region, operation: str, **arguments: Any) -> Any:
        arguments.pop("DeleteAssociatedSnapshots", None)
        return call(self, operation, **arguments)

    monkeypatch.setattr(Region, "ec2", forgetful)
    removal.remove_image(region, found, parameter="")
    assert releases.own_snapshots(cloud) == set()


def test_the_image_and_its_snapshots_are_marked_first(cloud: Rehearsal, region: Region) -> None:
    found = image(cloud, region, protection="enabled-with-cooldown")
    until = removal.remove_image(region, found, parameter="")
    left = cloud.world.images[found.id]
    assert until == left.protection.removeprefix("disabled-until ")
    assert naming.REMOVING in left.tags
    assert naming.REMOVING in cloud.world.snapshots[left.snapshot].tags


def test_what_is_marked_already_is_not_marked_again(cloud: Rehearsal, region: Region) -> None:
    found = image(cloud, region)
    cloud.world.images[found.id].tags[naming.REMOVING] = "long ago"
    removal.remove_image(region, take(region).images[found.id], parameter="")
    assert "CreateTags" not in {call.action for call in cloud.calls}


def test_a_snapshot_goes_as_soon_as_its_image_is_known_to_be_gone(
    cloud: Rehearsal, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = image(cloud, region)
    # What deregisters it may leave its snapshots: "skipped" (DeregisterImage, DeleteSnapshotResults).
    monkeypatch.setattr(image_lifecycle, "_deleted", lambda world, image: [])
    left = used_late(monkeypatch, by=found.id, times=2)
    assert removal.remove_image(region, found, parameter="") == ""
    assert left == []
    assert releases.own_snapshots(cloud) == set()


def test_a_snapshot_that_another_image_uses_stays_at_once(
    cloud: Rehearsal, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, another = image(cloud, region), an_image(cloud, region=DUBLIN)
    monkeypatch.setattr(image_lifecycle, "_deleted", lambda world, image: [])
    left = used_late(monkeypatch, by=another.id, times=2)
    removal.remove_image(region, found, parameter="")
    assert len(left) == 1


def used_late(monkeypatch: pytest.MonkeyPatch, *, by: str, times: int) -> list[Any]:
    call, left = Region.ec2, [by] * times

    def answering(self: Region, operation: str, **arguments: Any) -> Any:
        if operation == "delete_snapshot" and left:
            raise ApiError(f"The snapshot is currently in use by {left.pop()}", code=removal.IN_USE)
        return call(self, operation, **arguments)

    monkeypatch.setattr(Region, "ec2", answering)
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    return left


def group_of(region: Region, name: str = "dokku-bakery-bake", *, is_ours: bool = True) -> str:
    tags = [{"Key": naming.RUN, "Value": "shared"}] if is_ours else []
    specified = [{"ResourceType": "security-group", "Tags": tags}] if tags else []
    made = region.ec2("create_security_group", GroupName=name, Description="x", TagSpecifications=specified)
    return str(made["GroupId"])


def hold(monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[str]:
    """Let groups be held for so many calls, in EC2's words: moto deletes a group whoever is in it."""
    call, left = Region.ec2, ["DependencyViolation"] * times

    def holding(self: Region, operation: str, **arguments: Any) -> Any:
        if operation == "delete_security_group" and left:
            raise ApiError("resource sg-x has a dependent object", code=left.pop())
        return call(self, operation, **arguments)

    monkeypatch.setattr(Region, "ec2", holding)
    return left


def test_a_group_is_deleted_as_soon_as_nobody_holds_it(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    group, left = group_of(region), hold(monkeypatch, times=2)
    removal.remove_group(region, group)
    assert left == []
    assert take(region).groups == []


def test_a_group_that_is_held_for_good_is_told(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "HELD_DEADLINE_S", -1.0)
    group, left = group_of(region), hold(monkeypatch, times=2)
    with pytest.raises(ApiError, match="has a dependent object"):
        removal.remove_group(region, group)
    assert len(left) == 1


def run(region: Region, image_id: str, **asked: Any) -> str:
    made = region.ec2("run_instances", ImageId=image_id, InstanceType="t3.small", MinCount=1, MaxCount=1, **asked)
    return str(made["Instances"][0]["InstanceId"])


def test_every_kind_of_leftover_is_removed(cloud: Rehearsal, region: Region) -> None:
    old = releases.NOW - timedelta(days=2)
    group = group_of(region)
    pair, tags = (
        [{"ResourceType": one, "Tags": [{"Key": naming.RUN, "Value": "x"}]}] for one in ("key-pair", "instance")
    )
    region.ec2("create_key_pair", KeyName="packer_x", KeyType="ed25519", TagSpecifications=pair)
    base = an_image(cloud, region=DUBLIN)
    run(region, base.id, SecurityGroupIds=[group], KeyName="packer_x", TagSpecifications=tags)
    an_image(cloud, region=DUBLIN, name="dokku-bakery/host/x/amd64", failure="no reason", tags=dict(OURS))
    a_snapshot(cloud, region=DUBLIN, started=old, tags=dict(OURS))
    later = releases.NOW + timedelta(hours=7)
    found = leftovers.find(take(region), now=later, is_now=True)
    assert [leftover.kind for leftover in found] == [Kind.INSTANCE, Kind.IMAGE, Kind.SNAPSHOT, Kind.GROUP, Kind.KEY]
    assert [leftovers.remove(AwsPlace(region=region), leftover) for leftover in found] == [""] * len(found)
    assert releases.own_images(cloud) == {base.id}
    assert releases.own_snapshots(cloud) == {base.snapshot}
    assert cloud.instances() == []
    left = take(region)
    assert (left.groups, left.keys, left.instances) == ([], [], [])
