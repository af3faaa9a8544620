"""docs/iam/import.json: enough for `publish --from local`, judging included, and no entry of it can be left out.

No machine boots: whoever judges machines says yes to all that have a console.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.clouds.aws import ebs, lateness, published, upload
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.cloud import AwsCloud
from bakery.contents import collect
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import bases, layers
from bakery.guests import guest, suite
from bakery.guests.suite import Verdict
from bakery.local import find
from bakery.places.shipment import FanOut
from bakery.rehearsal.server import Rehearsal, serving
from bakery.release import import_, plan, verify
from bakery.release.import_ import Order
from tests import local_images, manifests, releases
from tests.aws_account import forget_aws
from tests.iam_questions import Touch, allows
from tests.local_images import FIRST_FREE, content
from tests.own_account import OWN, builds
from tests.policing import Police, document, entries, named, policing, together
from tests.rehearsed_images import a_snapshot
from tests.releases import BOTH, DUBLIN, LONDON

HOST = releases.definition(share_with=["210987654321"])
BAKED_THERE = plan.stacked([HOST], bases.base(local_images.BASE))[-1].fingerprint
"""What a bake in a region gives it: to be verified again it is taken for one of those."""
MONDAY, TUESDAY = f"20260105-0415-{BAKED_THERE[:12]}", "20260106-0415-0123456789ab"
BLOCKS = {FIRST_FREE + number: content(f"block {number}") for number in range(3)}
QUIET = {"import UseTheMachinesOfARun ec2:GetConsoleOutput": "nobody sees the console"}
"""Entries whose absence is no error of the command, and what is worse without them."""


KNOWN = [{"Name": "group-name", "Values": ["dokku-bakery-verify*"]}]


@pytest.fixture(scope="module")
def stage() -> Iterator[Police]:
    with serving() as rehearsal, policing(rehearsal) as police:
        yield police


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build folder with the image that all tests bring, and what its blocks are."""
    folder = tmp_path_factory.mktemp("baked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKERY_BUILD_DIR", str(folder / "build"))
        local_images.baked(folder, BLOCKS, release=MONDAY, fingerprint=BAKED_THERE)
        upload.read_digests(find.find("host", base=""), console=Console())
    return folder / "build"


