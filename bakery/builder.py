"""Runs `packer build` on a workspace and tells what goes on inside the machine, step by step."""

import shlex
from collections import deque
from pathlib import Path

from bakery import packer, process
from bakery.console import Console
from bakery.errors import BakeryError
from bakery.packer import Packer
from bakery.workspace import Workspace


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
        text = packer.message(line)
        if text is None:
            return
        self._log.write(text + "\n")
        event = packer.step_event(text)
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


def build(workspace: Workspace, *, log: Path, packer_: Packer, console: Console) -> dict[str, float]:
    """Bake the image and return the seconds each step took.

    Raises BakeryError (exit code 1) with the failed step's name, its last lines, and where the log is.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if packer_.has_plugins:
        process.run(packer.init_argv(workspace.folder), env=packer.ENVIRONMENT)
    console.update("the machine is starting")
    narrator = Narrator(log=log, console=console)
    environment = {**packer.ENVIRONMENT, "PACKER_CACHE_DIR": str(workspace.folder / "cache")}
    try:
        argv = packer.build_argv(workspace.folder)
        console.say(f"+ {shlex.join(argv)}")
        finished = process.run(argv, env=environment, on_line=narrator.hear, is_checked=False)
    finally:
        narrator.close()
    if finished.exit_code != 0 or not workspace.disk.exists():
        what = f"the step {narrator.failed_step} failed" if narrator.failed_step else "packer failed"
        tail = "\n".join(f"  {line}" for line in narrator.tail)
        raise BakeryError(f"{what}; its last lines:\n{tail}", hint=f"everything is in {log}")
    return narrator.step_seconds
