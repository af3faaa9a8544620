"""Files of this machine: where they are, what is in them, and how they are written: whole."""

import os
import tempfile
from pathlib import Path


def at(path: str) -> Path:
    """Return the path, below BAKERY_ROOT when a test has set it."""
    return Path(os.environ.get("BAKERY_ROOT", "") + path)


def text_of(path: Path) -> str:
    """Return what is in a file; nothing when there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def write(path: Path, text: str, mode: int, *, uid: int = -1, gid: int = -1) -> None:
    """Put a whole file in place at once."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
        os.fchown(file.fileno(), uid, gid)
    Path(file.name).replace(path)