@pytest.fixture
def police(stage: Police, baked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Police:
    stage.begin_again()
    stage.cloud.world.is_booting = False
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    shutil.copytree(baked, tmp_path / "build")
    for module in (published, lateness):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(Account, "usable", property(lambda account: [one for one in BOTH if one in account.opt_in]))
    releases.define(monkeypatch, HOST)
    monkeypatch.setattr(layers, "chain", lambda name, **_: [HOST])
    monkeypatch.setattr(guest, "wait_for_ssh", lambda guests, *, accelerator: 0.0)
    monkeypatch.setattr(suite, "judge", judge)
    monkeypatch.setattr(collect, "of", lambda _one, made, *, machine: manifests.of(made, machine=machine))
    return stage


def judge(argv: Sequence[str], *, env: Mapping[str, str], console: Console, log: Path) -> Verdict:
    """Stand in for the tests of an image on a machine."""
    if not env["BAKERY_CONSOLES"]:
        raise BakeryError("nobody sees the console")
    return Verdict(asked=("test",) * 1, failures=())


def leave_a_failed_upload(cloud: Rehearsal) -> str:
    """Put a snapshot there that an earlier run has begun and AWS has given up."""
    disk = find.find("host", base="").disk_sha256
    tags = {"Name": "x", naming.IMAGE: "host", naming.RELEASE: MONDAY, naming.DISK: disk}
    return a_snapshot(cloud, region=LONDON, failure="given up", tags=tags).id


def bring(police: Police, *, without: str = "", fan_out: FanOut = FanOut.COPY) -> None:
    """Send the image to one region, judge it there, and publish it in another, as a user who has the policy."""
    order = Order(image="host", regions=BOTH, fan_out=fan_out, is_read_back=True)
    account = police.sign_in(document("import", without=without))
    import_.bring(order, account=AwsCloud(account=account), console=Console())


def test_the_policy_is_enough_to_send_judge_and_publish_and_for_the_next_night(police: Police, tmp_path: Path) -> None:
    left = leave_a_failed_upload(police.cloud)
    bring(police)
    assert left not in police.cloud.world.snapshots
    local_images.baked(tmp_path, {**BLOCKS, FIRST_FREE: content("changed")}, release=TUESDAY)
    bring(police, fan_out=FanOut.UPLOAD)
    assert police.refused == []
    assert [len(releases.own_images(police.cloud, region)) for region in BOTH] == [2, 2]
    assert police.cloud.instances() == []


def test_with_those_of_its_options_it_is_enough_for_a_definition_that_asks_for_more(
    police: Police, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.define(monkeypatch, OWN)
    monkeypatch.setattr(layers, "chain", lambda name, **_: [OWN])
    builds(police.owner.region(LONDON))
    account = police.sign_in(together("import", "network", "profile", "tags"))
    import_.bring(Order(image="host", regions=BOTH), account=AwsCloud(account=account), console=Console())
    assert police.refused == []
    (group,) = police.owner.region(LONDON).ec2("describe_security_groups", Filters=KNOWN)["SecurityGroups"]
    assert [one["CidrIp"] for one in group["IpPermissions"][0]["IpRanges"]] == list(OWN.aws.allow_from)


def test_to_verify_a_release_where_it_is_the_policy_of_a_bake_is_enough(police: Police) -> None:
    bring(police)
    account = AwsCloud(account=police.sign_in(document("bake")))
    verify.verify(verify.Order(image="host"), account=account, console=Console())
    assert police.refused == []
    assert police.cloud.instances() == []


@pytest.mark.parametrize("entry", entries("import"))
def test_no_entry_can_be_left_out(police: Police, entry: str) -> None:
    leave_a_failed_upload(police.cloud)
    action = entry.split()[2]
    with pytest.raises(BakeryError) as caught:
        bring(police, without=entry)
    if entry in QUIET:
        assert caught.value.message == QUIET[entry]
    else:
        assert named(caught.value) == {action}
    assert {one for _, one in police.refused} == {action}


def test_to_see_the_plan_the_policy_for_reading_is_enough(police: Police, capsys: pytest.CaptureFixture[str]) -> None:
    account = police.sign_in(document("read"))
    import_.show(Order(image="host", regions=BOTH), account=AwsCloud(account=account), console=Console())
    assert police.refused == []
    assert f"send {len(BLOCKS) + 2} blocks" in capsys.readouterr().out


@pytest.mark.parametrize("created_by", [{}, {"ec2:CreateAction": "StartSnapshot"}], ids=["unnamed", "named"])
def test_a_new_snapshot_may_be_tagged_whether_or_not_aws_names_what_makes_it(created_by: Mapping[str, str]) -> None:
    told = {f"aws:RequestTag/{naming.DISK}": "x", "aws:TagKeys": ["Name", naming.DISK], **created_by}
    touch = Touch(action="ec2:CreateTags", arn="arn:aws:ec2:eu-west-2::snapshot/*", context=told)
    assert allows(document("import"), touch)


OURS = {"Key": naming.IMAGE, "Value": "host"}
FOREIGN: Mapping[str, Callable[[Region, str], Any]] = {
    "ebs:ListSnapshotBlocks": ebs.tokens,
    "ebs:PutSnapshotBlock": lambda here, theirs: ebs.put(here, theirs, index=0, data=b"", digest=b""),
    "ebs:StartSnapshot": lambda here, _: here.call("ebs", "start_snapshot", VolumeSize=1),
    "ec2:CreateTags": lambda here, theirs: here.ec2("create_tags", Resources=[theirs], Tags=[OURS]),
    "ec2:DeleteSnapshot": lambda here, theirs: here.ec2("delete_snapshot", SnapshotId=theirs),
}
"""What somebody with the policy must not do to snapshots of others, by the action that is refused."""


@pytest.mark.parametrize("action", FOREIGN)
def test_snapshots_that_were_not_sent_from_here_are_out_of_reach(police: Police, action: str) -> None:
    theirs = a_snapshot(police.cloud, region=DUBLIN, tags={"Name": "theirs"}).id
    region = police.sign_in(document("import")).region(DUBLIN)
    with pytest.raises(BakeryError) as caught:
        FOREIGN[action](region, theirs)
    assert named(caught.value) == {action}
