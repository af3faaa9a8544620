"""Block storage of the rehearsal: imports, snapshots, and what is refused."""

from pathlib import Path

import pytest

from bakery.rehearsal.faults import Faults
from tests.scaleway_clients import BUCKET, GB, Clients, qcow2, refused

ZSTD = ("-o", "compression_type=zstd")
ENCRYPTED = ("--object", "secret,id=s,data=password", "-o", "encrypt.format=aes,encrypt.key-secret=s")
"""Not luks, for which QEMU first measures how fast this machine is, and fails where that is busy."""


def imported(clients: Clients, disk: Path, size: int = 0) -> tuple[str, int]:
    """Return state and size of a snapshot that was made of a file."""
    key = clients.put(disk)
    made = clients.block.import_snapshot_from_object_storage(bucket=BUCKET, key=key, name="disk", size=size)
    shown = clients.block.get_snapshot(snapshot_id=made.id)
    return str(shown.status), shown.size


# scaleway.com/en/docs, "Snapshot import/export feature": it is `creating` for some minutes.
def test_an_import_takes_its_time(clients: Clients, tmp_path: Path) -> None:
    clients.rehearsal.faults = Faults(pending_s=3600)
    assert imported(clients, qcow2(tmp_path))[0] == "creating"


def test_a_snapshot_is_as_large_as_its_disk_in_whole_gb(clients: Clients, tmp_path: Path) -> None:
    assert imported(clients, qcow2(tmp_path, size="2G")) == ("available", 3 * GB)


def test_a_snapshot_may_be_larger_than_its_disk(clients: Clients, tmp_path: Path) -> None:
    assert imported(clients, qcow2(tmp_path), 20 * GB) == ("available", 20 * GB)


# scaleway.com/en/docs, "Snapshot import/export feature", requirements of the image.
@pytest.mark.parametrize(
    ("options", "size"),
    [(ZSTD, "2G"), (ENCRYPTED, "2G"), ((), "1001000000000")],
    ids=["zstd", "encrypted", "more than 1 TB"],
)
def test_a_disk_that_cannot_be_imported_ends_in_error(
    clients: Clients, tmp_path: Path, options: tuple[str, ...], size: str
) -> None:
    assert imported(clients, qcow2(tmp_path, options=options, size=size))[0] == "error"


def test_a_disk_with_a_backing_file_ends_in_error(clients: Clients, tmp_path: Path) -> None:
    below = qcow2(tmp_path, name="below.qcow2")
    disk = qcow2(tmp_path, options=("-b", str(below), "-F", "qcow2"))
    assert imported(clients, disk)[0] == "error"


def test_what_is_no_qcow2_ends_in_error(clients: Clients, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(4096))
    assert imported(clients, disk)[0] == "error"


def test_a_snapshot_smaller_than_its_disk_ends_in_error(clients: Clients, tmp_path: Path) -> None:
    assert imported(clients, qcow2(tmp_path, size="6G"), 5 * GB)[0] == "error"


# scaleway.com/en/docs, "Snapshot import/export feature": the bucket is in the region of the zone.
def test_a_bucket_of_another_region_is_not_found(clients: Clients, tmp_path: Path) -> None:
    key = clients.put(qcow2(tmp_path), region="nl-ams")
    call, asked = clients.block.import_snapshot_from_object_storage, {"bucket": BUCKET, "key": key, "name": "disk"}
    status, body = refused(call, **asked)
    assert (status, body["type"], body["resource"]) == (404, "not_found", "bucket")
    assert call(**asked, zone="nl-ams-2").zone == "nl-ams-2"


def test_an_object_that_is_not_there_is_not_found(clients: Clients, tmp_path: Path) -> None:
    clients.put(qcow2(tmp_path))
    call = clients.block.import_snapshot_from_object_storage
    assert refused(call, bucket=BUCKET, key="other", name="disk")[1]["resource"] == "object"
    assert clients.block.list_snapshots(include_deleted=False).snapshots == []


# scaleway-sdk-go, the zones of its block API.
def test_milan_has_no_block_storage(clients: Clients) -> None:
    assert refused(clients.block.list_snapshots, include_deleted=False, zone="it-mil-1")[0] == 404


def test_a_snapshot_is_known_in_its_own_zone_alone(clients: Clients, tmp_path: Path) -> None:
    made = clients.snapshot(tmp_path)
    status, body = refused(clients.block.get_snapshot, snapshot_id=made.id, zone="fr-par-2")
    assert (status, body["type"], body["resource_id"]) == (404, "not_found", made.id)


# scaleway-sdk-go, scw/errors.go: precondition_failed with resource_still_in_use.
def test_a_snapshot_that_an_image_needs_cannot_be_deleted(clients: Clients, tmp_path: Path) -> None:
    image = clients.image(tmp_path)
    root = image.root_volume.id
    shown = clients.block.get_snapshot(snapshot_id=root)
    assert (shown.status, shown.references[0].product_resource_id) == ("in_use", image.id)
    status, body = refused(clients.block.delete_snapshot, snapshot_id=root)
    assert (status, body["precondition"]) == (412, "resource_still_in_use")
    clients.instance.delete_image(image_id=image.id)
    clients.block.delete_snapshot(snapshot_id=root)
    assert refused(clients.block.get_snapshot, snapshot_id=root)[0] == 404
