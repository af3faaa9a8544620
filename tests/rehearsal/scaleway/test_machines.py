"""Servers with machines behind them: native ones with a shell for an init, and QEMU by a stand-in."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scaleway.instance.v1.types import VolumeServerTemplate

from bakery.core import process
from bakery.guests.accelerator import NATIVE, Accelerator
from bakery.rehearsal import machines, rack
from bakery.rehearsal.scaleway.ground import Kind
from tests.rehearsed_machines import Workshop, native_disk, soon
from tests.scaleway_clients import GB, ZONE, Clients, refused

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="native machines need Linux and root"
)
TAG = "AUTHORIZED_KEY=ssh-ed25519_AAAAC3NzaC1lZDI1NTE5AAAAIOCpZkjQP7EFIyYqJ2Q6"


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    with native_disk() as made:
        yield made


@pytest.fixture
def natively(clients: Clients, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setattr(rack, "choose", lambda _: Accelerator(name=NATIVE, reason="a test"))
    clients.rehearsal.world.base_disks["debian-12-amd64"] = disk
    return clients


@pytest.fixture
def workshop(clients: Clients, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Have the stand-in run wherever QEMU would."""
    made = Workshop()
    rack.rack_of(clients.rehearsal.world).background = made.background
    monkeypatch.setattr(rack, "choose", lambda _: Accelerator(name="tcg", reason="a test"))
    monkeypatch.setattr(machines, "START_S", 0.0)
    monkeypatch.setattr(machines, "POLL_S", 0.005)
    clients.rehearsal.world.base_disks["debian-12-amd64"] = disk
    return made


def started(clients: Clients, *, volume: str = "l_ssd", image: str = "debian_bookworm", **more: Any) -> Any:
    """Make a server of an image of the marketplace or ours, and switch it on."""
    size = VolumeServerTemplate(volume_type=volume, size=20 * GB)
    told = {"commercial_type": "DEV1-S", "image": image, **more}
    server = clients.instance.create_server(volumes={"0": size}, **told).server
    clients.instance.set_server_user_data(server_id=server.id, key="cloud-init", content=b"#cloud-config\n")
    clients.instance.server_action(server_id=server.id, action="poweron")
    return server


def seen(clients: Clients, server: Any) -> Any:
    return clients.instance.get_server(server_id=server.id).server


def reach(clients: Clients, server: Any, state: str) -> None:
    soon(lambda: str(seen(clients, server).state) == state)


def console(clients: Clients, server: Any) -> str:
    path = clients.rehearsal.world.folder / "instances" / f"{server.id}.console"
    return path.read_text(errors="replace") if path.exists() else ""


@needs_root
def test_a_server_runs_and_is_told_its_tags_key_and_its_user_data(natively: Clients) -> None:
    server = started(natively, tags=["team", TAG])
    soon(lambda: "starts: 1" in console(natively, server))
    reach(natively, server, "running")
    said = console(natively, server)
    assert "seed: #cloud-config" in said
    assert f'"instance-id": "{server.id}"' in said
    assert f'"public-keys": ["{TAG.partition("=")[2].replace("_", " ")}"]' in said


@needs_root
def test_its_address_leads_to_what_its_group_leaves_open(natively: Clients) -> None:
    told = {"description": "", "stateful": True, "inbound_default_policy": "drop", "outbound_default_policy": "accept"}
    group = natively.instance.create_security_group(name="login", **told).security_group
    rule = {"protocol": "tcp", "direction": "inbound", "action": "accept", "ip_range": "0.0.0.0/0", "position": 1}
    natively.instance.create_security_group_rule(security_group_id=group.id, dest_port_from=22, editable=True, **rule)
    server = started(natively, security_group=group.id)
    reach(natively, server, "running")
    (address,) = seen(natively, server).public_ips
    with socket.create_connection((address.address, 2222), timeout=5):
        pass  # the forward is there; nobody listens behind it in this machine
    with pytest.raises(ConnectionRefusedError), socket.create_connection((address.address, 8080), timeout=5):
        pass


@needs_root
def test_an_image_of_its_disk_begins_with_what_it_has_written(natively: Clients) -> None:
    server = started(natively)
    reach(natively, server, "running")
    volume = seen(natively, server).volumes["0"].id
    taken = {"name": "golden", "volume_id": volume}
    assert refused(natively.instance.create_snapshot, **taken)[0] == 501
    soon(lambda: "starts: 1" in console(natively, server))
    natively.instance.server_action(server_id=server.id, action="poweroff")
    reach(natively, server, "stopped")
    snapshot = natively.instance.create_snapshot(**taken).snapshot.id
    natively.instance.get_snapshot(snapshot_id=snapshot)
    image = natively.instance.create_image(root_volume=snapshot, arch="x86_64", name="golden").image.id
    natively.instance.get_image(image_id=image)
    again = started(natively, image=image)
    soon(lambda: "starts: 2" in console(natively, again))


