import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.vagrant import boxes, vagrantfile

MIB = 1 << 20
NAME = "bakery-host-debian-12-1a2b3c4d"
Maker = Callable[..., Path]


def make_virtualbox_box(image: Path, *, out: Path, name: str) -> Path:
    with boxes.vmdk_of(image) as vmdk:
        return boxes.make_virtualbox_box(image, vmdk=vmdk(), out=out, name=name)


MAKERS = (boxes.make_libvirt_box, make_virtualbox_box)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a small compressed qcow2 disk of 64 MiB with something in it."""
    folder = tmp_path_factory.mktemp("image")
    raw = folder / "disk.raw"
    with raw.open("wb") as stream:
        for part in (b"begin", b"end"):
            stream.write(hashlib.shake_256(part).digest(MIB))
            stream.seek(48 * MIB)
        stream.truncate(64 * MIB)
    disk = folder / "disk.qcow2"
    process.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", str(raw), str(disk)])
    os.utime(disk, (1_700_000_000, 1_700_000_000))
    return disk


@pytest.fixture
def libvirt_box(image: Path, tmp_path: Path) -> Path:
    return boxes.make_libvirt_box(image, out=tmp_path / "a.box", name=NAME)


@pytest.fixture
def virtualbox_box(image: Path, tmp_path: Path) -> Path:
    return make_virtualbox_box(image, out=tmp_path / "b.box", name=NAME)


def unpacked(box: Path) -> Path:
    folder = box.parent / f"{box.name}.unpacked"
    with tarfile.open(box, "r:gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def seed_in(disk: Path) -> str:
    """Return the user-data on a seed disk of any format."""
    disc = disk.with_suffix(".iso")
    process.run(["qemu-img", "convert", "-O", "raw", str(disk), str(disc)])
    out = disk.with_suffix(".files")
    process.run(["xorriso", "-osirrox", "on", "-indev", str(disc), "-extract", "/", str(out)])
    return (out / "user-data").read_text()


def test_a_libvirt_box_holds_what_vagrant_libvirt_asks_for(libvirt_box: Path) -> None:
    with tarfile.open(libvirt_box, "r:gz") as archive:
        assert archive.getnames() == ["metadata.json", "Vagrantfile", "seed.img", "box.img"]
        metadata = json.load(archive.extractfile("metadata.json") or io.BytesIO())
    assert metadata == {
        "provider": "libvirt",
        "format": "qcow2",
        "virtual_size": 1,
        "disks": [{"path": "box.img"}, {"path": "seed.img"}],
    }


def test_the_disk_in_a_libvirt_box_is_the_image_itself(libvirt_box: Path, image: Path) -> None:
    assert (unpacked(libvirt_box) / "box.img").read_bytes() == image.read_bytes()


def test_the_disk_in_a_virtualbox_box_reads_like_the_image(virtualbox_box: Path, image: Path) -> None:
    disk = unpacked(virtualbox_box) / "disk.vmdk"
    compared = process.run(["qemu-img", "compare", "-f", "vmdk", "-F", "qcow2", str(disk), str(image)])
    assert compared.output == "Images are identical."


def test_a_virtualbox_box_holds_an_ovf_and_stream_optimized_disks(virtualbox_box: Path) -> None:
    folder = unpacked(virtualbox_box)
    assert sorted(path.name for path in folder.iterdir()) == [
        "Vagrantfile",
        "box.ovf",
        "disk.vmdk",
        "metadata.json",
        "seed.vmdk",
    ]
    assert json.loads((folder / "metadata.json").read_text()) == {"provider": "virtualbox"}
    for disk in folder.glob("*.vmdk"):
        assert b'createType="streamOptimized"' in disk.read_bytes()[:4096]


def test_the_ovf_states_the_sizes_of_the_disks_beside_it(virtualbox_box: Path) -> None:
    folder = unpacked(virtualbox_box)
    ovf = (folder / "box.ovf").read_text()
    assert f'ovf:capacity="{64 * MIB}"' in ovf
    for disk in folder.glob("*.vmdk"):
        assert f'ovf:href="{disk.name}"' in ovf
        assert f'ovf:size="{disk.stat().st_size}"' in ovf


def test_the_key_is_on_the_seed_disk_and_not_in_the_image(libvirt_box: Path, virtualbox_box: Path) -> None:
    assert vagrantfile.INSECURE_PUBLIC_KEY in seed_in(unpacked(libvirt_box) / "seed.img")
    assert vagrantfile.INSECURE_PUBLIC_KEY in seed_in(unpacked(virtualbox_box) / "seed.vmdk")


@pytest.mark.parametrize("content_id", ["1", "abc1234", "89abcdef"])
def test_a_content_id_of_any_length_is_replaced_in_place(content_id: str, tmp_path: Path) -> None:
    """qemu-img writes the random id without leading zeros."""
    disk = tmp_path / "disk.vmdk"
    text = f"# Disk DescriptorFile\nversion=1\nCID={content_id}\nparentCID=ffffffff\n".encode()
    disk.write_bytes(bytes(range(1, 256)) + b"\0" + text.ljust(1024, b"\0") + b"grains")
    boxes.fix_content_id(disk)
    fixed = b"# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
    assert disk.read_bytes() == bytes(range(1, 256)) + b"\0" + fixed.ljust(1024, b"\0") + b"grains"


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_image_makes_the_same_box(
    make: Maker, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    first = make(image, out=tmp_path / "first.box", name=NAME)
    second = make(image, out=tmp_path / "elsewhere" / "second.box", name=NAME)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_in_a_box_has_the_image_s_date_and_no_owner(make: Maker, image: Path, tmp_path: Path) -> None:
    with tarfile.open(make(image, out=tmp_path / "a.box", name=NAME), "r:gz") as archive:
        entries = archive.getmembers()
    assert entries
    assert {(entry.mtime, entry.uid, entry.gid, entry.mode) for entry in entries} == {(1_700_000_000, 0, 0, 0o644)}


@pytest.mark.parametrize("make", MAKERS)
def test_source_date_epoch_decides_the_date(
    make: Maker, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    with tarfile.open(make(image, out=tmp_path / "a.box", name=NAME), "r:gz") as archive:
        assert {entry.mtime for entry in archive} == {1_600_000_000}


@pytest.mark.parametrize("make", MAKERS)
def test_a_box_that_cannot_be_made_leaves_the_old_one_and_nothing_else(make: Maker, tmp_path: Path) -> None:
    broken = tmp_path / "broken.qcow2"
    broken.write_bytes(b"no disk")
    out = tmp_path / "out" / "a.box"
    out.parent.mkdir()
    out.write_text("the old one")
    with pytest.raises(BakeryError, match="qemu-img ended with exit code 1"):
        make(broken, out=out, name=NAME)
    assert [path.name for path in out.parent.iterdir()] == ["a.box"]
    assert out.read_text() == "the old one"
