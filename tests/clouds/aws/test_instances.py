"""EC2 machines of ours, in a rehearsal without guests: started once, tagged at once, ended whatever happens."""

from typing import Any

import pytest

from bakery.cloud import naming
from bakery.clouds.aws import base_images, groups, instances, lateness
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.instances import Launch
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch, BaseName, base
from bakery.rehearsal.server import Rehearsal
from tests.aws_account import account_of, late


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region("eu-west-2")


def a_launch(region: Region, **changes: Any) -> Launch:
    values = {
        "image_id": base_images.newest(region, base(BaseName.DEBIAN_12), Arch.AMD64).id,
        "instance_type": "t3.small",
        "groups": [groups.group(region, name="test", ports=(22,))],
        "token": "once",
        "tags": {naming.RUN: "test"},
        **changes,
    }
    return Launch(**values)


def states(region: Region) -> list[str]:
    answer = region.ec2("describe_instances")["Reservations"]
    return [instance["State"]["Name"] for one in answer for instance in one["Instances"]]


def test_the_same_launch_twice_is_one_machine(region: Region) -> None:
    launch = a_launch(region)
    assert instances.start(region, launch) == instances.start(region, launch)
    assert len(states(region)) == 1


def test_a_machine_has_its_tags_and_takes_no_request_without_a_token(region: Region) -> None:
    (found,) = instances.wait_running(region, instances.start(region, a_launch(region)))
    assert found.tags[naming.RUN] == "test"
    (shown,) = region.ec2("describe_instances", InstanceIds=[found.id])["Reservations"][0]["Instances"]
    assert shown["MetadataOptions"]["HttpTokens"] == "required"


def test_ending_what_is_gone_is_no_mistake(region: Region) -> None:
    instances.terminate(region, ["i-0123456789abcdef0"])


def test_a_new_machine_that_is_never_known_is_gone(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lateness.known, "__kwdefaults__", {"deadline_s": 0.05})
    instances.terminate(region, ["i-0123456789abcdef0"], is_new=True)


@pytest.mark.parametrize("code", ["InvalidGroup.NotFound", "InvalidAMIID.NotFound"])
def test_a_machine_starts_as_soon_as_its_image_and_group_are_known(
    code: str, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = late(monkeypatch, "run_instances", code, code)
    assert len(instances.start(region, a_launch(region))) == 1
    assert left == []


def test_a_key_that_is_listed_and_not_known_yet_is_waited_for(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    region.ec2("create_key_pair", KeyName="deployer")
    left = late(monkeypatch, "run_instances", instances.NO_KEY, instances.NO_KEY)
    assert len(instances.start(region, a_launch(region, key_name="deployer"))) == 1
    assert left == []


def test_a_group_is_returned_as_soon_as_it_is_listed(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    left = late(monkeypatch, "describe_security_groups", *[{"SecurityGroups": []}] * 3)
    group = groups.group(region, name="web", ports=(22,))
    assert left == []
    assert region.ec2("describe_security_groups", GroupIds=[group])["SecurityGroups"]


def test_a_key_that_is_not_there_is_told_with_those_that_are(region: Region) -> None:
    region.ec2("create_key_pair", KeyName="deployer")
    with pytest.raises(BakeryError, match="there is no key pair 'deploier'") as caught:
        instances.start(region, a_launch(region, key_name="deploier"))
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == "did you mean 'deployer'?"


def test_a_group_is_made_once_and_opened_for_what_is_missing(region: Region) -> None:
    first = groups.group(region, name="web", ports=(22,))
    assert groups.group(region, name="web", ports=(22, 443)) == first
    (found,) = region.ec2("describe_security_groups", GroupIds=[first])["SecurityGroups"]
    assert sorted(rule["FromPort"] for rule in found["IpPermissions"]) == [22, 443]
    assert {"Key": naming.RUN, "Value": "shared"} in found["Tags"]


def test_an_instance_type_that_the_region_lacks_is_refused(region: Region) -> None:
    with pytest.raises(BakeryError, match=r"eu-west-2 has no instance type t9\.nano") as caught:
        instances.instance_type(region, arch=Arch.AMD64, wanted="t9.nano")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_the_first_type_that_the_region_has_is_taken(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    assert instances.instance_type(region, arch=Arch.ARM64) == "t4g.small"
    monkeypatch.setattr(instances, "INSTANCE_TYPES", {Arch.AMD64: ("t9.nano", "t2.small")})
    assert instances.instance_type(region, arch=Arch.AMD64) == "t2.small"


def test_ports_and_users_are_aws_s_own_but_in_a_rehearsal(cloud: Rehearsal) -> None:
    rehearsed, debian = account_of(cloud), base(BaseName.DEBIAN_12)
    real = Account(session=rehearsed.session)
    assert (instances.port(real, 22), instances.port(rehearsed, 22)) == (22, 2222)
    users = [instances.login_user(one, debian, is_import=False) for one in (real, rehearsed)]
    assert users == ["admin", "debian"]
    assert instances.login_user(real, debian, is_import=True) == "debian"
