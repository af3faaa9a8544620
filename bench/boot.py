"""Times the first boot of a baked image: from power-on to SSH, and to the moment the machine calls itself healthy.

    .venv/bin/python bench/boot.py [--image dokku] [--base debian-12] [--runs 3]

One machine at a time. Prints medians in seconds.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bakery.core import process  # noqa: E402
from bakery.definition import bases  # noqa: E402
from bakery.disk import artifact  # noqa: E402
from bakery.guests import accelerator, guest  # noqa: E402
from bakery.guests.guest import Guest  # noqa: E402

HEALTH = "curl --silent --fail --output /dev/null http://127.0.0.1:{port}/health"


def until(one: Guest, command: str, *, began: float) -> float:
    """Return the seconds since *began* at which the command first succeeds in the guest."""
    while process.run(guest.ssh_argv(one, command), is_checked=False).exit_code != 0:
        time.sleep(0.5)
    return time.monotonic() - began


def first_boot(image: str, base: str) -> tuple[float, float]:
    """Boot a fresh copy; return the seconds to SSH and to healthy."""
    row = bases.base(base)
    made = artifact.local(image, row.name)
    port = next(
        line.partition("=")[2]
        for line in made.settings.read_text().splitlines()
        if line.startswith("BAKERY_HEALTH_PORT=")
    )
    with guest.site() as site:
        machine = guest.Machine(name="timed", disk=made.disk, size_gb=40, user=row.default_user)
        began = time.monotonic()
        with guest.booted(machine, site=site, accelerator=accelerator.probe()) as running:
            return until(running, "true", began=began), until(running, HEALTH.format(port=port), began=began)


def main() -> None:
    """Boot as often as asked, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="dokku")
    parser.add_argument("--base", default="debian-12")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    runs = [first_boot(options.image, options.base) for _ in range(options.runs)]
    for name, seconds in zip(("SSH", "healthy"), zip(*runs, strict=True), strict=True):
        print(f"{options.image:<8}{name:<10}{statistics.median(seconds):6.1f} s  (of {len(runs)})")


if __name__ == "__main__":
    main()
