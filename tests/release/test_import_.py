"""An image of this machine goes to a rehearsal cloud as blocks; the judge is a function here, real in tests/slow."""

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.cloud import naming
from bakery.clouds.aws import ebs, lateness, published, register, removal
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.shipping import AwsShipment
from bakery.contents import provenance
from bakery.contents.provenance import Origin
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.aws_values import MOST_TAGS
from bakery.definition.bases import Arch
from bakery.definition.place_names import Cloud
from bakery.disk.artifact import Artifact
from bakery.disk.blocks import BLOCK_SIZE
from bakery.guests.suite import Verdict
from bakery.local import plan
from bakery.places.several import Several
from bakery.places.shipment import FanOut, Parcel
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.uploads import Upload
from bakery.release import approve, import_, publish
from bakery.release.approve import Subject
from bakery.release.import_ import Order
from tests import importing_child, local_images, releases
from tests.aws_account import account_of
from tests.local_images import FIRST_FREE, content
from tests.manifests import a_manifest
from tests.rehearsed import PROVENANCE
from tests.rehearsed_blocks import refusing

HOME, OTHER, THIRD = "eu-west-2", "eu-west-1", "sa-east-1"
MONDAY, TUESDAY = "20260105-0415-0123456789ab", "20260106-0415-0123456789ab"
BLOCKS = {FIRST_FREE + number: content(f"block {number}") for number in range(12)}


@dataclass
class Judge:
    """Who was judged where, and with what verdict."""

    judged: list[tuple[str, str]] = field(default_factory=list)
    origins: list[Origin | None] = field(default_factory=list)
    is_rejecting: bool = False


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    found = Judge()

    def verdict(region: Region, subject: Subject, *_: object, **__: object) -> Verdict:
        found.judged.append((subject.made.release, region.name))
        found.origins.append(subject.origin)
        if found.is_rejecting:
            raise BakeryError("the image did not pass", exit_code=ExitCode.REJECTED)
        return Verdict(asked=("test",) * 80, failures=())

    monkeypatch.setattr(approve, "verify_image", verdict)
    return found


