"""Servers of the rehearsal's zones: their states, disks, addresses and groups."""

from pathlib import Path
from typing import Any

import pytest
from scaleway.instance.v1.types import VolumeServerTemplate

from bakery.rehearsal.faults import Faults
from bakery.rehearsal.scaleway.ground import Kind
from tests.scaleway_clients import GB, Clients, refused


def made(clients: Clients, *, volume: str = "sbs_volume", size: int = 20 * GB, **more: Any) -> Any:
    told = {"commercial_type": "DEV1-S", "image": "ubuntu_noble", **more}
    disk = VolumeServerTemplate(volume_type=volume, size=size)
    return clients.instance.create_server(volumes={"0": disk}, **told).server


def refusal(clients: Clients, **asked: Any) -> dict[str, Any]:
    return refused(made, clients=clients, **asked)[1]


def act(clients: Clients, server: Any, action: str) -> None:
    clients.instance.server_action(server_id=server.id, action=action)


def state(clients: Clients, server: Any) -> str:
    return str(clients.instance.get_server(server_id=server.id).server.state)


# ServerAction in the SDK; scw/errors_test.go of scaleway-sdk-go: "server should be running".
def test_a_server_is_off_until_it_is_switched_on(clients: Clients) -> None:
    server = made(clients)
    assert (state(clients, server), server.allowed_actions) == ("stopped", ["poweron", "backup"])
    asked = {"server_id": server.id, "action": "poweroff"}
    status, body = refused(clients.instance.server_action, **asked)
    assert (status, body["type"], body["message"]) == (400, "invalid_request_error", "server should be running")
    clients.rehearsal.faults = Faults(pending_s=3600)
    act(clients, server, "poweron")
    assert state(clients, server) == "starting"


def test_a_server_that_runs_cannot_be_deleted(clients: Clients) -> None:
    server = made(clients)
    act(clients, server, "poweron")
    assert state(clients, server) == "running"
    assert refused(clients.instance.delete_server, server_id=server.id)[0] == 400
    act(clients, server, "poweroff")
    assert state(clients, server) == "stopped"
    clients.instance.delete_server(server_id=server.id)
    assert refused(clients.instance.get_server, server_id=server.id)[0] == 404


# ServerAction in the SDK: `terminate` deletes l_ssd volumes; sbs_volume volumes will only be detached.
def test_an_end_takes_own_disks_along_and_leaves_block_volumes(clients: Clients) -> None:
    for server in (made(clients), made(clients, volume="l_ssd")):
        act(clients, server, "poweron")
        assert state(clients, server) == "running"
        act(clients, server, "terminate")
    assert clients.instance.list_servers().servers == []
    assert clients.instance.list_volumes().volumes == []
    (left,) = clients.block.list_volumes(include_deleted=False).volumes
    assert left.references == []
    clients.block.delete_volume(volume_id=left.id)


def test_a_volume_of_a_server_cannot_be_deleted(clients: Clients) -> None:
    server = made(clients)
    volume = server.volumes["0"].id
    assert refused(clients.block.delete_volume, volume_id=volume)[0] == 412
    assert refused(clients.instance.get_volume, volume_id=volume)[0] == 404


# scaleway.com/en/docs, "Migrating to SBS": no b_ssd and no unified any more.
@pytest.mark.parametrize("volume", ["b_ssd", "unified"])
def test_deprecated_volumes_are_refused(clients: Clients, volume: str) -> None:
    (detail,) = refusal(clients, volume=volume)["details"]
    assert detail["help_message"] == f"{volume} is deprecated"


def test_a_disk_that_cannot_be_is_refused(clients: Clients) -> None:
    assert refusal(clients, volume="l_ssd", size=21 * GB)["type"] == "invalid_arguments"
    assert refusal(clients, size=9 * GB)["type"] == "invalid_arguments"
    assert refusal(clients, size=10_001 * GB)["type"] == "invalid_arguments"
    assert clients.block.list_volumes(include_deleted=False).volumes == []


def test_a_type_that_cannot_be_is_refused(clients: Clients) -> None:
    assert refusal(clients, commercial_type="DEV9")["details"][0]["argument_name"] == "commercial_type"
    clients.rehearsal.ground.short.add("DEV1-S")
    assert refusal(clients)["type"] == "out_of_stock"


def test_an_image_for_another_processor_is_refused(clients: Clients, tmp_path: Path) -> None:
    image = clients.image(tmp_path)
    assert refusal(clients, image=image.id, commercial_type="COPARM1-2C-8G")["details"][0]["argument_name"] == "image"


# scaleway-sdk-go, scw/errors.go: quotas_exceeded.
def test_a_quota_is_held(clients: Clients) -> None:
    clients.rehearsal.ground.quotas[Kind.SERVER] = 1
    made(clients)
    assert refusal(clients)["type"] == "quotas_exceeded"


def test_user_data_is_kept_as_it_came(clients: Clients) -> None:
    server = made(clients)
    told = {"server_id": server.id, "key": "cloud-init"}
    clients.instance.set_server_user_data(**told, content=b"#cloud-config\n")
    assert clients.instance.get_server_user_data(**told).content == b"#cloud-config\n"
    assert clients.instance.list_server_user_data(server_id=server.id).user_data == ["cloud-init"]


# create_server in the SDK, dynamic_ip_required: an address is attached where there is no flexible one.
def test_an_address_comes_with_the_start_and_goes_with_the_end(clients: Clients) -> None:
    server = made(clients)
    act(clients, server, "poweron")
    (address,) = clients.instance.get_server(server_id=server.id).server.public_ips
    assert address.dynamic
    act(clients, server, "poweroff")
    assert state(clients, server) == "stopped"
    clients.instance.delete_server(server_id=server.id)
    assert clients.rehearsal.ground.find(Kind.ADDRESS, "fr-par-1", address.id) is None


def test_a_kept_address_stays_and_is_one_servers(clients: Clients) -> None:
    address = clients.instance.create_ip(tags=["mine"]).ip
    server = made(clients, public_ips=[address.id])
    assert refusal(clients, public_ips=[address.id])["details"][0]["argument_name"] == "public_ips"
    clients.instance.delete_server(server_id=server.id)
    (left,) = clients.instance.list_ips().ips
    assert (left.server, left.tags) == (None, ["mine"])


# scaleway-sdk-go, scw/errors_test.go: "Group is in use. You cannot delete it."
def test_a_group_with_servers_cannot_be_deleted(clients: Clients) -> None:
    told = {"name": "web", "description": "", "stateful": True, "inbound_default_policy": "drop"}
    group = clients.instance.create_security_group(**told).security_group
    server = made(clients, security_group=group.id)
    status, body = refused(clients.instance.delete_security_group, security_group_id=group.id)
    assert (status, body["type"]) == (409, "conflict")
    clients.instance.delete_server(server_id=server.id)
    clients.instance.delete_security_group(security_group_id=group.id)


def test_a_snapshot_of_an_own_disk_makes_a_local_image(clients: Clients) -> None:
    volume = made(clients, volume="l_ssd").volumes["0"]
    snapshot = clients.instance.create_snapshot(volume_id=volume.id, name="root").snapshot
    assert clients.instance.get_snapshot(snapshot_id=snapshot.id).snapshot.state == "available"
    image = clients.instance.create_image(root_volume=snapshot.id, arch="x86_64").image
    assert image.root_volume.volume_type == "l_ssd"
    assert refused(clients.instance.delete_snapshot, snapshot_id=snapshot.id)[0] == 409
