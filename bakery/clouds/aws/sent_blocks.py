"""What of a snapshot has arrived already, kept on disk block by block, so that a killed upload goes on where it was.

AWS lists the blocks of complete snapshots alone ("Read snapshots"), so whoever sends them has to remember.
"""

import os
import struct
import threading
from contextlib import suppress
from pathlib import Path

_INDEX = struct.Struct("<I")


class Journal:
    """The blocks of one snapshot that have arrived: an index of four bytes each, appended, so that a kill costs one.

    It spares work and nothing else: where the disk is full or takes no file, what is not noted is sent again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrived: set[int] = set()
        self._file, self._end, self._lock = -1, 0, threading.Lock()
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            known = path.read_bytes() if path.exists() else b""
            self._end = len(known) - len(known) % _INDEX.size
            self.arrived = {index for (index,) in _INDEX.iter_unpack(known[: self._end])}
            if self._end < len(known):
                os.truncate(path, self._end)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, index: int) -> None:
        """Note a block; half a note, which a full disk may leave, is taken back."""
        with self._lock, suppress(OSError):
            if self._file < 0:
                return
            if os.write(self._file, _INDEX.pack(index)) == _INDEX.size:
                self._end += _INDEX.size
            else:
                os.ftruncate(self._file, self._end)

    def close(self) -> None:
        """Let go of the file and keep it, for the run that goes on."""
        if self._file >= 0:
            os.close(self._file)

    def forget(self) -> None:
        """Remove the file: the snapshot is complete, or gone, or what was noted was wrong."""
        with suppress(OSError):
            self.path.unlink()
