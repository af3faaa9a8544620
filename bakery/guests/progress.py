"""Tells how the image tests get on, from what pytest prints: a live line a test, and a lasting one a file."""

import re
import time
from collections import Counter
from collections.abc import Callable

from bakery.core.console import Console

TEST = re.compile(
    r"(?:\S*/)?(?:test_)?(?P<file>\w+)\.py::(?P<test>\w+)(?:\[.*?\])? (?P<outcome>[A-Z]+)\b.*"
    r"\[ *(?P<done>\d+)/(?P<total>\d+)\]$"
)
"""A line of `pytest -v -o console_output_style=count`."""

WORDS = {
    "PASSED": "passed",
    "FAILED": "failed",
    "ERROR": "broken",
    "SKIPPED": "left out",
    "XFAIL": "failed as expected",
}


class SuiteProgress:
    """Hears pytest's lines, hands each to *write* as it is, and tells *console* of those that are of a test.

    Where several runs go on at once, *of* says which this is, before each line.
    """

    def __init__(
        self,
        console: Console,
        *,
        write: Callable[[str], object],
        of: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._write, self._clock = console, write, clock
        self._of = f"{of}: " if of else ""
        self._file = ""
        self._outcomes: Counter[str] = Counter()
        self._began = clock()

    def hear(self, line: str) -> None:
        """Take one line."""
        self._write(f"{self._of}{line}\n")
        found = TEST.match(line)
        if found is None:
            return
        done, total = int(found["done"]), int(found["total"])
        if found["file"] != self._file:
            self._tell(done - 1, total)
            self._file = found["file"]
        self._outcomes[WORDS.get(found["outcome"], found["outcome"].lower())] += 1
        if done == total:
            self._tell(done, total)
        else:
            self._console.update(f"{self._of}test {done}/{total} {self._file}: {found['test']}", done=done, total=total)

    def _tell(self, done: int, total: int) -> None:
        now = self._clock()
        if self._outcomes:
            counted = ", ".join(f"{count} {word}" for word, count in self._outcomes.items())
            self._console.update(f"{self._of}{self._file}: {counted} in {now - self._began:.0f} s ({done}/{total})")
            self._outcomes.clear()
            # What comes before the first test, asking the machines for their facts, counts for the first file.
            self._began = now
