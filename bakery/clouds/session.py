"""How a command comes to its account: the one that the environment names, or a rehearsal of one on this machine."""

import os

from bakery import rehearsing
from bakery.clouds.aws import Account, connect
from bakery.console import Console


def open_account(*, is_rehearsal: bool, console: Console) -> Account:
    """Return the account; a rehearsal is started where none runs yet, and said to be one.

    Raises BakeryError like `connect`: exit code 2 for a profile that does not exist, 3 without credentials.
    """
    if not is_rehearsal:
        return connect()
    running = rehearsing.start(console=console, faults=os.environ.get(rehearsing.FAULTS_VARIABLE, ""))
    console.say(f"rehearsal: nothing of this is AWS ({running.url})")
    return connect(endpoint=running.url, keys=(rehearsing.ACCESS_KEY, rehearsing.SECRET_KEY))
