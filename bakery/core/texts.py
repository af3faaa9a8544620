"""Text that people write, read as their editors save it, and words that they read.

Marks at the beginning and kinds of ends of lines are no text.
"""

import codecs
from pathlib import Path

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: Path) -> str:
    """Return a file's text with Unix's ends of lines; raises OSError, and UnicodeDecodeError where it is not UTF-8."""
    return decode(path.read_bytes())


def decode(content: bytes) -> str:
    """Return bytes as text, likewise."""
    if content.startswith(UTF_16):
        raise UnicodeDecodeError("utf-8", content, 0, 2, "it is UTF-16")
    return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s for the plural."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def home(path: str) -> Path:
    """Return a path in which `~/` is the user's home: a shell knows that only at the beginning of a word.

    Where nobody knows the home, the path stays as it is.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
