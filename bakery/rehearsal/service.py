"""The rehearsal cloud as a background program: started once, found again by its state file, ended on request.

Nothing here imports moto; whoever only asks whether a rehearsal runs must not pay for it.
"""

import http.client
import importlib.util
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bakery import ROOT
from bakery.core import folders, process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible, missing
from bakery.core.waiting import Patience, wait_until
from bakery.guests import accelerator
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal import faults as spoiling
from bakery.rehearsal.owner import Keys

ACCESS_KEY = "AKIAREHEARSAL0000000"
"""The key id of whoever rehearses: AWS's ids, and what moto reads as one, have 20 letters and digits."""
SECRET_KEY = "rehearsal"  # noqa: S105  # it opens nothing but the rehearsal

SCALEWAY_ACCESS_KEY = "SCWREHEARSAL00000000"
SCALEWAY_SECRET_KEY = "5ca1ab1e-0000-4000-8000-000000000001"  # noqa: S105  # likewise, and a UUID as all of theirs are
PROJECT = "5ca1ab1e-0000-4000-8000-000000000002"
ORGANIZATION = "5ca1ab1e-0000-4000-8000-000000000003"
FOREIGN_SECRET_KEY = "5ca1ab1e-0000-4000-8000-000000000004"  # noqa: S105  # of a project that has nothing here
FOREIGN_PROJECT = "5ca1ab1e-0000-4000-8000-000000000005"

KNOWN = Keys(access_key=ACCESS_KEY, scaleway_access_key=SCALEWAY_ACCESS_KEY, scaleway_secret_key=SCALEWAY_SECRET_KEY)
"""Those of a rehearsal inside the process of a test, which asks nobody for any; a program has its own."""

PORTS = {22: 2222, 80: 8080, 443: 8443, 8077: 8077}
"""TCP ports of a machine, and where its own address of the loopback has them: ports that need no root."""

FAULTS_VARIABLE = "BAKERY_REHEARSAL_FAULTS"
PORT_BEGINS_S = 30.0
ENDS_S = 20.0
ANSWERS_S = 5.0
POLL_S = 0.05


_begun_here: list[int] = []
"""The processes of rehearsal clouds that this program has started."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A rehearsal cloud that runs: its address, for AWS_ENDPOINT_URL, its process, and what it answers to."""

    url: str
    pid: int
    keys: Keys = KNOWN


def state_file() -> Path:
    """Return where a rehearsal cloud says that it runs, for us alone: `url`, `pid` and `keys`."""
    return folders.build_dir("rehearsal").parent / "server.json"


def log_file() -> Path:
    """Return where it prints what goes wrong inside it."""
    return state_file().with_name("server.log")


def require_moto() -> None:
    """Raise BakeryError (exit code 3) when what a rehearsal is made of is not installed."""
    if not all(importlib.util.find_spec(name) for name in ("moto", "flask", "boto3")):
        raise missing("the rehearsal cloud needs moto", hint="pip install dokku-bakery[rehearsal]")


def start(*, console: Console, faults: str = "", machines: str = "") -> Running:
    """Return the rehearsal cloud that runs, or start one; *faults* (see `rehearsal.faults.read`) hold from now on.

    *machines* that are switched on from now on run that way, one of `accelerator.CHOICES`; empty leaves it as it is.
    Raises BakeryError: exit code 2 when the faults are none, 3 without moto, 1 when it does not answer within 30 s.
    """
    require_moto()
    wanted = spoiling.read(faults)
    lock = state_file().with_name("server.lock")
    with folders.locked(lock, what="starting the rehearsal cloud", console=console):
        there = running()
        if there is None:
            console.say("starting the rehearsal cloud: an AWS and a Scaleway on this machine, and not the real ones")
            there = _begin(faults)
        elif faults:
            ask(there, "POST", "faults", body=vars(wanted))
    if machines:
        accelerator.choose(machines)
        ask(there, "POST", "accelerator", body={"name": machines})
    console.say(f"the rehearsal cloud is at {there.url} (process {there.pid})")
    return there


def running() -> Running | None:
    """Return the rehearsal cloud that runs; None when there is none, and then its state file is removed."""
    try:
        there = read(state_file())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        there = None
    if there is not None and _is_alive(there.pid) and _state(there).get("pid") == there.pid:
        return there
    state_file().unlink(missing_ok=True)
    return None


