"""Launching in a rehearsal cloud: the right image everywhere, refused before it costs anything, told when it fails."""

import base64
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from bakery.catalog import catalog, promotions, record
from bakery.cloud import naming
from bakery.clouds.aws import instances as machines
from bakery.clouds.aws import tunnels
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.place import AwsPlace
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from bakery.guests import health
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal import service
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT
from bakery.release import launch, launch_choice
from bakery.release.launch import Launched
from bakery.release.launch_order import From, Order, user_data
from tests import releases
from tests.aws_account import account_of
from tests.healthy import HEALTHY, RESTORING, answering
from tests.releases import BOTH, DUBLIN, LONDON

HOST = releases.definition()
LATEST = "/dokku-bakery/host/latest/amd64"


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(machines, "PAUSE_S", 0.02)
    monkeypatch.setattr(health, "PAUSE_S", 0.02)
    releases.define(monkeypatch, HOST)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every machine be healthy the third time it is asked."""
    with answering(RESTORING, RESTORING, HEALTHY) as port:
        monkeypatch.setitem(service.PORTS, 8077, port)
        yield


def start(account: Account, *regions: str, **fields: Any) -> Launched:
    told: dict[str, Any] = {"image": "host", "regions": regions or BOTH, "is_waiting": False}
    order = Order(**told | fields)
    return launch.launch(order, account=AwsCloud(account=account), console=Console())


def described(account: Account, found: Launched) -> list[dict[str, Any]]:
    told = []
    for machine in found.machines:
        asked = {"InstanceIds": [machine.instance_id]}
        told += account.region(machine.region).ec2("describe_instances", **asked)["Reservations"][0]["Instances"]
    return told


def tags_of(instance: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance["Tags"]}


def refused(account: Account, *regions: str, **fields: Any) -> BakeryError:
    """Return why an order is refused; nothing was started."""
    with pytest.raises(BakeryError) as caught:
        start(account, *regions, **fields)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value


def test_each_region_starts_its_own_image_of_the_latest_release(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    releases.put(cloud, HOST, age_days=2)
    found = start(account)
    instances = described(account, found)
    assert [machine.region for machine in found.machines] == list(BOTH)
    assert [one["ImageId"] for one in instances] == [release.places[region].image_id for region in BOTH]
    assert found.addresses == [one["PublicIpAddress"] for one in instances]
    assert len(set(found.addresses)) == 2
    found.require_all()


@pytest.mark.parametrize("source", From)
def test_who_logs_in_to_what_was_sent_up_is_not_the_user_of_the_distributions_own_images(
    cloud: Rehearsal, account: Account, source: From
) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    real = Account(session=account.session, endpoint=account.endpoint)  # in a rehearsal both are the same user
    place, order = AwsPlace(region=real.region(LONDON)), Order(image="host", regions=(LONDON,))

    def user(release: catalog.Release) -> str:
        known = release if source is From.CATALOG else None
        return launch_choice.choose(place, order, HOST, arch=Arch.AMD64, release=known).login_user

    assert user(release) == "admin"
    sent_up = release.model_copy(update={"is_import": True})
    tags = cloud.world.images[release.places[LONDON].image_id].tags
    tags |= record.tags(sent_up, image="host") if source is From.PARAMETER else {}
    assert user(sent_up) == "debian"


def test_each_region_starts_what_is_latest_there(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40, is_latest=True)
    new = releases.put(cloud, HOST, age_days=2)

    def promote_in_dublin(known: catalog.Catalog) -> catalog.Catalog:
        history = promotions.begin(known.history(Arch.AMD64), new.release, BOTH, now=releases.NOW)
        return known.with_history(Arch.AMD64, promotions.finish(history, new.release, DUBLIN))

    catalog.change("host", promote_in_dublin, is_rehearsal=True, console=Console())
    expected = {LONDON: old.places[LONDON].image_id, DUBLIN: new.places[DUBLIN].image_id}
    for asked in ("", "latest"):
        found = start(account, release=asked)
        instances = described(account, found)
        assert {
            machine.region: one["ImageId"] for machine, one in zip(found.machines, instances, strict=True)
        } == expected
    (instance,) = described(account, start(account, DUBLIN, release=old.release))
    assert instance["ImageId"] == old.places[DUBLIN].image_id


def test_where_nothing_was_promoted_what_is_latest_elsewhere_starts(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)

    def promote_in_london(known: catalog.Catalog) -> catalog.Catalog:
        history = promotions.begin((), release.release, (LONDON,), now=releases.NOW)
        return known.with_history(Arch.AMD64, promotions.finish(history, release.release, LONDON))

    catalog.change("host", promote_in_london, is_rehearsal=True, console=Console())
    (instance,) = described(account, start(account, DUBLIN))
    assert instance["ImageId"] == release.places[DUBLIN].image_id


def test_a_machine_is_as_the_definition_says_and_tagged(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    (instance,) = described(account, start(account, DUBLIN))
    assert tags_of(instance) == {
        "Name": f"host {release.release}",
        naming.IMAGE: "host",
        naming.RELEASE: release.release,
    }
    assert instance["InstanceType"] == "t3.small"
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    (volume,) = account.region(DUBLIN).ec2("describe_volumes")["Volumes"]
    assert volume["Size"] == HOST.disk.size_gb
    (group,) = account.region(DUBLIN).ec2(
        "describe_security_groups", GroupIds=[instance["SecurityGroups"][0]["GroupId"]]
    )["SecurityGroups"]
    assert group["GroupName"] == "dokku-bakery"
    assert sorted(rule["FromPort"] for rule in group["IpPermissions"]) == [22, 80, 443, 8077]


def test_a_machine_lets_in_ssh_from_those_whom_the_definition_names(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = releases.definition(allow_from=["203.0.113.0/24"])
    releases.define(monkeypatch, office)
    releases.put(cloud, office, is_latest=True)
    (instance,) = described(account, start(account, DUBLIN))
    (group,) = account.region(DUBLIN).ec2(
        "describe_security_groups", GroupIds=[instance["SecurityGroups"][0]["GroupId"]]
    )["SecurityGroups"]
    ranges = {rule["FromPort"]: [one["CidrIp"] for one in rule["IpRanges"]] for rule in group["IpPermissions"]}
    assert ranges == {22: ["203.0.113.0/24"], **{port: ["0.0.0.0/0"] for port in (80, 443, 8077)}}


def test_as_many_machines_as_are_asked_for_start_in_each_region(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    found = start(account, count=3)
    assert [machine.region for machine in found.machines] == [LONDON] * 3 + [DUBLIN] * 3


def test_a_larger_disk_another_type_a_key_and_user_data_are_handed_on(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    account.region(DUBLIN).ec2("create_key_pair", KeyName="mine", KeyType="ed25519")
    told = user_data(domain="apps.example.com")
    found = start(account, DUBLIN, disk_gb=100, instance_type="m5.large", key="mine", user_data=told)
    (instance,) = described(account, found)
    assert (instance["InstanceType"], instance["KeyName"]) == ("m5.large", "mine")
    assert account.region(DUBLIN).ec2("describe_volumes")["Volumes"][0]["Size"] == 100
    made = ec2_backends[ACCOUNT][DUBLIN].get_instance(instance["InstanceId"])
    assert base64.b64decode(str(made.user_data)) == told


def test_without_a_key_it_is_told_who_can_log_in(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, is_latest=True)
    start(account, DUBLIN)
    assert "no --key: no key of EC2 lets anybody in, and the definition has no key" in capsys.readouterr().err
    keys = {"keys": {"alice": "ssh-ed25519 AAAA"}, "login": ["alice"]}
    releases.define(monkeypatch, HOST.model_validate({"name": "host", "ssh": keys, "aws": {}}))
    start(account, DUBLIN)
    assert "those of the definition do: alice" in capsys.readouterr().err


def test_how_to_log_in_is_told(cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    releases.put(cloud, HOST, is_latest=True)
    found = start(account, DUBLIN)
    assert f"{DUBLIN}: ssh -p 2222 debian@{found.addresses[0]}" in capsys.readouterr().err


@pytest.mark.usefixtures("healthy")
def test_machines_are_waited_for_until_they_are_healthy(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, is_latest=True)
    found = start(account, is_waiting=True, count=2)
    assert [machine.problem for machine in found.machines] == [""] * 4
    found.require_all()
    told = capsys.readouterr().err
    assert "/health says 503 restoring" in told
    assert all(f"{machine.region}: {machine.address} is healthy" in told for machine in found.machines)


def test_a_machine_that_does_not_become_healthy_runs_on_and_is_exit_code_1(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "HEALTHY_DEADLINE_S", 0.05)
    releases.put(cloud, HOST, is_latest=True)
    with answering(RESTORING) as port:
        monkeypatch.setitem(service.PORTS, 8077, port)
        found = start(account, DUBLIN, is_waiting=True)
    (machine,) = found.machines
    assert found.addresses == []
    with pytest.raises(
        BakeryError, match=f"{machine.instance_id} runs at {machine.address}, but .* 503 restoring"
    ) as told:
        found.require_all()
    assert told.value.exit_code is ExitCode.FAILED
    assert f"--region {DUBLIN} --instance-id {machine.instance_id}" in told.value.hint
    assert cloud.instances() == [machine.instance_id]


def test_through_session_manager_health_and_login_need_no_address(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    way = releases.definition(login="ssm", instance_profile="bakery")
    account.client("iam", "us-east-1").create_instance_profile(InstanceProfileName="bakery")
    releases.define(monkeypatch, way)
    releases.put(cloud, way, is_latest=True)
    asked: list[tuple[str, int]] = []
    with answering(RESTORING, HEALTHY) as port:

        @contextmanager
        def opened(_: Region, instance: str, *, port: int, log: Path, to: int = port) -> Iterator[int]:
            asked.append((instance, port))
            yield to

        monkeypatch.setattr(tunnels, "opened", opened)
        monkeypatch.setattr(tunnels, "require", lambda *_: None)
        found = start(account, DUBLIN, is_waiting=True, count=2)
    found.require_all()
    assert asked == [(machine.instance_id, 8077) for machine in found.machines]
    told = capsys.readouterr().err
    assert f"aws ssm start-session --region {DUBLIN} --target {found.machines[0].instance_id}" in told


def test_where_session_manager_cannot_be_nothing_is_started(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = releases.definition(login="ssm", instance_profile="bakery")
    releases.define(monkeypatch, way)
    releases.put(cloud, way, is_latest=True)
    assert "a rehearsal has no Session Manager" in refused(account, DUBLIN).message
    assert cloud.instances() == []


def test_in_a_slow_rehearsal_machines_have_more_time(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    account.accelerator = lambda: Accelerator(name="tcg", reason="slow")

    def note(addresses: Sequence[str], *, deadline_s: float, **_: object) -> dict[str, str]:
        waited.append(deadline_s)
        return dict.fromkeys(addresses, "")

    monkeypatch.setattr(health, "wait_healthy", note)
    releases.put(cloud, HOST, is_latest=True)
    start(account, DUBLIN, is_waiting=True)
    assert waited == [3600]


def test_a_release_is_named_by_its_beginning(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    (instance,) = described(account, start(account, DUBLIN, release=old.release[:13]))
    assert instance["ImageId"] == old.places[DUBLIN].image_id


def test_where_the_catalog_has_no_release_the_parameter_says_which_image(cloud: Rehearsal, account: Account) -> None:
    shop = releases.put(cloud, releases.definition("shop"))
    releases.write(DUBLIN, LATEST, shop.places[DUBLIN].image_id)
    (instance,) = described(account, start(account, DUBLIN))
    assert instance["ImageId"] == shop.places[DUBLIN].image_id
    assert tags_of(instance)[naming.RELEASE] == shop.release


def test_the_parameter_is_asked_when_it_is_to_be(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    releases.write(DUBLIN, LATEST, old.places[DUBLIN].image_id)
    (instance,) = described(account, start(account, DUBLIN, source="parameter"))
    assert instance["ImageId"] == old.places[DUBLIN].image_id
    (instance,) = described(account, start(account, DUBLIN, source="parameter", release=old.release))
    assert instance["ImageId"] == old.places[DUBLIN].image_id


def test_a_catalog_without_the_release_is_refused(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST)
    assert "no release of host for amd64 was promoted yet" in refused(account, DUBLIN).message
    assert "there is no release '2020'" in refused(account, DUBLIN, release="2020").message
    assert cloud.instances() == []


def test_a_parameter_that_is_not_there_is_refused(cloud: Rehearsal, account: Account) -> None:
    error = refused(account, DUBLIN)
    assert error.message == f"1 region is not done:\n  {DUBLIN}: there is no parameter {LATEST}"
    assert error.hint.startswith("./inv promote --image host")


def test_a_region_without_the_release_is_refused_before_anything_is_started(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, regions=(LONDON,), is_latest=True)
    error = refused(account)
    assert f"{DUBLIN}: host {release.release} is not there" in error.message
    publish = f"./inv publish --image host --release {release.release} --region {DUBLIN}"
    assert error.hint == f"{publish}; it is in {LONDON}"
    assert cloud.instances() == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"ready_at": 1e12}, "is pending"),
        ({"failure": "no key"}, "is failed"),
        ({"tags": {naming.REMOVING: "x"}}, "is being removed"),
        ({"arch": "arm64"}, "is for arm64, not for amd64"),
    ],
)
def test_an_image_that_cannot_be_started_is_refused(
    damage: dict[str, Any], message: str, cloud: Rehearsal, account: Account
) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    image = cloud.world.images[release.places[DUBLIN].image_id]
    vars(image).update(damage)
    error = refused(account)
    assert f"{DUBLIN}: {image.id} {message}" in error.message
    assert error.hint
    assert cloud.instances() == []


def test_an_image_that_is_gone_is_refused(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    del cloud.world.images[release.places[DUBLIN].image_id]
    assert f"there is no image {release.places[DUBLIN].image_id}" in refused(account, DUBLIN).message


def test_a_disk_that_is_smaller_than_the_images_is_refused(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    error = refused(account, DUBLIN, disk_gb=7)
    assert (error.message.splitlines()[1].strip(), error.hint) == (
        f"{DUBLIN}: --disk-gb 7 is less than the image's own 8 GB",
        "--disk-gb 8",
    )


def test_architectures_have_releases_of_their_own(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    arm = releases.put(cloud, HOST, is_latest=True, arch=Arch.ARM64)
    (instance,) = described(account, start(account, DUBLIN, arch="arm64"))
    assert (instance["ImageId"], instance["InstanceType"]) == (arm.places[DUBLIN].image_id, "t4g.small")
    assert refused(account, DUBLIN, arch="arm46").hint == "did you mean 'arm64'?"


def test_an_unknown_region_type_or_key_is_exit_code_2_with_the_nearest_one(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    account.region(DUBLIN).ec2("create_key_pair", KeyName="laptop", KeyType="ed25519")
    assert refused(account, "eu-west-11").hint == "did you mean 'eu-west-1'?"
    assert "has no instance type t3.smal" in refused(account, DUBLIN, instance_type="t3.smal").message
    with pytest.raises(BakeryError, match="there is no key pair 'labtop'") as caught:
        start(account, DUBLIN, key="labtop").require_all()
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.IMPOSSIBLE, "did you mean 'laptop'?")
    assert cloud.instances() == []


def test_a_region_that_fails_harms_no_other_and_is_exit_code_1(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, is_latest=True)
    account.region(LONDON).ec2("create_key_pair", KeyName="mine", KeyType="ed25519")
    found = start(account, key="mine")
    assert [machine.region for machine in found.machines] == [LONDON]
    assert len(found.addresses) == 1
    assert f"{DUBLIN}: failed: there is no key pair 'mine'\n" in capsys.readouterr().err
    with pytest.raises(BakeryError, match=f"{DUBLIN}: there is no key pair 'mine'") as caught:
        found.require_all()
    assert caught.value.exit_code is ExitCode.FAILED


def test_a_region_that_does_not_answer_harms_no_other(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    assert account.usable
    account.patience_s = 0.2
    releases.cut_off(account, DUBLIN)
    found = start(account)
    assert [machine.region for machine in found.machines] == [LONDON]
    with pytest.raises(BakeryError, match=f"{DUBLIN}: ec2:DescribeImages: no answer") as caught:
        found.require_all()
    assert caught.value.exit_code is ExitCode.FAILED


def test_two_launches_are_two_sets_of_machines(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    assert start(account, DUBLIN).addresses != start(account, DUBLIN).addresses
    assert len(cloud.instances()) == 2


@contextmanager
def interrupted(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Press Ctrl-C as soon as a launch in both regions waits for its machines."""
    with answering(RESTORING) as port:
        monkeypatch.setitem(service.PORTS, 8077, port)

        def interrupt() -> None:
            while [call.action for call in cloud.calls].count("RunInstances") < 2:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        yield


