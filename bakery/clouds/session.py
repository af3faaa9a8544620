"""How a command comes to its account: the one that the environment names, or a rehearsal of one on this machine."""

import os
from collections.abc import Sequence

from bakery import places, rehearsing
from bakery.clouds.aws import Account, connect
from bakery.console import Console
from bakery.errors import BakeryError


def open_account(*, is_rehearsal: bool, console: Console, regions: Sequence[str] = ()) -> Account:
    """Return the account; a rehearsal is started where none runs yet, and said to be one.

    *regions* are those that were asked for: one that is none is told before anybody signs in for nothing. Raises
    BakeryError like `connect`: exit code 2 for a region or a profile that does not exist, 3 without credentials.
    """
    places.require_form(regions)
    if not is_rehearsal:
        try:
            return connect(near=next(iter(regions), ""))
        except BakeryError:
            # A region that is newer than our table could only be told from a slip of the pen by AWS itself.
            for name in regions:
                places.region(name)
            raise
    running = rehearsing.start(console=console, faults=os.environ.get(rehearsing.FAULTS_VARIABLE, ""))
    console.say(f"rehearsal: nothing of this is AWS ({running.url})")
    return connect(endpoint=running.url, keys=(rehearsing.ACCESS_KEY, rehearsing.SECRET_KEY))
