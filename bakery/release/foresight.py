"""The story of `invoke diff RELEASE plan`: hold a release against what a bake now would make, and bake nothing.

The definition, its steps and the archives' lists are asked, no cloud: which base image a region has now, `nightly
--dry-run` asks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery import ROOT
from bakery.contents import diff, foreseen, forms, provenance, sides
from bakery.contents.foreseen import Foreseen, Planned
from bakery.contents.manifest import Manifest, Plugin
from bakery.core import checkout
from bakery.core.errors import impossible
from bakery.definition import bases, layers
from bakery.definition.bases import BaseFrom
from bakery.definition.model import Definition
from bakery.local import plan as local_plan
from bakery.packer import fingerprint
from bakery.release import plan
from bakery.sources import apt, movers
from bakery.sources.index import SilentError
from bakery.sources.movers import Installed, Prospect
from bakery.sources.preflight import Demand


@dataclass(frozen=True, kw_only=True)
class Bake:
    """What a bake now would be given."""

    demand: Demand
    whole: Definition
    fingerprint: str


def show(order: diff.Order) -> None:
    """Print on stdout what a bake now would change of a release.

    Raises BakeryError: exit code 2 like `diff.show`, and for a release that no bake now would follow; 3 where an
    archive is broken, stale or from the future: a bake would fail there.
    """
    form = forms.form(order.form)
    diff.show_plan(foresee(order), form=form)


def foresee(order: diff.Order) -> Foreseen:
    """Return what a bake now would change of a release; raises like `show`."""
    shelf = sides.shelf(order.image, arch=order.arch, base=order.base, is_rehearsal=order.is_rehearsal)
    old = shelf.manifest(order.old)
    bake = _local(order) if order.old == sides.LOCAL else _in_a_cloud(order)
    if old.arch is not bake.whole.arch:
        said = f"{old.image} {old.release} is for {old.arch}, and a bake now would be for {bake.whole.arch}"
        raise impossible(said, hint=f"--arch {bake.whole.arch}")
    if old.fingerprint != bake.fingerprint and order.old != sides.LOCAL:
        bake = _sent_up(order, old) or bake
    packages, doubts = _packages(old, bake)
    stated = provenance.stated(shelf.provenance_path(order.old))
    is_other = old.fingerprint != bake.fingerprint
    commit = (stated.commit if stated else "") or ""
    files = _changed_files(bake.demand.layers, since=commit) if is_other else []
    if files is None:
        doubts.append("which files of the definition changed: git does not know what that release was baked from")
    planned = Planned(
        base=bake.demand.base.name,
        fingerprint=bake.fingerprint,
        plugins=[Plugin(name=one.name, commit=one.commit, url=one.url) for one in bake.whole.plugins],
        steps=[step.value for step in bake.whole.all_steps],
        was_steps=stated.steps if stated else None,
        files=files or (),
        packages=packages,
        is_whole=bake.demand.base_from is BaseFrom.ARCHIVE and not any(one.own_steps for one in bake.demand.layers),
        doubts=doubts,
    )
    return foreseen.of(old, planned)


def _local(order: diff.Order) -> Bake:
    return _of(local_plan.make(local_plan.Order(image=order.image, base=order.base)))


def _of(planned: local_plan.Plan) -> Bake:
    return Bake(demand=planned.demand, whole=planned.definition, fingerprint=planned.fingerprint)


def _in_a_cloud(order: diff.Order) -> Bake:
    chain = layers.chain(order.image)
    base = bases.base(order.base or layers.effective(chain).base)
    top = plan.stacked(chain, base)[-1]
    demand = Demand(
        layers=top.definitions,
        base=base,
        base_from=BaseFrom.CLOUD,
        mirrors=apt.mirrors_for(base),
        arch=top.whole.arch,
    )
    return Bake(demand=demand, whole=top.whole, fingerprint=top.fingerprint)


def _sent_up(order: diff.Order, old: Manifest) -> Bake | None:
    """Return a bake on this machine where a release was sent up from one of the same definition; None where not."""
    here = local_plan.of_fingerprint(order.image, old.fingerprint, base=order.base)
    return _of(here) if here else None


def _packages(old: Manifest, bake: Bake) -> tuple[Prospect | None, list[str]]:
    """Return what would become of the packages, or why that is not known."""
    if old.base != bake.demand.base.name:
        other = f"--base {old.base} holds it against a bake on its own"
        return None, [f"packages: all are those of another base ({other})"]
    installed = [Installed(name=one.name, version=one.version, arch=one.arch) for one in old.packages]
    try:
        return movers.foresee(installed, bake.demand, answers=movers.ask([bake.demand])), []
    except SilentError as error:
        return None, [f"packages: {error.message}"]


def _changed_files(definitions: Sequence[Definition], *, since: str) -> list[str] | None:
    """Return which files that count for the fingerprint have changed since a commit; None where git does not know."""
    if not since:
        return None
    paths = sorted({path for one in definitions for path in _files(one)})
    found = checkout.changed_since(since, paths, folder=ROOT)
    return None if found is None else [path.relative_to(ROOT).as_posix() for path in found]


def _files(definition: Definition) -> Iterator[Path]:
    yield layers.file_of(definition.name)
    yield from fingerprint.provision_files(definition)
    for step in definition.own_steps:
        yield from (step.file, step.file.with_suffix(""))
