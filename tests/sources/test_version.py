import itertools
import os
import random
import shutil

import pytest

from bakery.core import process
from bakery.sources.version import sort_key

# Oldest first: each rule of Debian Policy 5.6.12, and versions from the archives that are used here.
ORDERED = [
    "1.0~~",
    "1.0~rc1-1",
    "1.0",
    "1.0-1",
    "1.0-1.1",
    "1.0a",
    "1.0+b1",
    "1.0.1",
    "1.9",
    "1.18.0-6ubuntu14",
    "1.18.0-6ubuntu14.24",
    "1.22.1-9",
    "1.22.1-9+deb12u9",
    "1.22.1-9+deb12u11",
    "1.28.0-1~bookworm",
    "1.28.0-1~trixie",
    "20.10.24+dfsg1-1+deb12u1+b6",
    "5:26.1.5-1~debian.12~bookworm",
    "5:27.3.1-1~debian.12~bookworm",
]


def test_versions_sort_as_debian_says() -> None:
    shuffled = random.Random(7).sample(ORDERED, len(ORDERED))
    assert sorted(shuffled, key=sort_key) == ORDERED


@pytest.mark.skipif(
    shutil.which("dpkg") is None and "CI" not in os.environ, reason="a laptop need not have dpkg, CI has to"
)
def test_dpkg_agrees() -> None:
    for older, newer in itertools.pairwise(sorted(ORDERED, key=sort_key)):
        verdict = process.run(["dpkg", "--compare-versions", older, "lt", newer], is_checked=False)
        assert verdict.exit_code == 0, (older, newer)
