"""What AWS has, held against the catalog: every way in which the two can differ is told, and nothing is changed."""

import json
import re

import pytest

from bakery.catalog import catalog
from bakery.cloud import naming
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from bakery.rehearsal.server import Rehearsal
from bakery.release import validate
from bakery.release.findings import Finding, State
from bakery.release.validate import Report
from tests import releases
from tests.aws_account import account_of
from tests.rehearsed_images import an_image
from tests.releases import BOTH, DUBLIN, LONDON

HOST = releases.definition()


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    releases.define(monkeypatch, HOST)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def look(account: Account, *names: str, regions: tuple[str, ...] = ()) -> Report:
    return validate.validate(names, regions=regions, account=AwsCloud(account=account), console=Console())


def wrong(report: Report) -> list[Finding]:
    return [one for one in report.findings if one.state is not State.CORRECT]


def test_all_is_correct_when_aws_has_what_the_catalog_says(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, age_days=40)
    release = releases.put(cloud, HOST, is_latest=True)
    report = look(account)
    assert [one.state for one in report.findings] == [State.CORRECT] * 4
    assert [one.region for one in report.findings if one.is_latest] == [DUBLIN, LONDON]
    assert report.findings[-1].image_id == release.places[LONDON].image_id
    report.require_correct()


def test_it_only_reads(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    cloud.world.images[release.places[DUBLIN].image_id].tags.clear()
    assert wrong(look(account))
    assert len(cloud.calls) > 10
    assert [call for call in cloud.calls if not call.action.startswith(("Describe", "Get"))] == []


def test_an_image_that_is_gone_is_missing(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)
    del cloud.world.images[release.places[DUBLIN].image_id]
    (finding,) = wrong(look(account))
    assert (finding.state, finding.region, finding.release) == (State.MISSING, DUBLIN, release.release)
    assert finding.why == f"there is no dokku-bakery/host/{release.release}/amd64"


def test_an_image_that_failed_is_missing_and_says_why(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)
    cloud.world.images[release.places[DUBLIN].image_id].failure = "the key is gone"
    (finding,) = wrong(look(account))
    assert (finding.state, finding.why) == (State.MISSING, "it failed: the key is gone")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"protection": "disabled"}, "protect from removal: it could be removed by accident"),
        ({"imds_support": ""}, "require IMDSv2: machines would answer without a token"),
        ({"readers": [{"Group": "all"}]}, "share image: -public"),
        ({"ready_at": 1e12}, "wait: ami-.* is pending"),
        ({"deprecated_at": None}, "set deprecation date: "),
        ({"tags": {}}, "tag image: Name, bakery:arch"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_publishing(
    damage: dict[str, object], why: str, cloud: Rehearsal, account: Account
) -> None:
    release = releases.put(cloud, HOST)
    vars(cloud.world.images[release.places[DUBLIN].image_id]).update(damage)
    (finding,) = wrong(look(account))
    assert (finding.state, finding.region) == (State.WRONG, DUBLIN)
    assert re.match(why, finding.why)


def test_an_image_of_another_id_than_the_catalogs_is_wrong(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)
    old = cloud.world.images.pop(release.places[DUBLIN].image_id)
    new = an_image(cloud, **{**vars(old), "id": "ami-0123456789abcdef0"})
    assert new.id != old.id
    first, second = wrong(look(account))
    assert first.state is State.WRONG
    assert first.why.startswith(f"the catalog says {old.id}, and {new.id} is there; write parameter")
    assert (second.state, second.image_id) == (State.UNEXPECTED, new.id)


def test_an_image_that_is_being_removed_is_wrong(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)
    cloud.world.images[release.places[DUBLIN].image_id].tags[naming.REMOVING] = "2026-01-01T00:00:00Z"
    (finding,) = wrong(look(account))
    assert (finding.state, finding.why) == (State.WRONG, "it is being removed")


def test_a_latest_release_that_was_never_verified_is_wrong(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, is_latest=True, regions=(LONDON,))
    unverified = release.model_copy(update={"verified_at": None})
    catalog.change("host", lambda known: known.with_release(unverified), is_rehearsal=True, console=Console())
    assert "it is latest, and was never verified" in [finding.why for finding in wrong(look(account))]


def test_latest_is_wrong_where_its_parameter_names_another_image(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    other = old.places[DUBLIN].image_id
    releases.write(DUBLIN, "/dokku-bakery/host/latest/amd64", other)
    (finding,) = wrong(look(account))
    assert (finding.state, finding.region, finding.is_latest) == (State.WRONG, DUBLIN, True)
    assert finding.why == f"point latest at it: /dokku-bakery/host/latest/amd64 is {other}"


def test_a_parameter_that_says_latest_before_anything_was_promoted_is_unexpected(
    cloud: Rehearsal, account: Account
) -> None:
    release = releases.put(cloud, HOST)
    releases.write(DUBLIN, "/dokku-bakery/host/latest/amd64", release.places[DUBLIN].image_id)
    (finding,) = wrong(look(account))
    assert (finding.state, finding.region, finding.image_id) == (
        State.UNEXPECTED,
        DUBLIN,
        release.places[DUBLIN].image_id,
    )
    assert "the catalog has no latest release here" in finding.why


def test_an_image_that_no_catalog_has_is_unexpected(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST)
    stranger = an_image(cloud, region=LONDON, name="by-hand", tags={naming.IMAGE: "host"})
    an_image(cloud, region=LONDON, name="somebody's", tags={naming.IMAGE: "other"})
    (finding,) = wrong(look(account))
    assert (finding.state, finding.region, finding.image_id) == (State.UNEXPECTED, LONDON, stranger.id)


def test_the_latest_release_is_missing_in_a_region_that_the_definition_wants_it_in(
    cloud: Rehearsal, account: Account
) -> None:
    releases.put(cloud, HOST, age_days=40, regions=(LONDON,))
    release = releases.put(cloud, HOST, regions=(LONDON,), is_latest=True)
    (finding,) = wrong(look(account))
    assert (finding.state, finding.region, finding.release) == (State.MISSING, DUBLIN, release.release)


def test_architectures_are_held_apart(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    release = releases.put(cloud, HOST, is_latest=True, arch=Arch.ARM64)
    releases.write(DUBLIN, "/dokku-bakery/host/latest/arm64", "ami-0123456789abcdef0")
    (finding,) = wrong(look(account))
    assert (finding.arch, finding.image_id) == ("arm64", release.places[DUBLIN].image_id)


def test_a_region_that_does_not_answer_is_one_row_and_harms_no_other(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "PATIENCE_S", 0.2)
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    releases.cut_off(account, DUBLIN)
    report = look(account)
    assert [one.state for one in report.findings if one.region == LONDON] == [State.CORRECT] * 2
    (finding,) = wrong(report)
    assert (finding.state, finding.region) == (State.UNREACHABLE, DUBLIN)
    assert finding.why.startswith("ec2:DescribeImages: no answer")


def test_a_region_that_is_asked_for_and_does_not_answer_is_told_whatever_is_there(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate, "PATIENCE_S", 0.2)
    assert account.usable
    releases.cut_off(account, "us-east-2")
    (finding,) = wrong(look(account, regions=("us-east-2",)))
    assert (finding.state, finding.region) == (State.UNREACHABLE, "us-east-2")


def test_a_region_that_the_account_may_not_use_is_unreachable(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, regions=(LONDON, "af-south-1"))
    found = [one for one in wrong(look(account)) if one.state is State.UNREACHABLE]
    assert [(one.region, one.why) for one in found] == [("af-south-1", "this account has not opted in to it")]


def test_only_the_regions_and_images_that_are_named_are_looked_at(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = releases.definition("shop")
    releases.define(monkeypatch, HOST, shop)
    releases.put(cloud, HOST)
    releases.put(cloud, shop)
    assert {(one.image, one.region) for one in look(account).findings} == {
        (image, region) for image in ("host", "shop") for region in BOTH
    }
    assert [(one.image, one.region) for one in look(account, "shop", regions=(LONDON,)).findings] == [("shop", LONDON)]


def test_an_image_is_unexpected_wherever_it_is_asked_for(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.define(monkeypatch, HOST, releases.definition("shop", regions=[]))
    stranger = an_image(cloud, region=DUBLIN, name="by-hand", tags={naming.IMAGE: "shop"})
    assert [(one.image, one.image_id) for one in wrong(look(account))] == [("shop", stranger.id)]


def test_before_the_first_bake_there_is_nothing_to_complain_about(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.define(monkeypatch, releases.definition(regions=[]))
    look(account).require_correct()
    assert "nothing was baked in a region yet" in capsys.readouterr().err
    assert [call.action for call in cloud.calls] == []


def test_an_unknown_region_is_exit_code_2_with_the_nearest_one(account: Account) -> None:
    with pytest.raises(BakeryError, match="there is no region 'eu-west-22'") as caught:
        look(account, regions=("eu-west-22",))
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.IMPOSSIBLE, "did you mean 'eu-west-2'?")


def finding(state: State, hint: str = "") -> Finding:
    return Finding(image="host", region=LONDON, state=state, hint=hint)


def test_what_is_not_correct_is_counted_and_exit_code_1() -> None:
    states = (State.CORRECT, State.MISSING, State.WRONG, State.WRONG)
    with pytest.raises(BakeryError, match=r"3 of 4 are not as they should be: 1 missing, 2 wrong") as caught:
        Report(findings=[finding(state, "type this") for state in states]).require_correct()
    assert caught.value.exit_code is ExitCode.FAILED
    assert caught.value.hint == "type this"


def test_three_hints_are_told_and_the_others_counted() -> None:
    found = [finding(State.UNREACHABLE), *(finding(State.MISSING, name) for name in "aabbcde")]
    with pytest.raises(BakeryError) as caught:
        Report(findings=found).require_correct()
    assert caught.value.hint == "a; b; c; and 2 more"


def hint_of(account: Account, *, state: State) -> str:
    """Return the one hint that findings of a state have."""
    hints = {one.hint for one in look(account).findings if one.state is state}
    assert len(hints) == 1
    return hints.pop()


def test_what_is_missing_or_wrong_leads_to_publish_and_latest_to_promote(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    release = releases.put(cloud, HOST, is_latest=True)
    assert hint_of(account, state=State.CORRECT) == ""
    cloud.world.images[old.places[DUBLIN].image_id].tags.clear()
    assert hint_of(account, state=State.WRONG) == f"./inv publish --rehearse --release {old.release} --image host"
    del cloud.world.images[release.places[LONDON].image_id]
    assert hint_of(account, state=State.MISSING) == f"./inv promote --rehearse --release {release.release} --image host"


def test_a_copy_that_was_never_recorded_leads_to_publish_and_is_not_said_to_be_removable(
    cloud: Rehearsal, account: Account
) -> None:
    release = releases.put(cloud, HOST, regions=(LONDON,))
    releases.place(cloud, release, HOST, region=DUBLIN)
    publish = f"./inv publish --rehearse --release {release.release} --image host"
    assert hint_of(account, state=State.UNEXPECTED) == publish


def test_a_second_image_of_one_name_is_said_to_be_removable(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)
    releases.place(cloud, release, HOST, region=DUBLIN)
    prune = "./inv prune --rehearse --image host --unknown --dry-run"
    assert hint_of(account, state=State.UNEXPECTED) == prune


def test_an_image_that_somebody_else_has_tagged_is_said_to_be_removable(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST)
    an_image(cloud, region=LONDON, name="by-hand", tags={naming.IMAGE: "host"})
    prune = "./inv prune --rehearse --image host --unknown --dry-run"
    assert hint_of(account, state=State.UNEXPECTED) == prune


def test_where_the_catalog_was_lost_it_is_to_be_rebuilt(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    catalog.path_of("host", is_rehearsal=True).unlink()
    assert {one.image_id for one in wrong(look(account))} == releases.own_images(cloud)
    assert hint_of(account, state=State.UNEXPECTED) == "./inv catalog --rebuild --rehearse --image host"


def test_the_table_is_the_result_and_marks_latest(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    release = releases.put(cloud, HOST, is_latest=True, regions=(LONDON,))
    look(account, regions=(LONDON,)).show()
    shown = capsys.readouterr().out
    assert "(latest)" in shown
    assert release.places[LONDON].image_id in shown


def test_the_findings_are_a_list_of_objects(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    (_, told) = json.loads(look(account).as_json())
    assert told == {
        "image": "host",
        "region": LONDON,
        "state": "correct",
        "release": release.release,
        "arch": "amd64",
        "is_latest": True,
        "image_id": release.places[LONDON].image_id,
        "why": "",
        "hint": "",
    }


def test_a_disabled_image_is_wrong_and_not_missing(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, regions=(LONDON,))
    image_id = release.places[LONDON].image_id
    cloud.world.images[image_id].is_disabled = True
    (found,) = look(account, regions=(LONDON,)).findings
    assert (found.state, found.why) == (State.WRONG, f"enable by hand: {image_id} is disabled")
