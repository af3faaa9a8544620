"""The tasks around what was published: its ids, machines from it, whether it is as it should be, and its end."""

from collections.abc import Sequence

from bakery.commands.command import IMAGE, IMAGE_HELP, REHEARSE_HELP, Context, number, task
from bakery.core.errors import impossible


@task(
    help={
        "image": IMAGE_HELP["image"],
        "arch": "amd64 or arm64 (default: the definition's)",
        "release": "the release, how its name begins, latest or newest (default: latest; newest if none was promoted)",
        "format": "table, json, terraform, cloudformation, env or packer (default: table)",
        "region": "only this AWS region or Scaleway zone; repeatable",
        "rehearse": "what was published in a rehearsal, on this machine",
    },
    iterable=["region"],
)
def amis(
    _context: Context,
    image: str = IMAGE,
    arch: str = "",
    release: str = "",
    format_: str = "table",
    rehearse: bool = False,
    region: Sequence[str] | None = None,  # a tuple here would make invoke read one value, letter by letter
) -> None:
    """Print the AMI ids of a release, for people or for Terraform, CloudFormation, a shell or Packer."""
    from bakery.catalog import ids
    from bakery.core.console import Console

    order = ids.Order(
        image=image, arch=arch, release=release, form=format_, regions=tuple(region or ()), is_rehearsal=rehearse
    )
    print(ids.show(order, console=Console()), end="")


@task(
    help={
        "image": IMAGE_HELP["image"],
        **REHEARSE_HELP,
        "region": "an AWS region or Scaleway zone; repeatable",
        "count": "machines in each region, 1 to 20 (default: 1)",
        "arch": "amd64 or arm64 (default: the definition's)",
        "release": "the release, or how its name begins (default: latest)",
        "from": "where the id is from: catalog or parameter (default: catalog, if it has any release)",
        "instance-type": "such as t3.large (default: a small one that the region has)",
        "disk-gb": "size of the root volume in GB (default: the definition's)",
        "key": "EC2 key pair that may log in (default: none)",
        "user-data": "file that the machines are given at their first boot",
        "domain": "dokku's global domain on them, or sslip; instead of --user-data",
        "no-wait": "do not wait until they are healthy",
    },
    iterable=["region"],
)
def launch(
    _context: Context,
    image: str = IMAGE,
    rehearse: bool = False,
    region: Sequence[str] | None = None,
    no_wait: bool = False,
    count: str = "1",
    arch: str = "",
    release: str = "",
    from_: str = "",
    instance_type: str = "",
    disk_gb: str = "",
    key: str = "",
    user_data: str = "",
    domain: str = "",
) -> None:
    """Start machines in regions of a cloud from a release and wait until they are healthy; prints their addresses."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import launch, launch_order

    order = launch_order.Order(
        image=image,
        regions=tuple(region or ()),
        count=number("--count", count, least=1),
        arch=arch,
        release=release,
        source=from_,
        instance_type=instance_type,
        disk_gb=number("--disk-gb", disk_gb, least=1) if disk_gb else 0,
        key=key,
        user_data=launch_order.user_data(file=user_data, domain=domain),
        is_waiting=not no_wait,
    )
    console = Console()
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions)
    launched = launch.launch(order, account=account, console=console)
    print("\n".join(launched.addresses), end="\n" if launched.addresses else "")
    launched.require_all()


@task(
    help={
        **REHEARSE_HELP,
        "image": "only this definition's images (default: all)",
        "region": "only this AWS region or Scaleway zone; repeatable (default: wherever images are or are to be)",
        "json": "print a list of objects instead of a table",
    },
    iterable=["region"],
)
def validate(
    _context: Context,
    rehearse: bool = False,
    image: str = "",
    region: Sequence[str] | None = None,
    json: bool = False,
) -> None:
    """Hold what is in AWS against the catalog; exit code 1 when something is missing, wrong or unexpected."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import validate

    console = Console()
    account = open_account(is_rehearsal=rehearse, console=console, regions=region or ())
    report = validate.validate((image,) if image else (), regions=tuple(region or ()), account=account, console=console)
    if json:
        print(report.as_json())
    else:
        report.show()
    report.require_correct()


@task(
    help={
        **REHEARSE_HELP,
        "image": "only this definition's catalog (default: all)",
        "rebuild": "first add what the clouds have: for a catalog that was lost; nothing is taken out of it",
        "region": "with --rebuild: only this AWS region or Scaleway zone; repeatable (default: all that may be used)",
    },
    iterable=["region"],
)
def catalog(
    _context: Context,
    rebuild: bool = False,
    rehearse: bool = False,
    image: str = "",
    region: Sequence[str] | None = None,
) -> None:
    """Show what was published, as the catalog has it; with --rebuild, out of what AWS has."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import rebuild as rebuilding  # invoke makes a flag of the name rebuild

    console, names, regions = Console(), (image,) if image else (), tuple(region or ())
    if regions and not rebuild:
        raise impossible("--region is for --rebuild", hint="./inv amis --region …  (shows the ids in a region)")
    if rebuild:
        account = open_account(is_rehearsal=rehearse, console=console, regions=regions)
        rebuilding.rebuild(names, regions=regions, account=account, console=console)
    rebuilding.show(names, is_rehearsal=rehearse, console=console)


@task(
    help={
        **REHEARSE_HELP,
        "image": "only this definition's images (default: all)",
        "region": "only this AWS region or Scaleway zone; repeatable (default: wherever images are or are to be)",
        "keep": "how many of the newest releases stay (default: as each definition says)",
        "unknown": "remove images of ours, too, that are in no catalog here; another checkout may own them",
        "now": "end machines of bakes, too, that are younger than 6 hours, and their groups; their runs may go on",
        "dry-run": "show what would go, change nothing",
    },
    iterable=["region"],
)
def prune(
    _context: Context,
    rehearse: bool = False,
    image: str = "",
    region: Sequence[str] | None = None,
    keep: str = "",
    unknown: bool = False,
    now: bool = False,
    dry_run: bool = False,
) -> None:
    """Remove old releases that nobody uses, and what killed runs have left in AWS; prints what stays, and why."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import prune

    order = prune.Order(
        images=(image,) if image else (),
        regions=tuple(region or ()),
        keep=number("--keep", keep, least=1) if keep else 0,
        is_unknown_too=unknown,
        is_now=now,
    )
    console = Console()
    account = open_account(is_rehearsal=rehearse, console=console, regions=order.regions)
    prune.prune(order, account=account, console=console, is_dry=dry_run)
