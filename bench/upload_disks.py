"""The disks of bench/upload.py: made up, the same every time, and laid out as the images of two nights."""

import json
import os
import random
from pathlib import Path

BLOCK, SIZE_GB, DATA_BYTES = 524288, 40, 1_200_000_000
"""Bytes of a block of EBS; GiB of a disk, and its bytes of data."""
GROUP = 128 << 20
"""Bytes of a block group of ext4 (with blocks of 4 KiB, the default)."""
CHANGED = 0.03
"""What share of the blocks with data is otherwise the next night."""


def fill(raw: Path, *, chance: random.Random) -> set[int]:
    """Write a sparse disk with extents in every fifth group, half noise, half text; return the blocks with data."""
    words = [chance.randbytes(4).hex()[: chance.randint(2, 8)] for _ in range(4000)]
    lines = [(" ".join(chance.choices(words, k=150)) + "\n").encode() for _ in range(3000)]
    shortest, count, found = min(map(len, lines)), (SIZE_GB << 30) // GROUP, set[int]()
    with raw.open("wb") as file:
        file.truncate(SIZE_GB << 30)
        for group in chance.sample(range(count), count // 5):
            at, room = group * GROUP, DATA_BYTES // (count // 5) // 4096 * 4096
            while room:
                length = min(room, 4096 * int(1 + chance.lognormvariate(4, 1.5)))
                is_text = chance.random() < 0.5
                text = b"".join(chance.choices(lines, k=length // shortest + 1))[:length] if is_text else b""
                file.seek(at)
                file.write(text or chance.randbytes(length))
                found.update(range(at // BLOCK, (at + length - 1) // BLOCK + 1))
                at, room = at + length + 4096 * int(chance.lognormvariate(1, 1.5)), room - length
    return found


def change(raw: Path, data: set[int], *, chance: random.Random) -> set[int]:
    """Change a page of CHANGED of the blocks with data, and make every tenth of these zeros; return which."""
    changed = chance.sample(sorted(data), round(CHANGED * len(data)))
    with raw.open("r+b") as file:
        for number, index in enumerate(changed):
            file.seek(index * BLOCK)
            file.write(chance.randbytes(4096) if number % 10 else bytes(BLOCK))
    return set(changed)


def at(raw: Path, release: str) -> Path:
    """Take the build folder of a release, beside the raw disk, for what comes; return its disk."""
    from bakery.disk import artifact
    from tests import local_images

    os.environ["BAKERY_BUILD_DIR"] = str(raw.with_name(f"{raw.stem}-{release}"))
    return artifact.local("host", local_images.BASE).disk


def keep(raw: Path, *, release: str) -> None:
    """Make the image of a bake out of a raw disk."""
    from bakery.core import process
    from bakery.disk import artifact, qemu_img
    from tests import local_images

    at(raw, release)
    made = artifact.local("host", local_images.BASE)
    made.folder.mkdir(parents=True)
    process.run(qemu_img.to_qcow2_argv(raw, source_format="raw", out=made.disk, is_compressed=True))
    made.record.write_text(json.dumps(local_images.record(made, release=release, image="host")))
