"""What may be asked of the rehearsal itself, beside AWS: its state, its faults, its machines, its buckets, its end."""

import json
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bakery.core.errors import BakeryError, impossible
from bakery.guests import accelerator
from bakery.rehearsal import faults
from bakery.rehearsal.answers import Answer, plain
from bakery.rehearsal.scaleway import storage
from bakery.rehearsal.stage import Rehearsal

PREFIX = "/rehearsal/"


def answer(rehearsal: Rehearsal, method: str, path: str, body: bytes) -> Answer:
    """Answer one control call; none is counted and none is spoilt."""
    try:
        given = json.loads(body) if body else {}
        if not isinstance(given, dict):
            raise impossible("the body is no JSON object")
        what = path.removeprefix(PREFIX)
        if (method, what) == ("GET", "state"):
            return plain(state(rehearsal))
        act = ACTS.get(what) if method == "POST" else None
        if act is None:
            return plain({"message": f"there is no {method} {path}"}, status=HTTPStatus.NOT_FOUND)
        act(rehearsal, given)
    except json.JSONDecodeError as error:
        return plain({"message": f"the body is no JSON: {error}"}, status=HTTPStatus.BAD_REQUEST)
    except BakeryError as error:
        return plain({"message": error.message, "hint": error.hint}, status=HTTPStatus.BAD_REQUEST)
    return plain({})


def state(rehearsal: Rehearsal) -> dict[str, object]:
    """Return what is worth knowing from outside."""
    return {
        "pid": os.getpid(),
        "since": rehearsal.since.isoformat(),
        "calls": len(rehearsal.calls),
        "instances": rehearsal.instances(),
        "faults": vars(rehearsal.faults),
        "accelerator": rehearsal.world.accelerator,
    }


def set_faults(rehearsal: Rehearsal, given: dict[str, Any]) -> None:
    """Let things go wrong from now on. Raises BakeryError (exit code 2) for faults that are none."""
    rehearsal.faults = faults.from_values(given, where="faults")


def set_accelerator(rehearsal: Rehearsal, given: dict[str, Any]) -> None:
    """Run machines in one way from now on. Raises BakeryError (exit code 2) for one that is none."""
    name = given.get("name")
    if name not in accelerator.CHOICES:
        raise impossible(f"machines do not run by {name!r}", hint=f"one of {', '.join(accelerator.CHOICES)}")
    rehearsal.world.accelerator = str(name)


def have_buckets(_rehearsal: Rehearsal, given: dict[str, Any]) -> None:
    """See to it that there are buckets, named by their regions."""
    for region, name in given.items():
        storage.have(str(name), region=region)


def stop(rehearsal: Rehearsal, _given: dict[str, Any]) -> None:
    """End the rehearsal, soon."""
    rehearsal.over.set()


def set_base_disks(rehearsal: Rehearsal, given: dict[str, Any]) -> None:
    """Take in the disks behind the seeded images.

    Raises BakeryError (exit code 2) when one is not there.
    """
    disks = {name: Path(str(path)) for name, path in given.items()}
    for name, disk in disks.items():
        if not disk.is_file():
            raise impossible(f"the base disk of {name} is not there: {disk}")
    rehearsal.world.base_disks.update(disks)


ACTS: Mapping[str, Callable[[Rehearsal, dict[str, Any]], None]] = {
    "accelerator": set_accelerator,
    "base-disks": set_base_disks,
    "buckets": have_buckets,
    "faults": set_faults,
    "stop": stop,
}
"""What may be done to it, by the last part of the path."""