def read(state: Path) -> Running:
    """Return what a state file tells. Raises ValueError, KeyError or TypeError where it tells nothing."""
    kept = json.loads(state.read_text())
    return Running(url=kept["url"], pid=kept["pid"], keys=Keys(**kept["keys"]))


def machines(there: Running) -> Accelerator:
    """Return how a rehearsal's machines run."""
    return accelerator.choose(str(ask(there, "GET", "state")["accelerator"]))


def stop() -> bool:
    """End the rehearsal cloud and all its machines; return whether there was one.

    Raises BakeryError (exit code 1) when it does not end.
    """
    there = running()
    if there is None:
        return False
    with suppress(OSError, http.client.HTTPException):
        ask(there, "POST", "stop")
    if not _is_gone(there.pid):
        with suppress(ProcessLookupError):
            os.kill(there.pid, signal.SIGTERM)
        if not _is_gone(there.pid):
            raise BakeryError(f"the rehearsal cloud (process {there.pid}) does not end", hint=f"kill -9 {there.pid}")
    state_file().unlink(missing_ok=True)
    return True


def stop_begun_here() -> bool:
    """End the rehearsal cloud if it was this program that started it; return whether it was.

    Raises BakeryError (exit code 1) when it does not end.
    """
    there = running() if _begun_here else None
    return there is not None and there.pid in _begun_here and stop()


def scaleway_environment(there: Running) -> dict[str, str]:
    """Return what makes Scaleway's SDK, and Packer, call a rehearsal; its object storage is at the same address."""
    return {
        "SCW_API_URL": there.url,
        "SCW_ACCESS_KEY": there.keys.scaleway_access_key,
        "SCW_SECRET_KEY": there.keys.scaleway_secret_key,
        "SCW_DEFAULT_PROJECT_ID": PROJECT,
        "SCW_DEFAULT_ORGANIZATION_ID": ORGANIZATION,
        "SCW_PROFILE": "",
    }


def describe() -> list[str]:
    """Return what is worth knowing of the rehearsal cloud that runs, a line each; nothing when there is none."""
    there = running()
    state = _state(there) if there is not None else {}
    if there is None or not state:
        return []
    return [
        f"address    {there.url} (process {there.pid})",
        f"since      {datetime.fromisoformat(state['since']).astimezone():%Y-%m-%d %H:%M}",
        f"calls      {state['calls']}",
        f"machines   {state['accelerator']}",
        f"instances  {', '.join(state['instances']) or 'none'}",
    ]


def ask(there: Running, method: str, what: str, *, body: object = None) -> dict[str, Any]:
    """Make a control call, one of those in `rehearsal.control`, and return its answer.

    Raises BakeryError (exit code 2) when it is refused, OSError when nobody answers within 5 s.
    """
    connection = http.client.HTTPConnection(urlsplit(there.url).netloc, timeout=ANSWERS_S)
    try:
        headers = {"X-Auth-Token": there.keys.scaleway_secret_key}
        told = None if body is None else json.dumps(body)
        connection.request(method, f"/rehearsal/{what}", body=told, headers=headers)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise impossible(answer["message"], hint=answer.get("hint", ""))
    return answer


def _begin(faults: str) -> Running:
    # The package is found by its folder: it is run from a checkout as often as installed.
    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    pid = process.detached(
        [sys.executable, "-m", "bakery.rehearsal"],
        log=log_file(),
        env={FAULTS_VARIABLE: faults, "PYTHONPATH": search},
    )
    deadline = time.monotonic() + PORT_BEGINS_S
    while time.monotonic() < deadline and _is_alive(pid):
        if state_file().exists() and (there := running()) is not None:
            _begun_here.append(there.pid)
            return there
        time.sleep(POLL_S)
    if _is_alive(pid):
        os.kill(pid, signal.SIGTERM)
    said = "\n".join(log_file().read_text(errors="replace").splitlines()[-process.TAIL_LINES :])
    raise BakeryError(f"the rehearsal cloud does not answer:\n{said}", hint=f"the whole story is in {log_file()}")


def _state(there: Running) -> dict[str, Any]:
    with suppress(OSError, ValueError, http.client.HTTPException):
        return ask(there, "GET", "state")
    return {}


def _is_gone(pid: int) -> bool:
    return wait_until(lambda: not _is_alive(pid), patience=Patience(deadline_s=ENDS_S, pauses_s=(POLL_S, POLL_S)))


def _is_alive(pid: int) -> bool:
    # A process that has ended stays in the table until its parent asks how: here that is us, or process 1, which in a
    # container may take its time or never do it.
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
