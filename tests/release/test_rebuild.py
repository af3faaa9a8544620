"""A catalog that was lost comes back out of AWS's tags and parameters, and one that is there loses nothing by it."""

from datetime import timedelta

import pytest

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Catalog
from bakery.cloud import naming
from bakery.clouds.aws import published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from bakery.rehearsal.server import Rehearsal
from bakery.release import promote, publish, rebuild, validate
from bakery.release.findings import State
from bakery.release.publish import Order
from tests import rehearsed, releases
from tests.aws_account import account_of
from tests.rehearsed_images import an_image
from tests.releases import BOTH, DUBLIN, LONDON

HOST = releases.definition()
LATEST = "/dokku-bakery/host/latest/amd64"


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(published, "FIRST_PAUSE_S", 0.01)
    # Seventeen regions take long to ask, and most have nothing.
    monkeypatch.setattr(Account, "usable", property(lambda _: [*BOTH, "us-east-1"]))
    releases.define(monkeypatch, HOST)
    return cloud


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def again(account: Account, *regions: str, lost: bool = False) -> Catalog:
    """Return the catalog after it was lost, if it was, and rebuilt."""
    if lost:
        catalog.path_of("host", is_rehearsal=True).unlink()
    rebuild.rebuild(("host",), regions=regions, account=AwsCloud(account=account), console=Console())
    return catalog.read("host", is_rehearsal=True)


def known() -> Catalog:
    return catalog.read("host", is_rehearsal=True)


def change(edited: Catalog) -> None:
    catalog.change("host", lambda _: edited, is_rehearsal=True, console=Console())


def test_a_catalog_that_was_lost_comes_back_as_publishing_and_promoting_wrote_it(
    cloud: Rehearsal, account: Account
) -> None:
    rehearsed.bake(cloud)
    order = Order(image="host", regions=BOTH)
    publish.publish(order, account=AwsCloud(account=account), console=Console())
    promote.promote(order, account=AwsCloud(account=account), console=Console())
    (before,), history = known().releases, known().history(Arch.AMD64)
    found = again(account, lost=True)
    (release,) = found.releases
    ids = {region: placed.image_id for region, placed in before.places.items()}
    assert {region: placed.image_id for region, placed in release.places.items()} == ids
    assert release.model_copy(update={"places": before.places, "baked_at": before.baked_at}) == before
    # The test's own image is as old as the run of tests.
    assert release.baked_at - before.baked_at < timedelta(hours=3)
    assert [(one.release, one.regions) for one in found.history(Arch.AMD64)] == [
        (one.release, one.regions) for one in history
    ]
    report = validate.validate(("host",), regions=(), account=AwsCloud(account=account), console=Console())
    assert {one.state for one in report.findings} <= {State.CORRECT, State.WRONG}
    assert {one.why.partition(":")[0] for one in report.findings} <= {"", "set deprecation date"}


def test_releases_come_back_with_where_they_were_made_and_whether_they_were_verified(
    cloud: Rehearsal, account: Account
) -> None:
    kept = [
        releases.put(cloud, HOST, age_days=40),
        releases.put(cloud, HOST, age_days=30, regions=(DUBLIN,), arch=Arch.ARM64),
        releases.put(cloud, HOST, is_latest=True, age_days=20, regions=(LONDON,)),
    ]
    for placed in kept[0].places.values():
        cloud.world.images[placed.image_id].tags[naming.PROVENANCE] = rehearsed.PROVENANCE
    kept[0] = kept[0].model_copy(update={"provenance": rehearsed.PROVENANCE})
    cloud.world.images[kept[1].places[DUBLIN].image_id].tags[naming.IMPORT] = naming.LOCAL
    kept[1] = kept[1].model_copy(update={"is_import": True})
    for image in cloud.world.images.values():
        if image.name.endswith(f"{kept[2].release}/amd64"):
            del image.tags[naming.VERIFIED]
    found = again(account, lost=True)
    unverified = kept[2].model_copy(update={"verified_at": None})
    assert sorted(found.releases, key=lambda one: one.release) == [kept[0], kept[1], unverified]


