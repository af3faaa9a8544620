"""An image of this machine on its way to zones of a stand-in: sent once a region, gone on with, and nothing left."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import packing, shipping, upload
from bakery.clouds.scaleway.account import Account
from bakery.clouds.scaleway.shipping import ScalewayShipment
from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.scaleway import Scaleway, Volume
from bakery.disk.blocks import BLOCK_SIZE
from bakery.local import find
from bakery.local.find import LocalImage
from bakery.places.shipment import FanOut, Parcel
from tests import local_images
from tests.scaleway_server import QCOW2, Cloud, account_of, serving

HOME, NEAR, FAR = "fr-par-1", "fr-par-2", "nl-ams-1"
RELEASE = "20260110-0415-0123456789ab"
BUCKETS = {"fr-par": "images-fr", "nl-ams": "images-nl"}


class KilledError(BaseException):
    """This run is no more."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with serving(Cloud(steps=1)) as one:
        one.storage.buckets = {name: region for region, name in BUCKETS.items()}
        yield one


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalImage:
    """Return a small image, of which three parts are sent."""
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setattr(scaleway, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(scaleway, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(upload, "PART", 1 << 20)
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


def shipment(cloud: Cloud, image: LocalImage, *zones: str, way: FanOut = FanOut.AUTO) -> ScalewayShipment:
    parcel = Parcel(image=image, places=zones or (HOME, NEAR, FAR), fan_out=way)
    return shipping.make(parcel, account=account_of(cloud))


def bring(cloud: Cloud, image: LocalImage) -> None:
    one = shipment(cloud, image)
    assert one.send(console=Console()) == {}
    one.make_home()
    assert one.make_others() == {}


def state(cloud: Cloud) -> dict[str, Any]:
    kinds = {
        kind: sorted((one["zone"], one["name"]) for one in cloud.of(kind).values()) for kind in ("image", "snapshot")
    }
    return {**kinds, "objects": sorted(cloud.storage.objects), "uploads": len(cloud.storage.uploads)}


def test_an_image_comes_to_zones_of_two_regions_and_leaves_nothing_on_its_way(cloud: Cloud, image: LocalImage) -> None:
    bring(cloud, image)
    name = image.made.name
    everywhere = [(zone, name) for zone in (HOME, NEAR, FAR)]
    assert state(cloud) == {"image": everywhere, "snapshot": everywhere, "objects": [], "uploads": 0}
    assert not packing.file_of(image).exists()
    for one in cloud.of("image").values():
        assert f"{naming.RELEASE}={RELEASE}" in one["tags"]
    for one in cloud.of("snapshot").values():
        assert f"{naming.DISK}={image.disk_sha256}" in one["tags"]
        assert one["size"] == 4 * 10**9


def test_what_arrives_is_the_disk_without_zstd_and_without_a_backing_file(
    cloud: Cloud, image: LocalImage, tmp_path: Path
) -> None:
    bring(cloud, image)
    files = {one["file"] for one in cloud.of("snapshot").values()}
    (data,) = files
    assert data.startswith(QCOW2)
    arrived = tmp_path / "arrived.qcow2"
    arrived.write_bytes(data)
    process.run(["qemu-img", "compare", str(arrived), str(image.artifact.disk)])
    told = json.loads(process.run(["qemu-img", "info", "--output=json", str(arrived)]).output)
    assert told["format-specific"]["data"]["compression-type"] == "zlib"
    assert "backing-filename" not in told


def test_it_is_sent_once_to_a_region(cloud: Cloud, image: LocalImage) -> None:
    bring(cloud, image)
    sent = [part for _, part in cloud.storage.sent]
    assert len(sent) >= 6
    assert sorted(sent) == sorted([*{*sent}] * 2)
    sending = [*cloud.storage.sent]
    bring(cloud, image)
    assert cloud.storage.sent == sending


def test_what_has_arrived_is_not_sent_again(cloud: Cloud, image: LocalImage, monkeypatch: pytest.MonkeyPatch) -> None:
    one = shipment(cloud, image, HOME)
    with monkeypatch.context() as patched:
        patched.setattr(upload, "SENDERS", 1)
        killing(after=7, monkeypatch=patched)
        with pytest.raises(KilledError):
            one.send(console=Console())
    before = {part for _, part in cloud.storage.sent}
    assert before
    cloud.storage.sent.clear()
    assert shipment(cloud, image, HOME).send(console=Console()) == {}
    assert not before & {part for _, part in cloud.storage.sent}
    assert len(cloud.storage.sent) > 0


def killing(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run be killed after so many calls: nothing that it does from there on reaches anybody."""
    calls, plain = [after], Account.repeat

    def repeat(self: Account, act: Callable[[], Any], **told: Any) -> Any:
        if calls[0] <= 0:
            raise KilledError
        found = plain(self, act, **told)
        calls[0] -= 1
        if calls[0] <= 0:
            raise KilledError
        return found

    monkeypatch.setattr(Account, "repeat", repeat)


@pytest.mark.slow
def test_an_import_that_is_killed_after_any_call_ends_the_same(
    cloud: Cloud, image: LocalImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(cloud, image)
    whole, after = state(cloud), 0
    while True:
        after += 1
        cloud.reset()
        with monkeypatch.context() as patched:
            killing(after, patched)
            try:
                bring(cloud, image)
            except KilledError:
                is_whole = False
            else:
                is_whole = True
        if is_whole:
            break
        bring(cloud, image)
        assert state(cloud) == whole, f"killed after call {after}"
    assert after > 30


def test_a_zone_that_is_refused_harms_no_other(cloud: Cloud, image: LocalImage) -> None:
    one = shipment(cloud, image)
    cloud.storage.buckets["images-nl"] = "pl-waw"
    failed = one.send(console=Console())
    assert [*failed] == [FAR]
    assert "the bucket images-nl is in pl-waw" in failed[FAR].message
    one.make_home()
    assert one.make_others() == {}
    assert [zone for zone, _ in state(cloud)["image"]] == [HOME, NEAR]


def test_what_did_not_pass_at_home_is_taken_back_from_the_others(cloud: Cloud, image: LocalImage) -> None:
    one = shipment(cloud, image)
    one.send(console=Console())
    one.make_home()
    one.withdraw(console=Console())
    assert [zone for zone, _ in state(cloud)["snapshot"]] == [HOME]


def test_the_plan_says_what_is_read_from_where(cloud: Cloud, image: LocalImage) -> None:
    rows = shipment(cloud, image).rows()
    assert [(zone, text) for zone, text, _ in rows] == [
        (HOME, "read it from the bucket in fr-par"),
        (NEAR, "read it from the bucket in fr-par"),
        (FAR, "read it from the bucket in nl-ams"),
    ]
    bring(cloud, image)
    assert all(text.startswith("nothing to send") for _, text, _ in shipment(cloud, image).rows())


@pytest.mark.parametrize(
    ("zones", "way", "said", "hint"),
    [
        (("fr-par-1",), FanOut.COPY, "Scaleway copies nothing from zone to zone", "--fan-out auto"),
        (("it-mil-1",), FanOut.AUTO, "it-mil-1 has no block storage", 'scaleway.volume_type = "l_ssd"'),
        (("pl-waw-1",), FanOut.AUTO, "goes through a bucket in pl-waw", 'scaleway.buckets = { "pl-waw" = "…" }'),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_sent(
    zones: tuple[str, ...], way: FanOut, said: str, hint: str, cloud: Cloud, image: LocalImage
) -> None:
    with pytest.raises(BakeryError) as caught:
        shipment(cloud, image, *zones, way=way)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert cloud.events == []


def test_a_zone_without_block_storage_takes_disks_of_the_machine_itself(
    cloud: Cloud, image: LocalImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.storage.buckets["images-it"] = "it-mil"
    table = Scaleway(buckets={"it-mil": "images-it"}, volume_type=Volume.LOCAL)
    defined = image.definition.model_copy(update={"scaleway": table})
    monkeypatch.setattr(layers, "whole", lambda name: defined)
    one = shipment(cloud, replace(image, definition=defined), "it-mil-1")
    assert one.send(console=Console()) == {}
    one.make_home()
    (made,) = cloud.of("image", "it-mil-1").values()
    assert made["root_volume"]["volume_type"] == "l_ssd"
