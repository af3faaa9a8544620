"""Files that are written whole or not at all, and that have a name when they cannot be.

The system names the file that cannot be opened, and none where it is the writing that fails: the disk is full.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let an OSError of the body say that it was about *path*, unless it says something else already."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def write_whole(path: Path, content: str | bytes, *, is_private: bool = False) -> None:
    """Replace *path* by *content* in one step: a reader never sees half of it, and a full disk leaves what was there.

    What is private nobody else can read at any time. Raises OSError with the name of *path*.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    data = content.encode() if isinstance(content, str) else content
    with named(path):
        try:
            if is_private:
                draft.unlink(missing_ok=True)
                draft.touch(0o600)
            draft.write_bytes(data)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
