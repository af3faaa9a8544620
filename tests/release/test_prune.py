"""Pruning a rehearsal cloud: what goes is gone everywhere, what stays says why, and a kill harms neither."""

from datetime import timedelta
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from bakery.catalog import catalog
from bakery.cloud import naming
from bakery.clouds.aws import removal
from bakery.clouds.aws.account import Account, ApiError, Region
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.errors import NO_ANSWER
from bakery.contents import kept as manifests
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import digests
from bakery.disk.digests import Digests
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT
from bakery.release import prune, rebuild
from bakery.release.prune import Order
from tests import releases
from tests.aws_account import account_of
from tests.manifests import a_manifest
from tests.rehearsed_images import a_snapshot, an_image
from tests.releases import BOTH, DUBLIN, LONDON

HOST = releases.definition()


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    releases.define(monkeypatch, HOST)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def run(account: Account, *, is_dry: bool = False, **order: Any) -> None:
    prune.prune(Order(**order), account=AwsCloud(account=account), console=Console(), is_dry=is_dry)


def known() -> dict[str, set[str]]:
    """Return the regions of each release in the catalog."""
    return {one.release: {*one.places} for one in catalog.read("host", is_rehearsal=True).releases}


def calls(cloud: Rehearsal) -> list[tuple[str, str]]:
    """Return what was changed, and where."""
    return [(one.region, one.action) for one in cloud.calls if not one.action.startswith(("Describe", "Get"))]


