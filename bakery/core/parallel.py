"""Does the same in many places at once; what goes wrong in one place never harms another."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol, TypeVar

from bakery.core import process
from bakery.core.errors import BakeryError

MOST_AT_ONCE = 64
"""More than AWS has regions, so that every place has a thread of its own."""

STARTING_S = 1.0
"""Within it a thread runs that was asked to."""

NAME = "place"
"""What threads are called."""

R = TypeVar("R")


class Stopped(BaseException):
    """The command was interrupted while this thread waited; like KeyboardInterrupt, no `except Exception` holds it."""


class Place(Protocol):
    """Where something is done: it has a name, and every wait there ends when it is told to stop."""

    @property
    def name(self) -> str:
        """What its result is called by."""

    def stop(self) -> None:
        """End every wait there, now and later, with Stopped."""


P = TypeVar("P", bound=Place)


def everywhere(
    places: Sequence[P],
    act: Callable[[P], R],
    *,
    on_done: Callable[[P, R | BakeryError], None] | None = None,
) -> dict[str, R | BakeryError]:
    """Do *act* in every place at the same time; return what came of it by place, in the order of *places*.

    A BakeryError is that place's result. *on_done* is told each result as it comes, in the thread that called us.
    Another exception of *act* is raised after all have ended. On Ctrl-C, and when *on_done* fails, every wait there
    ends at once, and so does this: after all threads have ended, which takes as long as the calls that are under way.
    """
    if not places:
        return {}
    results: dict[str, R | BakeryError] = {}
    strange: list[BaseException] = []
    pool = ThreadPoolExecutor(min(len(places), MOST_AT_ONCE), thread_name_prefix=NAME)
    try:
        running = {pool.submit(act, place): place for place in places}
        for future in as_completed(running):
            place, error = running[future], future.exception()
            if error is not None and not isinstance(error, BakeryError):
                strange.append(error)
                continue
            results[place.name] = future.result() if error is None else error
            if on_done is not None:
                on_done(place, results[place.name])
    except BaseException:
        for place in places:
            place.stop()
        raise
    finally:
        end(pool, NAME)
    if any(isinstance(error, Stopped | KeyboardInterrupt) for error in strange):
        raise KeyboardInterrupt
    if strange:
        raise strange[0]
    return {place.name: results[place.name] for place in places}


def failed(outcomes: Mapping[str, object]) -> dict[str, BakeryError]:
    """Return, of what came of many places, what went wrong, by place."""
    return {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, BakeryError)}


def end(pool: ThreadPoolExecutor, name: str) -> None:
    """Wait for every thread of that *name*, however often Ctrl-C is pressed: none may still be changing something.

    An interrupt in the middle of `submit` leaves a thread that the pool itself does not know.
    """
    with process.uninterrupted():
        pool.shutdown(cancel_futures=True)
        for thread in threading.enumerate():
            if thread.name.startswith(name):
                _join(thread)


def _join(thread: threading.Thread) -> None:
    """Wait for a thread, also for one that is about to start, which Python refuses to join."""
    ends = time.monotonic() + STARTING_S
    while not thread.is_alive() and thread in threading.enumerate() and time.monotonic() < ends:
        time.sleep(0.01)
    if thread.is_alive():
        thread.join()
