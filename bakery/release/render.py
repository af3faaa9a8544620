"""The story of `invoke render --region`: what a bake in AWS would hand to Packer, and a Vagrantfile for an image there.

Nothing is made in the account. Without credentials the image to begin with is left open, and all else is as with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.clouds.aws import base_images, desired, packer
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.packer import Build
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode, impossible
from bakery.definition import aws_regions, bases, layers
from bakery.definition.bases import Base
from bakery.disk.artifact import Artifact
from bakery.local.plan import Order, release_name
from bakery.packer import engine, render
from bakery.packer.fingerprint import Layer
from bakery.packer.workspace import Workspace
from bakery.release import plan
from bakery.vagrant import vagrantfile

Enter = Callable[[Sequence[str]], Account]
"""Opens the account, told which regions it is for."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a bake in a region begins with, as far as it is known."""

    root_device: str
    image_id: str = ""
    """The AMI of the base or of the layer below."""
    base_id: str = ""
    """The base's AMI in any case."""
    endpoint: str = ""


def write(order: Order, *, regions: Sequence[str], enter: Enter, is_rehearsal: bool, console: Console) -> list[Path]:
    """Write a Packer folder and, where an AMI is known, a Vagrantfile for each region; return their paths.

    Raises BakeryError: exit code 2 for an unknown image, base or region, 3 when Packer is not installed or AWS does not
    answer.
    """
    if order.base_from:
        raise impossible(f"--base-from {order.base_from} is for bakes on this machine", hint="leave it out")
    names = [aws_regions.region(name) for name in dict.fromkeys(regions)]
    chain = layers.chain(order.image)
    base = bases.base(order.base or layers.effective(chain).base)
    installed, account = engine.installed(), _account(enter, names, is_rehearsal=is_rehearsal, console=console)
    stack = plan.stacked(chain, base)
    if account is not None:
        account.require(names)
    written: list[Path] = []
    for name in names:
        begin = Beginning(root_device=packer.default_root_device(base))
        if account is not None:
            begin = _ask(account.region(name), stack, base=base, console=console)
        build = _build(stack[-1], base=base, region=name, begin=begin)
        kept = Artifact(image=order.image, base=base.name, folder=folders.build_dir(order.image, name))
        packer.prepare(Workspace(folder=kept.workspace), build, packer=installed)
        written.append(kept.workspace)
        image_id = known_image(build, is_rehearsal=is_rehearsal) or begin.base_id
        if image_id:
            written += render.write(kept.folder, {"Vagrantfile": vagrantfile_text(build, image_id=image_id)})
        else:
            console.say(f"{name}: no Vagrantfile, because neither the catalog nor AWS names an image there")
    return written


def known_image(build: Build, *, is_rehearsal: bool) -> str:
    """Return the newest AMI of the image that the catalog has in the build's region, empty when there is none."""
    definition, region = build.definition, build.region
    placed = {
        release.release: release.places[region].image_id
        for release in catalog.read(definition.name, is_rehearsal=is_rehearsal).releases
        if (release.arch, release.base) == (definition.arch, build.base.name) and region in release.places
    }
    return placed[max(placed)] if placed else ""


def vagrantfile_text(build: Build, *, image_id: str) -> str:
    """Return the Vagrantfile for a machine started from an AMI of the build's region."""
    instance = vagrantfile.Instance(
        image=build.definition.name,
        base=build.base.name,
        region=build.region,
        image_id=image_id,
        user=build.login_user,
        instance_type=build.instance_type,
        root_device=build.root_device,
        disk_gb=build.definition.disk.size_gb,
        volume_type=packer.VOLUME_TYPE,
    )
    return vagrantfile.aws_vagrantfile(instance)


def _account(enter: Enter, regions: Sequence[str], *, is_rehearsal: bool, console: Console) -> Account | None:
    try:
        return enter(regions)
    except BakeryError as error:
        if is_rehearsal or error.exit_code is not ExitCode.MISSING:
            raise
        console.say(f"{error.message}: give Packer the image to begin with, -var source_image=ami-…")
        return None


def _ask(region: Region, stack: Sequence[Layer], *, base: Base, console: Console) -> Beginning:
    newest = base_images.newest(region, base, stack[-1].whole.arch)
    image_id = newest.id
    if len(stack) > 1:
        beneath = stack[-2]
        below = plan.find(region, beneath.whole, beneath.fingerprint)
        image_id = below.id if below else ""
        if not image_id:
            name = beneath.whole.name
            console.say(f"{region.name}: the layer {name} is not baked there yet: -var source_image=ami-… is needed")
    return Beginning(
        image_id=image_id,
        base_id=newest.id,
        root_device=newest.root_device,
        endpoint=region.account.endpoint or "",
    )


def _build(layer: Layer, *, base: Base, region: str, begin: Beginning) -> Build:
    whole, digest, now = layer.whole, layer.fingerprint, datetime.now(UTC)
    release = Release(
        release=release_name(digest, now=now),
        arch=whole.arch,
        base=base.name,
        fingerprint=digest,
        size_gb=whole.disk.size_gb,
        baked_at=now,
        baked_in=region,
    )
    return Build(
        layers=layer.definitions,
        definition=whole,
        base=base,
        keys=layer.keys,
        fingerprint=digest,
        release=release.release,
        region=region,
        source_image=begin.image_id,
        login_user=base.aws.user,
        name=naming.name(whole.name, release.release, whole.arch),
        instance_type=whole.aws.instance_type or packer.default_instance_type(whole.arch),
        security_group="",
        root_device=begin.root_device,
        tags=desired.tags(release, image=whole.name, own=whole.aws.tags),
        run_tags={**whole.aws.tags, naming.TITLE: f"bake {whole.name}", naming.RUN: release.release},
        endpoint=begin.endpoint,
    )