@needs_root
def test_its_end_takes_its_own_disk_along(natively: Clients) -> None:
    server = started(natively)
    reach(natively, server, "running")
    written = natively.rehearsal.world.folder / "instances" / f"{server.id}.raw"
    assert written.exists()
    natively.instance.server_action(server_id=server.id, action="terminate")
    soon(lambda: natively.instance.list_servers().servers == [])
    assert natively.instance.list_volumes().volumes == []
    assert not written.exists()


@needs_root
def test_a_block_volume_stays_and_what_is_on_it_goes_with_it(natively: Clients) -> None:
    server = started(natively, volume="sbs_volume")
    reach(natively, server, "running")
    natively.instance.server_action(server_id=server.id, action="terminate")
    soon(lambda: natively.instance.list_servers().servers == [])
    written = natively.rehearsal.world.folder / "instances" / f"{server.id}.raw"
    (volume,) = natively.block.list_volumes(include_deleted=False).volumes
    assert written.exists()
    natively.block.delete_volume(volume_id=volume.id)
    assert not written.exists()


@needs_root
def test_a_snapshot_of_it_is_exported_as_a_disk(natively: Clients, tmp_path: Path) -> None:
    server = started(natively)
    reach(natively, server, "running")
    volume = seen(natively, server).volumes["0"].id
    natively.instance.server_action(server_id=server.id, action="poweroff")
    reach(natively, server, "stopped")
    snapshot = natively.instance.create_snapshot(name="golden", volume_id=volume).snapshot.id
    natively.instance.get_snapshot(snapshot_id=snapshot)
    storage = natively.storage()
    storage.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": "fr-par"})
    natively.instance.export_snapshot(snapshot_id=snapshot, bucket="images", key="golden.qcow2")
    soon(lambda: str(natively.instance.get_snapshot(snapshot_id=snapshot).snapshot.state) == "available")
    exported = tmp_path / "golden.qcow2"
    storage.download_file("images", "golden.qcow2", str(exported))
    assert '"virtual-size": 20000000000' in process.run(["qemu-img", "info", "--output=json", str(exported)]).output


def test_in_qemu_it_has_a_scsi_disk_and_a_disc_with_its_seed(clients: Clients, workshop: Workshop) -> None:
    server = started(clients)
    reach(clients, server, "running")
    (run,) = workshop.runs
    (address,) = seen(clients, server).public_ips
    assert f"{address.address}:2222-:22" in run.forwarded
    assert "scsi-hd,drive=root" in run.argv
    disc = clients.rehearsal.world.folder / "instances" / f"{server.id}.iso"
    assert f"file={disc}," in run.option("-drive", containing=".iso")
    assert b"#cloud-config" in disc.read_bytes()


def test_what_shuts_itself_down_is_stopped_in_place(clients: Clients, workshop: Workshop) -> None:
    server = started(clients)
    reach(clients, server, "running")
    workshop.runs[-1].power_off()
    reach(clients, server, "stopped_in_place")
    clients.instance.server_action(server_id=server.id, action="poweron")
    reach(clients, server, "running")
    assert len(workshop.runs) == 2


def test_one_that_breaks_is_off_and_says_why(clients: Clients, workshop: Workshop) -> None:
    workshop.breaks_with = "qemu: no such machine"
    server = started(clients)
    reach(clients, server, "stopped")
    assert seen(clients, server).state_detail == "qemu: no such machine"


def test_a_machine_cannot_be_rebooted_from_outside(clients: Clients, workshop: Workshop) -> None:
    server = started(clients)
    reach(clients, server, "running")
    asked = {"server_id": server.id, "action": "reboot"}
    assert refused(clients.instance.server_action, **asked)[0] == 501


def test_the_world_ends_with_all_machines_and_gives_their_addresses_back(clients: Clients, workshop: Workshop) -> None:
    server = started(clients)
    reach(clients, server, "running")
    (held,) = clients.rehearsal.ground.of(Kind.ADDRESS, ZONE)
    clients.rehearsal.reset()
    assert workshop.runs[-1].is_ended
    with socket.socket() as claim:
        claim.bind((held.shown["address"], 6600))
