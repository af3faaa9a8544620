"""What a bake would do, decided before anything is done; nothing here changes anything."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bakery.catalog.record import Made
from bakery.core.errors import BakeryError, did_you_mean, impossible, missing
from bakery.definition import bases, layers
from bakery.definition.arch import require_bakeable
from bakery.definition.bases import Arch, Base, BaseFrom
from bakery.definition.model import Definition
from bakery.definition.sshkeys import NamedKey
from bakery.disk import archive, artifact
from bakery.disk.artifact import Artifact
from bakery.guests.accelerator import AUTO
from bakery.packer import fingerprint, settings
from bakery.sources import apt, packages
from bakery.sources.apt import Mirrors
from bakery.sources.preflight import Demand, no_archive


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; empty strings leave the choice to the definition or to this machine."""

    image: str
    base: str = ""
    base_from: str = ""
    arch: Arch | None = None
    is_forced: bool = False
    accelerator: str = AUTO

    def of_layer(self, layer: "Plan") -> "Order":
        """Return the order for a layer below, on the same base and processor; what is forced is the image alone."""
        made = layer.demand
        return Order(
            image=layer.definition.name,
            base=made.base.name,
            base_from=self.base_from,
            arch=made.arch,
            accelerator=self.accelerator,
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One image on one base, with the plan of the layer below it."""

    definition: Definition
    """What the file says, and for what it leaves open the layers below."""
    demand: Demand
    keys: tuple[NamedKey, ...]
    recipe: archive.Recipe | None
    below: "Plan | None"
    fingerprint: str
    release: str
    """The name of what this plan would bake: when, and from which definition."""
    artifact: Artifact
    record: dict[str, Any] | None
    is_forced: bool

    @property
    def base(self) -> Base:
        """The base under all layers."""
        return self.demand.base

    @property
    def made(self) -> Made:
        """What this plan would bake, as it is recorded."""
        return Made(
            image=self.definition.name,
            release=self.release,
            arch=self.definition.arch,
            base=self.base.name,
            fingerprint=self.fingerprint,
            size_gb=self.definition.disk.size_gb,
            is_local=True,
        )

    @property
    def told(self) -> dict[str, str]:
        """What the steps are told."""
        return settings.settings(
            self.layers,
            self.base,
            fingerprint=self.fingerprint,
            release=self.release,
            build_user=self.base.default_user,
            keys=self.keys,
        )

    @property
    def layers(self) -> Sequence[Definition]:
        """Every definition that this image is made of, the lowest first, as the files say it."""
        return self.demand.layers

    @property
    def is_done(self) -> bool:
        """Whether the image is there already, verified, with the same fingerprint."""
        return self.record is not None and self.record["fingerprint"] == self.fingerprint and not self.is_forced

    @property
    def reason(self) -> str:
        """Why there is something to do, or nothing."""
        if self.record is None:
            return "there is no such image yet"
        if self.record["fingerprint"] != self.fingerprint:
            return f"its definition changed since {self.record['fingerprint'][: fingerprint.SHORT]}"
        return "asked for with --force" if self.is_forced else f"unchanged since {self.record['baked_at']}"

    def lines(self) -> list[str]:
        """Return the plan for people, a line each, the layers below first."""
        return [*(self.below.lines() if self.below else ()), *self.own_lines()]

    def own_lines(self) -> list[str]:
        """Return the plan of this layer alone."""
        begin = f"layer {self.below.definition.name}" if self.below else f"{self.base.name} from {self._source()}"
        return [
            f"image        {self.definition.name} ({self.definition.description})",
            f"begins with  {begin}",
            f"steps        {' '.join(self.layers[-1].all_steps)}",
            *(f"plugin       {plugin.name} {plugin.commit[:12]} {plugin.url}" for plugin in self.definition.plugins),
            *(f"ssh key      {key.line}" for key in self.keys),
            f"disk         {self.definition.disk.size_gb} GB, {self.definition.disk.swap_gb} GB swap at first boot",
            f"fingerprint  {self.fingerprint[: fingerprint.SHORT]}",
            f"result       {self.artifact.disk}",
            f"to do        {'nothing' if self.is_done else 'bake and verify'}: {self.reason}",
        ]

    def _source(self) -> str:
        if self.recipe is None:
            return f"the official cloud image ({self.base.cloud_image.url(self.definition.arch)})"
        return f"the package archive ({self.recipe.uris()[0]})"


def make(order: Order) -> Plan:
    """Return the plan for an order.

    Raises BakeryError: exit code 2 for an unknown image, base or source, and for what cannot be baked here;
    3 when the package archive is asked for and this machine has no source of that distribution.
    """
    chain = layers.chain(order.image, arch=order.arch)
    base = bases.base(order.base or layers.effective(chain).base)
    require_bakeable(chain[-1].arch)
    mirrors = apt.mirrors_for(base)
    base_from = choose_source(order, base, mirrors=mirrors)
    recipe = None
    if base_from is BaseFrom.ARCHIVE and mirrors is not None:
        native = packages.native_packages(chain[0], base)
        recipe = archive.Recipe(base=base, arch=chain[0].arch, sources=mirrors.lines, packages=native)
    plan: Plan | None = None
    beginning = [base.name, base_from, *(recipe.ingredients() if recipe else ())]
    for layer in fingerprint.of_layers(chain, beginning=beginning):
        whole, below = layer.whole, layer.definitions
        made = artifact.local(whole.name, base.name)
        plan = Plan(
            definition=whole,
            demand=Demand(layers=below, base=base, base_from=base_from, mirrors=mirrors, arch=whole.arch),
            keys=layer.keys,
            recipe=recipe,
            below=plan,
            fingerprint=layer.fingerprint,
            release=release_name(layer.fingerprint),
            artifact=made,
            record=made.read_record(),
            is_forced=order.is_forced and len(below) == len(chain),
        )
    assert plan is not None
    return plan


def of_fingerprint(image: str, digest: str, *, base: str) -> Plan | None:
    """Return the plan of a bake here that makes an image of that fingerprint, from either source; None where none does.

    Of a base from the archive it tells which package sources a machine has: elsewhere it is another one.
    """
    for source in BaseFrom:
        with suppress(BakeryError):  # what cannot be baked here was not
            planned = make(Order(image=image, base=base, base_from=source))
            if planned.fingerprint == digest:
                return planned
    return None


def release_name(digest: str, *, now: datetime | None = None) -> str:
    """Return the name of what is baked now: UTC to the minute, then the definition's fingerprint."""
    return f"{now or datetime.now(UTC):%Y%m%d-%H%M}-{digest[: fingerprint.SHORT]}"


def choose_source(order: Order, base: Base, *, mirrors: Mirrors | None) -> BaseFrom:
    """Return where the base comes from: the archive when this machine's own sources carry that release."""
    if order.base_from:
        if order.base_from not in list(BaseFrom):
            hint = did_you_mean(order.base_from, BaseFrom)
            raise impossible(f"--base-from {order.base_from}: a base comes from `archive` or `cloud`", hint=hint)
        wanted = BaseFrom(order.base_from)
    else:
        wanted = BaseFrom.ARCHIVE if mirrors is not None and mirrors.is_own_release else BaseFrom.CLOUD
    if wanted is BaseFrom.ARCHIVE and mirrors is None:
        own = [f"--base {name}" for name, row in bases.BASES.items() if _is_own(row)]
        ways = [*own[:1], "--base-from cloud", f"a source for {base.codename} in /etc/apt/sources.list.d/"]
        raise missing(no_archive(base), hint=", or ".join(ways))
    return wanted


def _is_own(base: Base) -> bool:
    mirrors = apt.mirrors_for(base)
    return mirrors is not None and mirrors.is_own_release
