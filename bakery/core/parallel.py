"""Does the same in many places at once; what goes wrong in one place never harms another."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from bakery.clouds.aws.account import Region, Stopped
from bakery.core import process
from bakery.core.errors import BakeryError

MOST_AT_ONCE = 64
"""More than AWS has regions, so that every place has a thread of its own."""

STARTING_S = 1.0
"""Within it a thread runs that was asked to."""

NAME = "place"
"""What threads are called."""

R = TypeVar("R")


def everywhere(
    regions: Sequence[Region],
    act: Callable[[Region], R],
    *,
    on_done: Callable[[Region, R | BakeryError], None] | None = None,
) -> dict[str, R | BakeryError]:
    """Do *act* in every region at the same time; return what came of it by region, in the order of *regions*.

    A BakeryError is that region's result. *on_done* is told each result as it comes, in the thread that called us.
    Another exception of *act* is raised after all have ended. On Ctrl-C, and when *on_done* fails, every wait on AWS
    ends at once, and so does this: after all threads have ended, which takes as long as the calls that are under way.
    """
    if not regions:
        return {}
    results: dict[str, R | BakeryError] = {}
    strange: list[BaseException] = []
    pool = ThreadPoolExecutor(min(len(regions), MOST_AT_ONCE), thread_name_prefix=NAME)
    try:
        running = {pool.submit(act, region): region for region in regions}
        for future in as_completed(running):
            region, error = running[future], future.exception()
            if error is not None and not isinstance(error, BakeryError):
                strange.append(error)
                continue
            results[region.name] = future.result() if error is None else error
            if on_done is not None:
                on_done(region, results[region.name])
    except BaseException:
        for one in regions:
            one.account.stop.set()
        raise
    finally:
        end(pool, NAME)
    if any(isinstance(error, Stopped | KeyboardInterrupt) for error in strange):
        raise KeyboardInterrupt
    if strange:
        raise strange[0]
    return {region.name: results[region.name] for region in regions}


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
