"""The tasks that bake and publish in AWS, or with --rehearse in an AWS on this machine."""

from collections.abc import Sequence

from bakery.commands.command import IMAGE, IMAGE_HELP, REHEARSE_HELP, Context, task
from bakery.commands.into_aws import (
    LOCAL_HELP,
    bake_in_regions,
    bring_local,
    is_local,
    local_order,
    print_ids,
    region_order,
)
from bakery.core.errors import impossible

WHERE_HELP = {
    **IMAGE_HELP,
    "region": "an AWS region or Scaleway zone; repeatable (default: the definition's)",
}
PUBLISHED_HELP = {
    "image": IMAGE_HELP["image"],
    "region": "an AWS region or Scaleway zone; repeatable (default: the definition's, and where it is already)",
}
RELEASE_HELP = {**PUBLISHED_HELP, "release": "the release, or how its name begins (default: the newest)"}


@task(help={**IMAGE_HELP, **REHEARSE_HELP, "json": "print a list of objects instead of a table"})
def regions(_context: Context, image: str = IMAGE, base: str = "", json: bool = False, rehearse: bool = False) -> None:
    """Show every region and zone, and in those that this account may use the newest image of the base, with its age."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import regions

    console = Console()
    survey = regions.survey(image, base=base, enter=lambda: open_account(is_rehearsal=rehearse, console=console))
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
    """Show what a bake in regions would find, bake, copy, share, deprecate and cost; nothing is changed."""
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
    """Bring a verified release to its regions: copies, tags, readers, dates, parameters; prints its ids."""
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
    from bakery.release import publish

    console = Console()
    order = publish.Order(image=image, release=release, regions=tuple(region or ()))
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions, image=order.image)
    print_ids(publish.publish(order, account=account, console=console))


@task(help={**RELEASE_HELP, **REHEARSE_HELP}, iterable=["region"])
def promote(
    _context: Context,
    release: str = "",
    image: str = IMAGE,
    region: Sequence[str] | None = None,
    rehearse: bool = False,
) -> None:
    """Point `latest` at a release in its regions (--release, or the newest); prints its ids."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import promote, publish

    console = Console()
    order = publish.Order(image=image, release=release, regions=tuple(region or ()))
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions)
    print_ids(promote.promote(order, account=account, console=console))


@task(
    help={
        "image": IMAGE_HELP["image"],
        "region": "only this AWS region or Scaleway zone; repeatable (default: wherever the last promote reached)",
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
    from bakery.release import promote, publish

    console = Console()
    order = publish.Order(image=image, regions=tuple(region or ()))
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions)
    for release in promote.rollback(order, account=account, console=console):
        print_ids(release)


@task(
    help={
        "stop": "end it, and every machine in it",
        "accelerator": "how its machines run from now on: kvm, native, tcg or auto; starts it where none runs",
    }
)
def rehearsal(_context: Context, stop: bool = False, accelerator: str = "") -> None:
    """Show the clouds on this machine that --rehearse has started, or end them."""
    from bakery.core.console import Console
    from bakery.rehearsal import service

    if stop and accelerator:
        raise impossible("--accelerator is for a rehearsal that runs, --stop ends it", hint="one of the two")
    if stop:
        print("stopped" if service.stop() else "none is running")
        return
    if accelerator:
        service.start(console=Console(), machines=accelerator)
    print("\n".join(service.describe() or ["none is running"]))
