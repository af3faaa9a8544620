"""The room of Scaleway against its rehearsal, which holds every request to the types of Scaleway's own SDK."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakery.catalog import record
from bakery.catalog.model import Placed, Release
from bakery.cloud import converging
from bakery.cloud.inventory import Kind, Question
from bakery.clouds.scaleway import base_images, buckets, groups, images, server_types, snapshots, upload
from bakery.clouds.scaleway.account import Account
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.clouds.scaleway.snapshots import Arrival
from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.definition import bases, layers
from bakery.definition.bases import Arch, BaseName
from bakery.definition.scaleway import Scaleway, Volume
from bakery.places.place import Start
from bakery.rehearsal import service
from bakery.rehearsal.scaleway import ground
from bakery.rehearsal.server import Rehearsal
from tests.rehearsed_zones import Zones

HOME, NEAR, FAR = "fr-par-1", "fr-par-2", "nl-ams-1"
POINTER = "/dokku-bakery/host/latest/amd64"
RELEASE = "20260110-0415-0123456789ab"
BUCKETS = {"fr-par": "images-of-paris", "nl-ams": "images-of-amsterdam"}
DEFINITION = layers.whole("host").model_copy(update={"scaleway": Scaleway(buckets=BUCKETS)})
AT = datetime(2026, 1, 10, 4, 15, tzinfo=UTC)


@pytest.fixture
def account(zones: Zones) -> Account:
    """Return the account of whoever rehearses, with a bucket in two regions."""
    zones.have(BUCKETS)
    return zones.account()


def sent(account: Account, folder: Path) -> str:
    """Send an empty disk of 10 GiB to the bucket at home and return its key."""
    disk = folder / "disk.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "10G"])
    bucket = buckets.named(account, BUCKETS["fr-par"], region="fr-par")
    upload.send(bucket, f"{buckets.PREFIX}disk.qcow2", upload.of_file(disk))
    return f"{buckets.PREFIX}disk.qcow2"


def baked(account: Account, folder: Path) -> Release:
    """Return a release whose image is at home."""
    made = record.Made(
        image="host", release=RELEASE, arch=Arch.AMD64, base=BaseName.DEBIAN_12, fingerprint="0" * 64, size_gb=10
    )
    zone, entry = account.zone(HOME), record.entry(made, region=HOME, image=None)
    entry = entry.model_copy(update={"verified_at": AT})
    tags = record.tags(entry, image="host")
    arrival = Arrival(
        name=made.name,
        bucket=BUCKETS["fr-par"],
        key=sent(account, folder),
        volume=Volume.BLOCK,
        tags=tags,
        size_gb=10,
    )
    snapshot = snapshots.read_in(zone, arrival)
    snapshots.wait_completed(zone, snapshot)
    image = images.make(zone, made.name, snapshot=snapshot, arch=Arch.AMD64, tags=tags)
    buckets.forget(buckets.of(zone, BUCKETS, image="host"), arrival.key)
    return entry.model_copy(update={"places": {HOME: Placed(image_id=image, published_at=AT)}})


def bring(account: Account, release: Release, zone: str) -> ScalewayPlace:
    place = ScalewayPlace(zone=account.zone(zone))
    wanted = place.wanted(release, DEFINITION, is_latest=True)
    converging.converge(place, wanted, say=lambda text: None, deadline_s=60)
    return place


@pytest.mark.parametrize("zone", [HOME, NEAR, FAR])
def test_a_release_comes_to_a_zone_and_is_latest_there(zone: str, account: Account, tmp_path: Path) -> None:
    release = baked(account, tmp_path)
    place = bring(account, release, zone)
    found = place.find("dokku-bakery/host/*")
    assert found
    assert place.pointers([POINTER])[POINTER].image_id == found.id
    assert [rest for one in (HOME, FAR) for rest in buckets.rests(account.zone(one))] == []


def test_what_is_removed_is_gone_and_may_be_removed_again(account: Account, tmp_path: Path) -> None:
    place = bring(account, baked(account, tmp_path), NEAR)
    found = place.find("dokku-bakery/host/*")
    assert found
    for _ in range(2):
        place.remove_image(found, pointer=POINTER)
    assert (place.ours(), snapshots.own(place.zone)) == ([], [])


def test_a_file_that_a_run_left_is_found_and_removed(account: Account, tmp_path: Path) -> None:
    sent(account, tmp_path)
    zone = account.zone(NEAR)
    (rest,) = buckets.rests(zone)
    assert rest.kind is Kind.OBJECT
    buckets.remove_rest(zone, rest.id)
    assert buckets.rests(zone) == []


def test_what_runs_left_is_found_on_every_page(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = account.zone(HOME)
    bucket = buckets.named(account, BUCKETS[zone.region], region=zone.region)
    keys = [f"{buckets.PREFIX}{number}" for number in range(5)]
    for key in keys:
        bucket.call("put_object", Key=key, Body=b"x")
    monkeypatch.setattr(buckets, "PAGE", 2)
    assert sorted(rest.id for rest in buckets.rests(zone)) == [f"{bucket.name}/{key}" for key in keys]


def test_every_base_that_the_marketplace_has_is_found(account: Account) -> None:
    found = base_images.newest(account.zone(HOME), bases.base("ubuntu-24.04"), Arch.AMD64)
    assert found.size_gb > 0
    assert found.found_by == "label ubuntu_noble"


def test_a_usual_type_is_there_for_each_processor(account: Account) -> None:
    zone = account.zone(HOME)
    assert server_types.choose(zone, arch=Arch.AMD64) in server_types.USUAL[Arch.AMD64]


def test_a_bucket_of_another_region_is_told(account: Account) -> None:
    with pytest.raises(BakeryError) as caught:
        buckets.require(buckets.named(account, BUCKETS["nl-ams"], region="fr-par"))
    assert "is in nl-ams" in caught.value.message


def test_a_key_of_another_project_is_told(zones: Zones) -> None:
    foreign = zones.account(secret=service.FOREIGN_SECRET_KEY)
    with pytest.raises(BakeryError) as caught:
        images.own(foreign.zone(HOME))
    assert "SCW_DEFAULT_PROJECT_ID" in caught.value.hint


@pytest.mark.parametrize("call", [images.own, snapshots.own])
def test_an_empty_zone_has_nothing(call: Callable[..., list[object]], account: Account) -> None:
    assert call(account.zone(FAR)) == []


def test_there_is_nothing_of_ours_in_the_beginning(account: Account) -> None:
    found = ScalewayPlace(zone=account.zone(FAR)).inventory(Question())
    assert (found.images, found.snapshots, found.loose) == ({}, [], [])


@pytest.fixture
def server(account: Account, stage: Rehearsal, tmp_path: Path) -> tuple[ScalewayPlace, str]:
    """Start a server, behind which no machine is, and give its place and its id."""
    stage.world.is_booting = False
    place = ScalewayPlace(zone=account.zone(HOME))
    image = place.image(baked(account, tmp_path).places[HOME].image_id)
    assert image
    wanted = Start(
        image=image,
        definition=DEFINITION,
        group="verify",
        instance_type="PLAY2-NANO",
        token="one",  # it makes a second start of the same nothing new
        ports=(80,),
        user_data=b"#cloud-config\n",
    )
    (made,) = place.start(wanted)
    return place, made


def test_a_server_runs_in_a_group_that_lets_in_whom_it_should_and_ends(
    server: tuple[ScalewayPlace, str],
) -> None:
    place, identity = server
    (found,) = place.wait_running([identity])
    assert place.address(found, DEFINITION).startswith("127.66.")
    (group,) = groups.ours(place.zone)
    listed = place.zone.all(place.zone.instances.list_security_group_rules, "rules", security_group_id=group.id)
    assert {(one.dest_port_from, one.ip_range) for one in listed} == {
        (port, allowed) for port in (22, 80) for allowed in ("0.0.0.0/0", "::/0")
    }
    place.end([identity])
    assert [*place.zone.all(place.zone.instances.list_servers, "servers")] == []


def test_a_server_that_is_stopped_in_place_ends_too(server: tuple[ScalewayPlace, str]) -> None:
    place, identity = server
    place.wait_running([identity])
    place.zone.call(place.zone.instances.server_action, server_id=identity, action="stop_in_place")
    place.end([identity])
    assert [*place.zone.all(place.zone.instances.list_servers, "servers")] == []


def test_a_server_that_was_starting_and_is_off_is_not_waited_for(
    server: tuple[ScalewayPlace, str], stage: Rehearsal
) -> None:
    place, identity = server
    thing = stage.ground.find(ground.Kind.SERVER, HOME, identity)
    assert thing
    thing.shown["state_detail"] = "no power"
    thing.turn("starting", to="stopped", after_s=0.3)
    with pytest.raises(BakeryError, match=r"is stopped \(no power\) instead of running"):
        place.wait_running([identity])
