"""The order of Debian's package versions (Debian Policy 5.6.12), as a sort key.

Written out because the one library for it, python-debian, is under the GPL, which this project's licence is not, and
because dpkg is not there on macOS. tests/sources/test_version.py has dpkg judge it.
"""

import re

_Part = tuple[tuple[tuple[int, ...], int], ...]

Key = tuple[int, _Part, _Part]


def sort_key(version: str) -> Key:
    """Return a key that sorts versions from old to new."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch), _part(upstream), _part(revision)


def _part(text: str) -> _Part:
    # Alternating non-digits and digits; the last, empty pair stands for the end, which sorts after "~" alone.
    pairs = re.findall(r"(\D*)(\d*)", text)
    return tuple(((*map(_weight, letters), 0), int(digits or 0)) for letters, digits in pairs)


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
