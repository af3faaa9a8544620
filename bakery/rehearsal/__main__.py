"""`python -m bakery.rehearsal`: the rehearsal cloud as a program, which ends when asked to or when nobody calls.

It says where it is in a state file, as soon as it listens; `bakery.rehearsal.service` reads that.
"""

import argparse
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bakery.core import folders, process
from bakery.core.errors import BakeryError
from bakery.core.files import write_whole
from bakery.rehearsal import faults, service
from bakery.rehearsal.owner import new_keys

if TYPE_CHECKING:
    from bakery.rehearsal.stage import Rehearsal

IDLE_S = 4 * 3600.0
LOOK_S = 30.0
"""How often it looks whether somebody still calls."""


def main(argv: list[str]) -> int:
    """Run until the end is asked for, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bakery.rehearsal", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; 0: a free one")
    parser.add_argument("--idle-s", type=float, default=IDLE_S, help="end after so many seconds without a call")
    asked = parser.parse_args(argv)
    try:
        service.require_moto()
        begun_with = faults.read(os.environ.get(service.FAULTS_VARIABLE, ""))
    except BakeryError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return error.exit_code
    # A profile of the owner's that is none, say, would end every call: moto makes sessions of its own.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    # moto takes a second and a half.
    from bakery.rehearsal.server import serving

    process.interrupt_on_sigterm()
    state = service.state_file()
    state.parent.mkdir(parents=True, exist_ok=True)
    keys = new_keys()
    begun = serving(faults=begun_with, folder=state.parent, port=asked.port, keys=keys)
    # Its machines begin with disks of the cache.
    with folders.cache_in_use(), begun as rehearsal:
        told = {"url": rehearsal.url, "pid": os.getpid(), "keys": vars(keys)}
        write_whole(state, json.dumps(told, indent=2), is_private=True)
        try:
            wait_for_the_end(rehearsal, idle_s=asked.idle_s)
        finally:
            forget(state)
    return 0


def wait_for_the_end(rehearsal: "Rehearsal", *, idle_s: float) -> None:
    """Return when the end was asked for, by a call or a signal, or when no call came for *idle_s*."""
    with suppress(KeyboardInterrupt):
        while time.monotonic() - rehearsal.heard_at < idle_s:
            if rehearsal.over.wait(min(LOOK_S, idle_s)):
                return


def forget(state: Path) -> None:
    """Remove the state file, unless another one has taken its place."""
    if state.exists() and json.loads(state.read_text()).get("pid") == os.getpid():
        state.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
