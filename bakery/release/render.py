"""The story of `invoke render --region`: what a bake in a cloud hands to Packer, and a Vagrantfile for an image there.

Nothing is made in the account. Without credentials the image to begin with is left open, and all else is as with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.catalog.record import Made
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode, impossible
from bakery.definition import bases, layers
from bakery.definition.bases import Base
from bakery.disk.artifact import Artifact
from bakery.local.plan import Order, release_name
from bakery.packer import engine, render
from bakery.packer.fingerprint import Layer
from bakery.places.account import Account
from bakery.places.baking import Baking
from bakery.places.place import Place
from bakery.places.sketch import Sketch
from bakery.release import bake, plan

Enter = Callable[[Sequence[str]], Account]
"""Opens the account, told which regions it is for."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a bake in a place begins with, as far as it is known."""

    root_device: str
    image_id: str = ""
    """The image of the base or of the layer below."""
    base_id: str = ""
    """The base's image in any case."""


def write(
    order: Order, *, sketches: Sequence[Sketch], enter: Enter, is_rehearsal: bool, console: Console
) -> list[Path]:
    """Write a Packer folder and, where an image is known, a Vagrantfile for each place; return their paths.

    A bake of it there is waited for. Raises BakeryError: exit code 2 for an unknown image, base or place, 3 when Packer
    is not installed or the cloud does not answer.
    """
    if order.base_from:
        raise impossible(f"--base-from {order.base_from} is for bakes on this machine", hint="leave it out")
    names = [sketch.name for sketch in sketches]
    chain = layers.chain(order.image)
    base = bases.base(order.base or layers.effective(chain).base)
    installed, account = engine.installed(), _account(enter, names, is_rehearsal=is_rehearsal, console=console)
    stack = plan.stacked(chain, base)
    places = {one.name: one for one in account.require(names)} if account else {}
    written: list[Path] = []
    for sketch in sketches:
        begin = Beginning(root_device=sketch.root_device(base))
        if sketch.name in places:
            begin = _ask(places[sketch.name], stack, base=base, console=console)
        baking = _baking(stack[-1], base=base, place=sketch.name, begin=begin)
        known = places[sketch.name].sketch if sketch.name in places else sketch
        with bake.alone(order.image, sketch.name, console=console):
            known.prepare(baking, installed=installed)
        written.append(baking.artifact.workspace)
        written += _vagrantfile(known, baking, begin, is_rehearsal=is_rehearsal, console=console)
    return written


def _vagrantfile(
    sketch: Sketch, baking: Baking, begin: Beginning, *, is_rehearsal: bool, console: Console
) -> list[Path]:
    release = newest_in(sketch.name, baking, is_rehearsal=is_rehearsal)
    image_id = release.places[sketch.name].image_id if release else begin.base_id
    if not image_id:
        console.say(f"{sketch.name}: no Vagrantfile, because neither the catalog nor the cloud names an image there")
        return []
    text = sketch.vagrantfile(baking, image_id=image_id, is_import=release is not None and release.is_import)
    return render.write(baking.artifact.folder, {"Vagrantfile": text}) if text else []


def newest_in(place: str, baking: Baking, *, is_rehearsal: bool) -> Release | None:
    """Return the newest release of an image and a base that the catalog has in a place, None when there is none."""
    definition = baking.definition
    placed = [
        release
        for release in catalog.read(definition.name, is_rehearsal=is_rehearsal).having(definition.arch)
        if release.base == baking.base.name and place in release.places
    ]
    return max(placed, key=lambda release: release.release, default=None)


def _account(enter: Enter, regions: Sequence[str], *, is_rehearsal: bool, console: Console) -> Account | None:
    try:
        return enter(regions)
    except BakeryError as error:
        if is_rehearsal or error.exit_code is not ExitCode.MISSING:
            raise
        console.say(f"{error.message}: give Packer the image to begin with, -var source_image=ami-…")
        return None


def _ask(place: Place, stack: Sequence[Layer], *, base: Base, console: Console) -> Beginning:
    newest = place.newest_base(base, stack[-1].whole.arch)
    image_id = newest.id
    if len(stack) > 1:
        beneath = stack[-2]
        below = plan.find(place, beneath.whole, beneath.fingerprint)
        image_id = below.id if below else ""
        if not image_id:
            name = beneath.whole.name
            console.say(f"{place.name}: the layer {name} is not baked there yet: -var source_image=ami-… is needed")
    return Beginning(image_id=image_id, base_id=newest.id, root_device=newest.root_device)


def _baking(layer: Layer, *, base: Base, place: str, begin: Beginning) -> Baking:
    whole = layer.whole
    made = Made(
        image=whole.name,
        release=release_name(layer.fingerprint, now=datetime.now(UTC)),
        arch=whole.arch,
        base=base.name,
        fingerprint=layer.fingerprint,
        size_gb=whole.disk.size_gb,
    )
    return Baking(
        layers=layer.definitions,
        definition=whole,
        base=base,
        keys=layer.keys,
        made=made,
        source_image=begin.image_id,
        root_device=begin.root_device,
        artifact=Artifact(image=whole.name, base=base.name, folder=folders.build_dir(whole.name, place)),
    )
