"""How a command comes to the account that its places are of, or to a rehearsal of one: only this knows the clouds."""

import os
from collections.abc import Sequence

from bakery.clouds.aws.account import connect, rehearse
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.sketch import AwsSketch
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import place_names
from bakery.places.account import Account
from bakery.places.sketch import Sketch
from bakery.rehearsal import service


def open_account(*, is_rehearsal: bool, console: Console, regions: Sequence[str] = ()) -> Account:
    """Return the account; a rehearsal is started where none runs yet, and said to be one.

    *regions* are those that were asked for: one that is none is told before anybody signs in for nothing. Raises
    BakeryError like `connect`: exit code 2 for a region or a profile that does not exist, 3 without credentials.
    """
    place_names.require_form(regions)
    if not is_rehearsal:
        try:
            return AwsCloud(account=connect(near=next(iter(regions), "")))
        except BakeryError:
            # A region that is newer than our table could only be told from a slip of the pen by AWS itself.
            for name in regions:
                place_names.require_known(name)
            raise
    running = service.start(console=console, faults=os.environ.get(service.FAULTS_VARIABLE, ""))
    console.say(f"rehearsal: nothing of this is AWS ({running.url})")
    keys = service.ACCESS_KEY, service.SECRET_KEY
    return AwsCloud(account=rehearse(endpoint=running.url, keys=keys, ports=service.PORTS))


def sketches(names: Sequence[str]) -> list[Sketch]:
    """Return what can be written down of places. Raises BakeryError (exit code 2) for one that does not exist."""
    return [AwsSketch(name=place_names.require_known(name)) for name in dict.fromkeys(names)]
