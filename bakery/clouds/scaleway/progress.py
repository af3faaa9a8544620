"""Shows how far a file has come: on a terminal every half second, elsewhere a line now and then."""

import time

from bakery.core.console import Console, is_terminal

MIB = 1 << 20
TOLD_EVERY_S = 10.0
SHOWN_EVERY_S = 0.5


class Meter:
    """Counts the bytes of one file that is sent."""

    def __init__(self, console: Console, *, total: int) -> None:
        self._console, self._total = console, total
        self._began = self._told = time.monotonic()
        self._every_s = SHOWN_EVERY_S if is_terminal() else TOLD_EVERY_S

    def show(self, done: int) -> None:
        """Say how many bytes have arrived, unless that was said a moment ago."""
        now = time.monotonic()
        if now - self._told < self._every_s:
            return
        self._told = now
        if is_terminal():
            self._console.update(self._text(done), done=done, total=self._total)
        else:
            self._console.update(self._text(done))

    def end(self) -> None:
        """Say what it came to."""
        self._console.update(self._text(self._total))

    def _text(self, done: int) -> str:
        speed = done / MIB / max(0.001, time.monotonic() - self._began)
        return f"{done / MIB:.0f} of {self._total / MIB:.0f} MiB sent, {speed:.1f} MiB/s"
