"""Publishing to a rehearsal cloud: every region becomes what it should be, and none that fails harms another."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.cloud import converging, naming
from bakery.clouds.aws import answers, lateness, published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.release import promote, publish
from bakery.release.publish import Order
from tests import rehearsed
from tests.aws_account import account_of
from tests.rehearsed import HOME, RELEASE, SIX

LATER = "20261124-0415-abcdefabcdef"
LATEST = "/dokku-bakery/host/latest/amd64"
Define = Callable[..., None]


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    for module in (published, lateness):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    rehearsed.bake(cloud)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Define:
    """Return a function that gives `host` another table [aws]."""
    whole = layers.whole("host")

    def change(**values: Any) -> None:
        changed = whole.model_copy(update={"aws": whole.aws.model_copy(update=values)})
        monkeypatch.setattr(layers, "whole", lambda _: changed)

    return change


def bring(account: Account, *regions: str, release: str = "") -> Release:
    return publish.publish(
        Order(image="host", release=release, regions=regions), account=AwsCloud(account=account), console=Console()
    )


def move(account: Account, *regions: str) -> Release:
    return promote.promote(Order(image="host", regions=regions), account=AwsCloud(account=account), console=Console())


def latest(account: Account, region: str) -> str:
    return str(account.region(region).ssm("get_parameter", Name=LATEST)["Parameter"]["Value"])


def image_in(account: Account, region: str) -> Any:
    (image,) = account.region(region).ec2("describe_images", Owners=["self"])["Images"]
    return image


def test_a_release_is_in_each_region_with_tags_date_protection_and_parameter(account: Account) -> None:
    release = bring(account, *SIX)
    assert sorted(release.places) == sorted(SIX)
    for name, placed in release.places.items():
        image = image_in(account, name)
        assert image["ImageId"] == placed.image_id
        assert {tag["Key"] for tag in image["Tags"]} >= {
            naming.IMAGE,
            naming.RELEASE,
            naming.FINGERPRINT,
            naming.VERIFIED,
        }
        assert image["ImdsSupport"] == "v2.0"
        assert image["DeregistrationProtection"].startswith("enabled")
        assert image["DeprecationTime"]
        parameter = f"/dokku-bakery/host/{RELEASE}/amd64"
        assert account.region(name).ssm("get_parameter", Name=parameter)["Parameter"]["Value"] == placed.image_id


def test_publishing_again_changes_nothing(cloud: Rehearsal, account: Account) -> None:
    bring(account, *SIX)
    before = len(cloud.calls)
    bring(account, *SIX)
    assert {call.action for call in cloud.calls[before:] if not call.action.startswith(("Describe", "Get"))} == set()


def test_readers_may_launch_and_make_volumes(account: Account, define: Define) -> None:
    organization = "arn:aws:organizations::123456789012:organization/o-exampleorgid"
    define(share_with=("210987654321", organization))
    bring(account, HOME, "eu-west-1")
    region = account.region("eu-west-1")
    image = image_in(account, "eu-west-1")
    permissions = region.ec2("describe_image_attribute", ImageId=image["ImageId"], Attribute="launchPermission")
    assert permissions["LaunchPermissions"] == [{"UserId": "210987654321"}, {"OrganizationArn": organization}]
    snapshot = answers.image(image).root_snapshot
    readers = region.ec2("describe_snapshot_attribute", SnapshotId=snapshot, Attribute="createVolumePermission")
    assert readers["CreateVolumePermissions"] == [{"UserId": "210987654321"}]


def test_one_s_own_tags_are_on_everything_and_never_in_the_place_of_ours(account: Account, define: Define) -> None:
    define(tags={"team": "ops"}, launch_template="dokku")
    release = bring(account, HOME, "eu-west-1")
    move(account)
    for name, placed in release.places.items():
        region, own = account.region(name), {"Key": "team", "Value": "ops"}
        image = image_in(account, name)
        (snapshot,) = region.ec2("describe_snapshots", SnapshotIds=[answers.image(image).root_snapshot])["Snapshots"]
        (template,) = region.ec2("describe_launch_templates", LaunchTemplateNames=["dokku"])["LaunchTemplates"]
        for thing in (image, snapshot, template):
            assert own in thing["Tags"]
        assert {"Key": naming.IMAGE, "Value": "host"} in image["Tags"]
        for parameter in (LATEST, f"/dokku-bakery/host/{RELEASE}/amd64"):
            told = region.ssm("list_tags_for_resource", ResourceType="Parameter", ResourceId=parameter)
            assert told["TagList"] == [own]
        assert placed.image_id == image["ImageId"]


def test_another_tag_reaches_what_is_there_already(account: Account, define: Define) -> None:
    bring(account, HOME)
    define(tags={"team": "ops"})
    bring(account, HOME)
    assert {"Key": "team", "Value": "ops"} in image_in(account, HOME)["Tags"]


def provenance_in(account: Account, region: str) -> str:
    return str({tag["Key"]: tag["Value"] for tag in image_in(account, region)["Tags"]}.get(naming.PROVENANCE))


def test_copies_say_where_they_come_from_as_the_image_does_that_was_judged(account: Account) -> None:
    bring(account, *SIX)
    assert {provenance_in(account, region) for region in SIX} == {rehearsed.PROVENANCE}


@pytest.mark.parametrize("act", [bring, move])
def test_copies_of_an_earlier_bakery_get_it_from_the_image_that_was_judged(
    act: Callable[..., Release], cloud: Rehearsal, account: Account
) -> None:
    """Their catalog does not have it, and they had no such tag."""
    bring(account, HOME, "us-east-1")
    forget_provenance(cloud, everywhere=False)
    release = act(account, HOME, "us-east-1")
    assert (provenance_in(account, "us-east-1"), release.provenance) == (rehearsed.PROVENANCE,) * 2


@pytest.mark.parametrize("tag", ["", "no digest"])
def test_of_a_release_without_a_statement_nothing_is_said(cloud: Rehearsal, account: Account, tag: str) -> None:
    bring(account, HOME, "us-east-1")
    forget_provenance(cloud, everywhere=True, tag=tag)
    assert bring(account, HOME, "us-east-1").provenance is None
    assert provenance_in(account, "us-east-1") == "None"


def test_a_rollback_to_a_release_of_an_earlier_bakery_gives_it_to_the_copies(
    cloud: Rehearsal, account: Account
) -> None:
    bring(account, HOME, "us-east-1")
    move(account)
    rehearsed.bake(cloud, LATER)
    order = Order(image="host", release=LATER, regions=(HOME, "us-east-1"))
    promote.promote(order, account=AwsCloud(account=account), console=Console())
    forget_provenance(cloud, everywhere=False)
    (back,) = promote.rollback(Order(image="host"), account=AwsCloud(account=account), console=Console())
    found = account.region("us-east-1").ec2("describe_images", ImageIds=[back.places["us-east-1"].image_id])
    (image,) = found["Images"]
    assert {"Key": naming.PROVENANCE, "Value": rehearsed.PROVENANCE} in image["Tags"]


def forget_provenance(cloud: Rehearsal, *, everywhere: bool, tag: str = "") -> None:
    """Make the catalog and the copies, or all images, as a bakery made them that told nobody, or told a *tag*."""
    catalog.change(
        "host",
        lambda known: known.model_copy(
            update={"releases": tuple(one.model_copy(update={"provenance": None}) for one in known.releases)}
        ),
        is_rehearsal=True,
        console=Console(),
    )
    for image in cloud.world.images.values():
        if image.owner == "123456789012" and (everywhere or image.region != HOME):
            image.tags.pop(naming.PROVENANCE, None)
            image.tags.update({naming.PROVENANCE: tag} if tag and image.region == HOME else {})


def test_a_parameter_that_moves_gets_tags_that_are_new(account: Account, define: Define, cloud: Rehearsal) -> None:
    bring(account, HOME)
    move(account)
    rehearsed.bake(cloud, LATER)
    define(tags={"team": "ops"})
    bring(account, HOME, release=LATER)
    order = Order(image="host", release=LATER, regions=(HOME,))
    promote.promote(order, account=AwsCloud(account=account), console=Console())
    told = account.region(HOME).ssm("list_tags_for_resource", ResourceType="Parameter", ResourceId=LATEST)
    assert told["TagList"] == [{"Key": "team", "Value": "ops"}]


def test_who_is_no_reader_any_more_is_taken_out(account: Account, define: Define) -> None:
    define(share_with=("210987654321",))
    bring(account, HOME)
    define(share_with=())
    bring(account, HOME)
    image_id = image_in(account, HOME)["ImageId"]
    answer = account.region(HOME).ec2("describe_image_attribute", ImageId=image_id, Attribute="launchPermission")
    assert answer["LaunchPermissions"] == []


def readers_of(account: Account, region: str) -> tuple[Any, Any]:
    """Return who may launch the image of a region, and who may make volumes of its snapshot."""
    image, ec2 = image_in(account, region), account.region(region).ec2
    launch = ec2("describe_image_attribute", ImageId=image["ImageId"], Attribute="launchPermission")
    snapshot = answers.image(image).root_snapshot
    volume = ec2("describe_snapshot_attribute", SnapshotId=snapshot, Attribute="createVolumePermission")
    return launch["LaunchPermissions"], volume["CreateVolumePermissions"]


EVERYBODY = {"Group": "all"}
ONE, OTHER = {"UserId": "210987654321"}, {"UserId": "111122223333"}
ORGANIZATION = {"OrganizationArn": "arn:aws:organizations::123456789012:organization/o-exampleorgid"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([ONE], [OTHER]),
        ([EVERYBODY], [ONE]),
        ([ONE], [EVERYBODY]),
        ([ONE, OTHER], [ORGANIZATION]),
        ([ORGANIZATION], [ONE]),
        ([ONE], []),
    ],
)
def test_readers_are_exchanged_and_all_else_is_done_too(
    before: list[dict[str, str]], after: list[dict[str, str]], cloud: Rehearsal, account: Account, define: Define
) -> None:
    cloud.world.unblocked.add(HOME)

    def share(readers: list[dict[str, str]], days: int) -> None:
        words = ["public" if "Group" in one else next(iter(one.values())) for one in readers]
        define(share_with=tuple(words), deprecate_after_days=days)
        bring(account, HOME)

    share(before, 100)
    share(after, 200)
    launch, volume = readers_of(account, HOME)
    assert launch == after
    assert volume == [one for one in after if "OrganizationArn" not in one]
    days = datetime.fromisoformat(image_in(account, HOME)["DeprecationTime"]) - rehearsed.NOW
    assert days.days in {199, 200}


def test_more_readers_than_one_call_takes_are_exchanged(account: Account, define: Define) -> None:
    numbers = [f"{number:012d}" for number in range(1, 702)]
    for accounts in (numbers, numbers[600:], []):
        define(share_with=tuple(accounts))
        bring(account, HOME)
        launch, volume = readers_of(account, HOME)
        assert sorted(one["UserId"] for one in launch) == sorted(one["UserId"] for one in volume) == accounts


def test_who_cannot_be_a_reader_keeps_nobody_else_in_and_stops_nothing_else(account: Account, define: Define) -> None:
    define(share_with=("210987654321",), deprecate_after_days=100)
    bring(account, HOME)
    define(share_with=("public", "111122223333"), deprecate_after_days=200)
    with pytest.raises(BakeryError, match="block public access") as caught:
        move(account, HOME)
    assert caught.value.exit_code is ExitCode.FAILED
    launch, volume = readers_of(account, HOME)
    assert launch == [OTHER]
    assert volume == [OTHER, EVERYBODY]
    days = datetime.fromisoformat(image_in(account, HOME)["DeprecationTime"]) - rehearsed.NOW
    assert days.days in {199, 200}
    assert account.region(HOME).ssm("get_parameters", Names=[LATEST])["Parameters"] == []


def test_a_description_that_changes_reaches_every_image_in_letters_that_aws_takes(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def describe(text: str) -> set[str]:
        changed = layers.whole("host").model_copy(update={"description": text})
        monkeypatch.setattr(layers, "whole", lambda _: changed)
        bring(account, HOME, "eu-west-1")
        return {image_in(account, region).get("Description", "") for region in (HOME, "eu-west-1")}

    assert describe("Für Zürich") == {"Fur Zurich"}
    assert describe("Für Genf \u2013 und Basel") == {"Fur Genf und Basel"}
    assert describe("") == {"Fur Genf und Basel"}


def test_readers_without_a_key_are_told_before_anything_is_done(
    cloud: Rehearsal, account: Account, define: Define
) -> None:
    define(encrypt=True, share_with=("210987654321",))
    for act in (bring, move):
        with pytest.raises(BakeryError, match="needs a key of your own there") as caught:
            act(account, HOME, "eu-west-1")
        assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert cloud.calls == []


def test_a_bad_key_in_one_region_harms_no_other(account: Account, define: Define) -> None:
    bad = "arn:aws:kms:eu-west-1:123456789012:key/bad"
    define(encrypt=True, kms_keys={"eu-west-1": bad})
    with pytest.raises(BakeryError, match="1 region is not done") as caught:
        bring(account, HOME, "eu-west-1", "us-east-1")
    assert caught.value.exit_code is ExitCode.FAILED
    assert "eu-west-1: the last copy failed" in caught.value.message
    places = catalog.read("host", is_rehearsal=True).releases[0].places
    assert sorted(places) == [HOME, "us-east-1"]


def test_a_mended_key_is_all_it_takes(account: Account, define: Define) -> None:
    define(encrypt=True, kms_keys={"eu-west-1": "arn:aws:kms:eu-west-1:123456789012:key/bad"})
    with pytest.raises(BakeryError, match="not done"):
        bring(account, HOME, "eu-west-1")
    define(encrypt=True, kms_keys={})
    assert sorted(bring(account, HOME, "eu-west-1").places) == ["eu-west-1", HOME]


def test_a_region_without_quota_waits_and_then_goes_on(cloud: Rehearsal, account: Account) -> None:
    cloud.faults = Faults(pending_s=0.3)
    source = image_in(account, HOME)["ImageId"]
    region = account.region("eu-west-1")
    for number in range(20):
        region.ec2("copy_image", SourceRegion=HOME, SourceImageId=source, Name=f"somebody's {number}")
    assert "eu-west-1" in bring(account, HOME, "eu-west-1").places


def test_a_slow_copy_is_not_thrown_away(cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.faults = Faults(pending_s=600)
    monkeypatch.setattr(converging.converge, "__kwdefaults__", {"deadline_s": 2})
    with pytest.raises(BakeryError, match=r"eu-west-1: not done after 2 s: wait") as caught:
        bring(account, HOME, "eu-west-1")
    assert "it goes on" in caught.value.hint
    assert image_in(account, "eu-west-1")["State"] == "pending"


def test_what_was_not_verified_is_not_published(cloud: Rehearsal, account: Account) -> None:
    unverified = catalog.read("host", is_rehearsal=True).releases[0].model_copy(update={"verified_at": None})
    catalog.change("host", lambda known: known.with_release(unverified), is_rehearsal=True, console=Console())
    for act in (bring, move):
        with pytest.raises(BakeryError, match="was not verified yet") as caught:
            act(account, HOME)
        assert caught.value.exit_code is ExitCode.IMPOSSIBLE
        assert "./inv publish --image host --from local" in caught.value.hint
    assert all(call.action == "DescribeImages" for call in cloud.calls)


def test_an_image_that_is_gone_is_told_before_anything_is_done(account: Account) -> None:
    region = account.region(HOME)
    region.ec2("deregister_image", ImageId=image_in(account, HOME)["ImageId"])
    with pytest.raises(BakeryError, match=f"{HOME}: ami-.* is gone") as caught:
        bring(account, HOME, "eu-west-1")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert "./inv bake" in caught.value.hint


@pytest.mark.parametrize("description", ["", "It says more now"])
def test_a_copy_that_was_deregistered_by_hand_is_made_again_at_once(
    description: str, cloud: Rehearsal, account: Account, define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(protect=False)
    gone = move(account, HOME, "eu-west-1").places["eu-west-1"].image_id
    monkeypatch.setattr(converging.converge, "__kwdefaults__", {"deadline_s": 20})
    account.region("eu-west-1").ec2("deregister_image", ImageId=gone)
    before = len(cloud.calls)
    changed = layers.whole("host").model_copy(update={"description": description})
    monkeypatch.setattr(layers, "whole", lambda _: changed)
    image_id = move(account, HOME, "eu-west-1").places["eu-west-1"].image_id
    assert image_id != gone
    assert image_in(account, "eu-west-1")["ImageId"] == latest(account, "eu-west-1") == image_id
    assert [call.action for call in cloud.calls[before:]].count("CopyImage") == 1


def test_a_disabled_copy_is_told_and_stops_no_other_region(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    image_id = bring(account, HOME, "eu-west-1").places["eu-west-1"].image_id
    account.region("eu-west-1").ec2("disable_image", ImageId=image_id)
    with pytest.raises(BakeryError, match=r"1 region is not done:\n  eu-west-1: ami-.* is disabled") as caught:
        move(account, HOME, "eu-west-1")
    assert f"aws ec2 enable-image --region eu-west-1 --image-id {image_id}" in caught.value.hint
    assert latest(account, HOME) == image_in(account, HOME)["ImageId"]
    said = capsys.readouterr().err
    assert f"eu-west-1: failed: {image_id} is disabled" in said
    assert re.search(rf"eu-west-1 +Ireland +{image_id} is disabled", said)


def test_an_unknown_region_and_one_that_is_not_opted_in_are_refused(account: Account) -> None:
    with pytest.raises(BakeryError, match="there is no region 'eu-west-9'") as unknown:
        bring(account, "eu-west-9")
    with pytest.raises(BakeryError, match="has not opted in to ap-east-1") as closed:
        bring(account, "ap-east-1")
    assert {unknown.value.exit_code, closed.value.exit_code} == {ExitCode.IMPOSSIBLE}
    assert "eu-west-" in unknown.value.hint
