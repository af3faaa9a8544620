"""Scaleway as the stories know a cloud: which zones there are, what they take, what is ours there, and their bases."""

from collections.abc import Iterator

import pytest

from bakery.cloud import naming
from bakery.cloud.inventory import Kind, Question
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import base_images, snapshots
from bakery.clouds.scaleway.cloud import ScalewayCloud
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases
from bakery.definition.bases import Arch
from bakery.definition.scaleway import Volume
from bakery.places.account import Account
from bakery.places.place import Place
from tests.scaleway_server import BASE, LOCAL_BASE, Cloud, account_of, serving

ZONE = "fr-par-1"
OURS = [f"{naming.IMAGE}=host", f"{naming.ARCH}=amd64"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaleway, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(scaleway, "LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with serving() as one:
        yield one


@pytest.fixture
def account(cloud: Cloud) -> Account:
    return ScalewayCloud(account=account_of(cloud))


@pytest.fixture
def place(account: Account) -> Place:
    return account.place(ZONE)


def test_every_zone_may_be_used_and_one_says_what_it_lacks(account: Account) -> None:
    assert len(account.usable) == len(account.states) == 10
    assert account.states["fr-par-1"].words == "open"
    assert account.states["it-mil-1"].words == "open, without block storage"
    assert account.closed(account.usable) == {}
    assert [*account.closed(["fr-par-8"])] == ["fr-par-8"]


def test_places_come_in_the_order_of_their_names_each_once(account: Account) -> None:
    assert [one.name for one in account.require(["nl-ams-1", ZONE, "nl-ams-1"])] == ["nl-ams-1", ZONE]


def test_a_bake_takes_what_its_machine_does_and_the_rest_is_not_known(account: Account) -> None:
    prices = account.prices([ZONE, "nl-ams-1"], is_asked=False, console=Console())
    one = prices[ZONE]
    assert one.currency == "EUR"
    assert one.bake_cost(ZONE, instance_type="DEV1-S", hours=3.0, disk_gb=40) == 1.5
    assert one.bake_cost(ZONE, instance_type="DEV9", hours=3.0, disk_gb=40) is None
    assert one.copy_cost(ZONE, stored_gb=2.0) is None
    assert one.storage_cost_month(ZONE, stored_gb=2.0) is None


def test_a_base_is_found_by_its_label_for_the_disk_that_is_wanted(cloud: Cloud, place: Place) -> None:
    found = place.newest_base(bases.base("ubuntu-24.04"), Arch.AMD64)
    assert (found.id, found.found_by, found.size_gb) == (BASE, "label ubuntu_noble", 9)
    zone = account_of(cloud).zone(ZONE)
    assert base_images.newest(zone, bases.base("ubuntu-24.04"), Arch.AMD64, volume=Volume.LOCAL).id == LOCAL_BASE


def test_a_zone_without_block_storage_begins_with_the_other_image(account: Account) -> None:
    assert account.place("it-mil-1").newest_base(bases.base("ubuntu-24.04"), Arch.AMD64).id == LOCAL_BASE


def test_a_label_that_is_not_there_is_one_line(place: Place) -> None:
    with pytest.raises(BakeryError) as caught:
        place.newest_base(bases.base("debian-12"), Arch.AMD64)
    said = f"{ZONE}: there is no image of debian-12 for amd64 (label debian_bookworm, instance_sbs)"
    assert (caught.value.message, caught.value.exit_code) == (said, ExitCode.MISSING)
    assert caught.value.hint.startswith("./inv regions --base debian-12")


def test_what_is_ours_is_found_and_nothing_else(cloud: Cloud, place: Place) -> None:
    cloud.storage.buckets["somebody"] = "fr-par"
    cloud.storage.write("fr-par", "somebody", "dokku-bakery/x.qcow2", b"x")
    cloud.storage.write("fr-par", "somebody", "theirs", b"x")
    ours, theirs = cloud.put(ZONE, "a", tags=OURS), cloud.put(ZONE, "b", tags=[])
    lonely = cloud.add("snapshot", ZONE, name="c", size=10**10, status="available", tags=OURS)
    cloud.add("snapshot", ZONE, name="d", size=10**10, status="available")
    for tags in (OURS, []):
        cloud.add("volume", ZONE, name="v", size=10**10, status="available", tags=tags)
        cloud.add(
            "ip", ZONE, address="192.0.2.1", type="routed_ipv4", state="detached", prefix="", ipam_id="", tags=tags
        )
    found = place.inventory(Question())
    assert [*found.images] == [ours]
    assert theirs not in found.images
    assert [one.id for one in found.snapshots] == [lonely["id"]]
    assert sorted(one.kind for one in found.loose) == [Kind.ADDRESS, Kind.OBJECT, Kind.VOLUME]
    for one in found.loose:
        place.remove(one.kind, one.id)
        place.remove(one.kind, one.id)
    place.remove(Kind.SNAPSHOT, lonely["id"])
    place.remove(Kind.SNAPSHOT, lonely["id"])
    left = place.inventory(Question())
    assert (left.loose, left.snapshots) == ([], [])
    assert [key for _, key in cloud.storage.objects] == ["theirs"]


def test_a_sending_that_did_not_end_is_found_and_ended(cloud: Cloud, place: Place) -> None:
    from bakery.clouds.scaleway import buckets

    cloud.storage.buckets["ours"] = "fr-par"
    bucket = buckets.named(account_of(cloud), "ours", region="fr-par")
    bucket.call("create_multipart_upload", Key="dokku-bakery/x.qcow2")
    (one,) = place.inventory(Question()).loose
    assert "did not end" in one.what
    place.remove(one.kind, one.id)
    place.remove(one.kind, one.id)
    assert cloud.storage.uploads == {}


def test_a_snapshot_that_another_image_uses_is_said_to_be_in_use(
    cloud: Cloud, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "USED_DEADLINE_S", 0.02)
    one = place.image(cloud.put(ZONE, "a", tags=OURS))
    assert one
    other = cloud.add_image(ZONE, {"name": "b", "root_volume": one.root_snapshot, "arch": "x86_64"})
    with pytest.raises(BakeryError, match="precondition failed: resource_still_in_use") as caught:
        place.remove_image(one, pointer="")
    assert "end what uses it" in caught.value.hint
    cloud.drop("image", other["id"], ZONE)
    # The image is gone, and its snapshot is found by the mark that it was to go.
    (left,) = place.inventory(Question()).snapshots
    assert naming.REMOVING in left.tags


def test_an_image_that_is_no_image_is_none(place: Place) -> None:
    assert place.image("00000000-0000-4000-8000-00000000000f") is None


def test_what_a_zone_is_not_asked_for_does_nothing(cloud: Cloud, place: Place) -> None:
    from bakery.definition import layers

    definition = layers.whole("host")
    place.require_readable(definition)
    place.require_login(definition)
    assert (place.is_tunnelled(definition), place.headroom(definition), place.console_text("x")) == (False, "", "")
    assert cloud.events == []
    assert isinstance(place, ScalewayPlace)
