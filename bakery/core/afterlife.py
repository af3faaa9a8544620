"""What ends our programs when we are killed: a program of its own, which reads a pipe that only we can write to.

It is run by path and imports nothing of the package. A line of its input is `SIGNAL TARGET`: what a process, or a group
as a negative number (kill(2)), gets when the pipe ends, which it does with us; SIGNAL 0 means that it has ended.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

GRACE_S = 10.0
"""After that, what was to end with SIGTERM gets SIGKILL; who gets SIGINT, as Packer does, has all the time it needs."""


class Line:
    """Our end of it; *start* begins the program with what it reads, as soon as there is a first target."""

    def __init__(self, start: Callable[[int], None]) -> None:
        self._start = start
        self._writing = -1
        self._lock = threading.Lock()

    def watch(self, target: int, sign: signal.Signals) -> None:
        """Let a target get a signal when we are killed."""
        with self._lock:
            if self._writing < 0:
                reading, self._writing = os.pipe()
                self._start(reading)
                os.close(reading)
        self._tell(target, sign)

    def forget(self, target: int) -> None:
        """Leave alone what has ended, or was told to."""
        self._tell(target, 0)

    def leave(self) -> None:
        """Begin anew in a fork, whose programs are its own; the lock may be another thread's that is not there."""
        if self._writing >= 0:
            os.close(self._writing)
        self._writing, self._lock = -1, threading.Lock()

    def _tell(self, target: int, sign: int) -> None:
        # Where somebody has ended it, our programs run all the same.
        with suppress(BrokenPipeError):
            os.write(self._writing, f"{int(sign)} {target}\n".encode())


def due(lines: Iterable[str]) -> dict[int, int]:
    """Read to the end, and return which signal is due to what."""
    found: dict[int, int] = {}
    for line in lines:
        sign, target = map(int, line.split())
        found[target] = sign
        if not sign:
            del found[target]
    return found


def main() -> None:
    """Wait for the end of whoever started us, and end what it has left running."""
    left = due(sys.stdin)
    for target, sign in left.items():
        _send(target, sign)
    stubborn = [target for target, sign in left.items() if sign == signal.SIGTERM]
    if stubborn:
        time.sleep(GRACE_S)
        for target in stubborn:
            _send(target, signal.SIGKILL)


def _send(target: int, sign: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(target, sign)


if __name__ == "__main__":
    main()
