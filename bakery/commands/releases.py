"""The tasks that bake and publish in AWS, or with --rehearse in an AWS on this machine."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bakery.commands.command import IMAGE, IMAGE_HELP, REHEARSE_HELP, Context, task
from bakery.core.errors import impossible

if TYPE_CHECKING:
    from bakery.core.console import Console

LOCAL = "local"
WHERE_HELP = {**IMAGE_HELP, "region": "an AWS region; give it as often as there are (default: the definition's)"}
PUBLISHED_HELP = {
    "image": IMAGE_HELP["image"],
    "region": "an AWS region; give it as often as there are (default: the definition's, and where it is already)",
}
LOCAL_HELP = {
    "fan-out": "how an image of this machine comes to the other regions: upload, copy or auto (default: auto)",
    "verify-upload": "read every block of what was uploaded back and compare",
}
RELEASE_HELP = {**PUBLISHED_HELP, "release": "the release, or how its name begins (default: the newest)"}


@task(help={**IMAGE_HELP, **REHEARSE_HELP, "json": "print a list of objects instead of a table"})
def regions(_context: Context, image: str = IMAGE, base: str = "", json: bool = False, rehearse: bool = False) -> None:
    """Show every AWS region, and in those that this account may use the newest image of the base, with its age."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import regions as asking

    console = Console()
    survey = asking.survey(image, base=base, enter=lambda: open_account(is_rehearsal=rehearse, console=console))
    if json:
        print(survey.as_json())
    else:
        survey.show()
    survey.require_answer()


@task(
    help={
        **WHERE_HELP,
        **REHEARSE_HELP,
        "prices": "ask AWS for its prices of today instead of using the table's",
        "from": "local: what sending the image that was baked on this machine would do instead",
        "fan-out": LOCAL_HELP["fan-out"],
    },
    iterable=["region"],
)
def plan(
    _context: Context,
    image: str = IMAGE,
    base: str = "",
    rehearse: bool = False,
    prices: bool = False,
    region: Sequence[str] | None = None,
    from_: str = "",
    fan_out: str = "",
) -> None:
    """Show what a bake in AWS regions would find, bake, copy, share, deprecate and cost; nothing is changed."""
    if is_local(from_, fan_out=fan_out):
        if prices:
            raise impossible("--prices is for a bake in AWS", hint="leave it out: the table's are used")
        import_order = local_order(region, image=image, base=base, fan_out=fan_out)
        bring_local(import_order, is_dry=True, is_rehearsal=rehearse)
        return
    order = region_order(region, image=image, base=base)
    bake_in_regions(order, is_dry=True, is_rehearsal=rehearse, is_price_asked=prices)


@task(
    help={
        **RELEASE_HELP,
        **REHEARSE_HELP,
        "from": "local: send the image that was baked on this machine, block by block",
        "base": f"with --from local: {IMAGE_HELP['base']}",
        **LOCAL_HELP,
    },
    iterable=["region"],
)
def publish(
    _context: Context,
    image: str = IMAGE,
    release: str = "",
    region: Sequence[str] | None = None,
    rehearse: bool = False,
    from_: str = "",
    base: str = "",
    fan_out: str = "",
    verify_upload: bool = False,
) -> None:
    """Bring a verified release to its AWS regions: copies, tags, readers, dates, parameters; prints its ids."""
    if is_local(from_, base=base, fan_out=fan_out, verify_upload=verify_upload):
        if release:
            raise impossible(
                "--release is for what is in AWS already", hint="leave it out: what was baked here goes up"
            )
        import_order = local_order(region, image=image, base=base, fan_out=fan_out, verify_upload=verify_upload)
        bring_local(import_order, is_dry=False, is_rehearsal=rehearse)
        return
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import publish as publishing

    console = Console()
    order = publishing.Order(image=image, release=release, regions=tuple(region or ()))
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions)
    print_ids(publishing.publish(order, account=account, console=console))


