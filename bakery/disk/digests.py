"""The SHA-256 of every block of a release's disk, beside the catalog: the next release goes up as what differs.

A file of them is written in one step and holds its own SHA-256: what was cut or edited is never believed.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bakery.core import folders
from bakery.core.errors import BakeryError, impossible
from bakery.definition.problems import shown
from bakery.disk.blocks import opened

HEADER = "block digests 1"
"""The first line: what this is, and the number of its format."""


@dataclass(frozen=True, kw_only=True)
class Digests:
    """What a disk holds: *blocks* has the SHA-256 (32 bytes) of each block of 512 KiB that is not all zeros."""

    disk_sha256: str
    """Of the qcow2 file, in hex."""
    size_gb: int
    """Of the volume, in GiB (2^30 bytes)."""
    blocks: Mapping[int, bytes]


def of(disk: Path, *, sha256: str, on_block: Callable[[int, int], None] = lambda _done, _all: None) -> Digests:
    """Return the digests of a qcow2 disk whose file has that SHA-256; *on_block* is told how many of how many.

    Raises BakeryError (exit code 2) when the disk is damaged.
    """
    found = {}
    with opened(disk) as source:
        for number, block in enumerate(source.blocks(source.indexes), start=1):
            if not block.is_zero:
                found[block.index] = block.digest
            on_block(number, len(source.indexes))
        return Digests(disk_sha256=sha256, size_gb=source.size_gb, blocks=found)


def write(path: Path, digests: Digests) -> None:
    """Replace *path* by *digests* in one step.

    Raises BakeryError when the disk is full or takes no file: then *path* is as it was.
    """
    try:
        with folders.work_dir(path.parent) as folder:
            draft = folder / path.name
            draft.write_bytes(_text(digests))
            draft.replace(path)
    except OSError as error:
        raise BakeryError(
            f"{shown(path)} could not be written: {error.strerror}",
            hint="when there is room, type the same again: it goes on where it was",
        ) from error


def read(path: Path) -> Digests | None:
    """Return what is in *path*, or None where there is no such file.

    Raises BakeryError (exit code 2) when it is not what `write` wrote, down to the last byte.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        digests = _parse(content.decode("ascii"))
    except ValueError:
        digests = None
    if digests is None or _text(digests) != content:
        raise impossible(
            f"{shown(path)} is damaged: it is not what was written there",
            hint=f"rm {shown(path)}  (the next upload is then a full one)",
        )
    return digests


def remove(path: Path) -> None:
    """Remove the digests of a release; it is no error when there are none."""
    path.unlink(missing_ok=True)


def changed(new: Mapping[int, bytes], old: Mapping[int, bytes]) -> list[int]:
    """Return the blocks, ascending, that make *new* out of *old*; those that became zeros are among them."""
    return [index for index in sorted({*new, *old}) if index not in new or index not in old or new[index] != old[index]]


def _text(digests: Digests) -> bytes:
    """Return the file for *digests*: the same digests are the same bytes."""
    lines = [HEADER, f"disk_sha256\t{digests.disk_sha256}", f"size_gb\t{digests.size_gb}"]
    lines += [f"{index}\t{base64.b64encode(digest).decode()}" for index, digest in sorted(digests.blocks.items())]
    text = "".join(f"{line}\n" for line in lines).encode()
    return text + f"sha256\t{hashlib.sha256(text).hexdigest()}\n".encode()


def _parse(text: str) -> Digests:
    """Return what *text* says; whether it is whole, its reader finds by writing it again. ValueError: it is not."""
    _, disk, size, *blocks, _ = text.splitlines()
    pairs = [line.split("\t") for line in blocks]
    return Digests(
        disk_sha256=disk.removeprefix("disk_sha256\t"),
        size_gb=int(size.removeprefix("size_gb\t")),
        blocks={int(index): base64.b64decode(digest) for index, digest in pairs},
    )
