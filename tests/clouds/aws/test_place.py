"""One region of a rehearsal cloud, brought to what a release should be there, whatever a person has done to it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bakery.cloud import converging, naming
from bakery.cloud.reconcile import Seen, Wanted, differences
from bakery.clouds.aws import desired, lateness, published
from bakery.clouds.aws.account import Account, ApiError, Region
from bakery.clouds.aws.place import AwsPlace
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import Image
from tests import rehearsed
from tests.aws_account import account_of
from tests.rehearsed import HOME
from tests.rehearsed_images import an_image

AWAY = "eu-west-1"


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(published, "FIRST_PAUSE_S", 0.01)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


@pytest.fixture
def wanted(cloud: Rehearsal) -> Wanted:
    """Return what a release that was baked at home should be in another region, as who has no catalog knows it."""
    return desired.of(rehearsed.bake(cloud), layers.whole("host"), region=AWAY)


def bring(account: Account, wanted: Wanted, said: list[str] | None = None) -> Seen:
    say = (said if said is not None else []).append
    return converging.converge(AwsPlace(region=account.region(wanted.region)), wanted, say=say, deadline_s=30)


def copies(cloud: Rehearsal) -> int:
    return sum(call.action == "CopyImage" for call in cloud.calls)


def living(cloud: Rehearsal) -> list[Image]:
    return [one for one in cloud.world.images.values() if one.name.startswith(naming.OWNER) and one.region == AWAY]


def deregister(cloud: Rehearsal, region: Region, image_id: str, *, is_forgotten: bool) -> None:
    """Do as a person does by hand; *is_forgotten*: AWS does not even say any more that it was there."""
    region.ec2("disable_image_deregistration_protection", ImageId=image_id)
    region.ec2("deregister_image", ImageId=image_id)
    if is_forgotten:
        del cloud.world.deregistered[image_id]


def disable(account: Account, image_id: str, *, region: str = AWAY) -> None:
    account.region(region).ec2("disable_image", ImageId=image_id)


@pytest.mark.parametrize("is_forgotten", [False, True])
@pytest.mark.parametrize("is_recorded", [False, True])
def test_a_copy_that_was_deregistered_by_hand_is_made_again_and_again(
    is_recorded: bool,
    is_forgotten: bool,
    cloud: Rehearsal,
    account: Account,
    wanted: Wanted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lateness, "DEADLINE_S", 0.2)
    ids = set[str]()
    for description in ("", "", "It says more now", "It says more now"):
        wanted = replace(wanted, description=description)
        before = copies(cloud)
        seen = bring(account, wanted)
        # Without the catalog, each copy that was ever begun is named once more by its token.
        assert copies(cloud) - before == 1 if is_recorded else copies(cloud) - before <= len(ids) + 1
        ids.add(seen.image_id)
        deregister(cloud, account.region(AWAY), seen.image_id, is_forgotten=is_forgotten)
        wanted = replace(wanted, placed=seen.image_id if is_recorded else "")
    assert len(ids) == 4
    assert living(cloud) == []


def test_a_copy_that_does_not_show_yet_is_waited_for(cloud: Rehearsal, account: Account, wanted: Wanted) -> None:
    cloud.faults = Faults(hidden_s=0.5)
    bring(account, wanted)
    assert copies(cloud) == len(living(cloud)) == 1


def test_a_copy_that_a_killed_run_has_begun_is_found_again(cloud: Rehearsal, account: Account, wanted: Wanted) -> None:
    cloud.faults = Faults(hidden_s=0.5)
    for _ in range(2):
        work = converging.Work(place=AwsPlace(region=account.region(AWAY)), wanted=wanted, say=print)
        work.do(differences(wanted, Seen(), now=rehearsed.NOW), Seen())
    assert copies(cloud) == 2
    assert len(living(cloud)) == 1


def test_a_disabled_copy_is_told_with_what_enables_it_and_left_as_it_is(
    cloud: Rehearsal, account: Account, wanted: Wanted
) -> None:
    image_id = bring(account, wanted).image_id
    disable(account, image_id)
    before = copies(cloud)
    with pytest.raises(BakeryError, match=f"{AWAY}: {image_id} is disabled") as caught:
        bring(account, wanted)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint.startswith(f"aws ec2 enable-image --region {AWAY} --image-id {image_id}")
    assert copies(cloud) == before
    account.region(AWAY).ec2("enable_image", ImageId=image_id)
    assert bring(account, wanted).image_id == image_id


def test_a_copy_of_a_disabled_image_is_not_waited_for(cloud: Rehearsal, account: Account, wanted: Wanted) -> None:
    disable(account, wanted.source[1], region=HOME)
    with pytest.raises(BakeryError, match=f"{HOME}: {wanted.source[1]} is disabled") as caught:
        bring(account, wanted)
    assert "enable-image" in caught.value.hint


def test_a_copy_of_an_image_that_is_gone_is_not_waited_for(cloud: Rehearsal, account: Account, wanted: Wanted) -> None:
    account.region(HOME).ec2("deregister_image", ImageId=wanted.source[1])
    with pytest.raises(BakeryError, match=f"{HOME}: {wanted.source[1]} .* is gone") as caught:
        bring(account, wanted)
    assert caught.value.hint == f"./inv bake --image host --region {HOME}"


def test_a_disabled_image_is_not_waited_for(account: Account, wanted: Wanted) -> None:
    image_id = bring(account, wanted).image_id
    disable(account, image_id)
    with pytest.raises(BakeryError, match="is disabled"):
        published.wait_available(account.region(AWAY), name=wanted.name, deadline_s=30)


def test_what_can_be_used_counts_before_what_is_disabled_and_that_before_what_failed(
    cloud: Rehearsal, account: Account, wanted: Wanted
) -> None:
    region = account.region(AWAY)
    told: tuple[dict[str, Any], ...] = ({"failure": "no reason"}, {"is_disabled": True}, {})
    failed, disabled, usable = (an_image(cloud, region=AWAY, name=wanted.name, **fields).id for fields in told)
    for image_id in (usable, disabled, failed):
        for is_newest in (False, True):
            chosen = published.find(region, name=wanted.name, is_newest=is_newest)
            assert chosen is not None
            assert chosen.id == image_id
        del cloud.world.images[image_id]
    assert published.find(region, name=wanted.name) is None


def listing(**image: str) -> Callable[..., Any]:
    told = {"ImageId": "ami-0123456789abcdef0", "CreationDate": "2026-11-23T04:15:00.000Z", **image}
    return lambda *_, **asked: iter([told])


def test_what_was_deregistered_and_is_still_listed_is_not_there(
    account: Account, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "Recently deregistered images appear in the returned results for a short interval" (DescribeImages)."""
    monkeypatch.setattr(Region, "all", listing(State="deregistered"))
    assert published.find(account.region(AWAY), name=wanted.name) is None


