"""A night's image on this machine: what is in the build folder of each of its layers, and how one is baked again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import base as basedisk
from bakery.local import bake, plan
from bakery.local.plan import Order, Plan
from bakery.release.changes import Last, Layer
from bakery.sources.movers import Installed

PLACE = "this machine"


@dataclass(kw_only=True)
class Here:
    """One image that is baked on this machine; nothing of it is published."""

    image: str
    base: str = ""
    accelerator: str = "auto"
    keeps_rejected: bool = False
    """Whether an image that did not pass can be judged again as it is."""

    @property
    def place(self) -> str:
        """Where it is baked, for people."""
        return PLACE

    def look(self) -> list[Layer]:
        """Return how its layers are, the lowest first.

        Raises BakeryError like `plan.make`.
        """
        return [_layer(one) for one in self._plans()]

    def bake(self, layer: str, *, is_forced: bool, console: Console) -> str:
        """Bake and judge one layer, whose layers below are as they should be; return the release's name."""
        order = Order(image=layer, base=self.base or self._base(), is_forced=is_forced, accelerator=self.accelerator)
        record = bake.bake(order, console=console).read_record()
        assert record is not None
        return str(record["release"])

    def packages(self, release: str) -> tuple[Installed, ...] | None:
        """Return what the image holds that was baked last; that of other releases is not kept here."""
        top = self._plans()[-1]
        is_it = top.record is not None and top.record["release"] == release
        return _packages(top.artifact.packages) if is_it else None

    def _base(self) -> str:
        return str(self._plans()[-1].base.name)

    def _plans(self) -> list[Plan]:
        found: list[Plan] = []
        planned: Plan | None = plan.make(Order(image=self.image, base=self.base))
        while planned is not None:
            found.insert(0, planned)
            planned = planned.below
        return found


def _layer(planned: Plan) -> Layer:
    record, news, doubt = planned.record, "", ""
    last = None
    if record is not None and planned.is_done:
        last = Last(
            release=record["release"],
            baked_at=datetime.fromisoformat(record["baked_at"]),
            packages=_packages(planned.artifact.packages),
        )
        if planned.below is None and planned.recipe is None:
            news, doubt = _base_news(planned, began_with=str(record.get("begin", {}).get("disk", "")))
    return Layer(
        name=planned.definition.name,
        demand=planned.demand,
        last=last,
        to_do="" if planned.is_done else planned.reason,
        base_news=news,
        doubt=doubt,
    )


def _base_news(planned: Plan, *, began_with: str) -> tuple[str, str]:
    """Return what is new of the distribution's cloud image, or why that is not known."""
    try:
        current = basedisk.of_cloud_image(planned.base, planned.definition.arch).name
    except BakeryError as error:
        if error.exit_code is not ExitCode.MISSING:
            raise
        return "", error.message
    return ("" if current == began_with else f"there is another cloud image of {planned.base.name}"), ""


def _packages(listed: Path) -> tuple[Installed, ...] | None:
    return tuple(_read(listed)) if listed.is_file() else None


def _read(listed: Path) -> Iterator[Installed]:
    for line in listed.read_text(encoding="utf-8").splitlines():
        name, version, arch = line.split("\t")[:3]
        yield Installed(name=name, version=version, arch=arch)
