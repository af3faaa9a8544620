"""Disks that come from object storage, and go there: read, judged by what an import refuses, and kept as files.

The rules: scaleway.com/en/docs, "Snapshot import/export feature": a bucket of the zone's own region, a qcow2 that is
not encrypted, not compressed with zstd and without a backing file, of 1 TB at most.
"""

import json
import threading
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moto.s3.models import s3_backends

from bakery.core import process
from bakery.rehearsal import hardware
from bakery.rehearsal.scaleway import refusals, zones
from bakery.rehearsal.scaleway.ground import Ground, Thing
from bakery.rehearsal.world import ACCOUNT, World

GB = 10**9
MOST = 1000 * GB
PARTITION = "aws"
"""Where moto keeps what is in no region of AWS's."""
MAGIC = b"QFI\xfb"


def fetch(ground: Ground, *, zone: str, bucket: str, key: str, name: str) -> Path:
    """Copy an object into a file of that *name*. Raises RefusedError where bucket or object are not in the region."""
    held = s3_backends[ACCOUNT][PARTITION].buckets.get(bucket)
    if held is None or held.region_name != zones.region(zone):
        raise refusals.not_found("bucket", bucket)
    found = held.keys.get(key)
    if found is None:
        raise refusals.not_found("object", key)
    disk = ground.folder / f"{name}.qcow2"
    ground.folder.mkdir(parents=True, exist_ok=True)
    disk.write_bytes(found.value)
    return disk


def export(ground: Ground, snapshot: Thing, *, bucket: str, key: str) -> None:
    """Begin to put what is in a snapshot into an object: it is `exporting` until that is there.

    Raises RefusedError where the snapshot is not whole, or the bucket not in the region.
    """
    backend = s3_backends[ACCOUNT][PARTITION]
    held = backend.buckets.get(bucket)
    if snapshot.state != "available":
        raise refusals.transient(snapshot.kind, snapshot.id, snapshot.state)
    if held is None or held.region_name != zones.region(snapshot.zone):
        raise refusals.not_found("bucket", bucket)
    disk = snapshot.disk
    if disk is None:
        backend.put_object(bucket, key, MAGIC)
        snapshot.turn("exporting", to="available", after_s=ground.pending_s())
        return

    def write() -> None:
        try:
            backend.put_object(bucket, key, _packed(disk))
        finally:
            with ground.lock:
                snapshot.ready_at = World.now() + ground.pending_s()

    snapshot.turn("exporting", to="available", after_s=inf)
    threading.Thread(target=write, name=f"export {snapshot.id}", daemon=True).start()


def _packed(disk: Path) -> bytes:
    """Return a disk as the qcow2 that an export writes."""
    with TemporaryDirectory(dir=disk.parent) as folder:
        out = Path(folder, "exported.qcow2")
        process.run(
            [
                "qemu-img",
                "convert",
                "-c",
                "-W",
                "-m",
                "8",
                "-f",
                hardware.form(disk),
                "-O",
                "qcow2",
                str(disk),
                str(out),
            ]
        )
        return out.read_bytes()


def problem(disk: Path, *, size: int) -> tuple[str, int]:
    """Return why a file cannot be a snapshot of *size* bytes, empty if it can, and the size that it has then.

    *size* 0: that of the disk itself, in whole GB.
    """
    with disk.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return "the object is no qcow2 image", 0
    # The file is somebody else's: nothing that it names is opened.
    looked = process.run(["qemu-img", "info", "--output=json", "-f", "qcow2", str(disk)], is_checked=False)
    if looked.exit_code:
        return "the object is no qcow2 image", 0
    told = json.loads(looked.output)
    return _judged(told, size)


def _judged(told: dict[str, Any], size: int) -> tuple[str, int]:
    inner = told.get("format-specific", {}).get("data", {})
    virtual = int(told["virtual-size"])
    wanted = size or -(-virtual // GB) * GB
    problems = {
        "the image has a backing file": bool(told.get("backing-filename")),
        "the image is encrypted": bool(told.get("encrypted")) or "encrypt" in inner,
        "the image is compressed with zstd": inner.get("compression-type") == "zstd",
        "the image is larger than 1 TB": max(virtual, wanted) > MOST,
        "the image is larger than the snapshot": virtual > wanted,
    }
    return next((words for words, is_so in problems.items() if is_so), ""), wanted
