"""What AWS answers may be older than what was done a moment ago: looks wait here until they show it.

"Eventual consistency in the Amazon EC2 API" (EC2 developer guide): what was made, changed or removed may not be visible
to all calls that follow, so nothing is decided from a look that does not show what we have done ourselves.
"""

import time
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from typing import TypeVar

from bakery.clouds.aws.account import ApiError, Region
from bakery.core.waiting import Patience, wait_until

DEADLINE_S = 120.0
"""How long it may take until everybody knows of something new."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

T = TypeVar("T")


def remember(region: Region, name: str, *, image_id: str) -> None:
    """Note that an image was made: for DEADLINE_S, a listing without it is older than it."""
    region.made[name] = (image_id, time.monotonic())


def remembered(region: Region, name: str) -> set[str]:
    """Return the ids of the images of that name (a glob) that were made so short a time ago."""
    since = time.monotonic() - DEADLINE_S
    return {image_id for known, (image_id, at) in region.made.items() if at > since and fnmatchcase(known, name)}


def until(
    region: Region,
    look: Callable[[], T],
    *,
    is_enough: Callable[[T], bool],
    deadline_s: float,
    longest_pause_s: float = LONGEST_PAUSE_S,
) -> T:
    """Look until it is enough and return the last look, which is not enough when *deadline_s* has passed."""
    patience = _patience(region, deadline_s=deadline_s, longest_pause_s=longest_pause_s)
    return wait_until(look, patience=patience, is_enough=is_enough)


def known(region: Region, act: Callable[[], T], *, codes: Collection[str], deadline_s: float = DEADLINE_S) -> T:
    """Do what names something new, again as long as AWS refuses it with one of *codes*, and return its answer.

    Raises ApiError when it is refused otherwise, or still after *deadline_s*.
    """
    patience = _patience(region, deadline_s=deadline_s, longest_pause_s=LONGEST_PAUSE_S)
    while True:
        try:
            return act()
        except ApiError as error:
            if patience.is_over or error.code not in codes:
                raise
        patience.pause()


def _patience(region: Region, *, deadline_s: float, longest_pause_s: float) -> Patience:
    pauses_s = (FIRST_PAUSE_S, longest_pause_s)
    return Patience(deadline_s=deadline_s, pauses_s=pauses_s, pause=region.account.pause)