@pytest.fixture
def cloud(cloud: Rehearsal, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    for module in (published, lateness):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(ebs, "UNKNOWN_DEADLINE_S", 2.0)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def bring(
    account: Account, *regions: str, fan_out: FanOut = FanOut.UPLOAD, is_read_back: bool = False
) -> catalog.Release:
    order = Order(image="host", regions=regions or (HOME,), fan_out=fan_out, is_read_back=is_read_back)
    return import_.bring(order, account=AwsCloud(account=account), console=Console())


def snapshots(cloud: Rehearsal, region: str) -> list[Upload]:
    return [one for one in cloud.world.snapshots.values() if one.region == region and isinstance(one, Upload)]


def test_it_becomes_an_ami_in_every_region_and_is_judged_in_the_first(
    cloud: Rehearsal, account: Account, judge: Judge, tmp_path: Path
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    release = bring(account, HOME, OTHER)
    assert (release.release, release.baked_in, sorted(release.places)) == (MONDAY, HOME, [OTHER, HOME])
    assert (release.verified_at is not None, release.is_import) == (True, True)
    assert judge.judged == [(MONDAY, HOME)]
    for region in (HOME, OTHER):
        (snapshot,) = snapshots(cloud, region)
        assert snapshot.digests.keys() == snapshot.changed
        assert snapshot.changed >= BLOCKS.keys()
        image = published.find(account.region(region), name=f"dokku-bakery/host/{MONDAY}/amd64")
        assert image
        assert image.id == release.places[region].image_id
        assert naming.is_import(image.tags)
        (shown,) = account.region(region).ec2("describe_images", ImageIds=[image.id])["Images"]
        assert (shown["BootMode"], shown["TpmSupport"], shown["EnaSupport"]) == ("uefi", "v2.0", True)


def test_as_many_own_tags_as_a_definition_may_have_leave_room_for_all_of_ours(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent as a difference has the most: two of its upload, and one more when it is removed."""
    host = layers.whole("host")
    aws = host.aws.model_copy(update={"tags": {f"own{number}": "x" for number in range(MOST_TAGS)}})
    monkeypatch.setattr(layers, "whole", lambda _: host.model_copy(update={"aws": aws}))
    monkeypatch.setattr(provenance, "digest", lambda _: PROVENANCE)
    for release, blocks in ((MONDAY, BLOCKS), (TUESDAY, {**BLOCKS, 60: content("new")})):
        local_images.baked(tmp_path, blocks, release=release)
        bring(account, HOME)
    image = published.find(account.region(HOME), name=f"dokku-bakery/host/{TUESDAY}/amd64")
    assert image
    assert snapshots(cloud, HOME)[1].parent
    assert {naming.PROVENANCE, naming.DISK, naming.PARENT} <= {*snapshots(cloud, HOME)[1].tags}
    assert removal.remove_image(account.region(HOME), image, parameter="") == ""
    assert published.find(account.region(HOME), name=image.name) is None


def test_where_it_comes_from_is_what_its_own_bake_stated(
    cloud: Rehearsal, account: Account, judge: Judge, tmp_path: Path
) -> None:
    """Whatever the checkout holds when it is sent."""
    made = local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    baked = Origin(
        begin="base.qcow2", begin_digest="ab" * 32, steps=("nginx",), tools={"packer": "1"}, commit="ef" * 20
    )
    products = {made.disk.name: "cd" * 32, made.sbom.name: "ef" * 32}
    provenance.write(made.provenance, a_manifest(), origin=replace(baked, products=products), tests={})
    bring(account, HOME)
    digest = hashlib.sha256(made.disk.read_bytes()).hexdigest()
    assert judge.origins == [replace(baked, products={made.disk.name: digest})]


def test_of_an_image_without_a_statement_no_commit_is_told(
    cloud: Rehearsal, account: Account, judge: Judge, tmp_path: Path
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    bring(account, HOME)
    (origin,) = judge.origins
    assert origin is not None
    assert origin.commit == ""


def test_an_image_of_another_definition_than_today_s_is_told_of(
    cloud: Rehearsal, account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today = plan.make(plan.Order(image="host", base=local_images.BASE, base_from="cloud")).fingerprint
    for fingerprint, is_told in (("0" * 64, True), (today, False)):
        rewrite(local_images.baked(tmp_path, BLOCKS, release=MONDAY), fingerprint=fingerprint)
        import_.show(Order(image="host", regions=(HOME,)), account=AwsCloud(account=account), console=Console())
        assert ("was baked from another definition than today's" in capsys.readouterr().err) is is_told


def test_only_blocks_with_data_are_sent_each_once(cloud: Rehearsal, account: Account, tmp_path: Path) -> None:
    empty = bytes(BLOCK_SIZE)
    local_images.baked(tmp_path, {**BLOCKS, 900: empty, 901: content("far")}, release=MONDAY)
    bring(account, HOME)
    (snapshot,) = snapshots(cloud, HOME)
    assert 900 not in snapshot.changed
    assert 901 in snapshot.changed
    assert puts(cloud) == len(snapshot.changed)


def test_what_is_read_back_is_what_was_baked(cloud: Rehearsal, account: Account, tmp_path: Path) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    bring(account, HOME, is_read_back=True)
    (snapshot,) = snapshots(cloud, HOME)
    assert actions(cloud).count("GetSnapshotBlock") == len(snapshot.digests)
    with snapshot.file.open("rb") as disk:
        for index, data in BLOCKS.items():
            disk.seek(index * BLOCK_SIZE)
            assert disk.read(BLOCK_SIZE) == data


def test_a_snapshot_that_reads_back_otherwise_is_removed(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    monkeypatch.setattr(ebs, "read", lambda *_, **__: content("another"))
    with pytest.raises(BakeryError, match="differs from the disk"):
        bring(account, HOME, is_read_back=True)
    assert snapshots(cloud, HOME) == []


def test_the_next_release_sends_what_differs(cloud: Rehearsal, account: Account, tmp_path: Path) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    bring(account, HOME, OTHER)
    (first,) = snapshots(cloud, HOME)
    changed = {**BLOCKS, FIRST_FREE + 3: content("changed"), FIRST_FREE + 40: content("new")}
    del changed[FIRST_FREE + 7]
    local_images.baked(tmp_path, changed, release=TUESDAY)
    bring(account, HOME, OTHER)
    second = next(one for one in snapshots(cloud, HOME) if one is not first)
    assert second.parent == first.id
    assert second.changed == {FIRST_FREE + 3, FIRST_FREE + 7, FIRST_FREE + 40}
    with second.file.open("rb") as disk:
        for index in (*BLOCKS, FIRST_FREE + 40):
            disk.seek(index * BLOCK_SIZE)
            assert disk.read(BLOCK_SIZE) == changed.get(index, bytes(BLOCK_SIZE))


def test_a_parent_that_is_gone_or_encrypted_otherwise_is_left_alone(
    cloud: Rehearsal, account: Account, tmp_path: Path
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    first = bring(account, HOME, OTHER)
    there, image_id = account.region(OTHER), first.places[OTHER].image_id
    there.ec2("disable_image_deregistration_protection", ImageId=image_id)
    there.ec2("deregister_image", ImageId=image_id)
    snapshots(cloud, HOME)[0].is_encrypted = True
    local_images.baked(tmp_path, {**BLOCKS, 60: content("new")}, release=TUESDAY)
    order = Order(image="host", regions=(HOME, OTHER), fan_out=FanOut.UPLOAD)
    (plan,) = import_.make(order, account=AwsCloud(account=account), console=Console())
    assert isinstance(plan, AwsShipment)
    assert [target.parent for target in plan.targets] == [None, None]
    assert "is encrypted and this is not to be" in plan.why_whole[HOME]
    assert "is not there" in plan.why_whole[OTHER]
    bring(account, HOME, OTHER)
    assert [one.parent for one in snapshots(cloud, HOME)] == ["", ""]


def test_where_aws_takes_no_difference_everything_is_sent(
    cloud: Rehearsal, account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    bring(account, HOME)
    account.region(HOME).ec2("enable_ebs_encryption_by_default")
    local_images.baked(tmp_path, {**BLOCKS, 60: content("new")}, release=TUESDAY)
    bring(account, HOME)
    first, second = snapshots(cloud, HOME)
    assert (first.is_encrypted, second.is_encrypted) == (False, True)
    assert second.parent == ""
    assert second.changed == {*first.changed, 60}
    assert "everything is sent, because AWS takes no difference: ebs:StartSnapshot: " in capsys.readouterr().err


def test_other_regions_get_copies_when_that_was_asked_for(cloud: Rehearsal, account: Account, tmp_path: Path) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    release = bring(account, HOME, OTHER, fan_out=FanOut.COPY)
    assert sorted(release.places) == [OTHER, HOME]
    assert snapshots(cloud, OTHER) == []
    assert {naming.is_import(one.tags) for one in cloud.world.images.values() if one.region == OTHER} >= {True}
    assert actions(cloud).count("CopyImage") == 1


def test_bringing_again_sends_nothing(cloud: Rehearsal, account: Account, judge: Judge, tmp_path: Path) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    first = bring(account, HOME, OTHER)
    before = puts(cloud)
    assert bring(account, HOME, OTHER) == first
    assert puts(cloud) == before
    assert len(judge.judged) == 1


def test_what_does_not_pass_is_not_published_and_leaves_nothing_elsewhere(
    cloud: Rehearsal, account: Account, judge: Judge, tmp_path: Path
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    judge.is_rejecting = True
    with pytest.raises(BakeryError) as caught:
        bring(account, HOME, OTHER)
    assert caught.value.exit_code is ExitCode.REJECTED
    assert snapshots(cloud, OTHER) == []
    assert "CopyImage" not in actions(cloud)
    assert catalog.read("host", is_rehearsal=True).newest(Arch.AMD64).verified_at is None
    judge.is_rejecting = False
    assert sorted(bring(account, HOME, OTHER).places) == [OTHER, HOME]


def test_one_region_that_refuses_harms_no_other(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    refused = refusing(monkeypatch, FIRST_FREE + 5, region=OTHER)
    with refused, pytest.raises(BakeryError, match="fails for ever"):
        bring(account, HOME, OTHER, THIRD)
    assert sorted(catalog.read("host", is_rehearsal=True).newest(Arch.AMD64).places) == [HOME, THIRD]
    before = {one.id: len(one.changed) for one in snapshots(cloud, OTHER)}
    cloud.calls.clear()
    assert sorted(bring(account, HOME, OTHER, THIRD).places) == [OTHER, HOME, THIRD]
    (snapshot,) = snapshots(cloud, OTHER)
    assert before == {snapshot.id: len(snapshot.changed) - puts(cloud)}


@dataclass
class Shut:
    """An account of another cloud, where nothing arrives; and what is on its way there."""

    name: str
    size = way = ""

    def shipments(self, parcel: Parcel, **_: object) -> list[Any]:
        self.image, self.places = parcel.image, parcel.places
        return [self]

    @property
    def home(self) -> Any:
        return self

    def require_login(self, _: object) -> None:
        """Let anybody."""

    def rows(self) -> list[tuple[str, str, str]]:
        return []

    def send(self, **_: object) -> dict[str, BakeryError]:
        raise BakeryError(f"{self.name}: there is no bucket", hint="make one")


@pytest.mark.parametrize("is_published", [True, False])
def test_another_cloud_that_fails_harms_none_and_is_told(
    cloud: Rehearsal,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    is_published: bool,
) -> None:
    paris = "fr-par-1"

    def enter(one: Cloud) -> Any:
        return AwsCloud(account=account) if one is Cloud.AWS else Shut(paris)

    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    order = Order(image="host", regions=(HOME, paris, "fr-par-2"), fan_out=FanOut.UPLOAD)
    several = Several(enter=enter, usual=(), is_rehearsal=True)
    if not is_published:
        monkeypatch.setattr(publish, "bring", refuse)
    with pytest.raises(BakeryError, match=f"{paris}: there is no bucket") as caught:
        import_.bring(order, account=several, console=Console())
    assert caught.value.hint == "make one"
    assert f"{paris}: failed: there is no bucket\n" in capsys.readouterr().err
    assert ("no more" in caught.value.message) is not is_published
    if is_published:
        (image,) = account.region(HOME).ec2("describe_images", Owners=["self"])["Images"]
        assert "DeprecationTime" in image


def test_a_snapshot_that_aws_gave_up_is_removed_and_begun_anew(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    right = ebs.complete
    monkeypatch.setattr(ebs, "complete", refuse)
    with pytest.raises(BakeryError, match="no more"):
        bring(account, HOME)
    monkeypatch.setattr(ebs, "complete", right)
    (given_up,) = snapshots(cloud, HOME)
    given_up.failure = "given up"
    bring(account, HOME)
    (snapshot,) = snapshots(cloud, HOME)
    assert snapshot.id != given_up.id


def test_throttling_broken_answers_and_late_states_end_in_the_same(
    cloud: Rehearsal, account: Account, tmp_path: Path
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    cloud.faults = Faults(throttled=0.3, broken=0.05, pending_s=0.5, hidden_s=0.3, seed=3)
    bring(account, HOME, OTHER)
    for region in (HOME, OTHER):
        (snapshot,) = snapshots(cloud, region)
        assert BLOCKS.keys() <= snapshot.changed


@pytest.mark.parametrize("fan_out", [FanOut.UPLOAD, FanOut.COPY])
def test_there_is_one_ami_in_each_region_where_new_ones_show_late(
    fan_out: FanOut, cloud: Rehearsal, tmp_path: Path
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    for _ in range(3):
        cloud.faults = Faults(hidden_s=0.3, lag_s=0.3)
        bring(account_of(cloud), HOME, OTHER, THIRD, fan_out=fan_out)
        assert [len(releases.own_images(cloud, region)) for region in (HOME, OTHER, THIRD)] == [1, 1, 1]
        assert len(releases.own_snapshots(cloud)) == 3
        begin_anew(cloud)


@pytest.mark.parametrize(
    "point",
    [
        (ebs, "find"),
        (ebs, "start"),
        (ebs, "put"),
        (ebs, "complete"),
        (ebs, "wait_completed"),
        (register, "_register"),
        (approve, "approve"),
        (approve, "verify_image"),
        (publish, "publish"),
    ],
    ids=lambda point: point[1],
)
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_two_imports_from_two_checkouts_end_with_the_same_and_leave_nothing_over(
    point: tuple[Any, str],
    is_before: bool,
    cloud: Rehearsal,
    forks: ForkServerContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of the other one, which is a process of its own, comes between two calls of this one."""
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    shutil.copytree(tmp_path / "build", tmp_path / "other")
    right, waiting = getattr(*point), ["the other"]

    def bring_the_other() -> None:
        with suppress(IndexError):
            waiting.pop()
            importing_child.bring_aside(forks, cloud.url, tmp_path / "other")

    def between(*at: Any, **told: Any) -> Any:
        if is_before:
            bring_the_other()
        answer = right(*at, **told)
        bring_the_other()
        return answer

    monkeypatch.setattr(*point, between)
    ours = bring(account_of(cloud), HOME, OTHER)
    assert waiting == []
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "other"))
    theirs = catalog.read("host", is_rehearsal=True).newest(Arch.AMD64)
    assert [one.image_id for _, one in sorted(ours.places.items())] == [
        one.image_id for _, one in sorted(theirs.places.items())
    ]
    assert ours.verified_at == theirs.verified_at
    assert [len(releases.own_images(cloud, region)) for region in (HOME, OTHER)] == [1, 1]
    assert len(releases.own_snapshots(cloud)) == 2


def test_a_completion_whose_answer_is_lost_is_no_mistake(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    right = ebs.complete

    def twice(*at: Any, **told: Any) -> None:
        right(*at, **told)
        right(*at, **told)

    monkeypatch.setattr(ebs, "complete", twice)
    assert sorted(bring(account, HOME).places) == [HOME]


def test_a_snapshot_that_another_run_sends_whole_is_gone_on_with_though_we_know_a_parent(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    bring(account, HOME)
    local_images.baked(tmp_path, {**BLOCKS, 60: content("new")}, release=TUESDAY)
    shutil.copytree(tmp_path / "build", tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "rehearsal")
    with monkeypatch.context() as patch:
        patch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "other"))
        patch.setattr(ebs, "complete", refuse)
        with pytest.raises(BakeryError, match="no more"):
            bring(account_of(cloud), HOME)
    (begun,) = [one for one in snapshots(cloud, HOME) if not one.disk]
    bring(account, HOME)
    assert begun.id in releases.own_snapshots(cloud)
    assert len(snapshots(cloud, HOME)) == 2
    assert begun.changed >= {*BLOCKS, 60}


def test_a_snapshot_that_another_run_sends_as_a_difference_we_do_not_know_is_left_alone(
    cloud: Rehearsal, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    bring(account, HOME)
    local_images.baked(tmp_path, {**BLOCKS, 60: content("new")}, release=TUESDAY)
    shutil.copytree(tmp_path / "build", tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "rehearsal")
    with monkeypatch.context() as patch:
        patch.setattr(ebs, "complete", refuse)
        with pytest.raises(BakeryError, match="no more"):
            bring(account_of(cloud), HOME)
    (begun,) = [one for one in snapshots(cloud, HOME) if not one.disk]
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "other"))
    theirs = bring(account_of(cloud), HOME)
    assert begun.id in releases.own_snapshots(cloud)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    assert bring(account_of(cloud), HOME).places[HOME].image_id == theirs.places[HOME].image_id


