"""Times how long commands take to start: invoke by itself, and through ./inv, in turn.

.venv/bin/python bench/start.py [--runs 15]
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bakery.core import process  # noqa: E402
from bakery.core.console import table  # noqa: E402

INVOKE = [sys.executable, "-P", "-m", "invoke", "--search-root", str(ROOT)]
WAYS = {
    "invoke --list": [*INVOKE, "--list"],
    "./inv --list": [str(ROOT / "inv"), "--list"],
    "invoke bake --dry-run": [*INVOKE, "bake", "--dry-run"],
    "./inv bake --dry-run": [str(ROOT / "inv"), "bake", "--dry-run"],
}


def main() -> None:
    """Measure and print medians in milliseconds."""
    parser = argparse.ArgumentParser(description="time how long commands take to start")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(options.runs):
        for name, argv in WAYS.items():
            began = time.perf_counter()
            process.run(argv)
            seconds[name].append(time.perf_counter() - began)
    rows = [(name, f"{statistics.median(spent) * 1000:.0f}") for name, spent in seconds.items()]
    table(f"Median of {options.runs}", ("command", "ms"), rows, to_stdout=True)


if __name__ == "__main__":
    main()
