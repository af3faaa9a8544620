"""A machine of a rehearsed cloud: one thread starts, watches and ends it, and nobody else touches it."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal import emulated, hardware, natively
from bakery.rehearsal.hardware import Hardware
from bakery.rehearsal.natively import Seed

START_S = 1.0
"""QEMU takes its ports in its first moments or ends at once."""

SHUTDOWN_S = 120
"""How long a guest may take to shut down with hardware virtualisation; stretched by Accelerator.slowness."""

PRESS_EVERY_S = 15.0
"""A guest that has only begun to start does not notice its power button."""

POLL_S = 0.1

Background = Callable[..., AbstractContextManager[Any]]
"""`process.background`, or what a test has in its place."""


class Watcher(Protocol):
    """Who is told what becomes of a machine."""

    def begin(self) -> None:
        """It runs."""

    def end(self, failure: str) -> None:
        """It runs no more; *failure* says why, and is empty where somebody asked for it, inside or outside."""


class Board(Protocol):
    """What a platform adds to a machine in QEMU."""

    def __call__(
        self, name: str, made: Hardware, *, folder: Path, is_up: threading.Event
    ) -> AbstractContextManager[list[str]]:
        """Give what QEMU is told of it, and keep alive what that leads to while the body runs.

        *folder* is for files that it needs; *is_up* may be set as soon as the machine has a network.
        """


class Running(Protocol):
    """What runs: its process, and its power button."""

    @property
    def child(self) -> Any:
        """The process that ends with it."""

    @property
    def log(self) -> Path:
        """Where that says why it failed."""

    def press_power_button(self) -> None:
        """Have it shut down in order."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start of a machine."""

    hardware: Hardware
    board: Board
    seed: Callable[[], Seed]
    """What cloud-init is told natively, where there is no board."""
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
    size: int
    """Of its root disk, in bytes."""
    accelerator: Callable[[], Accelerator]
    background: Background = process.background
    is_up: threading.Event = field(default_factory=threading.Event)
    """Set when it has started, and has a network: a guest has asked for its metadata."""
    written: Path | None = None
    """The disk that it writes to; None until it was switched on."""
    _wish: threading.Event = field(default_factory=threading.Event)
    """Set when it shall shut down, or end."""
    _is_over: bool = False
    _now: Start | None = None
    _thread: threading.Thread | None = None

    @property
    def console(self) -> Path:
        """What its console has said."""
        return self.folder / f"{self.name}.console"

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

        It must not be on. What it has written becomes that disk, and the next start writes into a new one.
        """
        if self.written is not None:
            taken = self.written.with_name(f"{self.name}-{secrets.token_hex(4)}{self.written.suffix}")
            self.disk, self.written = self.written.rename(taken), None
        return self.disk

    def forget(self) -> None:
        """Throw away what it has written; it must not be on."""
        if self.written is not None:
            self.written.unlink(missing_ok=True)
            self.written = None

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
        """Run it to its end and return what went wrong."""
        accelerator = self.accelerator()
        with self._running(start, disk, accelerator) as running:
            code = self._follow(running, start, slowness=accelerator.slowness)
        if not code:
            return ""
        said = [line for line in running.log.read_text(errors="replace").splitlines() if line.strip()]
        return said[-1] if said else f"its program ended with exit code {code}"

    @contextmanager
    def _running(self, start: Start, disk: Path, accelerator: Accelerator) -> Iterator[Running]:
        if self.written is None:
            kind = natively if accelerator.is_native else emulated
            self.written = self.folder / f"{self.name}{kind.SUFFIX}"
            kind.make_disk(disk, out=self.written, size=self.size)
        if accelerator.is_native:
            with natively.running(
                self.name, start.hardware, start.seed(), disk=self.written, console=self.console, folder=self.sockets
            ) as running:
                self.is_up.set()
                yield running
            return
        with start.board(self.name, start.hardware, folder=self.folder, is_up=self.is_up) as platform:
            argv = hardware.machine_argv(
                self.name,
                start.hardware,
                accelerator=accelerator,
                overlay=self.written,
                sockets=self.sockets,
                platform=platform,
            )
            log = self.written.with_suffix(".log")
            with self.background(argv, log=log) as child:
                yield emulated.Running(child=child, log=log, monitor=self.sockets / self.name)

    def _follow(self, running: Running, start: Start, *, slowness: int) -> int:
        """Watch it until it has ended, or shall be: return its exit code, 0 where it still runs."""
        begin_at = time.monotonic() + max(START_S, start.pending_s)
        press_at = give_up_at = 0.0
        is_begun = False
        while (code := process.wait(running.child, timeout_s=POLL_S)) is None:
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
                running.press_power_button()
        return code
