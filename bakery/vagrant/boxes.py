"""Makes Vagrant boxes from a finished image; the disk in a box is the verified one, bit for bit what a guest reads.

Keys arrive on a second disk, a NoCloud seed, so none is ever written into the image.
"""

import gzip
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.guests.seed import make_seed, source_date
from bakery.vagrant import vagrantfile

SEED_DISK = "seed"


def make_libvirt_box(image: Path, *, out: Path, name: str) -> Path:
    """Write *out*, a box for libvirt (and vagrant-qemu) whose first disk is the qcow2 file *image* itself."""
    with _folder_beside(out) as folder:
        disc = _seed_disc(folder, name)
        seed_disk = folder / f"{SEED_DISK}.img"
        process.run(convert_argv(disc, source_format="raw", target="qcow2", out=seed_disk))
        metadata = vagrantfile.libvirt_metadata(
            virtual_bytes=virtual_bytes(image, disk_format="qcow2"), disks=["box.img", seed_disk.name]
        )
        texts = {"metadata.json": metadata, "Vagrantfile": vagrantfile.box_vagrantfile("libvirt")}
        files = {seed_disk.name: seed_disk, "box.img": image}
        return _write_archive(out, texts=texts, files=files, epoch=epoch_of(image))


@contextmanager
def vmdk_of(image: Path) -> Iterator[Callable[[], Path]]:
    """Make a VMDK of the qcow2 file *image* while the body runs, for it takes long; give what waits for it.

    That returns its path, and raises BakeryError (exit code 1) when it could not be made.
    """
    with _folder_beside(image) as folder:
        made, log = folder / "disk.vmdk", folder / "log"
        argv = convert_argv(image, source_format="qcow2", target="vmdk", out=made)
        with process.background(argv, log=log) as child:

            def finish() -> Path:
                if child.wait() != 0:
                    raise BakeryError(f"{argv[0]} ended with exit code {child.returncode}: {log.read_text().strip()}")
                return made

            yield finish


def make_virtualbox_box(image: Path, *, vmdk: Path, out: Path, name: str) -> Path:
    """Write *out*, a box for VirtualBox with *vmdk*, the disk of the qcow2 file *image* as a streamOptimized VMDK."""
    with _folder_beside(out) as folder:
        seed_disk = folder / f"{SEED_DISK}.vmdk"
        disc = _seed_disc(folder, name)
        process.run(convert_argv(disc, source_format="raw", target="vmdk", out=seed_disk))
        files = {"disk.vmdk": vmdk, seed_disk.name: seed_disk}
        disks = []
        for file, made in files.items():
            fix_content_id(made)
            capacity = virtual_bytes(made, disk_format="vmdk")
            disks.append(vagrantfile.OvfDisk(file=file, file_bytes=made.stat().st_size, capacity_bytes=capacity))
        texts = {
            "metadata.json": vagrantfile.virtualbox_metadata(),
            "Vagrantfile": vagrantfile.box_vagrantfile("virtualbox"),
            "box.ovf": vagrantfile.ovf(name, disks=disks, epoch=epoch_of(image)),
        }
        return _write_archive(out, texts=texts, files=files, epoch=epoch_of(image))


def convert_argv(source: Path, *, source_format: str, target: str, out: Path) -> list[str]:
    """Return the command that writes a disk as *target*: `qcow2`, or `vmdk` as OVF carries it (streamOptimized)."""
    options = ["-o", "subformat=streamOptimized"] if target == "vmdk" else ["-c"]
    return ["qemu-img", "convert", "-f", source_format, "-O", target, *options, str(source), str(out)]


def virtual_bytes(disk: Path, *, disk_format: str) -> int:
    """Return how large a guest sees *disk*, in bytes. Raises BakeryError when it is no disk of that format."""
    described = process.run(["qemu-img", "info", "-f", disk_format, "--output=json", str(disk)])
    return int(json.loads(described.output)["virtual-size"])


def fix_content_id(disk: Path) -> None:
    """Replace the random content id that qemu-img writes into a VMDK, so that the same disk makes the same bytes.

    qemu-img writes the id without leading zeros, so its place is found and the text behind it moves up. The id matters
    only between a parent and its children (VMware Virtual Disk Format 1.1, "The Header").
    """
    with disk.open("r+b") as stream:
        header = stream.read(64 * 1024)
        found = re.search(rb"\nCID=([0-9a-f]+)\n[^\0]*(\0+)", header)
        if found is not None:
            text = b"fffffffe" + header[found.end(1) : found.start(2)]
            stream.seek(found.start(1))
            stream.write(text.ljust(found.end(2) - found.start(1), b"\0"))


def epoch_of(image: Path) -> int:
    """Return the time to put on everything in a box (seconds): SOURCE_DATE_EPOCH, or else the image's own."""
    return source_date(int(image.stat().st_mtime))


def _seed_disc(folder: Path, name: str) -> Path:
    user_data, meta_data = vagrantfile.seed_texts(name)
    return make_seed(folder / f"{SEED_DISK}.iso", user_data=user_data, meta_data=meta_data)


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        yield Path(folder)


def _write_archive(out: Path, *, texts: Mapping[str, str], files: Mapping[str, Path], epoch: int) -> Path:
    """Write a tar.gz of *texts* and *files*, all owned by root and of one date, and move it to *out* when it is whole.

    Level 0 stores: the disks are compressed already, and compressing them again takes ten times as long for nothing.
    """
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with (
            draft.open("wb") as sink,
            gzip.GzipFile(filename="", mode="wb", fileobj=sink, compresslevel=0, mtime=epoch) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
        ):
            for member, text in texts.items():
                content = text.encode()
                archive.addfile(_entry(member, size=len(content), epoch=epoch), io.BytesIO(content))
            for member, path in files.items():
                with path.open("rb") as stream:
                    archive.addfile(_entry(member, size=path.stat().st_size, epoch=epoch), stream)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return out


def _entry(name: str, *, size: int, epoch: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, epoch, 0o644
    return entry
