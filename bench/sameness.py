"""Counts the blocks that two images have in common, in the size that EBS takes: what a delta upload need not send.

    .venv/bin/python bench/sameness.py OLD.qcow2 NEW.qcow2 [--json]

Bake twice, with BAKERY_BUILD_DIR set to two folders, to see what of an image is the same on another day. Blocks that
hold nothing but zeros are never sent and do not count.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bakery.core.console import table  # noqa: E402
from bakery.disk import blocks  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class Sameness:
    """Numbers of blocks of an old and a new image."""

    old: int
    new: int
    equal: int
    """In both, with the same bytes in the same place."""
    cleared: int
    """In the old image alone: zeros in the new one."""

    @property
    def share(self) -> float:
        """Return which part of the new image is there already (0 to 1)."""
        return self.equal / self.new if self.new else 1.0


def digests(disk: Path) -> dict[int, bytes]:
    """Return the SHA-256 of every block of a disk that is not all zeros, by its number."""
    with blocks.opened(disk) as opened:
        return {block.index: block.digest for block in opened.blocks(opened.indexes) if not block.is_zero}


def compare(old: Mapping[int, bytes], new: Mapping[int, bytes]) -> Sameness:
    """Return what two images have in common."""
    equal = sum(old.get(index) == digest for index, digest in new.items())
    return Sameness(old=len(old), new=len(new), equal=equal, cleared=len(old.keys() - new.keys()))


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    found = compare(digests(options.old), digests(options.new))
    if options.json:
        print(json.dumps({**asdict(found), "share": found.share}))
        return
    rows = [
        ("old, with data", str(found.old)),
        ("new, with data", str(found.new)),
        ("new, the same in old", str(found.equal)),
        ("new, to be sent", str(found.new - found.equal)),
        ("old, zeros in new", str(found.cleared)),
        ("share of new that is the same", f"{found.share:.4f}"),
    ]
    table(f"Blocks of {blocks.BLOCK_SIZE // 1024} KiB", ("blocks", "number"), rows, to_stdout=True)


if __name__ == "__main__":
    main()
