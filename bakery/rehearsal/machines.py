"""A machine behind an instance: a QEMU guest that one thread starts, watches and ends, and nobody else touches."""

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal import hardware, metadata
from bakery.rehearsal.facts import Facts
from bakery.rehearsal.hardware import Hardware

START_S = 1.0
"""QEMU takes its ports in its first moments or ends at once."""

SHUTDOWN_S = 120
"""How long a guest may take to shut down with hardware virtualisation; stretched by Accelerator.slowness."""

PRESS_EVERY_S = 15.0
"""A guest that has only begun to start does not notice its power button."""

POLL_S = 0.1
MONITOR_TIMEOUT_S = 5.0

Background = Callable[..., AbstractContextManager[Any]]
"""`process.background`, or what a test has in its place."""


class Watcher(Protocol):
    """Who is told what becomes of a machine."""

    def begin(self) -> None:
        """It runs."""

    def end(self, failure: str) -> None:
        """It runs no more; *failure* says why, and is empty where somebody asked for it, inside or outside."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start of a machine."""

    hardware: Hardware
    facts: Callable[[], Facts]
    watcher: Watcher
    pending_s: float = 0.0
    """It has begun after this time at the earliest."""


@dataclass(kw_only=True)
class Machine:
    """One machine, which is switched on and off any number of times."""

    name: str
    """The instance's id."""
    folder: Path
    sockets: Path
    """A folder with a short path: that of a socket has 108 bytes at most (man 7 unix)."""
    disk: Path | None
    """What it begins with and never writes to; None: nothing runs, and only states change."""
    size_gb: int
    accelerator: Callable[[], Accelerator]
    background: Background = process.background
    is_up: threading.Event = field(default_factory=threading.Event)
    """Set when it has asked for its metadata: it has started, and has a network."""
    _wish: threading.Event = field(default_factory=threading.Event)
    """Set when it shall shut down, or end."""
    _is_over: bool = False
    _now: Start | None = None
    _thread: threading.Thread | None = None

    @property
    def overlay(self) -> Path:
        """What it has written; made when it is switched on."""
        return self.folder / f"{self.name}.qcow2"

    @property
    def console(self) -> Path:
        """What its serial console has said."""
        return self.overlay.with_suffix(".console")

    @property
    def is_on(self) -> bool:
        """Whether it was switched on and has not ended yet."""
        return self._now is not None

    def start(self, start: Start) -> None:
        """Switch it on; the watcher hears of the rest."""
        self._wish.clear()
        self.is_up.clear()
        self._now, self._is_over, self._thread = start, False, None
        if self.disk is None and not start.pending_s:
            start.watcher.begin()
            return
        self._thread = threading.Thread(target=self._live, args=(start,), name=self.name)
        self._thread.start()

    def shut_down(self) -> None:
        """Press its power button; what does not end in time is ended."""
        self._wish.set()
        if self._thread is None:
            self._finish("")

    def end(self) -> None:
        """End it at once."""
        self._is_over = True
        self.shut_down()

    def wait(self) -> None:
        """Return when it has ended."""
        if self._thread is not None:
            self._thread.join()

    def take_disk(self) -> Path | None:
        """Return what it would begin with now, a disk that is never written to again; None where nothing can boot.

        It must not be on. What it has written becomes that disk, and the next start writes into a new overlay.
        """
        if self.disk is not None and self.overlay.exists():
            taken = self.folder / f"{self.name}-{secrets.token_hex(4)}.qcow2"
            self.disk = self.overlay.rename(taken)
        return self.disk

    def _finish(self, failure: str) -> None:
        start, self._now = self._now, None
        if start is not None:
            start.watcher.end(failure)

    def _live(self, start: Start) -> None:
        failure = ""
        try:
            if self.disk is None:
                self._pretend(start)
            else:
                failure = self._run(start, self.disk)
        except (BakeryError, OSError) as error:
            failure = str(error)
        self._finish(failure)

    def _pretend(self, start: Start) -> None:
        if not self._wish.wait(start.pending_s):
            start.watcher.begin()
            self._wish.wait()

    def _run(self, start: Start, disk: Path) -> str:
        """Run the guest to its end and return what went wrong."""
        accelerator = self.accelerator()
        if not self.overlay.exists():
            process.run(hardware.overlay_argv(disk, out=self.overlay, size_gb=self.size_gb))
        log = self.overlay.with_suffix(".log")
        with metadata.serving(start.facts, is_asked=self.is_up) as service:
            argv = hardware.machine_argv(
                self.name,
                start.hardware,
                accelerator=accelerator,
                overlay=self.overlay,
                sockets=self.sockets,
                service_port=service.port,
            )
            with self.background(argv, log=log) as child:
                code = self._follow(child, start, slowness=accelerator.slowness)
        if not code:
            return ""
        return (log.read_text(errors="replace").splitlines() or [f"QEMU ended with exit code {code}"])[-1]

    def _follow(self, child: Any, start: Start, *, slowness: int) -> int:
        """Watch a guest until it has ended, or shall be: return its exit code, 0 where it still runs."""
        begin_at = time.monotonic() + max(START_S, start.pending_s)
        press_at = give_up_at = 0.0
        is_begun = False
        while (code := process.wait(child, timeout_s=POLL_S)) is None:
            now = time.monotonic()
            if not is_begun and now >= begin_at:
                is_begun = True
                start.watcher.begin()
            if not self._wish.is_set():
                continue
            give_up_at = give_up_at or now + SHUTDOWN_S * slowness
            if self._is_over or now >= give_up_at:
                return 0
            if now >= press_at:
                press_at = now + PRESS_EVERY_S
                press_power_button(self.sockets / self.name)
        return code


def press_power_button(monitor: Path) -> None:
    """Ask a guest to shut down, through QEMU's monitor (qemu docs/interop/qmp-spec.txt); it may have ended by now."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(MONITOR_TIMEOUT_S)
        connection.connect(str(monitor))
        with connection.makefile("rw", encoding="utf-8") as talk:
            talk.readline()
            for command in ("qmp_capabilities", "system_powerdown"):
                talk.write(json.dumps({"execute": command}) + "\n")
                talk.flush()
                talk.readline()