def in_between(monkeypatch: pytest.MonkeyPatch, action: str, do: Callable[[Region], object]) -> None:
    """Let another run come in just before an action of ours."""
    ask, done = Region.ec2, list[str]()

    def ec2(region: Region, operation: str, **arguments: Any) -> Any:
        if operation == action and not done:
            done.append(operation)
            do(region)
        return ask(region, operation, **arguments)

    monkeypatch.setattr(Region, "ec2", ec2)


def template(account: Account, *versions: str) -> list[dict[str, Any]]:
    asked = {"LaunchTemplateName": "fleet", **({"Versions": list(versions)} if versions else {})}
    found: list[dict[str, Any]] = account.region(AWAY).ec2("describe_launch_template_versions", **asked)[
        "LaunchTemplateVersions"
    ]
    return found


def test_a_launch_template_that_another_run_has_just_made_is_renewed(
    account: Account, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(region: Region) -> None:
        data = {"ImageId": "ami-0fedcba9876543210"}
        region.call("ec2", "create_launch_template", LaunchTemplateName="fleet", LaunchTemplateData=data)

    in_between(monkeypatch, "create_launch_template", make)
    seen = bring(account, replace(wanted, launch_template="fleet"))
    (started,) = template(account, "$Default")
    assert (started["VersionNumber"], started["LaunchTemplateData"]["ImageId"]) == (2, seen.image_id)


def test_an_image_of_a_name_that_another_run_has_just_made_is_taken(
    cloud: Rehearsal, account: Account, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(region: Region) -> None:
        bring(account_of(cloud), replace(wanted, placed="another's"))
        raise ApiError("it is already in use", code="InvalidAMIName.Duplicate")

    in_between(monkeypatch, "copy_image", refuse)
    bring(account, wanted)
    assert len(living(cloud)) == 1


def test_no_token_of_a_launch_template_is_ever_used_for_another_beginning(
    cloud: Rehearsal, account: Account, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a token made once is answered again even where it was deleted or edited since."""
    ask, tokens = Region.ec2, list[str]()

    def ec2(region: Region, operation: str, **arguments: Any) -> Any:
        if operation.startswith("create_launch_template"):
            tokens.append(arguments.get("ClientToken", ""))
        return ask(region, operation, **arguments)

    monkeypatch.setattr(Region, "ec2", ec2)
    region, wanted = account.region(AWAY), replace(wanted, launch_template="fleet")
    other = {"ImageId": "ami-0fedcba9876543210"}
    bring(account, wanted)
    for _ in range(2):
        made = region.ec2(
            "create_launch_template_version", LaunchTemplateName="fleet", LaunchTemplateData=other, ClientToken="x"
        )
        tokens.pop()
        number = str(made["LaunchTemplateVersion"]["VersionNumber"])
        region.ec2("modify_launch_template", LaunchTemplateName="fleet", DefaultVersion=number)
        bring(account, wanted)
    region.ec2("delete_launch_template", LaunchTemplateName="fleet")
    bring(account, wanted)
    # A template's name is taken or free: making one needs no token.
    assert [bool(token) for token in tokens] == [False, True, True, False]
    assert len({*tokens}) == 3


@pytest.mark.parametrize("exit_codes", [(ExitCode.FAILED, ExitCode.FAILED), (ExitCode.MISSING, ExitCode.FAILED)])
def test_all_that_is_refused_is_told_when_all_else_is_done(
    exit_codes: tuple[ExitCode, ExitCode], account: Account, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Region.ec2
    refused = dict(zip(("enable_image_deprecation", "modify_image_attribute"), exit_codes, strict=True))

    def ec2(region: Region, operation: str, **arguments: Any) -> Any:
        if operation in refused:
            told = {"code": "AccessDenied", "hint": f"allow {operation}", "exit_code": refused[operation]}
            raise ApiError(f"{operation} is not allowed", **told)  # type: ignore[arg-type]  # three kinds of value
        return ask(region, operation, **arguments)

    monkeypatch.setattr(Region, "ec2", ec2)
    wanted = replace(wanted, latest="/dokku-bakery/host/latest/amd64")
    with pytest.raises(BakeryError) as caught:
        bring(account, wanted)
    for operation in refused:
        assert caught.value.message.count(f"{operation} is not allowed") == 1
        assert caught.value.hint.count(f"allow {operation}") == 1
    assert caught.value.exit_code is ExitCode.FAILED
    seen = published.look(account.region(AWAY), wanted)
    assert seen.image is not None
    assert seen.image.is_protected
    assert [*seen.parameters] == [wanted.parameter]


def test_what_no_call_is_answered_for_ends_at_once(
    account: Account, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expire(_: Region) -> None:
        raise ApiError("the credentials have expired", code="ExpiredToken", exit_code=ExitCode.MISSING)

    said: list[str] = []
    in_between(monkeypatch, "modify_image_attribute", expire)
    with pytest.raises(BakeryError, match="expired"):
        bring(account, wanted, said)
    assert said[-1].startswith(("require IMDSv2", "change description"))