def test_that_a_release_was_sent_up_comes_back_to_a_catalog_that_did_not_know(
    cloud: Rehearsal, account: Account
) -> None:
    release = releases.put(cloud, HOST)
    assert not known().releases[0].is_import
    cloud.world.images[release.places[DUBLIN].image_id].tags[naming.IMPORT] = naming.LOCAL
    assert again(account, DUBLIN).releases == (release.model_copy(update={"is_import": True}),)


def test_a_copy_is_never_taken_for_where_a_release_was_made(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)
    home, copy = (cloud.world.images[release.places[region].image_id] for region in BOTH)
    copy.source, copy.created = (LONDON, home.id), home.created - timedelta(days=1)
    assert again(account, lost=True).releases[0].baked_in == LONDON
    assert again(account, DUBLIN, lost=True).releases[0].baked_in == LONDON


def test_latest_comes_back_in_each_region_the_earlier_one_first(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40, is_latest=True)
    new = releases.put(cloud, HOST, age_days=20)
    releases.write(DUBLIN, LATEST, new.places[DUBLIN].image_id)
    history = again(account, lost=True).history(Arch.AMD64)
    assert [(one.release, one.regions) for one in history] == [(old.release, (LONDON,)), (new.release, (DUBLIN,))]
    assert promotions.ways_back(history) == {DUBLIN: old.release}


def test_what_the_catalog_knows_stays_whatever_aws_says(cloud: Rehearsal, account: Account) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    release = releases.put(cloud, HOST, age_days=20, is_latest=True)
    releases.was_latest(old, days_ago=10)
    before = known()
    releases.write(DUBLIN, LATEST, old.places[DUBLIN].image_id)
    del cloud.world.images[release.places[DUBLIN].image_id]
    assert again(account) == before


def test_nothing_new_changes_no_byte_and_says_so(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST, is_latest=True)
    path = catalog.path_of("host", is_rehearsal=True)
    before = path.stat().st_ino, path.read_bytes()
    again(account)
    assert path.read_bytes() == before[1]
    assert "host: the clouds have nothing that the catalog does not have" in capsys.readouterr().err


