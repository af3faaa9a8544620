"""A rehearsal's zones, brought to what a release should be there, from whatever a run left that was killed anywhere."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import record
from bakery.catalog.model import Placed, Release
from bakery.cloud import converging, naming
from bakery.cloud.reconcile import Seen, Wanted, differences
from bakery.clouds.scaleway import images, latest, snapshots
from bakery.clouds.scaleway.account import Account
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.clouds.scaleway.tags import tag_list, tags_of
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import everywhere
from bakery.definition import layers
from bakery.definition.bases import Arch, BaseName
from bakery.definition.model import Definition
from bakery.definition.scaleway import Scaleway
from bakery.rehearsal.scaleway.ground import Kind
from tests.rehearsed_zones import KilledError, Zones, killing, losing, sending_small_parts

HOME, NEAR, FAR = "fr-par-1", "fr-par-2", "nl-ams-1"
RELEASE = "20260110-0415-0123456789ab"
NEXT = "20260111-0415-0123456789ab"
PROVENANCE = "5ec" + "0" * 61
BUCKETS = {"fr-par": "images-fr", "nl-ams": "images-nl"}
SHARES = 6
"""Into how many tests the calls are split that a run is killed after, for as many processors."""
DEFINITION = layers.whole("host").model_copy(update={"scaleway": Scaleway(buckets=BUCKETS, tags={"team": "web"})})


@pytest.fixture(autouse=True)
def begun(zones: Zones, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    zones.have(BUCKETS)


def release_at(zones: Zones, *, name: str = RELEASE) -> Release:
    """Return a release that was baked at home and is verified."""
    at = datetime(2026, 1, 10, 4, 15, tzinfo=UTC)
    made = record.Made(
        image="host", release=name, arch=Arch.AMD64, base=BaseName.DEBIAN_12, fingerprint="0" * 64, size_gb=40
    )
    first = record.entry(made, region=HOME, image=None)
    first = first.model_copy(update={"verified_at": at, "provenance": PROVENANCE})
    tags = record.tags(first, image="host", own={"team": "web"})
    identity = zones.put(HOME, made.name, tags=tag_list(tags), disk=zones.empty_disk())
    places = {HOME: Placed(image_id=identity, published_at=at)}
    return first.model_copy(update={"places": places})


def wanted_in(account: Account, release: Release, zone: str, *, is_latest: bool = True) -> Wanted:
    return ScalewayPlace(zone=account.zone(zone)).wanted(release, DEFINITION, is_latest=is_latest)


def bring(account: Account, wanted: Wanted, said: list[str] | None = None) -> Seen:
    say = (said if said is not None else []).append
    return converging.converge(ScalewayPlace(zone=account.zone(wanted.region)), wanted, say=say, deadline_s=30)


def publish(account: Account, release: Release, zones: tuple[str, ...] = (HOME, NEAR, FAR)) -> dict[str, Any]:
    """Bring a release to zones at the same time, as the story does."""
    return everywhere(
        [ScalewayPlace(zone=account.zone(zone)) for zone in zones],
        lambda place: bring(account, wanted_in(account, release, place.name)),
    )


def state(zones: Zones) -> dict[str, Any]:
    """Return what there is, but for ids and times."""
    found = {
        zone: sorted(
            (one["name"], *sorted(tag for tag in one["tags"] if latest.TAG not in tag))
            for one in zones.shown(Kind.IMAGE, zone)
        )
        for zone in (HOME, NEAR, FAR)
    }
    held = {zone: sorted(one["name"] for one in zones.shown(Kind.BLOCK_SNAPSHOT, zone)) for zone in (HOME, NEAR, FAR)}
    leading = {
        zone: [one["name"] for one in zones.shown(Kind.IMAGE, zone) if any(latest.TAG in tag for tag in one["tags"])]
        for zone in (HOME, NEAR, FAR)
    }
    return {
        "images": found,
        "snapshots": held,
        "latest": leading,
        "objects": zones.files(),
        "uploads": len(zones.uploads()),
    }


def test_a_release_comes_to_a_zone_of_the_region_and_to_one_of_another(zones: Zones) -> None:
    account, release = zones.account(), release_at(zones)
    outcomes = publish(account, release)
    assert all(isinstance(one, Seen) for one in outcomes.values()), outcomes
    there = state(zones)
    assert {zone: len(found) for zone, found in there["images"].items()} == {HOME: 1, NEAR: 1, FAR: 1}
    assert there["images"][HOME] == there["images"][NEAR] == there["images"][FAR]
    assert there["latest"][FAR] == [outcomes[FAR].image.name]
    assert (there["objects"], there["uploads"]) == ([], 0)


def test_a_copy_says_where_it_comes_from_also_one_that_an_earlier_bakery_made(zones: Zones) -> None:
    account, release = zones.account(), release_at(zones)
    publish(account, release.model_copy(update={"provenance": None}))
    (copy,) = zones.shown(Kind.IMAGE, FAR)
    assert naming.PROVENANCE not in tags_of(copy["tags"])
    publish(zones.account(), release)
    (copy,) = zones.shown(Kind.IMAGE, FAR)
    assert tags_of(copy["tags"])[naming.PROVENANCE] == PROVENANCE


def test_what_is_there_is_not_touched(zones: Zones) -> None:
    account, release = zones.account(), release_at(zones)
    publish(account, release)
    changes = zones.changes()
    publish(zones.account(), release)
    assert zones.changes() == changes


def test_the_zones_of_a_region_read_one_file(zones: Zones) -> None:
    publish(zones.account(), release_at(zones), (HOME, NEAR, "fr-par-3"))
    assert zones.changes().count((HOME, "ExportSnapshotToObjectStorage")) == 1
    assert [len(zones.shown(Kind.BLOCK_SNAPSHOT, zone)) for zone in (NEAR, "fr-par-3")] == [1, 1]


def test_what_crosses_regions_holds_the_same(zones: Zones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = sending_small_parts(monkeypatch)
    release, disk = release_at(zones), tmp_path / "noise.raw"
    disk.write_bytes(random.Random(1).randbytes(5 << 19))
    zones.fill(zones.shown(Kind.BLOCK_SNAPSHOT, HOME)[0]["id"], disk)
    publish(zones.account(), release)
    (arrived,) = zones.shown(Kind.BLOCK_SNAPSHOT, FAR)
    process.run(["qemu-img", "compare", str(zones.disk(arrived["id"])), str(disk)])
    assert len({number for _, number in sent}) == 3


def one_after_the_other(account: Account, release: Release) -> None:
    for zone in (HOME, FAR):
        bring(account, wanted_in(account, release, zone))


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_a_publish_that_is_killed_after_any_call_ends_the_same(
    share: int, monkeypatch: pytest.MonkeyPatch, zones: Zones
) -> None:
    def begin() -> Release:
        zones.stage.reset()
        zones.have(BUCKETS)
        bring(zones.account(), wanted_in(zones.account(), release_at(zones), HOME))
        return release_at(zones, name=NEXT)

    new = begin()
    with monkeypatch.context() as patched:
        calls = killing(patched)
        one_after_the_other(zones.account(), new)
    whole = state(zones)
    assert len(calls) > 40
    for after in range(1 + share, len(calls), SHARES):
        new = begin()
        with monkeypatch.context() as patched:
            killing(patched, after=after)
            with pytest.raises(KilledError):
                one_after_the_other(zones.account(), new)
        one_after_the_other(zones.account(), new)
        assert state(zones) == whole, f"killed after call {after}, {calls[after - 1]}"


def test_a_lost_answer_makes_nothing_twice(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    release = release_at(zones)
    making = ("CreateImage", "ImportSnapshotFromObjectStorage", "ExportSnapshotToObjectStorage")
    to_come = losing(monkeypatch, *making)
    publish(zones.account(), release, (HOME, NEAR))
    assert to_come == []
    assert [len(zones.shown(kind, NEAR)) for kind in (Kind.IMAGE, Kind.BLOCK_SNAPSHOT)] == [1, 1]


def test_an_image_that_was_made_there_and_is_gone_is_said_so(zones: Zones) -> None:
    release = release_at(zones)
    zones.drop(release.places[HOME].image_id)
    with pytest.raises(BakeryError, match="is gone") as caught:
        bring(zones.account(), wanted_in(zones.account(), release, NEAR))
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_an_image_of_another_cloud_is_not_copied(zones: Zones) -> None:
    account = zones.account()
    wanted = replace(wanted_in(account, release_at(zones), NEAR), source=("eu-west-2", "ami-0123456789abcdef0"))
    with pytest.raises(BakeryError, match="another cloud is not copied") as caught:
        bring(account, wanted)
    assert caught.value.hint == f"./inv publish --from local --image host --region {NEAR}"


def without_bucket(region: str) -> Definition:
    buckets = {name: one for name, one in BUCKETS.items() if name != region}
    return DEFINITION.model_copy(update={"scaleway": Scaleway(buckets=buckets)})


def test_a_region_without_a_bucket_is_one_line_with_the_key(zones: Zones) -> None:
    account, release = zones.account(), release_at(zones)
    wanted = ScalewayPlace(zone=account.zone(FAR)).wanted(release, without_bucket("nl-ams"))
    with pytest.raises(BakeryError) as caught:
        bring(account, wanted)
    assert caught.value.message == f"{FAR}: what is sent there goes through a bucket in nl-ams, and none is named"
    assert caught.value.hint == 'scaleway.buckets = { "nl-ams" = "…" } in images/host.toml, a bucket of yours there'


def test_a_bucket_in_another_region_is_told_with_its_region(zones: Zones) -> None:
    release = release_at(zones)
    zones.move("images-nl", region="pl-waw")
    with pytest.raises(BakeryError) as caught:
        bring(zones.account(), wanted_in(zones.account(), release, FAR))
    assert "the bucket images-nl is in pl-waw, and snapshots of nl-ams are read of its own" in caught.value.message
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_tags_that_somebody_took_are_set_again(zones: Zones) -> None:
    account, release = zones.account(), release_at(zones)
    publish(account, release)
    (image,), (snapshot,) = zones.shown(Kind.IMAGE, NEAR), zones.shown(Kind.BLOCK_SNAPSHOT, NEAR)
    image["tags"], snapshot["tags"] = ["mine"], []
    bring(zones.account(), wanted_in(account, release, NEAR))
    assert "mine=" in image["tags"]
    assert "team=web" in snapshot["tags"]


def test_nothing_is_asked_for_that_scaleway_has_not(zones: Zones) -> None:
    account = zones.account()
    wanted = wanted_in(account, release_at(zones), NEAR)
    told = {str(one.act) for one in differences(wanted, Seen(), now=datetime.now(UTC))}
    assert told == {"copy", "wait", "point latest at it"}


def test_a_file_stays_for_nobody_when_a_zone_is_refused(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    release = release_at(zones)

    def refuse(*args: object, **told: object) -> str:
        raise BakeryError("no room")

    monkeypatch.setattr(snapshots, "read_in", refuse)
    with pytest.raises(BakeryError, match="no room"):
        bring(zones.account(), wanted_in(zones.account(), release, NEAR))
    assert state(zones)["objects"] == []


def test_an_image_is_found_by_its_name_the_older_of_two(zones: Zones) -> None:
    old = zones.put(HOME, "a/1", tags=[], created_at="2026-01-01T00:00:00+00:00")
    new = zones.put(HOME, "a/1", tags=[])
    zone = zones.account().zone(HOME)
    older, newer = images.find(zone, "a/*"), images.find(zone, "a/*", is_newest=True)
    assert older
    assert newer
    assert (older.id, newer.id) == (old, new)
