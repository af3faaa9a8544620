"""A machine is judged where it can be reached, and one that cannot be is told of and ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import record
from bakery.cloud import naming
from bakery.cloud.values import Instance
from bakery.clouds.aws import base_images, images, tunnels
from bakery.clouds.aws import instances as machines
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.place import AwsPlace
from bakery.contents import collect, kept, provenance
from bakery.contents.manifest import Manifest
from bakery.contents.provenance import Origin
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases
from bakery.definition.bases import Arch, BaseName
from bakery.definition.model import Definition
from bakery.guests import guest, suite
from bakery.guests.guest import Guest, wait_for_ssh
from bakery.guests.suite import Verdict
from bakery.rehearsal.server import Rehearsal
from bakery.release import approve
from bakery.release.approve import Subject
from tests import manifests, releases
from tests.aws_account import account_of
from tests.rehearsed_images import a_snapshot, an_image

HOME = "eu-west-2"


@pytest.fixture
def region(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Region:
    monkeypatch.setattr(machines, "PAUSE_S", 0.02)
    monkeypatch.setattr(guest, "wait_for_ssh", lambda *_, **__: 1.0)
    monkeypatch.setattr(suite, "judge", lambda *_, **__: Verdict(asked=("test",) * 1, failures=()))
    monkeypatch.setattr(collect, "of", lambda _one, made, *, machine: manifests.of(made, machine=machine))
    return account_of(cloud).region(HOME)


MADE = record.Made(
    image="host",
    release="20261123-0415-0123456789ab",
    arch=Arch.AMD64,
    base=BaseName.DEBIAN_12,
    fingerprint="0" * 64,
    size_gb=8,
)


def judge(region: Region, definition: Definition, *, log: Path, origin: Origin | None = None) -> Verdict:
    """Judge an image of the distribution's, in the place of one of ours."""
    subject = Subject(made=MADE, definition=definition, user="debian", settings="", origin=origin)
    image = images.at(region, base_images.newest(region, bases.base(BaseName.DEBIAN_12), Arch.AMD64).id)
    assert image
    return approve.verify_image(AwsPlace(region=region), subject, image, console=Console(), log=log)


def instances(region: Region) -> list[dict[str, Any]]:
    reservations = region.ec2("describe_instances")["Reservations"]
    return [one for reservation in reservations for one in reservation["Instances"]]


