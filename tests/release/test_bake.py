"""What a bake in a region does and leaves out; Packer and the judging are functions here, real in tests/slow."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakery.catalog import catalog
from bakery.cloud import naming
from bakery.clouds.aws import baking, lateness, prices, published
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.place import AwsPlace
from bakery.clouds.aws.prices import What
from bakery.clouds.aws.tags import tags_of
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws import Login
from bakery.guests.suite import Verdict
from bakery.places.baking import Baking
from bakery.places.place import Place
from bakery.rehearsal import base_disk
from bakery.rehearsal.server import Rehearsal
from bakery.release import approve, plan, preview, publish
from bakery.release import bake as region_bake
from bakery.release.approve import Subject
from bakery.release.bake import Order
from tests import releases
from tests.aws_account import account_of
from tests.waiting_run import DEADLINE_S, waiting

if TYPE_CHECKING:
    from concurrent.futures import Future

HOME, OTHER = "eu-west-2", "eu-west-1"


@dataclass
class Work:
    """What was asked of Packer and of the judge: image and region of each."""

    packed: list[tuple[str, str]] = field(default_factory=list)
    began_with: list[str] = field(default_factory=list)
    judged: list[tuple[str, str]] = field(default_factory=list)
    is_rejected: bool = False


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    found = Work()

    def pack(region: Region, asked: Baking, *, console: Console) -> str:
        found.packed.append((asked.definition.name, region.name))
        found.began_with.append(asked.source_image)
        answer = region.ec2(
            "register_image",
            Name=asked.made.name,
            Architecture="x86_64",
            RootDeviceName="/dev/xvda",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot_in(region)}}],
        )
        return str(answer["ImageId"])

    def judge(place: Place, subject: Subject, *_: object, **__: object) -> Verdict:
        found.judged.append((subject.made.image, place.name))
        if found.is_rejected:
            raise BakeryError("the image did not pass", exit_code=ExitCode.REJECTED)
        return Verdict(asked=("test",) * 80, failures=())

    monkeypatch.setattr(baking, "bake", pack)
    monkeypatch.setattr(approve, "verify_image", judge)
    monkeypatch.setattr(base_disk, "lend", lambda *_, **__: None)
    return found


def snapshot_in(region: Region) -> str:
    """Return a snapshot of this account's, which a bake in a machine would have made."""
    volume = region.ec2("create_volume", AvailabilityZone=f"{region.name}a", Size=40)["VolumeId"]
    return str(region.ec2("create_snapshot", VolumeId=volume)["SnapshotId"])


