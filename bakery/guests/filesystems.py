"""Where the file systems of a raw disk are that its own fstab mounts, found without mounting anything."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakery.core import process, scratch
from bakery.core.errors import BakeryError

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
"""The GPT type of a partition with data of Linux (uapi-group.org/specifications, "Discoverable Partitions")."""
SECTOR = 512
SAFE_MB = 1
"""What the second table of a GPT disk takes at its end, generously."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A file system in a disk: where it belongs, where it is (bytes), and whether the machine does without it."""

    target: str
    offset: int
    size: int
    is_optional: bool = False


@dataclass(frozen=True, kw_only=True)
class _Partition:
    number: int
    offset: int
    size: int
    is_linux: bool
    names: frozenset[str]


def of(disk: Path, *, is_grown: bool) -> tuple[Place, ...]:
    """Return the root of a GPT disk first, then what its fstab mounts of the same disk.

    *is_grown* gives the root all the room up to the disk's end where it is the last partition, as a first boot would.
    Raises BakeryError (exit code 1) when there is no root in it.
    """
    found = _partitions(disk)
    tables = {one: lines for one in found if one.is_linux and (lines := _fstab(disk, one))}
    if not tables:
        raise BakeryError(f"{disk.name} has no partition with an /etc/fstab")
    root = max(tables, key=lambda one: one.size)
    is_last = root.offset == max(one.offset for one in found)
    size = disk.stat().st_size - root.offset - SAFE_MB * 2**20 if is_grown and is_last else root.size
    places = [Place(target="/", offset=root.offset, size=size)]
    for source, target, _, options in tables[root]:
        for one in found:
            if one is not root and source in one.names and target.startswith("/"):
                is_optional = "nofail" in options.split(",")
                places.append(Place(target=target, offset=one.offset, size=one.size, is_optional=is_optional))
    return tuple(sorted(places, key=lambda place: place.target.count("/") if place.target != "/" else 0))


def grow_partition(disk: Path) -> None:
    """Give the last partition of a GPT disk all the room up to the disk's end, as a first boot does (`growpart`)."""
    last = max(_partitions(disk), key=lambda one: one.offset, default=None)
    if last is None:
        return
    with scratch.small() as folder:
        wanted = folder / "wanted"
        wanted.write_text(", +\n")
        process.run(["sfdisk", "--quiet", "--no-reread", "-N", str(last.number), str(disk)], stdin=wanted)


def _partitions(disk: Path) -> list[_Partition]:
    said = process.run(["sfdisk", "--json", str(disk)], is_checked=False).output
    # Beside the table it may warn that another one is not at the disk's end.
    table: dict[str, Any] = json.JSONDecoder().raw_decode(said, said.index("{"))[0] if "{" in said else {}
    rows = table.get("partitiontable", {}).get("partitions", [])
    return [
        _Partition(
            number=int(re.findall(r"\d+$", row["node"])[0]),
            offset=row["start"] * SECTOR,
            size=row["size"] * SECTOR,
            is_linux=row["type"].upper() == LINUX,
            names=_names(disk, offset=row["start"] * SECTOR, size=row["size"] * SECTOR),
        )
        for row in rows
    ]


def _names(disk: Path, *, offset: int, size: int) -> frozenset[str]:
    argv = ["blkid", "--probe", "--output", "export", "--offset", str(offset), "--size", str(size), str(disk)]
    said = process.run(argv, is_checked=False).output.splitlines()
    return frozenset(line for line in said if line.startswith(("LABEL=", "UUID=")))


def _fstab(disk: Path, partition: _Partition) -> list[tuple[str, str, str, str]]:
    """Return source, target, type and options of each line of the fstab in a partition, none where there is none."""
    argv = ["debugfs", "-R", "cat /etc/fstab", f"{disk}?offset={partition.offset}"]
    said = process.run(argv, is_checked=False).output.splitlines()
    words = [line.split() for line in said if line.startswith(("LABEL=", "UUID=", "/dev/"))]
    return [(one[0].replace('"', ""), one[1], one[2], one[3]) for one in words if len(one) >= 4]
