"""Zones of a stand-in, brought to what a release should be there: from whatever a run left that was killed anywhere."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import record
from bakery.catalog.model import Placed, Release
from bakery.cloud import converging, naming
from bakery.cloud.reconcile import Seen, Wanted, differences
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import converged, images, latest, snapshots, upload
from bakery.clouds.scaleway.account import Account
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.clouds.scaleway.tags import tag_list, tags_of
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import everywhere
from bakery.definition import layers
from bakery.definition.bases import Arch, BaseName
from bakery.definition.model import Definition
from bakery.definition.scaleway import Scaleway
from tests.scaleway_server import QCOW2, Cloud, account_of, serving

HOME, NEAR, FAR = "fr-par-1", "fr-par-2", "nl-ams-1"
RELEASE = "20260110-0415-0123456789ab"
NEXT = "20260111-0415-0123456789ab"
PROVENANCE = "5ec" + "0" * 61
BUCKETS = {"fr-par": "images-fr", "nl-ams": "images-nl"}
SHARES = 6
"""Into how many tests the calls are split that a run is killed after, for as many processors."""
DEFINITION = layers.whole("host").model_copy(update={"scaleway": Scaleway(buckets=BUCKETS, tags={"team": "web"})})


class KilledError(BaseException):
    """This run is no more: nothing that it does from here on reaches anybody."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(scaleway, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(scaleway, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(converged, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(converged, "LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with serving() as one:
        one.storage.buckets = {name: region for region, name in BUCKETS.items()}
        yield one


def release_at(cloud: Cloud, *, name: str = RELEASE) -> Release:
    """Return a release that was baked at home and is verified."""
    at = datetime(2026, 1, 10, 4, 15, tzinfo=UTC)
    made = record.Made(
        image="host", release=name, arch=Arch.AMD64, base=BaseName.DEBIAN_12, fingerprint="0" * 64, size_gb=40
    )
    first = record.entry(made, region=HOME, image=None)
    first = first.model_copy(update={"verified_at": at, "provenance": PROVENANCE})
    tags = record.tags(first, image="host", own={"team": "web"})
    identity = cloud.put(HOME, made.name, tags=tag_list(tags))
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


def state(cloud: Cloud) -> dict[str, Any]:
    """Return what there is, but for ids and times."""
    found = {
        zone: sorted(
            (one["name"], *sorted(tag for tag in one["tags"] if latest.TAG not in tag))
            for one in cloud.of("image", zone).values()
        )
        for zone in (HOME, NEAR, FAR)
    }
    held = {zone: sorted(one["name"] for one in cloud.of("snapshot", zone).values()) for zone in (HOME, NEAR, FAR)}
    leading = {
        zone: [one["name"] for one in cloud.of("image", zone).values() if any(latest.TAG in tag for tag in one["tags"])]
        for zone in (HOME, NEAR, FAR)
    }
    return {
        "images": found,
        "snapshots": held,
        "latest": leading,
        "objects": sorted(cloud.storage.objects),
        "uploads": len(cloud.storage.uploads),
    }


def test_a_release_comes_to_a_zone_of_the_region_and_to_one_of_another(cloud: Cloud) -> None:
    account, release = account_of(cloud), release_at(cloud)
    outcomes = publish(account, release)
    assert all(isinstance(one, Seen) for one in outcomes.values()), outcomes
    there = state(cloud)
    assert {zone: len(found) for zone, found in there["images"].items()} == {HOME: 1, NEAR: 1, FAR: 1}
    assert there["images"][HOME] == there["images"][NEAR] == there["images"][FAR]
    assert there["latest"][FAR] == [outcomes[FAR].image.name]
    assert (there["objects"], there["uploads"]) == ([], 0)


def test_a_copy_says_where_it_comes_from_also_one_that_an_earlier_bakery_made(cloud: Cloud) -> None:
    account, release = account_of(cloud), release_at(cloud)
    publish(account, release.model_copy(update={"provenance": None}))
    (copy,) = cloud.of("image", FAR).values()
    assert naming.PROVENANCE not in tags_of(copy["tags"])
    publish(account_of(cloud), release)
    (copy,) = cloud.of("image", FAR).values()
    assert tags_of(copy["tags"])[naming.PROVENANCE] == PROVENANCE


def test_what_is_there_is_not_touched(cloud: Cloud) -> None:
    account, release = account_of(cloud), release_at(cloud)
    publish(account, release)
    events = [*cloud.events]
    publish(account_of(cloud), release)
    assert cloud.events == events


def test_the_zones_of_a_region_read_one_file(cloud: Cloud) -> None:
    publish(account_of(cloud), release_at(cloud), (HOME, NEAR, "fr-par-3"))
    assert cloud.events.count(f"{HOME} export") == 1
    assert [len(cloud.of("snapshot", zone)) for zone in (NEAR, "fr-par-3")] == [1, 1]


