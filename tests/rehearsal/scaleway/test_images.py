"""Images of the rehearsal's zones: what they are made of, how they are listed, and what is refused."""

from pathlib import Path

import pytest

from bakery.rehearsal.faults import Faults
from tests.scaleway_clients import Clients, refused


def test_an_image_of_block_storage_says_so(clients: Clients, tmp_path: Path) -> None:
    image = clients.image(tmp_path, name="dokku", tags=["a=b"])
    assert (image.name, image.tags, image.arch, image.state) == ("dokku", ["a=b"], "x86_64", "available")
    assert image.root_volume.volume_type == "sbs_snapshot"


# scaleway-sdk-go, scw/errors.go: transient_state.
def test_an_image_waits_for_its_snapshot(clients: Clients, tmp_path: Path) -> None:
    clients.rehearsal.faults = Faults(pending_s=3600)
    snapshot = clients.snapshot(tmp_path)
    status, body = refused(clients.instance.create_image, root_volume=snapshot.id, arch="x86_64")
    assert (status, body["type"], body["current_state"]) == (409, "transient_state", "creating")


def test_an_image_takes_its_time(clients: Clients, tmp_path: Path) -> None:
    snapshot = clients.snapshot(tmp_path)
    clients.rehearsal.faults = Faults(pending_s=3600)
    made = clients.instance.create_image(root_volume=snapshot.id, arch="arm64").image
    assert clients.instance.get_image(image_id=made.id).image.state == "creating"
    assert refused(clients.instance.delete_image, image_id=made.id)[1]["type"] == "transient_state"


def test_an_image_is_known_in_its_own_zone_alone(clients: Clients, tmp_path: Path) -> None:
    image = clients.image(tmp_path)
    assert refused(clients.instance.get_image, image_id=image.id, zone="fr-par-2")[0] == 404
    assert clients.instance.list_images(zone="fr-par-2").images == []
    call = clients.instance.create_image
    assert refused(call, root_volume=image.root_volume.id, arch="x86_64", zone="fr-par-2")[0] == 404


# The filters are those of list_images; a part of a name is enough (list_servers, "name").
def test_images_are_listed_by_name_and_by_all_of_some_tags(clients: Clients, tmp_path: Path) -> None:
    for name, tags in (("host-1", ["one"]), ("host-2", ["one", "two"]), ("dokku-1", [])):
        clients.image(tmp_path, name=name, tags=tags)
    listed = clients.instance.list_images
    assert {one.name for one in listed(name="host").images} == {"host-1", "host-2"}
    assert [one.name for one in listed(tags="one,two").images] == ["host-2"]
    assert listed(arch="arm64").images == []


def test_only_the_distributions_images_are_everybodys(clients: Clients, tmp_path: Path) -> None:
    image = clients.image(tmp_path)
    assert refused(clients.instance.update_image, image_id=image.id, public=True)[1]["type"] == "permissions_denied"
    root = image.root_volume.id
    assert refused(clients.instance.create_image, root_volume=root, arch="x86_64", public=True)[0] == 403


def test_an_image_of_somebody_else_cannot_be_deleted(clients: Clients) -> None:
    base = clients.market.list_local_images(image_label="ubuntu_noble", zone="fr-par-1").local_images[0]
    assert refused(clients.instance.delete_image, image_id=base.id)[1]["type"] == "permissions_denied"
    assert clients.instance.get_image(image_id=base.id).image.public


def test_tags_are_replaced(clients: Clients, tmp_path: Path) -> None:
    image = clients.image(tmp_path, name="dokku", tags=["a"])
    clients.instance.update_image(image_id=image.id, tags=["b", "c"])
    shown = clients.instance.get_image(image_id=image.id).image
    assert (shown.name, shown.tags) == ("dokku", ["b", "c"])


@pytest.mark.parametrize(("field", "value"), [("tag", ["a"]), ("tags", "a"), ("arch", "sparc"), ("zone", "fr-par-1")])
def test_a_field_that_is_unknown_or_wrong_is_refused(clients: Clients, tmp_path: Path, field: str, value: str) -> None:
    root = clients.snapshot(tmp_path).id
    body = {"root_volume": root, "arch": "x86_64", "name": "x", field: value}
    answer = clients.raw("POST", "/instance/v1/zones/fr-par-1/images", json=body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "invalid_arguments"
    assert [one["argument_name"] for one in answer.json()["details"]] == [field]


def test_a_field_that_is_missing_is_named(clients: Clients) -> None:
    details = clients.raw("POST", "/instance/v1/zones/fr-par-1/images", json={"name": "x"}).json()["details"]
    assert [(one["argument_name"], one["reason"]) for one in details] == [
        ("root_volume", "required"),
        ("arch", "required"),
    ]
