"""Scaleway as the stories know a cloud: which zones there are, what they take, what is ours there, and their bases."""

import pytest

from bakery.cloud import naming
from bakery.cloud.inventory import Kind, Question
from bakery.clouds.scaleway import base_images, buckets, images, snapshots
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.cloud import ScalewayCloud
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases, layers
from bakery.definition.bases import Arch
from bakery.definition.scaleway import Volume
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.rehearsal.scaleway import market, server_types
from bakery.rehearsal.scaleway.ground import Kind as Thing
from tests.rehearsed_zones import Zones

ZONE = "fr-par-1"
OURS = [f"{naming.IMAGE}=host", f"{naming.ARCH}=amd64"]


@pytest.fixture
def account(zones: Zones) -> Account:
    return ScalewayCloud(account=zones.account())


@pytest.fixture
def zone(zones: Zones) -> Zone:
    return zones.account().zone(ZONE)


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
    assert one.bake_cost(ZONE, instance_type="DEV1-S", hours=3.0, disk_gb=40) == pytest.approx(
        3.0 * server_types.TYPES["DEV1-S"].hourly_eur
    )
    assert one.bake_cost(ZONE, instance_type="DEV9", hours=3.0, disk_gb=40) is None
    assert one.copy_cost(ZONE, stored_gb=2.0) is None
    assert one.storage_cost_month(ZONE, stored_gb=2.0) is None


def of_the_marketplace(zone: str, sort: str) -> str:
    return market.image_id(zone, "ubuntu_noble", arch="x86_64", sort=sort)


def test_a_base_is_found_by_its_label_for_the_disk_that_is_wanted(zone: Zone, place: Place) -> None:
    found = place.newest_base(bases.base("ubuntu-24.04"), Arch.AMD64)
    known = of_the_marketplace(ZONE, "instance_sbs")
    assert (found.id, found.found_by, found.size_gb) == (known, "label ubuntu_noble", 9)
    local = base_images.newest(zone, bases.base("ubuntu-24.04"), Arch.AMD64, volume=Volume.LOCAL)
    assert local.id == of_the_marketplace(ZONE, "instance_local")


def test_a_zone_without_block_storage_begins_with_the_other_image(account: Account) -> None:
    found = account.place("it-mil-1").newest_base(bases.base("ubuntu-24.04"), Arch.AMD64)
    assert found.id == of_the_marketplace("it-mil-1", "instance_local")


@pytest.mark.parametrize("is_known", [True, False])
def test_a_label_that_is_not_there_is_one_line(
    is_known: bool, zones: Zones, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_known:
        zones.drop(market.image_id(ZONE, "debian_bookworm", arch="x86_64", sort="instance_sbs"))
    else:
        monkeypatch.delitem(market.LABELS, "debian_bookworm")
    with pytest.raises(BakeryError) as caught:
        place.newest_base(bases.base("debian-12"), Arch.AMD64)
    said = f"{ZONE}: there is no image of debian-12 for amd64 (label debian_bookworm, instance_sbs)"
    assert (caught.value.message, caught.value.exit_code) == (said, ExitCode.MISSING)
    assert caught.value.hint.startswith("./inv regions --base debian-12")


def test_what_is_ours_is_found_and_nothing_else(zones: Zones, zone: Zone, place: Place) -> None:
    zones.have({"fr-par": "somebody"})
    for key in ("dokku-bakery/x.qcow2", "theirs"):
        zones.write("somebody", key, b"x")
    ours, theirs = zones.put(ZONE, "a", tags=OURS), zones.put(ZONE, "b", tags=[])
    lonely = zones.put_snapshot(ZONE, "c", tags=OURS)
    zones.put_snapshot(ZONE, "d", tags=[])
    for tags in (OURS, []):
        zones.put_volume(ZONE, tags=tags)
        zone.call(zone.instances.create_ip, type_="routed_ipv4", tags=tags)
    found = place.inventory(Question())
    assert [*found.images] == [ours]
    assert theirs not in found.images
    assert [one.id for one in found.snapshots] == [lonely]
    assert sorted(one.kind for one in found.loose) == [Kind.ADDRESS, Kind.OBJECT, Kind.VOLUME]
    for one in found.loose:
        place.remove(one.kind, one.id)
        place.remove(one.kind, one.id)
    place.remove(Kind.SNAPSHOT, lonely)
    place.remove(Kind.SNAPSHOT, lonely)
    left = place.inventory(Question())
    assert (left.loose, left.snapshots) == ([], [])
    assert zones.files() == [("somebody", "theirs")]
    assert [len(zones.shown(kind)) for kind in (Thing.BLOCK_VOLUME, Thing.ADDRESS)] == [1, 1]


def test_a_sending_that_did_not_end_is_found_and_ended(zones: Zones, zone: Zone, place: Place) -> None:
    zones.have({"fr-par": "ours"})
    bucket = buckets.named(zone.account, "ours", region="fr-par")
    bucket.call("create_multipart_upload", Key="dokku-bakery/x.qcow2")
    (one,) = place.inventory(Question()).loose
    assert "did not end" in one.what
    place.remove(one.kind, one.id)
    place.remove(one.kind, one.id)
    assert zones.uploads() == []


def test_a_snapshot_that_another_image_uses_is_said_to_be_in_use(
    zones: Zones, zone: Zone, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "USED_DEADLINE_S", 0.02)
    one = place.image(zones.put(ZONE, "a", tags=OURS))
    assert one
    other = images.make(zone, "b", snapshot=one.root_snapshot, arch=Arch.AMD64, tags={})
    with pytest.raises(BakeryError, match=": resource_still_in_use") as caught:
        place.remove_image(one, pointer="")
    assert "end what uses it" in caught.value.hint
    zones.drop(other)
    # The image is gone, and its snapshot is found by the mark that it was to go.
    (left,) = place.inventory(Question()).snapshots
    assert naming.REMOVING in left.tags


def test_an_image_that_is_no_image_is_none(place: Place) -> None:
    assert place.image("00000000-0000-4000-8000-00000000000f") is None


def test_what_a_zone_is_not_asked_for_does_nothing(zones: Zones, place: Place) -> None:
    definition = layers.whole("host")
    place.require_readable(definition)
    place.require_login(definition)
    assert (place.is_tunnelled(definition), place.headroom(definition), place.console_text("x")) == (False, "", "")
    assert zones.stage.calls == []
    assert isinstance(place, ScalewayPlace)
