"""How a command comes to its account: the one that the environment names, or a rehearsal of one on this machine."""

import os
from collections.abc import Sequence

from bakery.clouds.aws.account import Account, connect, rehearse
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import aws_regions
from bakery.rehearsal import service


def open_account(*, is_rehearsal: bool, console: Console, regions: Sequence[str] = ()) -> Account:
    """Return the account; a rehearsal is started where none runs yet, and said to be one.

    *regions* are those that were asked for: one that is none is told before anybody signs in for nothing. Raises
    BakeryError like `connect`: exit code 2 for a region or a profile that does not exist, 3 without credentials.
    """
    aws_regions.require_form(regions)
    if not is_rehearsal:
        try:
            return connect(near=next(iter(regions), ""))
        except BakeryError:
            # A region that is newer than our table could only be told from a slip of the pen by AWS itself.
            for name in regions:
                aws_regions.region(name)
            raise
    running = service.start(console=console, faults=os.environ.get(service.FAULTS_VARIABLE, ""))
    console.say(f"rehearsal: nothing of this is AWS ({running.url})")
    return rehearse(endpoint=running.url, keys=(service.ACCESS_KEY, service.SECRET_KEY), ports=service.PORTS)
