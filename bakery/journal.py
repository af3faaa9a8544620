"""What of a snapshot has arrived already, kept on disk block by block, so that a killed upload goes on where it was.

AWS lists the blocks of complete snapshots alone ("Read snapshots"), so whoever sends them has to remember.
"""

import os
import struct
from pathlib import Path

_INDEX = struct.Struct("<I")


class Journal:
    """The blocks of one snapshot that have arrived: an index of four bytes each, appended, so that a kill costs one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        known = path.read_bytes() if path.exists() else b""
        whole = len(known) - len(known) % _INDEX.size
        self.arrived = {index for (index,) in _INDEX.iter_unpack(known[:whole])}
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._file, whole)

    def add(self, index: int) -> None:
        """Note a block. A full disk is no mistake: the next run then sends it again."""
        try:
            os.write(self._file, _INDEX.pack(index))
        except OSError:
            return

    def close(self) -> None:
        """Let go of the file and keep it, for the run that goes on."""
        os.close(self._file)

    def forget(self) -> None:
        """Remove the file: the snapshot is complete, or gone."""
        self.path.unlink(missing_ok=True)
