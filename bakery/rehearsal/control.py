"""What may be asked of the rehearsal itself, beside AWS: its state, its faults, its machines, its end."""

import json
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bakery.core.errors import BakeryError, impossible
from bakery.guests import accelerator
from bakery.rehearsal import faults
from bakery.rehearsal.answers import Answer, plain
from bakery.rehearsal.stage import Rehearsal

PREFIX = "/rehearsal/"


def answer(rehearsal: Rehearsal, method: str, path: str, body: bytes) -> Answer:
    """Answer one control call; none is counted and none is spoilt."""
    try:
        given = json.loads(body) if body else {}
        if not isinstance(given, dict):
            raise impossible("the body is no JSON object")
        match f"{method} {path.removeprefix(PREFIX)}":
            case "GET state":
                return plain(state(rehearsal))
            case "POST faults":
                rehearsal.faults = faults.from_values(given, where="faults")
            case "POST accelerator":
                rehearsal.world.accelerator = _choice(given.get("name"))
            case "POST base-disks":
                set_base_disks(rehearsal, given)
            case "POST stop":
                rehearsal.over.set()
            case _:
                return plain({"message": f"there is no {method} {path}"}, status=HTTPStatus.NOT_FOUND)
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


def _choice(name: object) -> str:
    if name not in accelerator.CHOICES:
        raise impossible(f"machines do not run by {name!r}", hint=f"one of {', '.join(accelerator.CHOICES)}")
    return str(name)


def set_base_disks(rehearsal: Rehearsal, given: dict[str, Any]) -> None:
    """Take in the disks behind the seeded images.

    Raises BakeryError (exit code 2) when one is not there.
    """
    disks = {name: Path(str(path)) for name, path in given.items()}
    for name, disk in disks.items():
        if not disk.is_file():
            raise impossible(f"the base disk of {name} is not there: {disk}")
    rehearsal.world.base_disks.update(disks)
