"""The tasks that look after this checkout and this machine: its checks, its tools, its cache."""

from bakery.commands.command import Context, task


@task(help={"fast": "leave out machines and the rehearsal cloud (two minutes)", "k": "only tests whose name matches"})
def test(_context: Context, fast: bool = False, k: str = "") -> None:
    """Run every check: format, lint, types, shell scripts, templates, unit tests, and without --fast the rest."""
    from bakery.core.console import Console
    from bakery.local import checks

    checks.run(is_fast=fast, pattern=k, console=Console())


@task()
def doctor(_context: Context) -> None:
    """Show what is installed, what answers, and which commands work here."""
    from bakery.local import doctor

    doctor.report()


@task()
def clean(_context: Context) -> None:
    """Empty the cache of bases and downloads; baked images stay. Prints what was freed."""
    from bakery.core import folders

    print(f"freed {folders.clean_cache() / 1e6:.0f} MB")
