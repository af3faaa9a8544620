"""The tasks about what is in a release, as the machine told that was booted from it."""

from collections.abc import Sequence

from bakery.commands.command import IMAGE, IMAGE_HELP, Context, task
from bakery.core.errors import impossible

SIDE = "a release, how its name begins, latest, newest, or local: the image that was baked on this machine"

EXAMPLE = "diff latest plan"


@task(
    positional=["old", "new"],
    help={
        "old": SIDE,
        "new": f"likewise, or plan: what a bake now would make, as far as is known before one ({EXAMPLE})",
        "image": IMAGE_HELP["image"],
        "arch": "amd64 or arm64 (default: the definition's)",
        "base": f"with local and plan: {IMAGE_HELP['base']}",
        "format": "table, json or markdown (default: table)",
        "rehearse": "what was published in a rehearsal, on this machine",
    },
)
def diff(
    _context: Context,
    old: str | None = None,
    new: str | None = None,
    image: str = IMAGE,
    arch: str = "",
    base: str = "",
    format_: str = "table",
    rehearse: bool = False,
) -> None:
    """Show what differs between two releases (diff latest newest), or what a bake would change (diff latest plan)."""
    from bakery.contents import diff, foreseen, sides

    if base and not {old, new} & {sides.LOCAL, foreseen.PLAN}:
        raise impossible(f"--base is for {sides.LOCAL} and {foreseen.PLAN}", hint="a release has its own: leave it out")
    order = diff.Order(
        image=image,
        old=old or "",
        new=new or "",
        arch=arch,
        base=base,
        form=format_,
        is_rehearsal=rehearse,
    )
    if order.new != foreseen.PLAN:
        diff.show(order)
        return
    from bakery.release import foresight

    foresight.show(order)


@task(
    positional=["release"],
    help={
        "release": SIDE,
        "image": IMAGE_HELP["image"],
        "arch": "amd64 or arm64 (default: the definition's)",
        "base": f"with local: {IMAGE_HELP['base']}",
        "rehearse": "what was published in a rehearsal, on this machine",
    },
)
def sbom(
    _context: Context,
    release: str | None = None,
    image: str = IMAGE,
    arch: str = "",
    base: str = "",
    rehearse: bool = False,
) -> None:
    """Print a release's software bill of materials for scanners, CycloneDX in JSON: packages, plugins, containers."""
    from bakery.contents import sbom, sides

    if base and release != sides.LOCAL:
        raise impossible(f"--base is for {sides.LOCAL}", hint="a release has its own: leave it out")
    shelf = sides.shelf(image, arch=arch, base=base, is_rehearsal=rehearse)
    print(sbom.text(shelf.manifest(release or "")), end="")


@task(
    help={
        "image": "only this definition's releases; give it as often as there are (default: all)",
        "rehearse": "what was published in a rehearsal, on this machine",
    },
    iterable=["image"],
)
def report(_context: Context, image: Sequence[str] | None = None, rehearse: bool = False) -> None:
    """Write pages about all images and each release to build/report/, for a browser; prints the first one's path."""
    from bakery.core.console import Console
    from bakery.report import site

    print(site.write(site.Order(images=tuple(image or ()), is_rehearsal=rehearse), console=Console()))