def test_what_another_checkout_published_is_added(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    mine = known()
    other = releases.put(cloud, HOST, age_days=10)
    change(mine.with_release(release.model_copy(update={"places": {LONDON: release.places[LONDON]}})))
    assert again(account).releases == (release, other)
    told = capsys.readouterr().err
    assert f"host: {other.release} (amd64) is added, in {DUBLIN}, {LONDON}" in told
    assert f"host: {release.release} (amd64) is added in {DUBLIN}\n" in told


def test_latest_is_added_in_a_region_where_the_catalog_knows_of_none(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST, is_latest=True)
    (one,) = known().history(Arch.AMD64)
    change(known().with_history(Arch.AMD64, (one.model_copy(update={"regions": (LONDON,)}),)))
    assert again(account).history(Arch.AMD64) == (one,)
    assert one.release == release.release


def test_an_id_that_is_gone_gives_way_to_the_one_that_is_there(cloud: Rehearsal, account: Account) -> None:
    release = releases.put(cloud, HOST)
    old = cloud.world.images.pop(release.places[DUBLIN].image_id)
    new = an_image(cloud, **{**vars(old), "id": "ami-0123456789abcdef0"})
    assert again(account).releases[0].places[DUBLIN].image_id == new.id


def test_of_two_images_of_one_name_the_catalog_keeps_its_own_and_else_has_the_older(
    cloud: Rehearsal, account: Account
) -> None:
    release = releases.put(cloud, HOST)
    one = cloud.world.images[release.places[DUBLIN].image_id]
    older = an_image(cloud, **{**vars(one), "id": "ami-0123456789abcdef0", "created": one.created - timedelta(days=1)})
    assert again(account).releases[0].places[DUBLIN].image_id == one.id
    assert again(account, lost=True).releases[0].places[DUBLIN].image_id == older.id


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"tags": {naming.IMAGE: "host"}}, "it has no tag bakery:release"),
        ({"ready_at": 1e12}, "it is pending"),
        ({"failure": "no key"}, "it is failed"),
        ({"name": "by-hand"}, "its name by-hand is not the one of its tags"),
    ],
)
def test_what_is_no_release_of_ours_is_left_out_and_told(
    damage: dict[str, object], why: str, cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    release = releases.put(cloud, HOST)
    image = cloud.world.images[release.places[DUBLIN].image_id]
    vars(image).update(damage)
    assert [*again(account, lost=True).releases[0].places] == [LONDON]
    assert f"host: {DUBLIN}: {image.id} is left out: {why}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tag", "value", "why"),
    [
        (naming.REMOVING, "2026-01-01T00:00:00Z", "it is being removed"),
        (naming.FINGERPRINT, "abc", "'abc' is no fingerprint: 64 hex digits"),
        (naming.BASE, "debian-21", "Input should be"),
    ],
)
def test_tags_that_we_would_not_write_are_left_out_and_told(
    tag: str, value: str, why: str, cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    release = releases.put(cloud, HOST, regions=(LONDON,))
    other = releases.put(cloud, HOST, age_days=20)
    image = cloud.world.images[release.places[LONDON].image_id]
    image.tags[tag] = value
    assert again(account, lost=True).releases == (other,)
    assert f"host: {LONDON}: {image.id} is left out: {why}" in capsys.readouterr().err


def test_a_parameter_that_names_no_release_is_told(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    releases.put(cloud, HOST)
    releases.write(DUBLIN, LATEST, "ami-0123456789abcdef0")
    assert again(account, lost=True).history(Arch.AMD64) == ()
    told = "latest for amd64 is ami-0123456789abcdef0, which is no release of host"
    assert f"host: {DUBLIN}: {told}" in capsys.readouterr().err


def test_a_region_that_does_not_answer_is_told_and_the_others_are_in(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "PATIENCE_S", 0.2)
    releases.put(cloud, HOST)
    assert account.opt_in
    releases.cut_off(account, DUBLIN)
    with pytest.raises(BakeryError, match=f"1 region is not done:\n  {DUBLIN}: .*no answer"):
        again(account, lost=True)
    assert [*known().releases[0].places] == [LONDON]


def test_only_reading_calls_are_made(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST, is_latest=True)
    again(account, lost=True)
    assert {call.action for call in cloud.calls} == {"DescribeRegions", "DescribeImages", "GetParameters"}


def test_a_file_that_is_no_catalog_is_left_alone(cloud: Rehearsal, account: Account) -> None:
    releases.put(cloud, HOST)
    path = catalog.path_of("host", is_rehearsal=True)
    path.write_text("<<<<<<< HEAD\n")
    with pytest.raises(BakeryError, match="a merge was not finished here") as caught:
        again(account)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert path.read_text() == "<<<<<<< HEAD\n"


def test_an_account_without_images_makes_no_catalog(account: Account) -> None:
    assert again(account).releases == ()
    assert not catalog.path_of("host", is_rehearsal=True).exists()


def test_an_unknown_region_is_refused(account: Account) -> None:
    with pytest.raises(BakeryError, match="there is no region 'eu-west-22'") as caught:
        again(account, "eu-west-22")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_the_table_has_each_release_and_where_it_is_latest(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    old = releases.put(cloud, HOST, age_days=40)
    new = releases.put(cloud, HOST, is_latest=True)
    assert new.verified_at is not None
    rebuild.show((), is_rehearsal=True, console=Console())
    shown = capsys.readouterr().out
    for told in (old.release, new.release, f"{new.verified_at:%Y-%m-%d}", f"{DUBLIN}, {LONDON}"):
        assert told in shown


def test_before_the_first_bake_the_way_to_ask_aws_is_told(cloud: Rehearsal, capsys: pytest.CaptureFixture[str]) -> None:
    rebuild.show(("host",), is_rehearsal=True, console=Console())
    shown = capsys.readouterr()
    assert "./inv catalog --rebuild --rehearse  (asks the clouds what there is)" in shown.err
    assert shown.out == ""