def test_an_old_release_goes_from_every_region_with_all_that_belongs_to_it(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    new = releases.put(cloud, HOST, is_latest=True)
    run(account)
    assert releases.own_images(cloud) == {placed.image_id for placed in new.places.values()}
    assert releases.own_snapshots(cloud) == {cloud.world.images[one].snapshot for one in releases.own_images(cloud)}
    for region in BOTH:
        names = ("latest", new.release)
        assert set(releases.parameters(region)) == {f"/dokku-bakery/host/{name}/amd64" for name in names}
    assert known() == {new.release: {*BOTH}}
    assert old.release not in known()


def test_a_second_run_changes_nothing(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    run(account)
    before = len(calls(cloud))
    run(account)
    assert before > 0
    assert len(calls(cloud)) == before


def test_an_image_is_tagged_before_anything_is_taken_from_it(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    run(account)
    assert [action for region, action in calls(cloud) if region == DUBLIN] == [
        "CreateTags",
        "DeleteParameter",
        "DisableImageDeregistrationProtection",
        "DeregisterImage",
        "DeleteSnapshot",
    ]


def test_what_is_known_of_its_blocks_and_contents_goes_with_a_release_and_not_before(
    cloud: Rehearsal, account: Account
) -> None:
    kept = [releases.put(cloud, HOST, age_days=40), releases.put(cloud, HOST, is_latest=True)]
    old, new = (catalog.digests_of("host", one.release, one.arch, is_rehearsal=True) for one in kept)
    told = [manifests.of_release("host", one.release, one.arch, is_rehearsal=True) for one in kept]
    for path in (old, new):
        digests.write(path, Digests(disk_sha256="00", size_gb=1, blocks={}))
    for path in told:
        manifests.write(path, a_manifest())
    run(account, regions=(DUBLIN,))
    assert known()[kept[0].release] == {LONDON}
    assert [path.exists() for path in (old, *told)] == [True] * 3
    run(account)
    assert [path.exists() for path in (old, told[0])] == [False] * 2
    assert [path.exists() for path in (new, told[1])] == [True] * 2


def test_copies_go_before_what_they_were_copied_from(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    run(account)
    where = [region for region, _ in calls(cloud)]
    assert where == sorted(where)
    assert {*where} == {*BOTH}


def test_a_dry_run_shows_the_same_table_and_changes_nothing(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    run(account, is_dry=True)
    shown = capsys.readouterr()
    assert calls(cloud) == []
    assert "nothing was changed" in shown.err
    run(account)
    assert capsys.readouterr().out == shown.out
    assert "old, and nobody uses it" in shown.out
    assert "latest; one of the newest 1" in shown.out


def test_more_or_fewer_releases_stay_when_that_is_asked_for(cloud: Rehearsal, account: Account) -> None:
    for age in (60, 50, 40):
        releases.put(cloud, HOST, age_days=age)
    run(account, keep=2)
    assert [*known()] == [releases.name_of(50), releases.name_of(40)]


def test_what_a_rollback_goes_to_stays(cloud: Rehearsal, account: Account) -> None:
    before = releases.put(cloud, HOST, age_days=60)
    releases.was_latest(before, days_ago=20)
    releases.put(cloud, HOST, age_days=50)
    releases.put(cloud, HOST, is_latest=True)
    run(account)
    assert [*known()] == [before.release, releases.name_of(30)]


def start(account: Account, image_id: str, *, region: str = DUBLIN, **asked: Any) -> str:
    answer = account.region(region).ec2("run_instances", ImageId=image_id, MinCount=1, MaxCount=1, **asked)
    return str(answer["Instances"][0]["InstanceId"])


def test_an_image_that_a_machine_runs_from_stays_until_it_is_ended(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    instance = start(account, old.places[DUBLIN].image_id, InstanceType="t3.small")
    cloud.world.images[old.places[DUBLIN].image_id].last_launched = None
    run(account)
    assert f"{instance} started from it" in capsys.readouterr().out
    assert known()[old.release] == {*BOTH}
    account.region(DUBLIN).ec2("terminate_instances", InstanceIds=[instance])
    run(account)
    assert old.release not in known()


def template(account: Account, name: str, *images: str) -> None:
    """Make a launch template with a version for each image, whose default is the first."""
    ec2 = account.region(DUBLIN).ec2
    ec2("create_launch_template", LaunchTemplateName=name, LaunchTemplateData={"ImageId": images[0]})
    for image in images[1:]:
        ec2("create_launch_template_version", LaunchTemplateName=name, LaunchTemplateData={"ImageId": image})


def test_an_image_that_any_version_of_a_launch_template_names_stays(cloud: Rehearsal, account: Account) -> None:
    old, new = releases.put(cloud, HOST, age_days=40), releases.put(cloud, HOST, is_latest=True)
    template(account, "web", *(one.places[DUBLIN].image_id for one in (new, old, new)))
    run(account)
    assert known()[old.release] == {*BOTH}


def test_of_our_own_launch_template_only_the_default_and_the_newest_version_count(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = releases.definition(launch_template="fleet")
    releases.define(monkeypatch, own)
    ages = (70, 60, 50)
    first, second, third = (releases.put(cloud, own, age_days=age) for age in ages)
    releases.put(cloud, own)
    template(account, "fleet", *(one.places[DUBLIN].image_id for one in (first, second, third)))
    run(account)
    assert [*known()] == [releases.name_of(age) for age in (70, 50, 30)]


def test_an_image_that_was_protected_with_a_cooldown_is_reported_and_goes_later(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    image = cloud.world.images[old.places[DUBLIN].image_id]
    image.protection = "enabled-with-cooldown"
    run(account)
    until = image.protection.removeprefix("disabled-until ")
    assert f"({image.id}) is protected and can be removed after {until}" in capsys.readouterr().err
    assert known()[old.release] == {*BOTH}
    image.protection = f"disabled-until {cloud.world.today() - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S.000Z}"
    run(account)
    assert old.release not in known()


def test_a_snapshot_that_another_image_uses_stays(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    snapshot = cloud.world.images[old.places[DUBLIN].image_id].snapshot
    an_image(cloud, region=DUBLIN, snapshot=snapshot)
    run(account)
    assert snapshot in releases.own_snapshots(cloud)
    assert old.release not in known()


def test_a_place_that_only_the_catalog_has_is_forgotten(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    del cloud.world.images[old.places[DUBLIN].image_id]
    run(account)
    assert old.release not in known()
    assert not [name for name in releases.parameters(DUBLIN) if old.release in name]


def test_an_image_that_no_catalog_has_is_shown_and_stays_unless_it_is_asked_for(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, is_latest=True)
    created = releases.NOW - timedelta(days=3)
    stranger = an_image(cloud, region=DUBLIN, name="by-hand", tags={naming.IMAGE: "host"}, created=created)
    run(account)
    assert "not in this catalog" in capsys.readouterr().out
    assert stranger.id in cloud.world.images
    run(account, is_unknown_too=True)
    assert stranger.id not in cloud.world.images


def lose_the_catalog(text: str = "") -> None:
    path = catalog.path_of("host", is_rehearsal=True)
    path.unlink()
    if text:
        path.write_text(text)


@pytest.mark.parametrize("text", ["", '{"format": 2, "image": "host", "is_rehearsal": true, "releases": []}'])
def test_where_the_catalog_was_lost_nothing_unknown_goes_before_it_is_made_again(
    text: str, cloud: Rehearsal, account: Account
) -> None:
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST)
    lose_the_catalog(text)
    before = calls(cloud)
    with pytest.raises(
        BakeryError, match="catalog of host is empty, and the cloud has 2 verified releases of it in"
    ) as told:
        run(account, is_unknown_too=True)
    assert told.value.exit_code is ExitCode.IMPOSSIBLE
    assert told.value.hint.startswith("./inv catalog --rebuild --rehearse --image host")
    assert (calls(cloud), len(releases.own_images(cloud))) == (before, 2 * len(BOTH))
    rebuild.rebuild(("host",), regions=BOTH, account=AwsCloud(account=account), console=Console())
    run(account, is_unknown_too=True)
    assert len(releases.own_images(cloud)) == len(BOTH)


@pytest.mark.parametrize("order", [{}, {"is_unknown_too": True, "is_dry": True}])
def test_a_lost_catalog_is_told_of_where_nothing_would_be_removed(
    order: dict[str, bool], cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, age_days=40)
    lose_the_catalog()
    run(account, **order)
    assert "./inv catalog --rebuild --rehearse --image host  (makes it again)" in capsys.readouterr().err
    assert len(releases.own_images(cloud)) == len(BOTH)


def test_what_no_catalog_could_have_goes_all_the_same(cloud: Rehearsal, account: Account) -> None:
    created = releases.NOW - timedelta(days=3)
    half = an_image(cloud, region=DUBLIN, name="by-hand", tags={naming.IMAGE: "host"}, created=created)
    run(account, is_unknown_too=True)
    assert half.id not in cloud.world.images


def test_a_region_that_does_not_answer_is_reported_and_harms_no_other(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    old = releases.put(cloud, HOST, age_days=40, regions=(DUBLIN, LONDON))
    releases.put(cloud, HOST, is_latest=True)
    assert account.usable
    account.patience_s = 0.2
    releases.cut_off(account, DUBLIN)
    with pytest.raises(
        BakeryError, match=r"1 region is not done:\n  eu-west-1: ec2:DescribeImages: no answer"
    ) as caught:
        run(account)
    assert caught.value.exit_code is ExitCode.FAILED
    assert "the region does not answer" in capsys.readouterr().out
    assert known()[old.release] == {DUBLIN}


def test_a_region_that_falls_silent_is_not_asked_again_for_every_image(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in (60, 50, 40):
        releases.put(cloud, HOST, age_days=age, regions=(DUBLIN,))
    releases.put(cloud, HOST, is_latest=True)
    asked: list[str] = []

    def fall_silent(region: Region, image: Any, *, parameter: str) -> str:
        asked.append(image.id)
        raise ApiError("ec2:CreateTags: no answer", code=NO_ANSWER)

    monkeypatch.setattr(removal, "remove_image", fall_silent)
    with pytest.raises(BakeryError, match="1 region is not done:\n  ec2:CreateTags: no answer"):
        run(account)
    assert len(asked) == 1


def test_what_an_earlier_run_has_begun_to_remove_goes_first(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, begun = (releases.put(cloud, HOST, age_days=age, regions=(DUBLIN,)) for age in (50, 40))
    releases.put(cloud, HOST, is_latest=True)
    cloud.world.images[begun.places[DUBLIN].image_id].tags[naming.REMOVING] = "2026-11-23T04:15:00Z"
    removed: list[str] = []

    def remove(_: Region, image: Any, *, parameter: str) -> str:
        removed.append(image.id)
        return ""

    monkeypatch.setattr(removal, "remove_image", remove)
    run(account)
    assert removed == [one.places[DUBLIN].image_id for one in (begun, first)]


def test_what_does_not_carry_our_tag_stays_whatever_its_name_and_age(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    old = releases.put(cloud, HOST, age_days=40, regions=(DUBLIN,))
    releases.put(cloud, HOST, is_latest=True)
    created = releases.NOW - timedelta(days=30)
    named = an_image(cloud, region=DUBLIN, name="dokku-bakery/host/20260101-0415-0/amd64", created=created)
    failed = an_image(cloud, region=DUBLIN, name="dokku-bakery/host/x/amd64", failure="no", tags={"team": "other"})
    adopted = cloud.world.images[old.places[DUBLIN].image_id]
    adopted.tags = {"team": "other"}
    alone = a_snapshot(cloud, region=DUBLIN, started=created, description=f"Created by CreateImage(i-1) for {named.id}")
    ec2 = account.region(DUBLIN).ec2
    theirs = [{"ResourceType": "key-pair", "Tags": [{"Key": "team", "Value": "other"}]}]
    ec2("create_key_pair", KeyName="packer_1", KeyType="ed25519", TagSpecifications=theirs)
    ec2_backends[ACCOUNT][DUBLIN].key_pairs["packer_1"].create_time -= timedelta(days=1)
    run(account, is_unknown_too=True, is_now=True)
    assert {named.id, failed.id, adopted.id} <= set(cloud.world.images)
    assert alone.id in cloud.world.snapshots
    assert [one["KeyName"] for one in ec2("describe_key_pairs")["KeyPairs"]] == ["packer_1"]
    assert capsys.readouterr().out.count("it does not carry our tag") == 3


def test_what_cannot_be_removed_is_reported_and_the_rest_is_done(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = releases.put(cloud, HOST, age_days=50), releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    stuck, remove = first.places[DUBLIN].image_id, removal.remove_image

    def remove_or_fail(region: Region, image: Any, *, parameter: str) -> str:
        if image.id == stuck:
            raise BakeryError(f"{region.name}: it is stuck", hint="pull")
        return remove(region, image, parameter=parameter)

    monkeypatch.setattr(removal, "remove_image", remove_or_fail)
    with pytest.raises(BakeryError, match=f"1 region is not done:\n  {DUBLIN}: it is stuck") as caught:
        run(account)
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.FAILED, "pull")
    assert f"{DUBLIN}: failed: it is stuck\n" in capsys.readouterr().err
    assert second.release not in known()
    # What copies were made of stays with the last copy.
    assert known()[first.release] == {*BOTH}


def test_a_region_that_the_account_may_not_use_is_reported(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, regions=(LONDON, "af-south-1"))
    with pytest.raises(BakeryError, match="af-south-1: this account has not opted in to it") as caught:
        run(account)
    assert caught.value.exit_code is ExitCode.FAILED


def test_before_the_first_bake_there_is_nowhere_to_look(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.define(monkeypatch, releases.definition(regions=[]))
    with pytest.raises(BakeryError, match="nothing was baked in a region yet") as caught:
        run(account)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_only_the_image_and_the_regions_that_are_named_are_pruned(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = releases.definition("shop")
    releases.define(monkeypatch, HOST, shop)
    for wanted_by in (HOST, shop):
        releases.put(cloud, wanted_by, age_days=40)
        releases.put(cloud, wanted_by, is_latest=True)
    run(account, images=("host",), regions=(DUBLIN,))
    assert known()[releases.name_of(40)] == {LONDON}
    assert len(catalog.read("shop", is_rehearsal=True).releases[0].places) == 2


def test_what_killed_runs_have_left_has_a_heading_of_its_own_and_goes(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, is_latest=True)
    lonely = a_snapshot(
        cloud, region=DUBLIN, started=releases.NOW - timedelta(days=2), tags={naming.IMAGE: "host", "Name": "host x"}
    )
    run(account, is_dry=True)
    told = capsys.readouterr().out
    assert "left by killed runs" in told
    assert f"{lonely.id}" in told
    run(account)
    assert lonely.id not in cloud.world.snapshots