@task(help={**RELEASE_HELP, **REHEARSE_HELP}, iterable=["region"])
def promote(
    _context: Context,
    release: str = "",
    image: str = IMAGE,
    region: Sequence[str] | None = None,
    rehearse: bool = False,
) -> None:
    """Point `latest` at a release in its AWS regions (--release, or the newest); prints its ids."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import promote as promoting
    from bakery.release import publish as publishing

    console = Console()
    order = publishing.Order(image=image, release=release, regions=tuple(region or ()))
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions)
    print_ids(promoting.promote(order, account=account, console=console))


@task(
    help={
        "image": IMAGE_HELP["image"],
        "region": "only this AWS region; give it as often as there are (default: wherever the last promote reached)",
        **REHEARSE_HELP,
    },
    iterable=["region"],
)
def rollback(
    _context: Context, image: str = IMAGE, rehearse: bool = False, region: Sequence[str] | None = None
) -> None:
    """Point `latest` back at the release that was there before the last promote; prints its ids."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import promote as promoting
    from bakery.release import publish as publishing

    console = Console()
    order = publishing.Order(image=image, regions=tuple(region or ()))
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions)
    for release in promoting.rollback(order, account=account, console=console):
        print_ids(release)


@task(help={"stop": "end it, and every machine in it"})
def rehearsal(_context: Context, stop: bool = False) -> None:
    """Show the AWS on this machine that --rehearse has started, or end it."""
    from bakery.rehearsal import service

    if stop:
        print("stopped" if service.stop() else "none is running")
        return
    print("\n".join(service.describe() or ["none is running"]))


def region_order(
    regions: Sequence[str] | None, *, image: str, base: str, force: bool = False, per_region: bool = False
) -> Any:
    """Return the order for a bake in regions, those of the definition where none is given.

    Raises BakeryError (exit code 2) when there are none.
    """
    from bakery.release import bake as region_bake

    wanted = wanted_regions(regions, image=image)
    return region_bake.Order(image=image, regions=wanted, base=base, is_forced=force, is_per_region=per_region)


def wanted_regions(regions: Sequence[str] | None, *, image: str) -> tuple[str, ...]:
    """Return the regions that were given, or those of the definition.

    Raises BakeryError (exit code 2) when there are none.
    """
    from bakery.definition import layers

    wanted = tuple(regions or ()) or layers.whole(image).aws.regions
    if not wanted:
        raise impossible("no region was given", hint=f"--region eu-west-2, or aws.regions in images/{image}.toml")
    return wanted


def bake_in_regions(order: Any, *, is_dry: bool, is_rehearsal: bool, is_price_asked: bool = False) -> None:
    """Bake what was ordered and print its ids, or only its plan."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import bake as region_bake
    from bakery.release import preview

    console = Console()
    account = open_account(is_rehearsal=is_rehearsal, console=console, regions=order.regions)
    if is_dry:
        preview.show(order, account=account, console=console, is_price_asked=is_price_asked)
        return
    if is_rehearsal:
        from bakery.rehearsal import base_disk

        region_bake.require(order, account=account)
        base_disk.lend(order.image, base=order.base, console=console)
    print_ids(region_bake.bake(order, account=account, console=console))


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
) -> Any:
    """Return the order for an image of this machine, to the definition's regions where none is given.

    Raises BakeryError (exit code 2) when there are none.
    """
    from bakery.clouds.aws import fan_out as ways
    from bakery.release import import_plan

    way = ways.parse(fan_out) if fan_out else ways.FanOut.AUTO
    return import_plan.Order(
        image=image,
        regions=wanted_regions(regions, image=image),
        base=base,
        fan_out=way,
        is_read_back=verify_upload,
    )


def bring_local(
    order: Any, *, is_dry: bool, is_rehearsal: bool, bake: "Callable[[Console], object] | None" = None
) -> None:
    """Bring an image of this machine to AWS and print its ids, or only its plan.

    With *bake* it is baked first, as soon as it is known that AWS would take it.
    """
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import import_, import_plan

    console = Console()
    account = open_account(is_rehearsal=is_rehearsal, console=console, regions=order.regions)
    if bake is not None:
        import_plan.require(order, account=account)
        bake(console)
    if is_dry:
        import_.show(order, account=account, console=console)
    else:
        print_ids(import_.bring(order, account=account, console=console))


def print_ids(release: Any) -> None:
    """Print a release's id in each region, tab between."""
    for name, placed in release.places.items():
        print(f"{name}\t{placed.image_id}")
