"""The tasks of every night: whatever has changed is baked, proven and promoted; nothing else is done."""

from collections.abc import Sequence

from bakery.commands.command import IMAGE_HELP, REHEARSE_HELP, Context, number, task
from bakery.core.errors import impossible


@task(
    help={
        "image": "only this image; give it as often as there are (default: all)",
        "region": "an AWS region or Scaleway zone instead of the definition's; repeatable. Without any: this machine",
        "base": IMAGE_HELP["base"],
        "accelerator": "how machines run here: kvm, native, tcg or auto, the first of them that works",
        "max-age-days": "how old an image may be where the archives do not tell if packages would move (default: 7)",
        "verify-each": "judge a machine in every region before latest names a new release there, one after the other",
        "no-promote": "leave latest where it is; a later nightly promotes",
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
    verify_each: bool = False,
    no_promote: bool = False,
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
        from bakery.rehearsal import base_disk, buckets

        buckets.lend(name)
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
        is_promoted=not no_promote,
        is_each_verified=verify_each,
    )
    if commit or push:
        catalog_commit.require_possible(is_rehearsal=rehearse)
    nights = nightly.nightly(order, doors=doors, console=console)
    nightly.show(nights, is_rehearsal=rehearse, console=console)
    if (commit or push) and not dry_run:
        catalog_commit.commit(nights, is_pushed=push, console=console)
    nightly.require_done(nights)


@task(
    help={
        "image": "only this image; give it as often as there are (default: all)",
        "region": "these AWS regions or Scaleway zones instead of each definition's; repeatable",
        "json": "print what GitHub Actions takes for a matrix, instead of a table",
        "unproven": "pairs of image and regions where a machine is still to be judged, by the catalog",
        "per": "with --unproven: how many regions one runner takes (default: 4)",
        **REHEARSE_HELP,
    },
    iterable=["image", "region"],
)
def matrix(
    _context: Context,
    image: Sequence[str] | None = None,
    region: Sequence[str] | None = None,
    json: bool = False,
    unproven: bool = False,
    per: str = "",
    rehearse: bool = False,
) -> None:
    """Say how the work of a night is spread over machines: what stands on the same layers stays together."""
    from bakery.release import matrix

    if per and not unproven:
        raise impossible("--per is for --unproven", hint="a night has one runner for all regions of an image")
    names, places = tuple(image or ()), tuple(region or ())
    if unproven:
        most = number("--per", per, least=1) if per else matrix.PLACES_EACH
        jobs = matrix.unproven(names, places=places, is_rehearsal=rehearse, most=most)
    else:
        jobs = matrix.nights(names, places=places, is_rehearsal=rehearse)
    if json:
        print(matrix.as_json(jobs))
    else:
        matrix.show(jobs)
