"""The policies of docs/iam: each is enough for its commands, and no entry of it can be left out."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from bakery.catalog import ids
from bakery.cloud import naming
from bakery.clouds.aws import groups, instances, policies, published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.base_images import FoundBy
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.instances import Launch
from bakery.clouds.aws.place import AwsPlace
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases, layers
from bakery.definition.bases import Arch
from bakery.rehearsal.server import Rehearsal, serving
from bakery.rehearsal.world import ACCOUNT
from bakery.release import (
    bake,
    launch,
    launch_order,
    plan,
    preview,
    promote,
    prune,
    publish,
    rebuild,
    regions,
    validate,
)
from bakery.release.findings import State
from tests import releases
from tests.aws_account import forget_aws
from tests.policing import OPTIONS, Police, document, entries, named, policing
from tests.rehearsed_images import a_snapshot, an_image
from tests.releases import BOTH, DUBLIN, LONDON

ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-exampleorgid"
HOST = releases.definition(launch_template="fleet", share_with=["210987654321", ORGANIZATION])
AWS_ALONE = "launch TagAtCreation ec2:CreateTags"
"""What moto does not ask for; EC2 user guide, "Grant permission to tag resources during creation"."""
QUIET = {"read FindTheBase ssm:GetParameter": "not by its parameter"}
"""Entries whose absence is no error of the command, and what is worse without them."""


def seed_read(cloud: Rehearsal, owner: Account) -> None:
    """Put a release there that `validate` looks at, and an image that `plan` finds."""
    release = releases.put(cloud, HOST, is_latest=True)
    for region in BOTH:
        image = cloud.world.images[release.places[region].image_id]
        cloud.world.snapshots[image.snapshot].readers.add("210987654321")
        image.readers += [{"UserId": "210987654321"}, {"OrganizationArn": ORGANIZATION}]
        template(region, {"ImageId": image.id})
    planned = plan.make("host", AwsPlace(region=owner.region(LONDON)))
    an_image(cloud, region=LONDON, name=planned.name)


def read(cloud: Rehearsal, account: Account) -> None:
    survey = regions.ask(AwsCloud(account=account), bases.base("debian-12"), Arch.AMD64)
    survey.require_answer()
    ways = {row.image.found_by for row in survey.rows if row.image}
    assert ways == {FoundBy.SSM}, "the base is found by its name, not by its parameter"
    order = bake.Order(image="host", regions=BOTH, base="debian-12")
    preview.show(order, account=AwsCloud(account=account), console=Console())
    report = validate.validate(("host",), regions=(), account=AwsCloud(account=account), console=Console())
    problems = [one.why for one in report.findings if one.state is not State.CORRECT]
    if problems:
        raise BakeryError("; ".join(problems))
    assert len(report.findings) == len(BOTH)
    rebuild.rebuild(("host",), regions=(), account=AwsCloud(account=account), console=Console())
    assert ids.show(ids.Order(image="host", is_rehearsal=True), console=Console())


def seed_publish(cloud: Rehearsal, owner: Account) -> None:
    """Put a promoted release there, and one that was baked and that a kill has left half tagged."""
    releases.put(cloud, HOST, is_latest=True)
    baked = releases.put(cloud, HOST, age_days=2, regions=(LONDON,))
    image = cloud.world.images[baked.places[LONDON].image_id]
    del image.tags[naming.BASE]
    cloud.world.snapshots[image.snapshot].tags.clear()


def publish_all(cloud: Rehearsal, account: Account) -> None:
    told: dict[str, Any] = {"account": AwsCloud(account=account), "console": Console()}
    order = publish.Order(image="host", release=releases.name_of(2), regions=BOTH)
    publish.publish(order, **told)
    promote.promote(order, **told)
    (back,) = promote.rollback(publish.Order(image="host"), **told)
    assert back.release == releases.name_of(30)


def seed_launch(cloud: Rehearsal, owner: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    ec2_backends[ACCOUNT][LONDON].create_key_pair("mine", "ed25519", {})


def launch_all(cloud: Rehearsal, account: Account) -> None:
    """Launch in three ways: all goes well, a key is not there, somebody presses Ctrl-C."""

    def start(**fields: Any) -> None:
        order = launch_order.Order(image="host", regions=(LONDON,), is_waiting=False, **fields)
        launch.launch(order, account=AwsCloud(account=account), console=Console()).require_all()

    start(key="mine")
    with pytest.raises(BakeryError) as caught:
        start(key="mien", source="parameter")
    if caught.value.exit_code is not ExitCode.IMPOSSIBLE:
        raise caught.value
    assert caught.value.hint == "did you mean 'mine'?"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instances, "wait_running", interrupt)
        with pytest.raises(KeyboardInterrupt):
            start()
    assert len(cloud.instances()) == 1


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def seed_prune(cloud: Rehearsal, owner: Account) -> None:
    """Put an old release there, the promoted one, and one of each thing that killed runs leave."""
    releases.put(cloud, HOST, age_days=40)
    latest = releases.put(cloud, HOST, is_latest=True).places[DUBLIN].image_id
    failed = {naming.IMAGE: "host"}
    an_image(cloud, region=DUBLIN, name="dokku-bakery/host/x/amd64", failure="no reason", tags=failed)
    a_snapshot(cloud, region=DUBLIN, started=releases.NOW - timedelta(days=2), tags={naming.IMAGE: "host", "Name": "x"})
    template(DUBLIN, {"ImageId": latest})
    region = owner.region(DUBLIN)
    groups.group(region, name="dokku-bakery-bake", ports=())
    launched = Launch(image_id=latest, instance_type="t3.small", groups=(), token="x", tags={naming.RUN: "x"})
    instances.start(region, launched)
    backend = ec2_backends[ACCOUNT][DUBLIN]
    backend.create_key_pair("mine", "ed25519", {naming.RUN: "x"})


def prune_all(cloud: Rehearsal, account: Account) -> None:
    prune.prune(prune.Order(is_now=True), account=AwsCloud(account=account), console=Console(), is_dry=False)
    backend = ec2_backends[ACCOUNT][DUBLIN]
    assert len(releases.own_images(cloud)) == len(releases.own_snapshots(cloud)) == len(BOTH)
    assert (cloud.instances(), list(backend.key_pairs)) == ([], [])


def template(region: str, data: dict[str, Any]) -> None:
    ec2_backends[ACCOUNT][region].create_launch_template("fleet", "", data, {})


Work = Callable[[Rehearsal, Account], None]
WORK: Mapping[str, tuple[Work, Work]] = {
    "launch": (seed_launch, launch_all),
    "prune": (seed_prune, prune_all),
    "publish": (seed_publish, publish_all),
    "read": (seed_read, read),
}
"""What a policy is for, by its name: how the cloud is before, put there by its owner, and all that is done then."""


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
    # Seventeen regions take long to ask, and all are asked the same.
    monkeypatch.setattr(Account, "usable", property(lambda account: [one for one in BOTH if one in account.opt_in]))
    releases.define(monkeypatch, HOST)
    monkeypatch.setattr(layers, "chain", lambda name: [HOST])
    return stage


def work(police: Police, name: str, *, without: str = "") -> None:
    """Do all that a policy is for, as a user who has it."""
    seed, do = WORK[name]
    seed(police.cloud, police.owner)
    do(police.cloud, police.sign_in(document(name, without=without)))


@pytest.mark.parametrize("name", WORK)
def test_a_policy_is_enough_for_its_commands(police: Police, name: str) -> None:
    work(police, name)
    assert police.refused == []


@pytest.mark.parametrize("entry", [one for name in WORK for one in entries(name)])
def test_no_entry_of_a_policy_can_be_left_out(police: Police, entry: str) -> None:
    name, _, action = entry.split()
    if entry in QUIET:
        with pytest.raises(AssertionError, match=QUIET[entry]):
            work(police, name, without=entry)
    else:
        with pytest.raises(BakeryError) as caught:
            work(police, name, without=entry)
        assert named(caught.value) == {action}
    assert {one for _, one in police.refused} == {action}


def test_only_aws_asks_whether_a_machine_may_be_tagged_as_it_starts(police: Police) -> None:
    police.has_conditions = False
    work(police, "launch", without=AWS_ALONE)


def test_every_policy_is_tested() -> None:
    assert {path.stem for path in policies.FOLDER.glob("*.json")} == {*WORK, "bake", "import", *OPTIONS}


def test_whoever_is_refused_is_told_which_policy_has_the_action(police: Police) -> None:
    seed_publish(police.cloud, police.owner)
    account = police.sign_in(document("publish", without="publish Copy ec2:CopyImage"))
    order = publish.Order(image="host", release=releases.name_of(2), regions=BOTH)
    with pytest.raises(BakeryError, match="eu-west-1: ec2:CopyImage is not allowed: You are not authorized") as caught:
        publish.publish(order, account=AwsCloud(account=account), console=Console())
    assert caught.value.exit_code is ExitCode.MISSING
    files = "docs/iam/bake.json or docs/iam/import.json or docs/iam/publish.json"
    assert caught.value.hint == f"attach {files}, which allows ec2:CopyImage"
