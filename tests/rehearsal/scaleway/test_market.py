"""The marketplace and the types of servers: where which image is for which servers."""

import pytest

from tests.scaleway_clients import Clients, refused


def listed(clients: Clients, zone: str, sort: str) -> dict[str, list[str]]:
    found = clients.market.list_local_images(image_label="debian_bookworm", zone=zone, type_=sort).local_images
    return {one.arch: one.compatible_commercial_types for one in found}


def test_images_of_a_label_are_for_the_types_of_their_zone(clients: Clients) -> None:
    assert "PLAY2-NANO" in listed(clients, "fr-par-1", "instance_sbs")["x86_64"]
    assert "PLAY2-NANO" not in listed(clients, "fr-par-1", "instance_local")["x86_64"]
    assert listed(clients, "pl-waw-1", "instance_sbs")["arm64"] == []


def test_milan_has_images_for_local_disks_alone(clients: Clients) -> None:
    assert listed(clients, "it-mil-1", "instance_sbs") == {}
    assert "DEV1-S" in listed(clients, "it-mil-1", "instance_local")["x86_64"]


def test_a_label_that_nobody_knows_is_not_found(clients: Clients) -> None:
    assert refused(clients.market.list_local_images, image_label="plan_9", zone="fr-par-1")[0] == 404


def test_a_local_image_is_an_image_of_its_zone(clients: Clients) -> None:
    (one,) = clients.market.list_local_images(
        image_label="ubuntu_noble", zone="nl-ams-1", type_="instance_sbs", arch="arm64"
    ).local_images
    image = clients.instance.get_image(image_id=one.id, zone="nl-ams-1").image
    assert (image.public, image.arch, image.root_volume.volume_type) == (True, "arm64", "sbs_snapshot")


@pytest.mark.parametrize(("zone", "is_there"), [("fr-par-1", True), ("it-mil-1", False), ("pl-waw-1", False)])
def test_not_every_zone_has_every_type(clients: Clients, zone: str, is_there: bool) -> None:
    assert ("COPARM1-2C-8G" in clients.instance.list_servers_types(zone=zone).servers) == is_there


def test_a_type_that_is_out_of_stock_says_so(clients: Clients) -> None:
    clients.rehearsal.ground.short.add("DEV1-S")
    clients.rehearsal.ground.scarce.add("DEV1-M")
    shown = clients.instance.get_server_types_availability().servers
    assert {name: str(shown[name].availability) for name in ("DEV1-S", "DEV1-M", "GP1-XS")} == {
        "DEV1-S": "shortage",
        "DEV1-M": "scarce",
        "GP1-XS": "available",
    }
