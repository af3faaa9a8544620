"""Waits that have a deadline: look, pause, look again. An interrupt ends the pause, and so the wait."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Pause = Callable[[float], None]
"""Waits for so many seconds, and raises when the command is interrupted."""
GROWTH = 1.5


class Patience:
    """How long something is waited for, and the pauses between two looks."""

    def __init__(self, *, deadline_s: float, pauses_s: tuple[float, float], pause: Pause = time.sleep) -> None:
        """Begin to count now; the pauses grow from the first of *pauses_s* to the other."""
        self._ends = time.monotonic() + deadline_s
        self._pause_s, self._longest_pause_s = pauses_s
        self._pause = pause

    @property
    def is_over(self) -> bool:
        """Whether the last look was the last one."""
        return time.monotonic() >= self._ends

    def pause(self) -> None:
        """Let the time between two looks pass."""
        self._pause(self._pause_s)
        self._pause_s = min(self._pause_s * GROWTH, self._longest_pause_s)


def wait_until(look: Callable[[], T], *, patience: Patience, is_enough: Callable[[T], bool] = bool) -> T:
    """Look until it is enough and return the last look, which is not enough when the patience was over."""
    while not is_enough(seen := look()) and not patience.is_over:
        patience.pause()
    return seen
