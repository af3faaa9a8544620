"""How a command comes to the accounts that its places are of, or to a rehearsal of them: only this knows the clouds."""

import os
from collections.abc import Callable, Sequence
from functools import cache, partial

from bakery.clouds.aws import account as aws
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.sketch import AwsSketch
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition import place_names
from bakery.definition.place_names import Cloud
from bakery.places.account import Account, NoCredentialsError
from bakery.places.several import Several
from bakery.places.sketch import Sketch
from bakery.rehearsal import buckets, service
from bakery.rehearsal.service import Running


def open_account(
    *, is_rehearsal: bool, console: Console, regions: Sequence[str] = (), accelerator: str = "", image: str = ""
) -> Several:
    """Return the account; a rehearsal is started where none runs yet, and said to be one.

    *regions* are those that were asked for: one that is none is told before anybody signs in for nothing, and the
    clouds that they are of are entered at once. Where none is named, those are meant that there are credentials for.
    *accelerator* says how the machines of a rehearsal run, empty: as before; it gets the buckets that *image* names.
    Raises BakeryError: exit code 2 for a place or a profile that does not exist, 3 without credentials.
    """
    place_names.require_form(regions)
    if is_rehearsal:
        running = service.start(
            console=console, faults=os.environ.get(service.FAULTS_VARIABLE, ""), machines=accelerator
        )
        console.say(f"rehearsal: nothing of this is a cloud ({running.url})")
        if image:
            buckets.lend(image)
        account = Several(enter=lambda cloud: _rehearsed(cloud, running), usual=[*Cloud], is_rehearsal=True)
    else:
        account = Several(enter=lambda cloud: _entered(cloud, regions), usual=[*Cloud], is_rehearsal=False)
        if not regions:
            account.usual = _with_credentials(account)
    asked = dict.fromkeys(place_names.cloud(name) for name in regions)
    for cloud in asked or (account.usual if len(account.usual) == 1 else ()):
        account.of(cloud)
    return account


def _entered(cloud: Cloud, regions: Sequence[str]) -> Account:
    """Return the account that the environment names."""
    if cloud is Cloud.SCALEWAY:
        # Imported late, as it takes longer than most commands.
        from bakery.clouds.scaleway import account
        from bakery.clouds.scaleway.cloud import ScalewayCloud

        return ScalewayCloud(account=account.connect())
    own = [name for name in regions if place_names.cloud(name) is cloud]
    try:
        return AwsCloud(account=aws.connect(near=next(iter(own), "")))
    except BakeryError:
        # A region that is newer than our table could only be told from a slip of the pen by AWS itself.
        for name in own:
            place_names.require_known(name)
        raise


def _rehearsed(cloud: Cloud, running: Running) -> Account:
    machines = cache(partial(service.machines, running))
    if cloud is Cloud.SCALEWAY:
        from bakery.clouds.scaleway import account
        from bakery.clouds.scaleway.cloud import ScalewayCloud
        from bakery.clouds.scaleway.credentials import Keys

        scaleway_keys = Keys(
            access_key=running.keys.scaleway_access_key,
            secret_key=running.keys.scaleway_secret_key,
            project=service.PROJECT,
            api_url=running.url,
        )
        rehearsed = account.rehearse(
            keys=scaleway_keys, storage_url=running.url, ports=service.PORTS, machines=machines
        )
        return ScalewayCloud(account=rehearsed)
    keys = running.keys.access_key, service.SECRET_KEY
    return AwsCloud(account=aws.rehearse(endpoint=running.url, keys=keys, ports=service.PORTS, machines=machines))


def _with_credentials(account: Several) -> list[Cloud]:
    """Return the clouds that there are credentials for; where there are none, AWS, which then says so."""
    from bakery.clouds.scaleway import credentials

    if not _is_any(credentials.load):
        return [Cloud.AWS]
    return [*Cloud] if _is_any(partial(account.of, Cloud.AWS)) else [Cloud.SCALEWAY]


def _is_any(load: Callable[[], object]) -> bool:
    """Return whether there are credentials, be they of no use: that is told when a place is asked."""
    try:
        load()
    except BakeryError as error:
        return not isinstance(error, NoCredentialsError)
    return True


def sketches(names: Sequence[str]) -> list[Sketch]:
    """Return what can be written down of places. Raises BakeryError (exit code 2) for one that does not exist."""
    return [_sketch(place_names.require_known(name)) for name in dict.fromkeys(names)]


def _sketch(name: str) -> Sketch:
    if place_names.cloud(name) is Cloud.SCALEWAY:
        from bakery.clouds.scaleway.sketch import ScalewaySketch

        return ScalewaySketch(name=name)
    return AwsSketch(name=name)
