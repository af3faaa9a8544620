"""What two images have in common, in blocks."""

from pathlib import Path

from bakery.core import process
from bench import sameness

BLOCK = 524288


def image(path: Path, *blocks: bytes) -> Path:
    """Write a qcow2 whose blocks are filled with one byte each."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(b"".join(block * BLOCK for block in blocks))
    process.run(["qemu-img", "convert", "-S", "0", "-f", "raw", "-O", "qcow2", str(raw), str(path)])
    return path


def test_only_what_is_the_same_in_the_same_place_counts_as_the_same(tmp_path: Path) -> None:
    old = image(tmp_path / "old.qcow2", b"a", b"b", b"\0", b"c", b"d")
    new = image(tmp_path / "new.qcow2", b"a", b"\0", b"b", b"c", b"x")
    found = sameness.compare(sameness.digests(old), sameness.digests(new))
    assert found == sameness.Sameness(old=4, new=4, equal=2, cleared=1)
    assert found.share == 0.5


def test_an_image_is_the_same_as_itself(tmp_path: Path) -> None:
    blocks = sameness.digests(image(tmp_path / "disk.qcow2", b"a", b"\0"))
    assert list(blocks) == [0]
    assert sameness.compare(blocks, blocks).share == 1.0


def test_an_empty_image_has_nothing_to_send() -> None:
    assert sameness.compare({}, {}).share == 1.0
