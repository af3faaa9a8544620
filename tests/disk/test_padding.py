"""Where room to grow is kept in a tree, and that it is room for nothing on the disk."""

import os
import random
from pathlib import Path

import pytest

from bakery.core import process
from bakery.disk import efi, padding
from bakery.disk.efi import Identity
from bakery.disk.padding import Spacer
from bench import sameness

IDENTITY = Identity(seed="a recipe", epoch_s=1_700_000_000)
MB = 2**20


def paths(listing: str) -> dict[str, int]:
    return {spacer.path: spacer.blocks for spacer in padding.plan(listing)}


def test_a_large_file_gets_room_up_to_a_share_of_itself() -> None:
    found = paths(f"d 40 usr\nf {100 * 4096 + 1} usr/program\n")
    assert found["usr/program!room"] == 3  # 101 blocks: a sixteenth is 6, the power of two below it 4


def test_small_files_and_links_share_the_room_of_their_folder() -> None:
    files = f"f {63 * 4096} usr/small\nf 1 usr/tiny\n"
    assert paths(f"d 40 usr\n{files}l 59 usr/fast\nl 60 usr/slow\n") == {"usr/~room": 2, "~room": 3}


def test_folders_are_reckoned_with_the_room_of_those_in_them() -> None:
    found = paths(f"d 40 usr\nd 40 usr/lib\nf {333 * 4096} usr/lib/libc.so\n")
    assert found == {"usr/lib/libc.so!room": 3, "usr/lib/~room": 15, "usr/~room": 15, "~room": 15}


def test_the_order_of_the_listing_does_not_matter() -> None:
    lines = ["d 40 usr", f"f {300 * 4096} usr/b", f"f {77 * 4096} usr/a", "d 40 etc", "f 9 etc/hosts"]
    assert padding.plan("\n".join(lines)) == padding.plan("\n".join(reversed(lines)))


def grown_disk(tree: Path, *, work: Path) -> Path:
    """Make a qcow2 of *tree* with room to grow, as a base is made."""
    work.mkdir()
    spacers = padding.plan(process.run(padding.list_argv(tree)).output)
    padding.put(tree, spacers, work=work)
    raw, esp, disk = work / "disk.raw", work / "esp.img", work / "disk.qcow2"
    efi.make_esp(esp, work=work, identity=IDENTITY)
    process.run(["find", str(tree), "-exec", "touch", "--date=@1600000000", "{}", "+"])
    efi.make_disk(raw, tree=tree, esp=esp, identity=IDENTITY)
    efi.remove(raw, [spacer.path for spacer in spacers], identity=IDENTITY)
    for spacer in spacers:
        (tree / spacer.path).unlink()
    process.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)])
    return disk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    chance = random.Random(1)
    for name in ("bin/curl", "bin/git", "lib/libc.so", "lib/libssl.so", "lib/python/zlib.so"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(3 * MB + 1))
    return tmp_path / "tree"


def test_a_file_that_grows_moves_nothing_behind_it(tree: Path, tmp_path: Path) -> None:
    old = sameness.digests(grown_disk(tree, work=tmp_path / "old"))
    with (tree / "bin/curl").open("ab") as file:
        file.write(os.urandom(5000))
    found = sameness.compare(old, sameness.digests(grown_disk(tree, work=tmp_path / "new")))
    # The last block of the file, and those of the file system's own tables.
    assert found.new - found.equal <= 4


def test_the_room_is_empty_and_forgotten_on_the_disk(tree: Path, tmp_path: Path) -> None:
    grown_disk(tree, work=tmp_path / "work")
    raw = tmp_path / "work/disk.raw"
    root = f"{raw}?offset={efi.ROOT_AT_BYTES}"
    assert process.run(["e2fsck", "-f", "-n", root]).exit_code == 0
    assert "room" not in process.run(["debugfs", "-R", "ls -l /bin", root]).output
    with raw.open("rb") as file:
        file.seek(efi.ROOT_AT_BYTES)
        assert b"x" * 4096 not in file.read(64 * MB)


def test_spacers_are_of_the_size_that_was_planned(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    padding.put(tmp_path / "tree", [Spacer(path="a folder's ~room", blocks=3)], work=tmp_path)
    assert (tmp_path / "tree/a folder's ~room").read_bytes() == b"x" * 3 * padding.BLOCK_BYTES
