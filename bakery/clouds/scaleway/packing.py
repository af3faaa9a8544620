"""A disk of this machine as Scaleway reads it: qcow2 compressed by zlib, where ours is by zstd."""

import json
from pathlib import Path

from bakery.clouds.scaleway.buckets import PREFIX
from bakery.core import process
from bakery.core.console import Console
from bakery.disk import qemu_img
from bakery.local.find import LocalImage


def key_of(image: LocalImage) -> str:
    """Return the name of the file in a bucket: it tells the disk's content."""
    return f"{PREFIX}{image.disk_sha256}.qcow2"


def file_of(image: LocalImage) -> Path:
    """Return where the file is as long as it is sent: made anew, it would be other bytes than those that arrived."""
    return image.artifact.disk.with_suffix(f".{image.disk_sha256[:12]}.scaleway")


def pack(image: LocalImage, *, console: Console) -> None:
    """Make the file unless it is there. Raises BakeryError like `process.run`."""
    file = file_of(image)
    if not file.exists():
        console.update("packs the disk as Scaleway reads it")
        half = file.with_suffix(".scaleway-half")
        process.run(qemu_img.to_zlib_argv(image.artifact.disk, out=half))
        half.replace(file)


def bytes_in(disk: Path) -> int:
    """Return how many bytes a machine sees of a disk."""
    return int(json.loads(process.run(qemu_img.info_argv(disk)).output)["virtual-size"])
