"""A stand-in for QEMU in tests on instances: it has a power button and a metadata service to ask, and boots nothing."""

import json
import re
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bakery.core import scratch
from bakery.guests import native_probe

TIMEOUT_S = 10.0


@dataclass(kw_only=True)
class StandIn:
    """One run of the stand-in: how it was started, and what happened to it."""

    argv: list[str]
    is_deaf: bool
    """Whether it ignores its power button."""
    over: threading.Event = field(default_factory=threading.Event)
    exit_code: int = 0
    pressed: int = 0
    is_ended: bool = False
    """Whether it was ended from outside."""

    def option(self, name: str, containing: str = "") -> str:
        """Return the value of one of its options, the one with *containing* in it."""
        values = [value for key, value in zip(self.argv, self.argv[1:], strict=False) if key == name]
        return next(value for value in values if containing in value)

    @property
    def forwarded(self) -> list[str]:
        """Its open ports: `ADDRESS:PORT-:PORT IN THE GUEST`."""
        return re.findall(r"hostfwd=tcp:([^,]+)", self.option("-nic"))

    def metadata(self, path: str) -> str:
        """Ask its metadata service, without a token."""
        found = re.search(r"relay\.py'? (\d+)", self.option("-nic"))
        assert found
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/latest/{path}", timeout=TIMEOUT_S) as answer:
            return str(answer.read().decode())

    def wait(self, timeout: float) -> int:
        """Do as Popen.wait does."""
        if self.over.wait(timeout):
            return self.exit_code
        raise subprocess.TimeoutExpired(self.argv[0], timeout)

    def power_off(self, exit_code: int = 0) -> None:
        """Do what a guest does that shuts itself down."""
        self.exit_code = exit_code
        self.over.set()

    def listen(self, monitor: socket.socket) -> None:
        """Be the monitor: answer one command after the other, connection after connection."""
        while True:
            try:
                connection, _ = monitor.accept()
            except OSError:
                return
            with connection, connection.makefile("rw") as talk:
                talk.write(json.dumps({"QMP": {}}) + "\n")
                talk.flush()
                for line in talk:
                    talk.write(json.dumps({"return": {}}) + "\n")
                    talk.flush()
                    if json.loads(line)["execute"] == "system_powerdown":
                        self.pressed += 1
                        if not self.is_deaf:
                            self.power_off()


@dataclass(kw_only=True)
class Workshop:
    """All that were started, in the place of `process.background`."""

    runs: list[StandIn] = field(default_factory=list)
    is_deaf: bool = False
    breaks_with: str = ""
    """What it says as it ends at once, with exit code 1."""

    @contextmanager
    def background(self, argv: Sequence[str], *, log: Path) -> Iterator[StandIn]:
        """Run the stand-in while the body runs."""
        run = StandIn(argv=list(argv), is_deaf=self.is_deaf)
        log.write_text(self.breaks_with)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.bind(run.option("-qmp").removeprefix("unix:").partition(",")[0])
            monitor.listen()
            thread = threading.Thread(target=run.listen, args=(monitor,))
            thread.start()
            self.runs.append(run)
            if self.breaks_with:
                run.power_off(exit_code=1)
            try:
                yield run
            finally:
                run.is_ended = not run.over.is_set()
                monitor.shutdown(socket.SHUT_RDWR)
                thread.join()
                Path(monitor.getsockname()).unlink()


INIT = """#!/bin/bash
trap 'exit 0' RTMIN+3
echo "seed: $(</var/lib/cloud/seed/nocloud/user-data) $(</var/lib/cloud/seed/nocloud/meta-data)"
echo start >>/starts
mapfile -t starts </starts
echo "starts: ${#starts[@]}"
while true; do read -r -t 1 <> <(:); done
"""
"""Of a machine that shows its seed, counts its starts, and ends when it is switched off."""


@contextmanager
def native_disk() -> Iterator[Path]:
    """Give a disk of a few megabytes that boots natively with that init, while the body runs."""
    with scratch.small() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_probe, "INIT", INIT)
        yield native_probe.make_disk(folder)


def soon(question: Callable[[], object]) -> None:
    """Wait until the answer is true."""
    deadline = time.monotonic() + TIMEOUT_S
    while not question():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)
