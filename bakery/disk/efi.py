"""A disk that boots by UEFI, made out of a tree of files: the same tree and identity make the same bytes.

sfdisk, mtools and mke2fs write into a plain file: no loop devices. What they would take from chance or from the clock
comes from the identity.
"""

import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery.core import process

DISK_MB = 6144
ESP_MB = 64
LABEL_MB = 1
"""GPT at the start, and its copy at the end, each within the first and the last MiB."""

ROOT_MB = DISK_MB - LABEL_MB - ESP_MB - LABEL_MB
ROOT_AT_BYTES = (LABEL_MB + ESP_MB) * 2**20

ROOT_INODE, FIRST_INODE = 2, 11
"""The inodes of files; those between are the file system's own (linux, Documentation/filesystems/ext4)."""

GRUB_MODULES = (
    *("part_gpt", "fat", "ext2", "gzio"),
    *("search", "search_label", "configfile", "normal", "linux", "echo", "test"),
    *("all_video", "efi_gop", "serial"),
)
GRUB_CONFIG = """\
search --no-floppy --label root --set=root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What else would be random: *seed* decides all identifiers, *epoch_s* (seconds since 1970) all times of making."""

    seed: str
    epoch_s: int

    def uuid_of(self, part: str) -> uuid.UUID:
        """Return the identifier of one part of the disk."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.seed} {part}")

    @property
    def environment(self) -> dict[str, str]:
        """Return what tells mtools and e2fsprogs the time; e2fsprogs before 1.47.1 know a variable of their own."""
        epoch = str(self.epoch_s)
        return {"SOURCE_DATE_EPOCH": epoch, "E2FSPROGS_FAKE_TIME": epoch, "TZ": "UTC"}


def layout() -> list[str]:
    """Return what decides how a disk is made, beside its tree and its identity."""
    nobody, path = Identity(seed="", epoch_s=0), Path()
    return [
        *GRUB_MODULES,
        GRUB_CONFIG,
        sfdisk_script(nobody),
        *mkfs_vfat_argv(path, identity=nobody),
        *mke2fs_argv(path, tree=path, identity=nobody),
    ]


def make_esp(esp: Path, *, work: Path, identity: Identity) -> None:
    """Make the EFI system partition *esp*: a boot loader that finds the root file system by its label."""
    config, loader = work / "early.cfg", work / "BOOTX64.EFI"
    config.write_text(GRUB_CONFIG)
    process.run(
        ["grub-mkimage", "-O", "x86_64-efi", "-p", "/boot/grub", "-c", str(config), "-o", str(loader), *GRUB_MODULES]
    )
    with esp.open("wb") as file:
        file.truncate(ESP_MB * 2**20)
    process.run(mkfs_vfat_argv(esp, identity=identity))
    process.run(["mmd", "-i", str(esp), "::EFI", "::EFI/BOOT"], env=identity.environment)
    process.run(["mcopy", "-i", str(esp), str(loader), "::EFI/BOOT/BOOTX64.EFI"], env=identity.environment)


def make_disk(raw: Path, *, tree: Path, esp: Path, identity: Identity, inside: Sequence[str] = ()) -> None:
    """Make the disk *raw* out of both partitions; holes stay holes. *inside* is the command that may read *tree*."""
    with raw.open("wb") as file:
        file.truncate(DISK_MB * 2**20)
    if inside:
        raw.chmod(0o666)  # for who may enter its folder
    script = raw.with_suffix(".sfdisk")
    script.write_text(sfdisk_script(identity))
    process.run(["sfdisk", "-q", str(raw)], stdin=script)
    process.run([*inside, *mke2fs_argv(raw, tree=tree, identity=identity)], env=identity.environment)
    date_inodes(raw, identity=identity)
    process.run(["dd", f"if={esp}", f"of={raw}", "bs=1M", f"seek={LABEL_MB}", "conv=notrunc,sparse", "status=none"])


def sfdisk_script(identity: Identity) -> str:
    """Return the partition table: the EFI system partition, then the root file system up to the end."""
    disk, esp, root = (str(identity.uuid_of(part)).upper() for part in ("disk", "esp", "root"))
    return (
        f"label: gpt\nlabel-id: {disk}\n"
        f"start={LABEL_MB}MiB, size={ESP_MB}MiB, type=uefi, name=esp, uuid={esp}\n"
        f"type=linux, name=root, uuid={root}\n"
    )


def mkfs_vfat_argv(esp: Path, *, identity: Identity) -> list[str]:
    """Return the command that formats *esp*; `--invariant` keeps the clock out, and its serial number is ours."""
    serial = identity.uuid_of("esp file system").hex[:8]
    return ["mkfs.vfat", "--invariant", "-i", serial, "-n", "ESP", str(esp)]


def mke2fs_argv(disk: Path, *, tree: Path, identity: Identity) -> list[str]:
    """Return the command that writes *tree* as a file system straight into its place on *disk*."""
    extended = (
        f"offset={ROOT_AT_BYTES}",
        "root_owner=0:0",
        f"hash_seed={identity.uuid_of('folders')}",
    )
    return [
        "mke2fs",
        *("-q", "-t", "ext4", "-L", "root"),
        *("-U", str(identity.uuid_of("root file system"))),
        *("-d", str(tree)),
        *("-E", ",".join(extended)),
        str(disk),
        f"{ROOT_MB}M",
    ]


def date_inodes(disk: Path, *, identity: Identity) -> None:
    """Set what a tree cannot hand over, the times of reading and of changing an inode, in the root file system."""
    root = f"{disk}?offset={ROOT_AT_BYTES}"
    numbers = used_inodes(process.run(["dumpe2fs", root]).output)
    commands = disk.with_suffix(".debugfs")
    commands.write_text(
        "".join(
            f"set_inode_field <{number}> {field} @{identity.epoch_s}\n"
            for number in numbers
            for field in ("atime", "ctime")
        )
    )
    process.run(["debugfs", "-w", "-f", str(commands), root], env=identity.environment)


def remove(disk: Path, paths: Sequence[str], *, identity: Identity) -> None:
    """Remove files from the root file system, and leave zeros wherever nothing is."""
    root = f"{disk}?offset={ROOT_AT_BYTES}"
    commands = disk.with_suffix(".debugfs")
    commands.write_text("".join(f'rm "/{path}"\n' for path in paths))
    process.run(["debugfs", "-w", "-f", str(commands), root], env=identity.environment)
    spans = free_spans(process.run(["dumpe2fs", root]).output)
    with disk.open("r+b") as file:
        for start, end in spans:
            clear(file.fileno(), start=ROOT_AT_BYTES + start, end=ROOT_AT_BYTES + end)


def clear(descriptor: int, *, start: int, end: int) -> None:
    """Write zeros from byte *start* to before *end* of a file wherever there is data; holes stay holes."""
    at = start
    while at < end:
        try:
            at = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # no data up to the end of the file
            return
        hole = min(os.lseek(descriptor, at, os.SEEK_HOLE), end)
        if at < end:
            os.pwrite(descriptor, bytes(hole - at), at)
        at = hole if hole > at else end


def free_spans(described: str) -> list[tuple[int, int]]:
    """Return from which byte up to which there is nothing, by what dumpe2fs says of a file system."""
    size = int(re.findall(r"^Block size: +(\d+)$", described, re.MULTILINE)[0])
    return [(first * size, (last + 1) * size) for first, last in _ranges("Free blocks", described)]


def used_inodes(described: str) -> list[int]:
    """Return the numbers of the inodes of files, by what dumpe2fs says of a file system."""
    count = int(re.findall(r"^Inode count: +(\d+)$", described, re.MULTILINE)[0])
    free = {number for first, last in _ranges("Free inodes", described) for number in range(first, last + 1)}
    return [number for number in (ROOT_INODE, *range(FIRST_INODE, count + 1)) if number not in free]


def _ranges(what: str, described: str) -> Iterator[tuple[int, int]]:
    for line in re.findall(rf"^  {what}: (.+)$", described, re.MULTILINE):
        for span in line.split(", "):
            first, _, last = span.partition("-")
            yield int(first), int(last or first)
