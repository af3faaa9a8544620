"""What machines are told at their first boot: read as cloud-init will read it, and refused where it would ignore it.

Its forms are those of cloud-init's documentation, "User-data formats".
"""

import zlib
from pathlib import Path

from bakery.core import texts
from bakery.core.errors import impossible

LARGEST = 16 * 1024
"""Bytes, before they are encoded (RunInstances, "UserData")."""
LARGEST_UNPACKED = 4 * 2**20
GZIP = b"\x1f\x8b"
GZIP_ALONE = 31
"""What zlib calls a stream with the head of gzip and no other (its manual, inflateInit2)."""
CONFIG = "#cloud-config"
FORMS = (
    *("#!", CONFIG, "#cloud-config-archive", "#cloud-config-jsonp", "#cloud-boothook"),
    *("#include", "#include-once", "#part-handler", "## template: jinja"),
)
MIME = "mime-version:"
MIME_WITHIN = 4096
"""Characters in which cloud-init looks for it."""


def read(path: Path) -> bytes:
    """Return what a file tells a machine; text as UTF-8 with ends of lines of Unix, gzip as it is.

    Raises BakeryError (exit code 2) for what EC2 would not take or cloud-init would not read.
    """
    where = f"--user-data {path}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise impossible(f"{where}: {error.strerror}") from error
    is_packed = content.startswith(GZIP)
    try:
        text = texts.decode(_unpacked(content) if is_packed else content)
    except UnicodeDecodeError as error:
        raise impossible(
            f"{where}: not UTF-8 text", hint="save it as UTF-8; gzip of such a text will do too"
        ) from error
    except (OSError, zlib.error) as error:
        raise impossible(f"{where}: gzip that cannot be unpacked: {error}", hint="gzip the text again") from error
    _require_form(text, where=where)
    told = content if is_packed else text.encode()
    if len(told) > LARGEST:
        raise impossible(
            f"{where}: {len(told)} bytes, and EC2 takes {LARGEST}",
            hint="gzip it, which cloud-init unpacks" if not is_packed else "a short script that fetches the rest",
        )
    return told


def _unpacked(content: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=GZIP_ALONE)
    unpacked = unpacking.decompress(content, LARGEST_UNPACKED)
    if not unpacking.eof:
        raise OSError(f"it is cut off, or holds more than {LARGEST_UNPACKED // 2**20} MiB")
    return unpacked


def _require_form(text: str, *, where: str) -> None:
    """Raise BakeryError (exit code 2) for a text that cloud-init takes for none of its forms, or could not read."""
    begin = text.lstrip().lower()
    if not begin.startswith(FORMS) and MIME not in text[:MIME_WITHIN].lower():
        first = (text.strip().splitlines() or [""])[0][:40]
        raise impossible(
            f"{where}: cloud-init would ignore it: it begins with {first!r}" if first else f"{where}: it is empty",
            hint="its first line must be #cloud-config, or #!/bin/sh for a script",
        )
    if (begin.splitlines() or [""])[0].strip() == CONFIG:
        _require_config(text, where=where)


def _require_config(text: str, *, where: str) -> None:
    import yaml  # only whoever has user-data pays for it

    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise impossible(
            f"{where}: {at}cloud-init would ignore it, since it is no YAML: {problem}",
            hint="blanks, and no tabs, at the beginning of lines; values with : or # in quotes",
        ) from error
    except (ValueError, RecursionError) as error:  # a date such as 2026-02-30, and Python's own limits
        raise impossible(
            f"{where}: cloud-init would ignore it, since there is a value that cannot be: {error}",
            hint="text that looks like a date or a number in quotes",
        ) from error
    if not isinstance(config, dict):
        raise impossible(
            f"{where}: cloud-init would ignore it: no key: value in it", hint="docs/first-boot.md shows one"
        )
