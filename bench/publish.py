"""Times publishing to 1, 6, 17 and 34 regions at once against one region after another, in the rehearsal cloud.

    .venv/bin/python bench/publish.py [--runs 3] [--latency-ms 100] [--pending-s 20] [--json]

Every call takes --latency-ms longer and a copy is pending for --pending-s, as AWS's are for minutes. The serial way is
the same code with one region at a time; it is timed for 6 regions and, being proportional, reckoned for more. `plan` is
timed for all 34 without and with the latency: the difference is what waiting for calls adds.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

COUNTS = (1, 6, 17, 34)
SERIAL = 6


def places(count: int) -> tuple[str, ...]:
    """Return that many regions, the one that was baked in first."""
    from bakery.definition.aws_regions import REGIONS, Partition, partition
    from tests.rehearsed import HOME

    others = [name for name in REGIONS if name != HOME and partition(name) is Partition.AWS]
    return (HOME, *others)[:count]


def quietly(act: Callable[[], object]) -> float:
    """Return the seconds that *act* takes, with what it says left out."""
    with Path(os.devnull).open("w") as nowhere:
        outer, sys.stderr, said, sys.stdout = sys.stderr, nowhere, sys.stdout, nowhere
        try:
            began = time.monotonic()
            act()
            return time.monotonic() - began
        finally:
            sys.stderr, sys.stdout = outer, said


def publish_s(rehearsal: Any, count: int, *, faults: Any, is_serial: bool = False) -> tuple[float, int]:
    """Return the seconds of a publication to *count* regions, and its calls."""
    from bakery.clouds.aws.cloud import AwsCloud
    from bakery.core import parallel
    from bakery.core.console import Console
    from bakery.rehearsal.faults import NONE
    from bakery.release import publish
    from tests import rehearsed

    rehearsal.reset()
    rehearsal.world.opted_in.update(places(34))
    rehearsed.bake(rehearsal)
    order = publish.Order(image="host", release=rehearsed.RELEASE, regions=places(count))
    account = AwsCloud(account=rehearsed.account_at(rehearsal.url))
    at_once, parallel.MOST_AT_ONCE = parallel.MOST_AT_ONCE, 1 if is_serial else parallel.MOST_AT_ONCE
    rehearsal.faults = faults
    try:
        seconds = quietly(lambda: publish.publish(order, account=account, console=Console()))
    finally:
        rehearsal.faults, parallel.MOST_AT_ONCE = NONE, at_once
    return seconds, len(rehearsal.calls)


def plan_s(rehearsal: Any, *, faults: Any) -> float:
    """Return the seconds of a plan for all regions."""
    from bakery.clouds.aws.cloud import AwsCloud
    from bakery.core.console import Console
    from bakery.rehearsal.faults import NONE
    from bakery.release import bake, preview
    from tests import rehearsed

    rehearsal.reset()
    rehearsal.world.opted_in.update(places(34))
    rehearsal.faults = faults
    order = bake.Order(image="host", regions=places(34))
    account = AwsCloud(account=rehearsed.account_at(rehearsal.url))
    try:
        return quietly(lambda: preview.show(order, account=account, console=Console()))
    finally:
        rehearsal.faults = NONE


def main() -> None:
    """Time everything as often as asked, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--pending-s", type=float, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bakery-bench-") as name:
        os.environ["BAKERY_BUILD_DIR"] = name
        from bakery.rehearsal.faults import NONE, Faults
        from bakery.rehearsal.server import serving

        faults = Faults(latency_ms=options.latency_ms, pending_s=options.pending_s)
        found: dict[str, Any] = {"seconds": {}, "calls": {}, "peak_mb": {}}
        with serving() as rehearsal:
            publish_s(rehearsal, 1, faults=NONE)  # the first run reads boto3's descriptions of the services
            for count in COUNTS:
                runs = [publish_s(rehearsal, count, faults=faults) for _ in range(options.runs)]
                found["seconds"][count] = round(statistics.median(seconds for seconds, _ in runs), 1)
                found["calls"][count] = runs[-1][1]
                found["peak_mb"][count] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            serial, _ = publish_s(rehearsal, SERIAL, faults=faults, is_serial=True)
            plans = [plan_s(rehearsal, faults=each) for each in (NONE, Faults(latency_ms=options.latency_ms))]
        found["serial_s"] = {str(count): round(serial * count / SERIAL, 1) for count in COUNTS}
        found["plan_34_s"] = {"without latency": round(plans[0], 2), "with": round(plans[1], 2)}
    print(json.dumps(found, indent=2) if options.json else text(found))


def text(found: dict[str, Any]) -> str:
    """Return the figures as a table for people."""
    one = found["seconds"][COUNTS[0]]
    rows = ["regions  seconds  / one region  serial  calls  peak MB (client and rehearsal together)"]
    rows += [
        f"{count:7}  {found['seconds'][count]:7.1f}  {found['seconds'][count] / one:12.2f}"
        f"  {found['serial_s'][str(count)]:6.0f}  {found['calls'][count]:5}  {found['peak_mb'][count]:7}"
        for count in COUNTS
    ]
    plans = found["plan_34_s"]
    return "\n".join([*rows, f"plan for 34 regions: {plans['without latency']} s, with latency {plans['with']} s"])


if __name__ == "__main__":
    main()