def test_an_interrupt_ends_what_was_started(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.put(cloud, HOST, is_latest=True)
    with interrupted(cloud, monkeypatch), pytest.raises(KeyboardInterrupt):
        start(account, is_waiting=True)
    assert cloud.instances() == []


def test_all_is_ended_however_often_ctrl_c_is_pressed(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = machines.terminate

    def press_and_terminate(region: Region, ids: Sequence[str], *, is_new: bool = False) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        plain(region, ids, is_new=is_new)

    releases.put(cloud, HOST, is_latest=True)
    monkeypatch.setattr(machines, "terminate", press_and_terminate)
    with interrupted(cloud, monkeypatch), pytest.raises(KeyboardInterrupt):
        start(account, is_waiting=True, count=2)
    assert cloud.instances() == []


def test_a_machine_that_an_interrupt_cannot_end_is_named_and_all_others_are_ended(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, kept = machines.terminate, list[str]()

    def terminate_all_but_one(region: Region, ids: Sequence[str], *, is_new: bool = False) -> None:
        if region.name == LONDON and not kept:
            kept.extend(ids)
            raise BakeryError(f"{LONDON}: ec2:TerminateInstances: no answer")
        plain(region, ids, is_new=is_new)

    releases.put(cloud, HOST, is_latest=True)
    monkeypatch.setattr(machines, "terminate", terminate_all_but_one)
    with interrupted(cloud, monkeypatch), pytest.raises(BakeryError) as caught:
        start(account, is_waiting=True, count=2)
    (left,) = kept
    assert cloud.instances() == [left]
    assert caught.value.message.splitlines() == [
        "interrupted, and 1 region is not done:",
        f"  {LONDON}: ec2:TerminateInstances: no answer; {left} may still run",
    ]
    assert caught.value.hint == f"aws ec2 terminate-instances --region {LONDON} --instance-ids {left}"
    assert caught.value.exit_code is ExitCode.FAILED