def test_the_plan_says_what_would_be_sent_and_changes_nothing(
    cloud: Rehearsal, account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local_images.baked(tmp_path, BLOCKS, release=MONDAY)
    order = Order(image="host", regions=(HOME, OTHER))
    import_.show(order, account=AwsCloud(account=account), console=Console())
    said = capsys.readouterr().out
    assert "the whole disk: no earlier release was sent from here" in said
    assert f"send {len(BLOCKS) + 2} blocks, 7 MB" in said
    assert not [action for action in actions(cloud) if not action.startswith(("Describe", "Get"))]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda made: made.record.unlink(), "was not baked on this machine yet"),
        (lambda made: made.disk.write_bytes(made.disk.read_bytes()[:-70000]), "changed or cut short"),
        (lambda made: rewrite(made, arch="arm64"), "is for arm64"),
    ],
    ids=["not baked", "cut short", "another architecture"],
)
def test_what_cannot_be_brought_is_refused_before_anything_is_sent(
    cloud: Rehearsal, account: Account, tmp_path: Path, damage: Callable[[Artifact], object], complaint: str
) -> None:
    damage(local_images.baked(tmp_path, BLOCKS, release=MONDAY))
    with pytest.raises(BakeryError, match=complaint) as caught:
        bring(account, HOME)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert puts(cloud) == 0


def begin_anew(cloud: Rehearsal) -> None:
    cloud.reset()
    shutil.rmtree(catalog.path_of("host", is_rehearsal=True).parent)


def rewrite(made: Artifact, **values: str) -> None:
    made.record.write_text(json.dumps({**json.loads(made.record.read_text()), **values}))


def refuse(*_: object, **__: object) -> None:
    raise BakeryError("no more")


def actions(cloud: Rehearsal) -> list[str]:
    return [call.action for call in cloud.calls]


def puts(cloud: Rehearsal) -> int:
    return actions(cloud).count("PutSnapshotBlock")
