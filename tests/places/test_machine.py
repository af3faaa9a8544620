"""A machine for a piece of work is ended whatever happens, in a rehearsal without guests."""

import os
import signal
from collections.abc import Sequence

import pytest

from bakery.cloud import naming
from bakery.clouds.aws import images, instances
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.place import AwsPlace
from bakery.core.errors import BakeryError
from bakery.definition.bases import Arch, BaseName, base
from bakery.definition.model import Definition
from bakery.places import machine
from bakery.places.place import Start
from bakery.rehearsal.server import Rehearsal
from tests.aws_account import account_of, late


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region("eu-west-2")


def a_start(region: Region) -> Start:
    place = AwsPlace(region=region)
    image = images.at(region, place.newest_base(base(BaseName.DEBIAN_12), Arch.AMD64).id)
    assert image
    return Start(
        image=image,
        definition=Definition.model_validate({"name": "host"}),
        group="test",
        instance_type="t3.small",
        token="once",
        tags={naming.RUN: "test"},
    )


def states(region: Region) -> list[str]:
    answer = region.ec2("describe_instances")["Reservations"]
    return [instance["State"]["Name"] for one in answer for instance in one["Instances"]]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_machine_ends_with_the_body_however_it_ends(region: Region, error: type[BaseException]) -> None:
    def fail() -> None:
        with machine.running(AwsPlace(region=region), a_start(region)):
            assert states(region) == ["running"]
            region.account.stop.set()
            raise error

    with pytest.raises(error):
        fail()
    region.account.stop.clear()
    assert states(region)[0] in {"shutting-down", "terminated"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_machine_that_aws_does_not_know_yet_ends_all_the_same(
    error: type[BaseException], region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        with machine.running(AwsPlace(region=region), a_start(region)):
            raise error

    left = late(monkeypatch, "terminate_instances", instances.NO_INSTANCE, instances.NO_INSTANCE)
    with pytest.raises(error):
        fail()
    assert left == []
    assert states(region)[0] in {"shutting-down", "terminated"}


def test_a_machine_ends_however_often_ctrl_c_is_pressed(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = instances.terminate

    def press_and_terminate(region: Region, ids: Sequence[str], *, is_new: bool = False) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        plain(region, ids, is_new=is_new)

    def run() -> None:
        with machine.running(AwsPlace(region=region), a_start(region)):
            raise KeyboardInterrupt

    monkeypatch.setattr(instances, "terminate", press_and_terminate)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert states(region)[0] in {"shutting-down", "terminated"}


def test_a_machine_that_cannot_be_ended_is_named(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BakeryError("eu-west-2: ec2:TerminateInstances: no answer")

    monkeypatch.setattr(instances, "terminate", refuse)
    with pytest.raises(BakeryError) as caught, machine.running(AwsPlace(region=region), a_start(region)) as one:
        pass
    assert caught.value.message == f"eu-west-2: ec2:TerminateInstances: no answer; {one.id} may still run"
    assert caught.value.hint.endswith(f"--instance-ids {one.id}")
