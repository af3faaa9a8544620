"""The policies of docs/iam for what some definitions ask for: enough beside a command's, needed, and no wider."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from moto.ec2.models import ec2_backends

from bakery.cloud import naming
from bakery.clouds.aws import published, tunnels
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import layers
from bakery.rehearsal.server import serving
from bakery.rehearsal.world import ACCOUNT
from bakery.release import launch, launch_order, promote, publish
from tests import releases
from tests.aws_account import forget_aws
from tests.iam_questions import Touch, allows
from tests.own_account import OWN, PROFILE, builds
from tests.policing import Police, document, entries, named, policing, together
from tests.releases import BOTH, DUBLIN, LONDON


@pytest.fixture(scope="module")
def stage() -> Iterator[Police]:
    with serving() as rehearsal, policing(rehearsal) as police:
        yield police


@pytest.fixture
def police(stage: Police, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Police:
    stage.begin_again()
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(published, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(Account, "usable", property(lambda account: [one for one in BOTH if one in account.opt_in]))
    releases.define(monkeypatch, OWN)
    monkeypatch.setattr(layers, "chain", lambda name: [OWN])
    return stage


def start(police: Police, *policies: str, without: str = "") -> str:
    """Launch a machine in one's own network, with one's own profile and tags; return its subnet."""
    releases.put(police.cloud, OWN, is_latest=True)
    builds(police.owner.region(LONDON))
    account = police.sign_in(together("launch", *policies, without=without))
    order = launch_order.Order(image="host", regions=(LONDON,), is_waiting=False)
    launch.launch(order, account=AwsCloud(account=account), console=Console()).require_all()
    (instance,) = police.owner.region(LONDON).ec2("describe_instances")["Reservations"][0]["Instances"]
    return str(instance["SubnetId"])


def release(police: Police, *policies: str, without: str = "") -> None:
    """Publish and promote a release with one's own tags, of which the last run has left some out."""
    for region in BOTH:
        data = {"ImageId": "ami-0"}
        ec2_backends[ACCOUNT][region].create_launch_template("fleet", "", data, {})
    baked = releases.put(police.cloud, OWN, age_days=2, regions=(LONDON,))
    image = police.cloud.world.images[baked.places[LONDON].image_id]
    del image.tags["team"]
    police.cloud.world.snapshots[image.snapshot].tags.clear()
    account = police.sign_in(together("publish", *policies, without=without))
    order = publish.Order(image="host", release=baked.release, regions=BOTH)
    publish.publish(order, account=AwsCloud(account=account), console=Console())
    promote.promote(order, account=AwsCloud(account=account), console=Console())


Work = Callable[..., object]
WORK: Mapping[str, tuple[Work, tuple[str, ...]]] = {
    "launch": (start, ("network", "profile")),
    "publish": (release, ("tags",)),
}
"""What is done, and the policies that it needs beside its own."""
BY_PACKER = {
    "profile LookAtTheProfile iam:GetInstanceProfile",
    "tags TodaysPackerTagsItsImageAtOnce ec2:CreateTags",
}
"""Entries that Packer alone asks for."""
NEEDED = [
    (name, entry)
    for name, (_, options) in WORK.items()
    for option in options
    for entry in entries(option)
    if entry not in BY_PACKER
]


@pytest.mark.parametrize("name", WORK)
def test_they_are_enough_beside_the_policy_of_the_command(police: Police, name: str) -> None:
    do, options = WORK[name]
    do(police, *options)
    assert police.refused == []


def test_a_machine_is_where_the_definition_says(police: Police) -> None:
    subnet = start(police, "network", "profile")
    described = police.owner.region(LONDON).ec2("describe_subnets", SubnetIds=[subnet])["Subnets"]
    assert [one["Tags"] for one in described] == [[{"Key": "Name", "Value": "builds"}]]


@pytest.mark.parametrize(("name", "entry"), NEEDED)
def test_no_entry_of_them_can_be_left_out(police: Police, name: str, entry: str) -> None:
    do, options = WORK[name]
    with pytest.raises(BakeryError) as caught:
        do(police, *options, without=entry)
    assert named(caught.value) == {entry.split()[2]}
    assert f"docs/iam/{entry.split(maxsplit=1)[0]}.json" in caught.value.hint


def test_a_role_that_is_not_for_this_is_handed_to_no_machine() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/"
    for arn, service in ((f"{role}admin", "ec2"), (f"{role}{PROFILE}", "lambda")):
        told = {"iam:PassedToService": f"{service}.amazonaws.com"}
        assert not allows(document("profile"), Touch(action="iam:PassRole", arn=arn, context=told))


def test_what_is_somebody_else_s_gets_no_tag() -> None:
    for kind, thing in (("image", "ami-1"), ("snapshot", "snap-1")):
        arn = f"arn:aws:ec2:{DUBLIN}::{kind}/{thing}"
        for context in ({"aws:ResourceTag/Name": "theirs"}, {"aws:TagKeys": ["team"]}):
            assert not allows(document("tags"), Touch(action="ec2:CreateTags", arn=arn, context=context))


MACHINE, SESSIONS = f"arn:aws:ec2:{DUBLIN}:{ACCOUNT}:instance/i-1", f"arn:aws:ssm:{DUBLIN}:{ACCOUNT}:session"
FORWARDING = f"arn:aws:ssm:{DUBLIN}::document/{tunnels.DOCUMENT}"


@pytest.mark.parametrize("tag", [naming.RUN, naming.IMAGE])
def test_session_manager_reaches_the_machines_of_a_run_and_of_an_image(tag: str) -> None:
    whole = Touch(action="ssm:StartSession", arn=MACHINE, context={f"ssm:resourceTag/{tag}": "x"})
    assert allows(document("ssm"), whole)
    assert allows(document("ssm"), Touch(action="ssm:StartSession", arn=FORWARDING))


def test_session_manager_reaches_nobody_else_s_machine_and_opens_no_shell() -> None:
    theirs = Touch(action="ssm:StartSession", arn=MACHINE, context={"ssm:resourceTag/Name": "theirs"})
    assert not allows(document("ssm"), theirs)
    shell = FORWARDING.replace(tunnels.DOCUMENT, "SSM-SessionManagerRunShell")
    assert not allows(document("ssm"), Touch(action="ssm:StartSession", arn=shell))


@pytest.mark.parametrize("variable", ["${aws:userid}", "${aws:username}"])
def test_sessions_are_used_and_ended_by_whoever_began_them(variable: str) -> None:
    own = json.loads(json.dumps(document("ssm")).replace(variable, "anna"))
    for action in ("ssm:TerminateSession", "ssmmessages:OpenDataChannel"):
        assert allows(own, Touch(action=action, arn=f"{SESSIONS}/anna-0123456789abcdef0"))
        assert not allows(own, Touch(action=action, arn=f"{SESSIONS}/bert-0123456789abcdef0"))


def test_a_parameter_whose_tags_are_refused_keeps_its_value_for_the_next_run(police: Police) -> None:
    police.has_conditions = False
    baked = releases.put(police.cloud, OWN)
    name = naming.pointer(OWN, baked.release, baked.arch)
    releases.write(LONDON, name, "ami-0123456789abcdef0")
    account = police.sign_in(together("publish", "tags", without="tags TagOurParameters ssm:AddTagsToResource"))
    with pytest.raises(BakeryError) as caught:
        publish.publish(publish.Order(image="host"), account=AwsCloud(account=account), console=Console())
    assert named(caught.value) == {"ssm:AddTagsToResource"}
    assert releases.parameters(LONDON)[name] == "ami-0123456789abcdef0"
