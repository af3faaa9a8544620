"""A disk that firmware can read, and the same one each time."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from bakery.core import process
from bakery.disk import efi
from bakery.disk.efi import Identity

IDENTITY = Identity(seed="a recipe", epoch_s=1_700_000_000)
NAMES = ("hostname", "hosts", "passwd", "fstab", "shadow")


def plant(tree: Path, *, names: tuple[str, ...] = NAMES) -> Path:
    """Make a small tree whose files have one date, in the order of *names*."""
    (tree / "etc").mkdir(parents=True)
    for name in names:
        (tree / "etc" / name).write_text(f"{name}\n")
    (tree / "etc/localtime").symlink_to("hosts")
    for path in (*tree.rglob("*"), tree):
        os.utime(path, (1, 1_600_000_000), follow_symlinks=False)
    return tree


def disk_of(tree: Path, *, work: Path, identity: Identity = IDENTITY) -> Path:
    work.mkdir()
    raw, esp = work / "disk.raw", work / "esp.img"
    efi.make_esp(esp, work=work, identity=identity)
    efi.make_disk(raw, tree=tree, esp=esp, identity=identity)
    return raw


def partition_table(raw: Path) -> dict[str, object]:
    table: dict[str, object] = json.loads(process.run(["sfdisk", "--json", str(raw)]).output)["partitiontable"]
    return table


def root_of(raw: Path) -> str:
    return f"{raw}?offset={efi.ROOT_AT_BYTES}"


def ids_of(raw: Path) -> set[str]:
    """Return every identifier on a disk."""
    listed = process.run(["mdir", "-i", f"{raw}@@{efi.LABEL_MB}M"]).output
    superblock = process.run(["dumpe2fs", "-h", root_of(raw)]).output
    guids = re.findall(r'"(?:id|uuid)": *"([^"]+)"', json.dumps(partition_table(raw)))
    serial = re.findall(r"Serial Number is (\S+)", listed)
    return {
        *guids,
        *serial,
        *re.findall(r"^(?:Filesystem UUID|Directory Hash Seed): +(\S+)$", superblock, re.MULTILINE),
    }


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("disk")
    return disk_of(plant(folder / "tree"), work=folder / "work")


def test_a_tree_becomes_a_disk_with_an_efi_loader_and_a_root_file_system(disk: Path) -> None:
    parts = json.loads(process.run(["sfdisk", "--json", str(disk)]).output)["partitiontable"]["partitions"]
    assert [part["name"] for part in parts] == ["esp", "root"]
    assert parts[0]["type"] == "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
    assert parts[1]["start"] * 512 == efi.ROOT_AT_BYTES
    assert process.run(["debugfs", "-R", "cat /etc/hostname", root_of(disk)]).output.splitlines()[-1] == "hostname"
    listed = process.run(["mdir", "-b", "-i", f"{disk}@@{parts[0]['start'] * 512}", "::EFI/BOOT"]).output
    assert "BOOTX64.EFI" in listed
    assert disk.stat().st_blocks * 512 < 80e6


def test_the_root_file_system_has_no_fault_and_nothing_left_to_clear(disk: Path) -> None:
    assert process.run(["e2fsck", "-f", "-n", root_of(disk)]).exit_code == 0
    groups = re.findall(r"^Group \d+:.*$", process.run(["dumpe2fs", root_of(disk)]).output, re.MULTILINE)
    assert groups
    assert all("ITABLE_ZEROED" in group for group in groups)


def test_the_same_tree_makes_the_same_bytes_at_another_time(disk: Path, tmp_path: Path) -> None:
    time.sleep(2)  # FAT counts in two seconds
    again = disk_of(plant(tmp_path / "grown", names=tuple(reversed(NAMES))), work=tmp_path / "work")
    assert "identical" in process.run(["qemu-img", "compare", "-f", "raw", "-F", "raw", str(disk), str(again)]).output


def test_every_inode_tells_the_same_time_and_files_keep_their_own_date(disk: Path) -> None:
    told = process.run(["debugfs", "-R", "stat /etc/hosts", root_of(disk)]).output
    times = dict(re.findall(r"^ ?(\w+): 0x(\w{8})", told, re.MULTILINE))
    assert {name: int(value, 16) for name, value in times.items()} == {
        "ctime": IDENTITY.epoch_s,
        "atime": IDENTITY.epoch_s,
        "crtime": IDENTITY.epoch_s,
        "mtime": 1_600_000_000,
    }


def test_another_recipe_makes_another_disk_with_no_identifier_in_common(disk: Path, tmp_path: Path) -> None:
    other = disk_of(
        plant(tmp_path / "tree"), work=tmp_path / "work", identity=Identity(seed="another", epoch_s=IDENTITY.epoch_s)
    )
    assert len(ids_of(disk)) == len(ids_of(other)) == 6
    assert not ids_of(disk) & ids_of(other)


def test_free_inodes_are_left_alone() -> None:
    described = "Inode count:              24\n  Free inodes: 14, 16-18\n  Free inodes: \n  Free inodes: 20-24\n"
    assert efi.used_inodes(described) == [2, 11, 12, 13, 15, 19]


def test_what_decides_the_layout_is_told_without_an_identity() -> None:
    told = efi.layout()
    assert "hash_seed" in " ".join(told)
    assert told == efi.layout()
