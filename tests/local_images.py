"""A small image as a bake on this machine leaves it: a real qcow2 disk with partitions, its record and its settings."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from bakery.core import process
from bakery.definition import layers
from bakery.definition.bases import DEFAULT_BASE
from bakery.disk import artifact
from bakery.disk.artifact import Artifact
from bakery.disk.blocks import BLOCK_SIZE
from tests.records import a_record

BASE = DEFAULT_BASE
NAMED = "uuid=00000000-0000-4000-8000-00000000000"
PARTITIONS = f"""label: gpt
label-id: 00000000-0000-4000-8000-000000000000
start=2048, size=2048, type=uefi, {NAMED}1
start=4096, type=linux, {NAMED}2
"""
FIRST_FREE = 16
"""The first block that no table and no file system of `baked` is in."""
SIZE_GB = 3


def content(mark: str) -> bytes:
    """Return a block that is like no other."""
    return (hashlib.sha256(mark.encode()).digest() * (BLOCK_SIZE // 32))[:BLOCK_SIZE]


def baked(
    folder: Path, blocks: Mapping[int, bytes], *, release: str, image: str = "host", fingerprint: str = ""
) -> Artifact:
    """Write an image with these blocks beside its partition tables; the build folder is whatever is set."""
    folder.mkdir(exist_ok=True)
    raw, table = folder / f"{release}.raw", folder / "table"
    table.write_text(PARTITIONS)
    with raw.open("wb") as file:
        file.truncate(SIZE_GB << 30)
    process.run(["sfdisk", "--quiet", str(raw)], stdin=table)
    with raw.open("r+b") as file:
        for index, data in blocks.items():
            file.seek(index * BLOCK_SIZE)
            file.write(data)
    made = artifact.local(image, BASE)
    made.folder.mkdir(parents=True, exist_ok=True)
    made.disk.unlink(missing_ok=True)
    process.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", str(raw), str(made.disk)])
    raw.unlink()
    made.settings.write_text("BAKERY_IMAGE=host\n")
    told = record(made, release=release, image=image)
    made.record.write_text(json.dumps({**told, "fingerprint": fingerprint} if fingerprint else told))
    return made


def record(made: Artifact, *, release: str, image: str) -> dict[str, object]:
    return a_record(
        made,
        digest=hashlib.sha256(made.disk.read_bytes()).hexdigest(),
        arch=layers.whole(image).arch,
        fingerprint=hashlib.sha256(release.encode()).hexdigest(),
        release=release,
    )
