"""Shows how far blocks have come: on a terminal every second, elsewhere a line now and then."""

import time

from bakery.core.console import Console, is_terminal
from bakery.disk.blocks import BLOCK_SIZE

MIB = 1 << 20
TOLD_EVERY_S = 10.0
SHOWN_EVERY_S = 0.5


class Meter:
    """Counts blocks of one kind of work; *doing* is its participle, such as `sent`."""

    def __init__(self, console: Console, *, doing: str) -> None:
        self._console, self._doing = console, doing
        self._began = self._told = time.monotonic()
        self._every_s = SHOWN_EVERY_S if is_terminal() else TOLD_EVERY_S

    def show(self, done: int, total: int, note: str = "") -> None:
        """Say how many blocks of all are done, unless that was said a moment ago."""
        now = time.monotonic()
        if now - self._told < self._every_s:
            return
        self._told = now
        text = f"{self._text(done, total)}{f'; {note}' if note else ''}"
        if is_terminal():
            self._console.update(text, done=done, total=total)
        else:
            self._console.update(text)

    def end(self, done: int, total: int) -> None:
        """Say what it came to."""
        self._console.update(self._text(done, total))

    def _text(self, done: int, total: int) -> str:
        mib = done * BLOCK_SIZE / MIB
        speed = mib / max(0.001, time.monotonic() - self._began)
        return f"{mib:.0f} of {total * BLOCK_SIZE / MIB:.0f} MiB {self._doing}, {speed:.1f} MiB/s"
