"""Runs `packer build` on a workspace and tells what goes on inside the machine, step by step."""

import os
import shlex
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bakery.core import process, proxies
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.packer import engine
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace


class Narrator:
    """Reads Packer's lines: all of them into the log, the steps to the console, the last ones kept for a failure."""

    def __init__(self, *, log: Path, console: Console) -> None:
        self.failed_step = ""
        self.tail: deque[str] = deque(maxlen=process.TAIL_LINES)
        self.step_seconds: dict[str, float] = {}
        self._log = log.open("w", buffering=1)
        self._console = console

    def hear(self, line: str) -> None:
        """Take one `-machine-readable` line."""
        text = engine.message(line)
        if text is None:
            return
        self._log.write(text + "\n")
        event = engine.step_event(text)
        if event is None:
            if not self.failed_step:
                self.tail.extend(part for part in text.splitlines() if part.strip())
        elif event.event == "start":
            self.tail.clear()
            self._console.update(f"step {event.name}", done=event.number - 1, total=event.total)
            self._console.update(f"step {event.number}/{event.total} {event.name}")
        elif event.event == "failed":
            self.failed_step = event.name
        else:
            self.step_seconds[event.name] = float(event.value)

    def close(self) -> None:
        """Close the log."""
        self._log.close()


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """What a bake in a region left: the AMI's id, and the seconds each step took."""

    image_id: str
    step_seconds: dict[str, float]


def build(workspace: Workspace, *, log: Path, packer_: Packer, console: Console, ssh_port: int = 0) -> dict[str, float]:
    """Bake the image and return the seconds each step took.

    *ssh_port* is of a machine that runs already, and that Packer does not switch off. Raises BakeryError (exit code 1)
    with the failed step's name, its last lines, and where the log is.
    """
    behind = {f"PKR_VAR_{name}": value for name, value in proxies.of_guest(os.environ).items()}
    if ssh_port:
        behind["PKR_VAR_ssh_port"] = str(ssh_port)
    narrator = _run(workspace, log=log, packer_=packer_, console=console, env=behind)
    if not workspace.disk.exists():
        raise _failure(narrator, log=log)
    return narrator.step_seconds


def build_image(
    workspace: Workspace, *, log: Path, packer_: Packer, console: Console, env: Mapping[str, str]
) -> BuiltImage:
    """Bake the image in a region and return its id there; *env* says whose account it is, and is added to our own.

    Raises BakeryError like `build`.
    """
    narrator = _run(workspace, log=log, packer_=packer_, console=console, env=env)
    ids = engine.image_ids(workspace.manifest.read_text()) if workspace.manifest.exists() else {}
    if not ids:
        raise _failure(narrator, log=log)
    (image_id,) = ids.values()
    return BuiltImage(image_id=image_id, step_seconds=narrator.step_seconds)


def _run(workspace: Workspace, *, log: Path, packer_: Packer, console: Console, env: Mapping[str, str]) -> Narrator:
    log.parent.mkdir(parents=True, exist_ok=True)
    if packer_.has_plugins:
        process.run(engine.init_argv(workspace.folder), env=engine.ENVIRONMENT)
    console.update("the machine is starting")
    narrator = Narrator(log=log, console=console)
    environment = {**engine.ENVIRONMENT, "PACKER_CACHE_DIR": str(workspace.folder / "cache"), **env}
    try:
        argv = engine.build_argv(workspace.folder)
        console.say(f"+ {shlex.join(argv)}")
        finished = process.run(argv, env=environment, on_line=narrator.hear, is_checked=False)
    finally:
        narrator.close()
    if finished.exit_code != 0:
        raise _failure(narrator, log=log)
    return narrator


def _failure(narrator: Narrator, *, log: Path) -> BakeryError:
    what = f"the step {narrator.failed_step} failed" if narrator.failed_step else "packer failed"
    tail = "\n".join(f"  {line}" for line in narrator.tail)
    return BakeryError(f"{what}; its last lines:\n{tail}", hint=f"everything is in {log}")
