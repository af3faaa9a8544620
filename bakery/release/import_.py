"""The story of an image that was baked here and goes to a cloud: send, make an image of it, launch, judge, publish.

No machine of a cloud's bakes anything; the one that judges is started from the new image, as for every other release.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bakery.catalog import catalog, record
from bakery.catalog.catalog import Release
from bakery.catalog.record import Made
from bakery.cloud import naming
from bakery.contents import signature
from bakery.core import folders
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, ExitCode
from bakery.local import find
from bakery.local.find import LocalImage
from bakery.places.account import Account
from bakery.places.shipment import FanOut, Parcel, Shipment
from bakery.release import approve, publish


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; the first region judges it, the others get it too."""

    image: str
    regions: tuple[str, ...]
    base: str = ""
    fan_out: FanOut = FanOut.AUTO
    is_read_back: bool = False


def require(order: Order, *, account: Account) -> None:
    """Raise BakeryError for what would be refused after minutes of baking: places, credentials, keys."""
    signature.require_usable()
    account.require_shippable(order.image, order.regions)


def make(order: Order, *, account: Account, console: Console) -> Sequence[Shipment]:
    """Return what an import would do, cloud by cloud; nothing is changed.

    Raises BakeryError (exit code 2) for what cannot be asked for, such as an image that was not baked here.
    """
    image = find.find(order.image, base=order.base)
    if not find.is_todays(image):
        again = f"./inv bake --image {order.image} --base {image.base.name}"
        console.say(f"{image.made.name} was baked from another definition than today's: {again}  (bakes it anew)")
    parcel = Parcel(
        image=image,
        places=_home_first(order, image.made, is_rehearsal=account.is_rehearsal),
        fan_out=order.fan_out,
        is_read_back=order.is_read_back,
    )
    shipments = account.shipments(parcel, console=console)
    for shipment in shipments:
        shipment.home.require_login(image.definition)
    return shipments


def _home_first(order: Order, made: Made, *, is_rehearsal: bool) -> tuple[str, ...]:
    """Return the places, that one first in which the release is already judged or being judged."""
    known = catalog.read(made.image, is_rehearsal=is_rehearsal)
    homes = [one.baked_in for one in known.releases if (one.release, one.arch) == (made.release, made.arch)]
    return tuple(dict.fromkeys((*homes, *order.regions)))


def show(order: Order, *, account: Account, console: Console) -> None:
    """Print what an import would do. Raises BakeryError like `make`."""
    for shipment in make(order, account=account, console=console):
        title = f"{shipment.image.made.name} from this machine ({shipment.size})"
        table(title, ("region", "to do", "why"), shipment.rows(), to_stdout=True)
        print(f"the other regions: {shipment.way}")  # noqa: T201  # the plan is the result


def bring(order: Order, *, account: Account, console: Console) -> Release:
    """Bring the image that was baked here to its places as a verified release, and return it.

    The first cloud judges it for all; what fails in another one harms none.

    Raises BakeryError with the exit codes that README.md lists; 4 when it did not pass verification there.
    """
    shipments = make(order, account=account, console=console)
    for shipment in shipments:
        for row in shipment.rows():
            console.say(": ".join(filter(None, row)))
        console.say(f"the other regions: {shipment.way}")
    image = shipments[0].image
    made, failures = image.made, dict[str, BakeryError]()
    with folders.locked(image.artifact.folder / f".{made.image}.import.lock", what=made.name, console=console):
        for shipment in shipments:
            failures |= _bring_one(shipment, console=console)
            if shipments[0].home.name in failures:
                raise failures[shipments[0].home.name]
    came = [one for one in shipments if one.home.name not in failures]
    done = tuple(name for one in came for name in one.places if name not in failures)
    wanted = publish.Order(image=order.image, release=made.release, regions=done)
    return publish.publish_rest(wanted, failures, account=account, console=console)


def _bring_one(shipment: Shipment, *, console: Console) -> dict[str, BakeryError]:
    """Bring the image to the places of one cloud; return why some have none: where home has none, nor have others."""
    home, failures = shipment.home.name, dict[str, BakeryError]()
    try:
        failures |= shipment.send(console=console)
        if home not in failures:
            _judge(shipment, shipment.image, console=console)
            failures |= shipment.make_others()
    except BakeryError as error:
        failures[home] = error
    for name, failure in failures.items():
        console.say(f"{name}: failed: {failure.within(name)}")
    return failures


def _judge(shipment: Shipment, image: LocalImage, *, console: Console) -> None:
    """Make the image at home and let it be judged; what others were sent is removed when it does not pass."""
    shipment.make_home()
    home = shipment.home
    there = home.find(image.made.name)
    if there is not None and naming.VERIFIED in there.tags:
        console.say(f"{home.name}: {there.id} was verified already")
        record.record(image.made, there, region=home.name, is_rehearsal=home.is_rehearsal, console=console)
        return
    subject = approve.Subject(
        made=image.made,
        definition=image.definition,
        user=home.login_user(image.base, is_import=True),
        settings=image.artifact.settings.read_text(),
        origin=image.origin,
    )
    log = folders.build_dir(image.made.image, home.name) / image.artifact.verdict.name
    try:
        approve.approve(home, subject, console=console, log=log)
    except BakeryError as error:
        if error.exit_code is ExitCode.REJECTED:
            shipment.withdraw(console=console)
        raise
