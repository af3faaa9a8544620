"""An image of this machine on its way to zones of a rehearsal: sent once a region, gone on with, and nothing left."""

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.clouds.scaleway import packing, shipping, upload
from bakery.clouds.scaleway.shipping import ScalewayShipment
from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.scaleway import Scaleway, Volume
from bakery.disk import qemu_img
from bakery.disk.blocks import BLOCK_SIZE
from bakery.local import find
from bakery.local.find import LocalImage
from bakery.places.shipment import FanOut, Parcel
from bakery.rehearsal.scaleway.ground import Kind
from tests import local_images
from tests.rehearsed_zones import KilledError, Zones, killing, sending_small_parts

HOME, NEAR, FAR = "fr-par-1", "fr-par-2", "nl-ams-1"
RELEASE = "20260110-0415-0123456789ab"
BUCKETS = {"fr-par": "images-fr", "nl-ams": "images-nl"}


@pytest.fixture(autouse=True)
def sent(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return the parts that come to the buckets of the regions."""
    zones.have(BUCKETS)
    return sending_small_parts(monkeypatch)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalImage:
    """Return a small image, of which three parts are sent."""
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    blocks = {16 + number: noise(number) for number in range(5)}
    local_images.baked(tmp_path / "raw", blocks, release=RELEASE)
    found = find.find("host", base=local_images.BASE)
    definition = found.definition.model_copy(update={"scaleway": Scaleway(buckets=BUCKETS)})
    return replace(found, definition=definition)


def noise(number: int) -> bytes:
    """Return a block that does not get smaller."""
    import random

    return random.Random(number).randbytes(BLOCK_SIZE)


@pytest.fixture(autouse=True)
def definition(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = layers.whole

    def whole(name: str) -> Any:
        return plain(name).model_copy(update={"scaleway": Scaleway(buckets=BUCKETS)})

    monkeypatch.setattr(layers, "whole", whole)


def shipment(zones: Zones, image: LocalImage, *names: str, way: FanOut = FanOut.AUTO) -> ScalewayShipment:
    parcel = Parcel(image=image, places=names or (HOME, NEAR, FAR), fan_out=way)
    return shipping.make(parcel, account=zones.account())


def bring(zones: Zones, image: LocalImage) -> None:
    one = shipment(zones, image)
    assert one.send(console=Console()) == {}
    one.make_home()
    assert one.make_others() == {}


def state(zones: Zones) -> dict[str, Any]:
    kinds = {"image": Kind.IMAGE, "snapshot": Kind.BLOCK_SNAPSHOT}
    found = {name: sorted((one["zone"], one["name"]) for one in zones.shown(kind)) for name, kind in kinds.items()}
    return {**found, "objects": zones.files(), "uploads": len(zones.uploads())}


def test_an_image_comes_to_zones_of_two_regions_and_leaves_nothing_on_its_way(zones: Zones, image: LocalImage) -> None:
    bring(zones, image)
    name = image.made.name
    everywhere = [(zone, name) for zone in (HOME, NEAR, FAR)]
    assert state(zones) == {"image": everywhere, "snapshot": everywhere, "objects": [], "uploads": 0}
    assert not packing.file_of(image).exists()
    for one in zones.shown(Kind.IMAGE):
        assert f"{naming.RELEASE}={RELEASE}" in one["tags"]
    for one in zones.shown(Kind.BLOCK_SNAPSHOT):
        assert f"{naming.DISK}={image.disk_sha256}" in one["tags"]
        assert one["size"] == 4 * 10**9


def test_what_arrives_is_the_disk_without_zstd_and_without_a_backing_file(zones: Zones, image: LocalImage) -> None:
    bring(zones, image)
    arrived, *others = [zones.disk(one["id"]) for one in zones.shown(Kind.BLOCK_SNAPSHOT)]
    assert [one.read_bytes() for one in others] == [arrived.read_bytes()] * 2
    process.run(["qemu-img", "compare", str(arrived), str(image.artifact.disk)])
    told = json.loads(process.run(["qemu-img", "info", "--output=json", str(arrived)]).output)
    assert told["format-specific"]["data"]["compression-type"] == "zlib"
    assert "backing-filename" not in told


def test_the_disk_is_packed_once_where_an_interrupt_reaches_it(
    zones: Zones, image: LocalImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, threads = qemu_img.to_zlib_argv, []

    def to_zlib_argv(disk: Path, *, out: Path) -> list[str]:
        threads.append(threading.current_thread())
        return plain(disk, out=out)

    one = shipment(zones, image)
    monkeypatch.setattr(qemu_img, "to_zlib_argv", to_zlib_argv)
    assert one.send(console=Console()) == {}
    assert threads == [threading.main_thread()]


def test_it_is_sent_once_to_a_region(zones: Zones, image: LocalImage, sent: list[tuple[str, int]]) -> None:
    bring(zones, image)
    parts = [part for _, part in sent]
    assert len(parts) >= 6
    assert sorted(parts) == sorted([*{*parts}] * 2)
    until_then = [*sent]
    bring(zones, image)
    assert sent == until_then


def test_what_has_arrived_is_not_sent_again(
    zones: Zones, image: LocalImage, sent: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = shipment(zones, image, HOME)
    with monkeypatch.context() as patched:
        patched.setattr(upload, "SENDERS", 1)
        killing(patched, after=6)
        with pytest.raises(KilledError):
            one.send(console=Console())
    before = {*sent}
    assert before
    sent.clear()
    assert shipment(zones, image, HOME).send(console=Console()) == {}
    assert not before & {*sent}
    assert len(sent) > 0


@pytest.mark.slow
def test_an_import_that_is_killed_after_any_call_ends_the_same(
    zones: Zones, image: LocalImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(zones, image)
    whole, after = state(zones), 0
    while True:
        after += 1
        zones.stage.reset()
        zones.have(BUCKETS)
        with monkeypatch.context() as patched:
            killing(patched, after=after)
            try:
                bring(zones, image)
            except KilledError:
                is_whole = False
            else:
                is_whole = True
        if is_whole:
            break
        bring(zones, image)
        assert state(zones) == whole, f"killed after call {after}"
    assert after > 30


def test_a_zone_that_is_refused_harms_no_other(zones: Zones, image: LocalImage) -> None:
    one = shipment(zones, image)
    zones.move("images-nl", region="pl-waw")
    failed = one.send(console=Console())
    assert [*failed] == [FAR]
    assert "the bucket images-nl is in pl-waw" in failed[FAR].message
    one.make_home()
    assert one.make_others() == {}
    assert [zone for zone, _ in state(zones)["image"]] == [HOME, NEAR]


def test_what_did_not_pass_at_home_is_taken_back_from_the_others(zones: Zones, image: LocalImage) -> None:
    one = shipment(zones, image)
    one.send(console=Console())
    one.make_home()
    one.withdraw(console=Console())
    assert [zone for zone, _ in state(zones)["snapshot"]] == [HOME]


def test_the_plan_says_what_is_read_from_where(zones: Zones, image: LocalImage) -> None:
    rows = shipment(zones, image).rows()
    assert [(zone, text) for zone, text, _ in rows] == [
        (HOME, "read it from the bucket in fr-par"),
        (NEAR, "read it from the bucket in fr-par"),
        (FAR, "read it from the bucket in nl-ams"),
    ]
    bring(zones, image)
    assert all(text.startswith("nothing to send") for _, text, _ in shipment(zones, image).rows())


@pytest.mark.parametrize(
    ("names", "way", "said", "hint"),
    [
        (("fr-par-1",), FanOut.COPY, "Scaleway copies nothing from zone to zone", "--fan-out auto"),
        (("it-mil-1",), FanOut.AUTO, "it-mil-1 has no block storage", 'scaleway.volume_type = "l_ssd"'),
        (("pl-waw-1",), FanOut.AUTO, "goes through a bucket in pl-waw", 'scaleway.buckets = { "pl-waw" = "…" }'),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_sent(
    names: tuple[str, ...], way: FanOut, said: str, hint: str, zones: Zones, image: LocalImage
) -> None:
    with pytest.raises(BakeryError) as caught:
        shipment(zones, image, *names, way=way)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert zones.changes() == []


def test_a_zone_without_block_storage_takes_disks_of_the_machine_itself(
    zones: Zones, image: LocalImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones.have({"it-mil": "images-it"})
    table = Scaleway(buckets={"it-mil": "images-it"}, volume_type=Volume.LOCAL)
    defined = image.definition.model_copy(update={"scaleway": table})
    monkeypatch.setattr(layers, "whole", lambda name: defined)
    one = shipment(zones, replace(image, definition=defined), "it-mil-1")
    assert one.send(console=Console()) == {}
    one.make_home()
    (made,) = zones.shown(Kind.IMAGE, "it-mil-1")
    (snapshot,) = zones.shown(Kind.SNAPSHOT, "it-mil-1")
    assert snapshot["volume_type"] == "l_ssd"
    assert zones.ground.things[made["id"]].parts == [zones.ground.things[snapshot["id"]]]