def test_a_machine_without_a_public_address_is_told_of_and_ended(
    region: Region, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    described = machines.describe

    def without(region: Region, ids: list[str]) -> list[Instance]:
        return [replace(one, public_address="") for one in described(region, ids)]

    monkeypatch.setattr(machines, "describe", without)
    with pytest.raises(BakeryError, match=r"eu-west-2: i-\w+ in subnet-\w+ has no public address") as caught:
        judge(region, releases.definition(), log=tmp_path / "log")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint
    assert instances(region)[0]["State"]["Name"] in {"shutting-down", "terminated"}


def test_a_machine_is_reached_at_its_public_address(
    region: Region, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def wait(guests: list[Guest], **_: object) -> float:
        (instance,) = instances(region)
        assert f"HostName {instance['PublicIpAddress']}" in guests[0].ssh_config.read_text()
        return 1.0

    monkeypatch.setattr(guest, "wait_for_ssh", wait)
    assert judge(region, releases.definition(), log=tmp_path / "log").total == 1


def test_of_a_machine_that_never_answers_the_end_of_its_console_is_told(
    region: Region, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guest, "wait_for_ssh", wait_for_ssh)
    monkeypatch.setattr(guest, "BOOT_TIMEOUT_S", 0.1)
    with pytest.raises(BakeryError, match="first did not answer to SSH") as caught:
        judge(region, releases.definition(), log=tmp_path / "log")
    assert "its console ends with:\nThe rehearsal cloud has no machine for i-" in caught.value.message


def manifest() -> Manifest | None:
    return kept.read(kept.of_release("host", MADE.release, MADE.arch, is_rehearsal=True))


def test_what_the_machine_holds_is_kept_beside_the_catalog(region: Region, tmp_path: Path) -> None:
    judge(region, releases.definition(), log=tmp_path / "log")
    found = manifest()
    assert found is not None
    assert (found.release, found.fingerprint, found.machine) == (MADE.release, MADE.fingerprint, "kvm")


def test_where_it_comes_from_is_stated_and_the_image_is_marked_with_the_digest(
    region: Region, stage: Rehearsal, tmp_path: Path
) -> None:
    judge(region, releases.definition(), log=tmp_path / "log")
    path = kept.provenance_of(kept.of_release("host", MADE.release, MADE.arch, is_rehearsal=True))
    assert provenance.passed(path) == {HOME: 1}
    an_image(stage, region=HOME, name=MADE.name, snapshot=a_snapshot(stage, region=HOME).id)
    found = approve.marked(AwsPlace(region=region), MADE)
    assert found.tags[naming.PROVENANCE] == provenance.digest(path)
    assert naming.VERIFIED in found.tags


def test_of_an_image_that_was_baked_elsewhere_its_own_origin_is_stated(region: Region, tmp_path: Path) -> None:
    origin = Origin(begin="base.qcow2", begin_digest="ab" * 32, steps=("nginx",), commit="ef" * 20)
    judge(region, releases.definition(), log=tmp_path / "log", origin=origin)
    path = kept.provenance_of(kept.of_release("host", MADE.release, MADE.arch, is_rehearsal=True))
    found = provenance.stated(path)
    assert found is not None
    assert found.judged.startswith("ami-")
    assert replace(found, judged="") == origin


def test_what_a_machine_holds_that_does_not_pass_is_not_kept(
    region: Region, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def reject(*_: object, **__: object) -> Verdict:
        raise BakeryError("1 of 1 tests", exit_code=ExitCode.REJECTED)

    monkeypatch.setattr(suite, "judge", reject)
    with pytest.raises(BakeryError, match="1 of 1 tests"):
        judge(region, releases.definition(), log=tmp_path / "log")
    assert manifest() is None


def test_with_a_private_login_it_is_reached_within_its_network(
    region: Region, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vpc = region.ec2("create_vpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = region.ec2("create_subnet", VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]

    def wait(guests: list[Guest], **_: object) -> float:
        (instance,) = instances(region)
        assert instance["SubnetId"] == subnet
        assert "PublicIpAddress" not in instance
        assert f"HostName {instance['PrivateIpAddress']}" in guests[0].ssh_config.read_text()
        return 1.0

    monkeypatch.setattr(guest, "wait_for_ssh", wait)
    definition = releases.definition(login="private", subnet={HOME: subnet}, tags={"team": "ops"})
    assert judge(region, definition, log=tmp_path / "log").total == 1
    assert {"Key": "team", "Value": "ops"} in instances(region)[0]["Tags"]


def test_a_subnet_of_one_s_own_gives_a_public_address_where_it_is_reached_by_that(
    region: Region, tmp_path: Path
) -> None:
    vpc = region.ec2("create_vpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = region.ec2("create_subnet", VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    assert judge(region, releases.definition(subnet={HOME: subnet}), log=tmp_path / "log").total == 1
    assert instances(region)[0]["SubnetId"] == subnet


def test_through_session_manager_it_is_reached_at_a_port_of_this_machine(
    region: Region, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, int]] = []

    @contextmanager
    def opened(_: Region, instance: str, *, port: int, log: Path) -> Iterator[int]:
        asked.append((instance, port))
        yield 4711

    def wait(guests: list[Guest], **_: object) -> float:
        entry = guests[0].ssh_config.read_text()
        assert "HostName 127.0.0.1" in entry
        assert "Port 4711" in entry
        return 1.0

    monkeypatch.setattr(guest, "wait_for_ssh", wait)
    monkeypatch.setattr(tunnels, "opened", opened)
    monkeypatch.setattr(tunnels, "require", lambda *_: None)
    definition = releases.definition(login="ssm", instance_profile="bakery")
    region.account.client("iam", "us-east-1").create_instance_profile(InstanceProfileName="bakery")
    assert judge(region, definition, log=tmp_path / "log").total == 1
    (instance,) = instances(region)
    assert asked == [(instance["InstanceId"], 22)]
    (group,) = region.ec2("describe_security_groups", GroupIds=[instance["SecurityGroups"][0]["GroupId"]])[
        "SecurityGroups"
    ]
    assert group["IpPermissions"] == []