@pytest.fixture
def cloud(cloud: Rehearsal, work: Work, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    for module in (published, lateness):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def bake(
    account: Account, *regions: str, image: str = "host", is_forced: bool = False, is_per_region: bool = False
) -> catalog.Release:
    order = Order(image=image, regions=regions or (HOME,), is_forced=is_forced, is_per_region=is_per_region)
    return region_bake.bake(order, account=AwsCloud(account=account), console=Console())


def test_the_first_region_bakes_and_the_others_get_copies(account: Account, work: Work) -> None:
    release = bake(account, HOME, OTHER)
    assert work.packed == work.judged == [("host", HOME)]
    assert sorted(release.places) == [OTHER, HOME]
    assert release.baked_in == HOME
    assert release.verified_at


def test_it_begins_with_the_newest_base_of_the_region(account: Account, work: Work) -> None:
    bake(account)
    planned = plan.make("host", AwsPlace(region=account.region(HOME)))
    assert work.began_with == [planned.base_image.id]


def test_baking_again_does_nothing(account: Account, work: Work) -> None:
    first = bake(account)
    assert bake(account) == first
    assert len(work.packed) == len(work.judged) == 1


def test_force_makes_another_release(account: Account, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bake(account)
    later = f"20990101-0000-{first.release[-12:]}"
    monkeypatch.setattr(plan, "release_name", lambda _: later)
    assert bake(account, is_forced=True).release == later
    assert len(work.packed) == len(work.judged) == 2


def test_an_image_that_a_killed_run_left_is_verified_and_not_baked(account: Account, work: Work) -> None:
    work.is_rejected = True
    with pytest.raises(BakeryError):
        bake(account)
    work.is_rejected = False
    bake(account)
    assert len(work.packed) == 1
    assert len(work.judged) == 2


def test_what_does_not_pass_is_exit_code_4_and_goes_nowhere(account: Account, work: Work) -> None:
    work.is_rejected = True
    with pytest.raises(BakeryError) as caught:
        bake(account, HOME, OTHER)
    assert caught.value.exit_code is ExitCode.REJECTED
    assert account.region(OTHER).ec2("describe_images", Owners=["self"])["Images"] == []
    (left,) = account.region(HOME).ec2("describe_images", Owners=["self"])["Images"]
    assert naming.VERIFIED not in tags_of(left)
    assert catalog.read("host", is_rehearsal=True).releases[0].verified_at is None


def test_a_catalog_that_was_lost_is_written_again(account: Account, work: Work) -> None:
    first = bake(account)
    catalog.path_of("host", is_rehearsal=True).unlink()
    again = bake(account)
    assert (again.release, again.verified_at) == (first.release, first.verified_at)
    assert len(work.packed) == 1


def test_per_region_bakes_one_release_in_each(account: Account, work: Work) -> None:
    release = bake(account, HOME, OTHER, is_per_region=True)
    assert work.packed == work.judged == [("host", HOME), ("host", OTHER)]
    assert sorted(release.places) == [OTHER, HOME]
    assert len(catalog.read("host", is_rehearsal=True).releases) == 1


def test_what_did_not_pass_is_told_though_publishing_fails_too(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def judge(place: Place, *_: object, **__: object) -> Verdict:
        if place.name == OTHER:
            raise BakeryError(f"{OTHER}: the image did not pass", hint="look", exit_code=ExitCode.REJECTED)
        return Verdict(asked=("test",) * 80, failures=())

    def refuse(*_: object, **__: object) -> None:
        raise publish.NotDoneError({HOME: BakeryError(f"{HOME}: no answer")})

    monkeypatch.setattr(approve, "verify_image", judge)
    monkeypatch.setattr(publish, "bring", refuse)
    with pytest.raises(BakeryError) as caught:
        bake(account, HOME, OTHER, is_per_region=True)
    assert caught.value.message.splitlines() == [
        "2 regions are not done:",
        f"  {OTHER}: the image did not pass",
        f"  {HOME}: no answer",
    ]
    assert (caught.value.hint, caught.value.exit_code) == ("look", ExitCode.FAILED)
    assert f"{OTHER}: failed: the image did not pass\n" in capsys.readouterr().err


def test_a_layer_is_baked_first_and_the_image_begins_with_it(account: Account, work: Work) -> None:
    bake(account, image="dokku")
    assert work.packed == work.judged == [("host", HOME), ("dokku", HOME)]
    host = catalog.read("host", is_rehearsal=True).releases[0]
    assert work.began_with[1] == host.places[HOME].image_id


def test_a_layer_that_another_run_is_baking_is_waited_for_and_not_baked_twice(
    account: Account, work: Work, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, begun = baking.bake, [lambda: bake(account, image="dokku")]
    others: list[Future[object]] = []

    def pack_meanwhile(region: Region, asked: Baking, *, console: Console) -> str:
        if begun:
            others.append(waiting(begun.pop(), what=f"host in {HOME}", capsys=capsys))
        return pack(region, asked, console=console)

    monkeypatch.setattr(baking, "bake", pack_meanwhile)
    bake(account)
    others[0].result(DEADLINE_S)
    assert work.packed == [("host", HOME), ("dokku", HOME)]


def test_a_plan_tells_it_all_and_changes_nothing(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    preview.show(Order(image="host", regions=(HOME, OTHER)), account=AwsCloud(account=account), console=Console())
    told = capsys.readouterr().out
    assert "bake and verify: there is none yet" in told
    assert "set deprecation date" in told
    assert "snapshot of about 2 GB, a month" in told
    changing = {call.action for call in cloud.calls if not call.action.startswith(("Describe", "Get"))}
    assert changing == set()


def test_a_plan_says_once_which_region_does_not_answer(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert account.usable
    account.patience_s = 0.2
    releases.cut_off(account, OTHER)
    with pytest.raises(BakeryError, match=f"{OTHER}: .*: no answer"):
        preview.show(Order(image="host", regions=(HOME, OTHER)), account=AwsCloud(account=account), console=Console())
    (row,) = [line for line in capsys.readouterr().out.splitlines() if ": no answer" in line]
    assert row.count(OTHER) == 1, row


def test_a_plan_after_a_bake_says_that_nothing_is_left(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    release = bake(account, HOME)
    capsys.readouterr()
    preview.show(Order(image="host", regions=(HOME, OTHER)), account=AwsCloud(account=account), console=Console())
    told = capsys.readouterr().out
    assert f"nothing: {release.places[HOME].image_id} is there and verified" in told
    assert "copy" in told


def test_prices_of_today_take_the_place_of_the_table_s(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fetch(regions: tuple[str, ...], *, pricing: Region, today: date) -> prices.Table:
        asked.append((regions, pricing.name))
        source = prices.Source(date=today, source="a test")
        return prices.Table(date=today, sources={What.SNAPSHOT: source}, regions={HOME: {What.SNAPSHOT: 4321.0}})

    monkeypatch.setattr(prices, "fetch", fetch)
    order = Order(image="host", regions=(HOME,))
    preview.show(order, account=AwsCloud(account=account), console=Console(), is_price_asked=True)
    told = capsys.readouterr().out
    assert asked == [((HOME,), "us-east-1")]
    assert "8642.0000" in told
    assert f"not in the price table of {datetime.now(UTC).date()}" in told


def test_layers_below_are_baked_in_the_way_of_the_image_and_published_in_their_own(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "low.toml").write_text('aws = { login = "ssh", instance_type = "t3.large", share_with = ["public"] }')
    way = 'login = "ssm", instance_profile = "bakery", spot = true, vpc = "vpc-0123456789abcdef0"'
    (tmp_path / "shop.toml").write_text(f'from = "low"\naws = {{ {way}, share_with = [] }}\nreleases.keep = 5')
    monkeypatch.setattr("bakery.definition.layers.chain.__kwdefaults__", {"folder": tmp_path, "arch": None})
    shop = plan.make("shop", AwsPlace(region=account.region(HOME)))
    assert shop.below is not None
    below = shop.below.definition.aws
    assert (below.login, below.spot, below.instance_type) == (Login.SSM, True, "t3.large")
    assert (below.instance_profile, below.vpc) == ("bakery", "vpc-0123456789abcdef0")
    assert (below.share_with, shop.below.definition.releases.keep) == (("public",), 3)
    assert (shop.definition.aws.share_with, shop.definition.releases.keep) == ((), 5)


@dataclass(frozen=True)
class Named:
    """A place by its cloud and name alone."""

    cloud: str
    name: str


def test_the_first_place_of_each_cloud_bakes() -> None:
    places = [Named("aws", HOME), Named("scaleway", "fr-par-1"), Named("aws", OTHER), Named("scaleway", "pl-waw-2")]
    asked: Any = places
    assert [place.name for place in region_bake.homes(asked)] == [HOME, "fr-par-1"]
    assert [place.name for place in region_bake.homes(asked[1:])] == ["fr-par-1", OTHER]
