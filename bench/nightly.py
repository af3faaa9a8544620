"""Times a night in which nothing changed: three images in 34 regions of the rehearsal cloud, against a bake.

    .venv/bin/python bench/nightly.py [--runs 3] [--latency-ms 0] [--packages 63000] [--json]

"decide" is a dry night: definition, base and packages, with an empty cache of package lists and with a warm one.
"whole" goes on to look in every region whether the release and `latest` are there. The archive is on this machine and
has as many packages as Debian's; an image has 450 of them. Packer and the judge are functions that take no time.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

BAKE_S = 164.0
"""A verified bake of `host` on two cores, natively, with a warm base (docs/performance.md)."""
IMAGES = ("host", "shop", "blog")
INSTALLED = 450


def quietly(act: Callable[[], object]) -> float:
    """Return the seconds that *act* takes, with what it says left out."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        began = time.monotonic()
        act()
        return time.monotonic() - began


def places() -> tuple[str, ...]:
    """Return all 34 regions, the one that bakes first."""
    from bakery.definition.aws_regions import REGIONS, Partition, partition
    from tests.rehearsed import HOME

    return (HOME, *(name for name in REGIONS if name != HOME and partition(name) is Partition.AWS))


def measure(folder: Path, *, runs: int, latency_ms: float, packages: int) -> dict[str, Any]:
    """Return medians of seconds, and how many calls a night makes."""
    import pytest

    from bakery.clouds.aws.cloud import AwsCloud
    from bakery.core.console import Console
    from bakery.rehearsal.faults import NONE, Faults
    from bakery.rehearsal.server import serving as rehearsing
    from bakery.release import nightly
    from bakery.release.night import State
    from tests import nights
    from tests.aws_account import account_of
    from tests.loopback import serving

    where = places()

    def night(*, is_dry: bool) -> list[Any]:
        account = AwsCloud(account=account_of(cloud))  # a new one: a command of its own knows nothing yet
        order = nightly.Order(images=IMAGES, places=where, base="debian-12", is_dry=is_dry)
        found = nightly.nightly(order, doors=nightly.Doors(account=lambda _: account), console=Console())
        states = {one.state for one in found}
        assert is_first or states == {State.UNCHANGED}, [one.line for one in found]
        return found

    with rehearsing() as cloud, serving() as archive, pytest.MonkeyPatch.context() as patch:
        kitchen = nights.kitchen(archive, folder / "images", patch)
        (folder / "images/blog.toml").write_text('from = "host"\npackages = ["less"]\n')
        kitchen.versions |= {f"package-{number}": f"1.{number}-1" for number in range(INSTALLED)}
        shelf = {f"package-{number}": [f"1.{number}-1"] for number in range(packages)}
        archive.add_suite("/debian", "bookworm", {name: [at] for name, at in kitchen.versions.items()} | shelf)
        cloud.reset()
        cloud.world.opted_in.update(where)
        is_first = True
        quietly(lambda: night(is_dry=False))
        is_first = False
        cloud.faults = Faults(latency_ms=latency_ms) if latency_ms else NONE
        cold, warm, whole = [], [], []
        for _ in range(runs):
            shutil.rmtree(folder / "cache", ignore_errors=True)
            cold.append(quietly(lambda: night(is_dry=True)))
            warm.append(quietly(lambda: night(is_dry=True)))
            calls = len(cloud.calls)
            whole.append(quietly(lambda: night(is_dry=False)))
            calls = len(cloud.calls) - calls
        cloud.faults = NONE
    medians = {name: statistics.median(spent) for name, spent in (("cold", cold), ("warm", warm), ("whole", whole))}
    return {"seconds": {name: round(spent, 2) for name, spent in medians.items()}, "calls": calls}


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table for people."""
    titles = {"cold": "decide, no list cached", "warm": "decide, lists cached", "whole": "whole night, lists cached"}
    rows = [f"{'':28}seconds  / a bake of {BAKE_S:.0f} s"]
    rows += [f"{titles[name]:28}{spent:7.2f}  {spent / BAKE_S:.4f}" for name, spent in found["seconds"].items()]
    return "\n".join([*rows, f"calls of a whole night: {found['calls']}"])


def main() -> None:
    """Time everything as often as asked, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--packages", type=int, default=63_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bakery-bench-") as name:
        os.environ |= {"BAKERY_BUILD_DIR": f"{name}/build", "XDG_CACHE_HOME": f"{name}/cache"}
        found = measure(Path(name), runs=options.runs, latency_ms=options.latency_ms, packages=options.packages)
    print(json.dumps(found, indent=2) if options.json else text(found))


if __name__ == "__main__":
    main()
