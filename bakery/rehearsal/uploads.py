"""Snapshots block by block: a disk is written only while its snapshot takes blocks, and digests alone are in memory."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from pathlib import Path
from threading import Lock

from bakery.core import process
from bakery.rehearsal.blockrules import BLOCK_SIZE, BLOCKS_PER_GIB, invalid
from bakery.rehearsal.world import Snapshot, World

GIB = BLOCKS_PER_GIB * BLOCK_SIZE

CONVERTING = Lock()


@dataclass(kw_only=True)
class Upload(Snapshot):
    """A snapshot that takes blocks, or took them: its raw disk is as it was put, whatever lies beside the blocks."""

    file: Path
    timeout_s: float
    deadline: float
    """When it is given up, in seconds of the world's clock; every block sets it anew."""
    parent: str = ""
    lineage: str = ""
    """The oldest snapshot that it descends from: only those of one lineage can be compared."""
    digests: dict[int, bytes] = field(default_factory=dict)
    """SHA256 of every block that there is, the parent's too."""
    changed: set[int] = field(default_factory=set)
    """The blocks that were put."""
    ready_at: float = inf
    lock: Lock = field(default_factory=Lock)

    # A state that time alone changes, like `ready_at`: whoever looks sees it, and nobody has to sweep.
    @property  # type: ignore[misc]  # the field's value goes through the setter below
    def failure(self) -> str:
        """What went wrong: nobody put a block or completed it in time ("Write snapshots", "Start a snapshot")."""
        is_late = self.ready_at == inf and World.now() > self.deadline
        return f"no block and no completion within {self.timeout_s / 60:.0f} minutes" if is_late else self._failure

    @failure.setter
    def failure(self, text: str) -> None:
        self._failure = text

    def put(self, index: int, data: bytes, *, digest: bytes) -> None:
        """Write a block, over an older one if there is one.

        Raises Refused when the snapshot takes no blocks any more. The lock is held while it is written, so that nothing
        is written any more once the snapshot is complete.
        """
        with self.lock:
            self._require_open()
            with self.file.open("r+b", buffering=0) as disk:
                _write(disk.fileno(), index, data)
            self.digests[index] = digest
            self.changed.add(index)
            self.deadline = World.now() + self.timeout_s

    def complete(self, *, count: int, checksum: bytes | None, pending_s: float) -> None:
        """Close the disk: from now on it is a whole one, and in *pending_s* seconds EC2 says so.

        *checksum* is over the digests of the blocks that were put, in ascending order. Raises Refused when it is
        another one, when *count* is not the number of blocks that were put, and when no blocks are taken any more.
        """
        with self.lock:
            self._require_open()
            if count != len(self.changed):
                raise invalid(f"ChangedBlocksCount is {count}, and {len(self.changed)} blocks were written")
            linear = hashlib.sha256(b"".join(self.digests[index] for index in sorted(self.changed))).digest()
            if checksum not in {None, linear}:
                raise invalid("The checksum is not that of the blocks that were written")
            os.truncate(self.file, self.size_gb * GIB)
            self.disk, self.ready_at = self.file, World.now() + pending_s

    def _require_open(self) -> None:
        if self.ready_at != inf or self.failure:
            why = self.failure or "it is complete"
            raise invalid(f"The snapshot {self.id} is not pending: {why}", reason="INVALID_SNAPSHOT_ID")


def begin(upload: Upload, *, parent: Snapshot | None, folder: Path) -> None:
    """Make the disk of a new snapshot: empty, or with all the blocks of its parent."""
    upload.lineage = upload.id
    upload.file.touch()
    if parent is not None:
        upload.parent, upload.lineage = parent.id, lineage_of(parent)
        upload.digests = dict(digests_of(parent, folder=folder))
        if upload.digests:
            copy_blocks(raw_disk(parent, folder=folder), upload.file, indexes=upload.digests)


def digests_of(snapshot: Snapshot, *, folder: Path) -> Mapping[int, bytes]:
    """Return the SHA256 of every block of a completed snapshot, by index.

    Of one that was not put here block by block, these are the blocks of its disk that are not all zeros.
    """
    if isinstance(snapshot, Upload):
        return snapshot.digests
    return scanned(raw_disk(snapshot, folder=folder)) if snapshot.disk else {}


def lineage_of(snapshot: Snapshot) -> str:
    """Return the id of the oldest snapshot that this one descends from."""
    return snapshot.lineage if isinstance(snapshot, Upload) else snapshot.id


def raw_disk(snapshot: Snapshot, *, folder: Path) -> Path:
    """Return a raw disk of a completed snapshot that has a disk; a qcow2 one is converted into *folder*, once."""
    assert snapshot.disk is not None
    if snapshot.disk.suffix != ".qcow2":
        return snapshot.disk
    raw = folder / f"{hashlib.sha256(bytes(snapshot.disk)).hexdigest()[:16]}.raw"
    with CONVERTING:
        if not raw.exists():
            part = raw.with_suffix(".part")
            process.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(snapshot.disk), str(part)])
            part.replace(raw)
    return raw


@lru_cache(maxsize=16)
def scanned(disk: Path) -> Mapping[int, bytes]:
    """Return the SHA256 of every non-zero block of a raw disk, by index; the disk is never written to again."""
    digests = {}
    with disk.open("rb", buffering=0) as file:
        for index in _with_data(file.fileno()):
            block = _block(file.fileno(), index)
            if block != bytes(BLOCK_SIZE):
                digests[index] = hashlib.sha256(block).digest()
    return digests


def read_block(disk: Path, index: int) -> bytes:
    """Return one block of a raw disk; what lies behind the end of the file is zeros."""
    with disk.open("rb", buffering=0) as file:
        return _block(file.fileno(), index)


def copy_blocks(source: Path, target: Path, *, indexes: Iterable[int]) -> None:
    """Write these blocks of one raw disk into another one, which keeps its holes between them."""
    with source.open("rb", buffering=0) as old, target.open("r+b", buffering=0) as new:
        for index in indexes:
            _write(new.fileno(), index, _block(old.fileno(), index))


def _block(descriptor: int, index: int) -> bytes:
    return os.pread(descriptor, BLOCK_SIZE, index * BLOCK_SIZE).ljust(BLOCK_SIZE, b"\0")


def _write(descriptor: int, index: int, block: bytes) -> None:
    # A write that was cut short goes on, until the disk says why it cannot.
    rest, end = memoryview(block), (index + 1) * BLOCK_SIZE
    while rest:
        rest = rest[os.pwrite(descriptor, rest, end - len(rest)) :]


def _with_data(descriptor: int) -> Iterator[int]:
    """Give the indexes of the blocks that are not wholly in a hole of the file."""
    index = 0
    while True:
        try:
            index = os.lseek(descriptor, index * BLOCK_SIZE, os.SEEK_DATA) // BLOCK_SIZE
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data from there to the end (lseek(2))
                return
            raise
        yield index
        index += 1
