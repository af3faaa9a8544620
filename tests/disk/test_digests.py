"""The digests of a release's blocks: kept whole or not at all, and never believed when damaged."""

import errno
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bakery.catalog import catalog
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from bakery.disk import digests
from bakery.disk.digests import Digests


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


KEPT = Digests(disk_sha256=sha("disk").hex(), size_gb=40, blocks={0: sha("a"), 7: sha("b"), 81919: sha("c")})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "r.tsv"
    digests.write(path, KEPT)
    assert digests.read(path) == KEPT
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_replaced_whole_and_never_written_into(tmp_path: Path) -> None:
    path, before = tmp_path / "r.tsv", tmp_path / "before"
    digests.write(path, KEPT)
    before.hardlink_to(path)
    digests.write(path, Digests(disk_sha256=sha("other").hex(), size_gb=40, blocks={}))
    assert digests.read(before) == KEPT
    assert digests.read(path) != KEPT


def test_a_disk_of_zeros_has_no_blocks(tmp_path: Path) -> None:
    empty = Digests(disk_sha256=sha("disk").hex(), size_gb=1, blocks={})
    digests.write(tmp_path / "r.tsv", empty)
    assert digests.read(tmp_path / "r.tsv") == empty


def test_the_same_digests_are_the_same_bytes(tmp_path: Path) -> None:
    turned = Digests(
        disk_sha256=KEPT.disk_sha256, size_gb=40, blocks={index: KEPT.blocks[index] for index in (7, 81919, 0)}
    )
    digests.write(tmp_path / "one", KEPT)
    digests.write(tmp_path / "two", turned)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_where_there_is_no_file_there_are_no_digests(tmp_path: Path) -> None:
    assert digests.read(tmp_path / "r.tsv") is None


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: b"",
        lambda content: b"\n",
        lambda content: b"\xff" + content,
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content + b"\n",
        lambda content: content.replace(b"\n7\t", b"\n8\t"),
        lambda content: content.replace(b"\n7\t", b"\nseven\t"),
        lambda content: content.replace(b"\n7\t", b"\n7 "),
        lambda content: content.replace(b"size_gb\t40", b"size_gb\t41"),
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content.replace(b"digests 1", b"digests 2"),
    ],
)
def test_a_file_that_was_cut_or_edited_is_refused(tmp_path: Path, edit: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "r.tsv"
    digests.write(path, KEPT)
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(BakeryError, match=r"r\.tsv is damaged") as caught:
        digests.read(path)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == f"rm {path}  (the next upload is then a full one)"


def test_a_file_with_a_right_checksum_and_its_lines_in_another_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.tsv"
    digests.write(path, KEPT)
    *head, first, second, third, _ = path.read_bytes().splitlines(keepends=True)
    content = b"".join([*head, second, first, third])
    path.write_bytes(content + f"sha256\t{hashlib.sha256(content).hexdigest()}\n".encode())
    with pytest.raises(BakeryError, match="is damaged"):
        digests.read(path)


def test_a_full_disk_is_one_error_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "blocks" / "r.tsv"
    digests.write(path, KEPT)

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    other = Digests(disk_sha256=sha("other").hex(), size_gb=40, blocks={})
    with pytest.raises(BakeryError, match=r"r\.tsv could not be written: No space left on device") as caught:
        digests.write(path, other)
    assert "it goes on where it was" in caught.value.hint
    assert caught.value.exit_code is ExitCode.FAILED
    assert digests.read(path) == KEPT
    assert list(path.parent.iterdir()) == [path]


def test_digests_that_are_removed_are_gone_and_may_be_removed_again(tmp_path: Path) -> None:
    digests.write(tmp_path / "r.tsv", KEPT)
    digests.remove(tmp_path / "r.tsv")
    digests.remove(tmp_path / "r.tsv")
    assert digests.read(tmp_path / "r.tsv") is None


@pytest.mark.parametrize("is_rehearsal", [False, True])
def test_they_are_beside_the_catalog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_rehearsal: bool) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path))
    folder = catalog.path_of("host", is_rehearsal=is_rehearsal).parent
    path = catalog.digests_of("host", "20260131-0405-0123456789ab", Arch.ARM64, is_rehearsal=is_rehearsal)
    assert path == folder / "blocks" / "host" / "20260131-0405-0123456789ab-arm64.tsv"


A, B = sha("a"), sha("b")


@pytest.mark.parametrize(
    ("new", "old", "indexes"),
    [
        ({}, {}, []),
        ({1: A, 2: B}, {1: A, 2: B}, []),
        ({9: A, 3: B}, {}, [3, 9]),
        ({1: A}, {1: B}, [1]),
        ({5: A}, {5: A, 70: B, 2: B}, [2, 70]),
        ({11: A, 1: A}, {2: B, 1: B}, [1, 2, 11]),
    ],
)
def test_what_changed_is_what_differs_is_new_or_became_zeros(
    new: Mapping[int, bytes], old: Mapping[int, bytes], indexes: list[int]
) -> None:
    assert digests.changed(new, old) == indexes