def test_what_crosses_regions_holds_the_same(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PART", 1 << 20)
    release = release_at(cloud)
    (snapshot,) = cloud.of("snapshot", HOME).values()
    snapshot["file"] = QCOW2 + bytes(range(256)) * 10_000
    publish(account_of(cloud), release)
    (arrived,) = cloud.of("snapshot", FAR).values()
    assert arrived["file"] == snapshot["file"]
    assert len({number for _, number in cloud.storage.sent}) == 3


def killing(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run be killed after so many calls: the last one is carried out, and nobody hears of it."""
    left, plain = [after], Account.repeat

    def repeat(self: Account, act: Callable[[], Any], **told: Any) -> Any:
        if left[0] <= 0:
            raise KilledError
        found = plain(self, act, **told)
        left[0] -= 1
        if left[0] <= 0:
            raise KilledError
        return found

    monkeypatch.setattr(Account, "repeat", repeat)


def calls_of(cloud: Cloud, act: Callable[[Account], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many calls a run makes that nobody kills."""
    made, plain = [0], Account.repeat

    def repeat(self: Account, act: Callable[[], Any], **told: Any) -> Any:
        made[0] += 1
        return plain(self, act, **told)

    with monkeypatch.context() as patched:
        patched.setattr(Account, "repeat", repeat)
        act(account_of(cloud))
    return made[0]


def one_after_the_other(account: Account, release: Release) -> None:
    for zone in (HOME, FAR):
        bring(account, wanted_in(account, release, zone))


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_a_publish_that_is_killed_after_any_call_ends_the_same(
    share: int, monkeypatch: pytest.MonkeyPatch, cloud: Cloud
) -> None:
    cloud.steps = 1

    def begin() -> Release:
        cloud.reset()
        bring(account_of(cloud), wanted_in(account_of(cloud), release_at(cloud), HOME))
        return release_at(cloud, name=NEXT)

    new = begin()
    calls = calls_of(cloud, partial(one_after_the_other, release=new), monkeypatch)
    whole = state(cloud)
    assert calls > 40
    for after in range(1 + share, calls, SHARES):
        new = begin()
        with monkeypatch.context() as patched:
            killing(after, patched)
            with pytest.raises(KilledError):
                one_after_the_other(account_of(cloud), new)
        one_after_the_other(account_of(cloud), new)
        assert state(cloud) == whole, f"killed after call {after} of {calls}"


def test_a_lost_answer_makes_nothing_twice(cloud: Cloud) -> None:
    release = release_at(cloud)
    cloud.lost = {"POST images", "POST import-from-object-storage", "POST export-to-object-storage"}
    publish(account_of(cloud), release, (HOME, NEAR))
    assert cloud.lost == set()
    assert [len(cloud.of(kind, NEAR)) for kind in ("image", "snapshot")] == [1, 1]


def test_an_image_that_was_made_there_and_is_gone_is_said_so(cloud: Cloud) -> None:
    release = release_at(cloud)
    cloud.things["image"].clear()
    with pytest.raises(BakeryError, match="is gone") as caught:
        bring(account_of(cloud), wanted_in(account_of(cloud), release, NEAR))
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_an_image_of_another_cloud_is_not_copied(cloud: Cloud) -> None:
    account = account_of(cloud)
    wanted = replace(wanted_in(account, release_at(cloud), NEAR), source=("eu-west-2", "ami-0123456789abcdef0"))
    with pytest.raises(BakeryError, match="another cloud is not copied") as caught:
        bring(account, wanted)
    assert caught.value.hint == f"./inv publish --from local --image host --region {NEAR}"


def without_bucket(region: str) -> Definition:
    buckets = {name: one for name, one in BUCKETS.items() if name != region}
    return DEFINITION.model_copy(update={"scaleway": Scaleway(buckets=buckets)})


def test_a_region_without_a_bucket_is_one_line_with_the_key(cloud: Cloud) -> None:
    account, release = account_of(cloud), release_at(cloud)
    wanted = ScalewayPlace(zone=account.zone(FAR)).wanted(release, without_bucket("nl-ams"))
    with pytest.raises(BakeryError) as caught:
        bring(account, wanted)
    assert caught.value.message == f"{FAR}: what is sent there goes through a bucket in nl-ams, and none is named"
    assert caught.value.hint == 'scaleway.buckets = { "nl-ams" = "…" } in images/host.toml, a bucket of yours there'


def test_a_bucket_in_another_region_is_told_with_its_region(cloud: Cloud) -> None:
    release = release_at(cloud)
    cloud.storage.buckets = {"images-fr": "fr-par", "images-nl": "pl-waw"}
    with pytest.raises(BakeryError) as caught:
        bring(account_of(cloud), wanted_in(account_of(cloud), release, FAR))
    assert "the bucket images-nl is in pl-waw, and snapshots of nl-ams are read of its own" in caught.value.message
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_tags_that_somebody_took_are_set_again(cloud: Cloud) -> None:
    account, release = account_of(cloud), release_at(cloud)
    publish(account, release)
    (image,), (snapshot,) = cloud.of("image", NEAR).values(), cloud.of("snapshot", NEAR).values()
    image["tags"], snapshot["tags"] = ["mine"], []
    bring(account_of(cloud), wanted_in(account, release, NEAR))
    assert "mine=" in image["tags"]
    assert "team=web" in snapshot["tags"]


def test_nothing_is_asked_for_that_scaleway_has_not(cloud: Cloud) -> None:
    account = account_of(cloud)
    wanted = wanted_in(account, release_at(cloud), NEAR)
    told = {str(one.act) for one in differences(wanted, Seen(), now=datetime.now(UTC))}
    assert told == {"copy", "wait", "point latest at it"}


def test_a_file_stays_for_nobody_when_a_zone_is_refused(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    release = release_at(cloud)

    def refuse(*args: object, **told: object) -> str:
        raise BakeryError("no room")

    monkeypatch.setattr(snapshots, "read_in", refuse)
    with pytest.raises(BakeryError, match="no room"):
        bring(account_of(cloud), wanted_in(account_of(cloud), release, NEAR))
    assert state(cloud)["objects"] == []


def test_an_image_is_found_by_its_name_the_older_of_two(cloud: Cloud) -> None:
    old = cloud.put(HOME, "a/1", tags=[], created_at="2026-01-01T00:00:00+00:00")
    new = cloud.put(HOME, "a/1", tags=[])
    zone = account_of(cloud).zone(HOME)
    older, newer = images.find(zone, "a/*"), images.find(zone, "a/*", is_newest=True)
    assert older
    assert newer
    assert (older.id, newer.id) == (old, new)
