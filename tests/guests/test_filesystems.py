"""Which file systems of a disk a native machine mounts, and where they are."""

import shutil
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.guests import filesystems
from bakery.guests.filesystems import Place

MIB = 2**20
TABLE = """label: gpt
start=1MiB, size=8MiB, type=linux, name=boot
start=9MiB, size=8MiB, type=uefi, name=esp
start=17MiB, size=16MiB, type=linux, name=root
"""
FSTAB = """# made by a test
LABEL=cloud / ext4 defaults 0 1
LABEL=BOOT /boot ext4 defaults 0 2
LABEL=UEFI /boot/efi vfat umask=0077,nofail 0 1
/swap none swap sw 0 0
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Make a disk as Ubuntu's cloud images are: /boot and the EFI partition are apart."""
    made, table, tree = tmp_path / "disk.raw", tmp_path / "table", tmp_path / "tree"
    table.write_text(TABLE)
    with made.open("wb") as file:
        file.truncate(64 * MIB)
    process.run(["sfdisk", "--quiet", str(made)], stdin=table)
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/fstab").write_text(FSTAB)
    for label, offset, size, folder in (("BOOT", 1, 8, tmp_path / "none"), ("cloud", 17, 16, tree)):
        folder.mkdir(exist_ok=True)
        where = ["-E", f"offset={offset * MIB}", "-d", str(folder)]
        process.run(["mke2fs", "-q", "-t", "ext4", "-L", label, *where, str(made), f"{size}M"])
    esp = tmp_path / "esp"
    with esp.open("wb") as file:
        file.truncate(8 * MIB)
    process.run(["mkfs.vfat", "-n", "UEFI", str(esp)])
    with made.open("r+b") as file, esp.open("rb") as part:
        file.seek(9 * MIB)
        shutil.copyfileobj(part, file)
    return made


def test_the_root_comes_first_and_the_others_where_its_fstab_has_them(disk: Path) -> None:
    assert filesystems.of(disk, is_grown=False) == (
        Place(target="/", offset=17 * MIB, size=16 * MIB),
        Place(target="/boot", offset=1 * MIB, size=8 * MIB),
        Place(target="/boot/efi", offset=9 * MIB, size=8 * MIB, is_optional=True),
    )


def test_a_root_that_grows_takes_the_rest_of_the_disk(disk: Path) -> None:
    root, *_ = filesystems.of(disk, is_grown=True)
    assert root == Place(target="/", offset=17 * MIB, size=(64 - 17 - 1) * MIB)


def test_a_disk_that_was_made_larger_is_read_all_the_same(disk: Path) -> None:
    with disk.open("r+b") as file:
        file.truncate(128 * MIB)  # its second table is not at its end any more, of which sfdisk warns
    assert len(filesystems.of(disk, is_grown=False)) == 3


def test_a_disk_without_a_root_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty.raw").write_bytes(bytes(MIB))
    with pytest.raises(BakeryError, match=r"empty\.raw has no partition with an /etc/fstab"):
        filesystems.of(tmp_path / "empty.raw", is_grown=False)
