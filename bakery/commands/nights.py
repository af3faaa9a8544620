"""The task of every night: whatever has changed is baked, proven and promoted; nothing else is done."""

from collections.abc import Sequence

from bakery.commands.command import IMAGE_HELP, REHEARSE_HELP, Context, number, task


@task(
    help={
        "image": "only this image; give it as often as there are (default: all)",
        "region": "an AWS region instead of the definition's; give it as often as there are. Without any: this machine",
        "base": IMAGE_HELP["base"],
        "accelerator": "how machines run here: kvm, native, tcg or auto, the first of them that works",
        "max-age-days": "how old an image may be where the archives do not tell if packages would move (default: 7)",
        "commit": "commit the catalog afterwards, where it is in a git checkout",
        "push": "and push it to the branch that is checked out; implies --commit",
        **REHEARSE_HELP,
        "dry-run": "say what would be baked and why, change nothing",
    },
    iterable=["image", "region"],
)
def nightly(
    _context: Context,
    image: Sequence[str] | None = None,
    region: Sequence[str] | None = None,
    base: str = "",
    accelerator: str = "auto",
    max_age_days: str = "",
    commit: bool = False,
    push: bool = False,
    rehearse: bool = False,
    dry_run: bool = False,
) -> None:
    """Bake what has changed (definition, base or packages), verify, publish, promote, prune; prints what was done."""
    from bakery.commands.session import open_account
    from bakery.core.console import Console
    from bakery.release import catalog_commit, nightly

    console = Console()

    def lend(name: str) -> None:
        from bakery.rehearsal import base_disk

        base_disk.lend(name, base=base, console=console)

    doors = nightly.Doors(
        account=lambda names: open_account(is_rehearsal=rehearse, console=console, regions=names),
        before_bake=lend if rehearse else lambda _: None,
        is_rehearsal=rehearse,
    )
    order = nightly.Order(
        images=tuple(image or ()),
        places=tuple(region or ()),
        base=base,
        accelerator=accelerator,
        max_age_days=number("--max-age-days", max_age_days, least=0) if max_age_days else nightly.MAX_AGE_DAYS,
        is_dry=dry_run,
    )
    if commit or push:
        catalog_commit.require_possible(is_rehearsal=rehearse)
    nights = nightly.nightly(order, doors=doors, console=console)
    nightly.show(nights, is_rehearsal=rehearse)
    if (commit or push) and not dry_run:
        catalog_commit.commit(nights, is_pushed=push, console=console)
    nightly.require_done(nights)
