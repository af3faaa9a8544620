"""What `bake`, `plan` and `publish` share on the way into AWS: their orders, and what is done with one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bakery.core.errors import impossible

if TYPE_CHECKING:
    from bakery.catalog.model import Release
    from bakery.core.console import Console
    from bakery.release import bake, import_

LOCAL = "local"
LOCAL_HELP = {
    "fan-out": "how an image of this machine comes to the other regions: upload, copy or auto (default: auto)",
    "verify-upload": "read every block of what was uploaded back and compare",
}


def region_order(
    regions: Sequence[str] | None, *, image: str, base: str, force: bool = False, per_region: bool = False
) -> "bake.Order":
    """Return the order for a bake in regions, those of the definition where none is given.

    Raises BakeryError (exit code 2) when there are none.
    """
    from bakery.release import bake

    wanted = wanted_regions(regions, image=image)
    return bake.Order(image=image, regions=wanted, base=base, is_forced=force, is_per_region=per_region)


def wanted_regions(regions: Sequence[str] | None, *, image: str) -> tuple[str, ...]:
    """Return the places that were given, or those of the definition, in whichever cloud.

    Raises BakeryError (exit code 2) when there are none.
    """
    from bakery.definition import layers

    wanted = tuple(regions or ()) or layers.whole(image).places
    if not wanted:
        hint = f"--region eu-west-2, or aws.regions or scaleway.zones in images/{image}.toml"
        raise impossible("no region was given", hint=hint)
    return wanted


def bake_in_regions(
    order: "bake.Order", *, is_dry: bool, is_rehearsal: bool, is_price_asked: bool = False, accelerator: str = ""
) -> None:
    """Bake what was ordered and print its ids, or only its plan."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import bake, preview

    console = Console()
    account = open_account(
        is_rehearsal=is_rehearsal,
        console=console,
        regions=order.regions,
        accelerator=accelerator,
        image=order.image,
    )
    if is_dry:
        preview.show(order, account=account, console=console, is_price_asked=is_price_asked)
        return
    if is_rehearsal:
        from bakery.rehearsal import base_disk

        bake.require(order, account=account)
        base_disk.lend(order.image, base=order.base, console=console)
    print_ids(bake.bake(order, account=account, console=console))


def is_local(from_: str, **others: object) -> bool:
    """Return whether an image of this machine is meant.

    Raises BakeryError (exit code 2) for another origin, and for *others*, options that belong to a local image alone.
    """
    if from_ not in {"", LOCAL}:
        raise impossible(f"--from {from_}: an image comes from {LOCAL!r}, or else from AWS", hint=f"--from {LOCAL}")
    given = [name.replace("_", "-") for name, value in others.items() if value]
    if given and not from_:
        raise impossible(f"--{given[0]} is for an image of this machine", hint="publish --from local, or bake --import")
    return bool(from_)


def local_order(
    regions: Sequence[str] | None, *, image: str, base: str, fan_out: str = "", verify_upload: bool = False
) -> "import_.Order":
    """Return the order for an image of this machine, to the definition's regions where none is given.

    Raises BakeryError (exit code 2) when there are none.
    """
    from bakery.places.shipment import FanOut, parse
    from bakery.release import import_

    way = parse(fan_out) if fan_out else FanOut.AUTO
    return import_.Order(
        image=image,
        regions=wanted_regions(regions, image=image),
        base=base,
        fan_out=way,
        is_read_back=verify_upload,
    )


def bring_local(
    order: "import_.Order", *, is_dry: bool, is_rehearsal: bool, first: "Callable[[Console], object] | None" = None
) -> None:
    """Bring an image of this machine to AWS and print its ids, or only its plan.

    *first* bakes it, as soon as it is known that AWS would take it.
    """
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import import_

    console = Console()
    account = open_account(is_rehearsal=is_rehearsal, console=console, regions=order.regions, image=order.image)
    if first is not None:
        import_.require(order, account=account)
        first(console)
    if is_dry:
        import_.show(order, account=account, console=console)
    else:
        print_ids(import_.bring(order, account=account, console=console))


def print_ids(release: "Release") -> None:
    """Print a release's id in each region, tab between."""
    for name, placed in release.places.items():
        print(f"{name}\t{placed.image_id}")
