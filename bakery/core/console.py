"""What a person watches: all talk goes to stderr; stdout is for results alone.

Three ways to show the same events: a live line on a terminal, plain timed lines otherwise, and folded
groups under GitHub Actions (https://docs.github.com/actions, "workflow commands").
"""

import io
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class Console:
    """Prints what happens and remembers how long each phase took (seconds, in order)."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.monotonic()
        self._phase = ""
        self._progress: Progress | None = None

    def say(self, text: str) -> None:
        """Print one line."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            _talk(self._stamped(text))

    def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        """Say what the current phase is doing; on a terminal this replaces the live line."""
        said = f"{self._phase}: {text}" if self._phase else text
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[-1], description=said, completed=done, total=total)
        elif done is None or done == total:
            self.say(said)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the body as phase *name*, shown live, as plain lines or as a folded group."""
        outer, self._phase = self._phase, name
        began = time.monotonic()
        try:
            with self._shown(name):
                yield
        finally:
            self.seconds[name] = round(time.monotonic() - began, 1)
            self._phase = outer

    def _stamped(self, text: str) -> str:
        return f"[{time.monotonic() - self._began:7.1f}s] {text}"

    @contextmanager
    def _shown(self, name: str) -> Iterator[None]:
        if os.environ.get("GITHUB_ACTIONS") == "true":
            _talk(f"::group::{name}")
            try:
                yield
            finally:
                _talk("::endgroup::")
        elif is_terminal():
            with self._live(name):
                yield
        else:
            began = time.monotonic()
            self.say(f"{name} …")
            yield
            self.say(f"{name}: done in {time.monotonic() - began:.1f} s")

    @contextmanager
    def _live(self, name: str) -> Iterator[None]:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        screen = RichConsole(stderr=True)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
        )
        began = time.monotonic()
        with Progress(*columns, console=screen, transient=True) as progress:
            progress.add_task(name, total=None)
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None
        screen.print(f"✓ {name}  {time.monotonic() - began:.1f} s", markup=False, highlight=False)


def _talk(line: str) -> None:
    # Nobody may listen any more (`2>&1 | head`), or a log's disk be full: that is no reason to stop a bake.
    with suppress(OSError):
        # One write: many threads talk, and print makes two.
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def is_terminal() -> bool:
    """Return whether a person watches stderr live (a terminal that is not dumb, outside CI)."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, to_stdout: bool = False) -> None:
    """Print a table: to stderr when it accompanies something, to stdout when it is the result."""
    from rich import box
    from rich.console import Console as RichConsole
    from rich.table import Table

    grid = Table(title=title, box=box.SIMPLE, title_justify="left")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    width = None if sys.stdout.isatty() or sys.stderr.isatty() else 140
    stream, drawn = sys.stdout if to_stdout else sys.stderr, io.StringIO()
    # Not onto the stream itself: where nobody reads it any more, rich would end the program with exit code 1.
    screen = RichConsole(file=drawn, force_terminal=stream.isatty(), width=width, highlight=False, markup=False)
    screen.print(grid)
    print(drawn.getvalue(), end="", file=stream)
