"""Room to grow between the files of a base, so that one that is larger tomorrow does not move all those behind it.

mke2fs packs files without a gap, in the order of their names. A block that is the same on another night need not be
uploaded again, but only in the same place: so files and folders get spacers beside them, which are removed again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery.core import process

BLOCK_BYTES = 4096
"""Of ext4 at the size of a base (mke2fs.conf(5))."""

SHARE = 16
"""A file or a folder takes a multiple of the power of two below this share of itself: 4 % more blocks with data."""

FILE_BLOCKS_MIN = 64
"""Smaller files share the room of their folder."""

FAST_LINK_BYTES = 60
"""A symbolic link that is shorter takes no block (linux, Documentation/filesystems/ext4/inodes.rst)."""

WRITE = """\
while (<STDIN>) {
    chomp;
    my ($blocks, $path) = split / /, $_, 2;
    open my $spacer, ">", $path or die "$path: $!";
    print {$spacer} "x" x ($blocks * $ARGV[0]);
    close $spacer or die "$path: $!";
}
"""
"""Perl, because mmdebstrap brings it, and its user may not read our own Python. A file of zeros would take no room."""


@dataclass(frozen=True, kw_only=True)
class Spacer:
    """A file that keeps room: its path in the tree, and its blocks."""

    path: str
    blocks: int


def list_argv(tree: Path) -> list[str]:
    """Return the command that lists what `plan` reads: type, size and path of everything in *tree*."""
    return ["find", str(tree), "-xdev", "-mindepth", "1", "-printf", r"%y %s %P\n"]


def plan(listing: str) -> list[Spacer]:
    """Return where room is kept in a tree, by what `list_argv` says of it."""
    inside: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for line in listing.splitlines():
        kind, size, path = line.split(" ", 2)
        folder, _, name = path.rpartition("/")
        inside[folder].append((name, kind, int(size)))
    spacers: list[Spacer] = []
    _plan_folder("", inside, spacers)
    return spacers


def _plan_folder(folder: str, inside: dict[str, list[tuple[str, str, int]]], spacers: list[Spacer]) -> int:
    """Add the spacers of a folder to *spacers* and return how many blocks it takes with them."""
    total = 1
    for name, kind, size in sorted(inside.get(folder, ())):
        path = f"{folder}/{name}" if folder else name
        if kind == "d":
            total += _plan_folder(path, inside, spacers)
        elif kind == "l":
            total += size >= FAST_LINK_BYTES
        elif kind == "f":
            blocks = -(-size // BLOCK_BYTES)
            total += blocks
            if blocks >= FILE_BLOCKS_MIN:
                total += _keep_room(f"{path}!room", blocks, spacers)
    return total + _keep_room(f"{folder}/~room" if folder else "~room", total, spacers)


def _keep_room(path: str, blocks: int, spacers: list[Spacer]) -> int:
    step = 1 << max((blocks // SHARE).bit_length() - 1, 0)
    missing = -blocks % step
    if missing and '"' not in path:
        spacers.append(Spacer(path=path, blocks=missing))
        return missing
    return 0


def put(tree: Path, spacers: Sequence[Spacer], *, work: Path, inside: Sequence[str] = ()) -> None:
    """Write the spacers into *tree*; *inside* is the command that may write there, *work* a folder of ours."""
    wanted = work / "spacers"
    wanted.write_text("".join(f"{spacer.blocks} {tree / spacer.path}\n" for spacer in spacers))
    process.run([*inside, "perl", "-e", WRITE, str(BLOCK_BYTES)], stdin=wanted)
