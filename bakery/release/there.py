"""A night's image in a cloud: what its first place and the catalog have of it, and how it comes to the others."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.cloud import naming
from bakery.cloud.values import Image
from bakery.contents import kept
from bakery.core.console import Console
from bakery.definition import layers
from bakery.definition.bases import BaseFrom
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.release import bake, plan, promote, publish, verify
from bakery.release.changes import Last, Layer
from bakery.release.plan import RegionPlan
from bakery.sources import apt
from bakery.sources.movers import Installed
from bakery.sources.preflight import Demand

SHOWN_LATE = timedelta(hours=12)
"""How long after it was made a base may be found for the first time: such a bake is done once more, and no more."""


@dataclass(kw_only=True)
class There:
    """One image that is baked in the first of its places, and published to all of them."""

    image: str
    places: tuple[str, ...]
    account: Account
    base: str = ""
    asked: tuple[str, ...] = ()
    """The places that were asked for, empty for those of the definition."""
    is_promoted: bool = True
    is_each_verified: bool = False
    """Whether a machine is judged in every place before `latest` names the release there."""
    before_bake: Callable[[str], None] = lambda _image: None
    keeps_rejected: bool = True
    """Whether an image that did not pass can be judged again as it is."""

    @property
    def place(self) -> str:
        """Where it is baked, for people."""
        others = len(self.places) - 1
        return f"{self.places[0]} and {others} more" if others else self.places[0]

    def look(self) -> list[Layer]:
        """Return how its layers are, the lowest first.

        Raises BakeryError like `plan.make`.
        """
        home, *others = bake.homes(self.account.require(self.places))
        top = plan.make(self.image, home, base=self.base)
        found, planned = [self._layer(top)], top.below
        if top.is_verified:
            found = [replace(found[0], to_do="; ".join(filter(None, (self._left(top, place) for place in others))))]
        while planned is not None:
            found.insert(0, self._layer(planned))
            planned = planned.below
        return found

    def _left(self, top: RegionPlan, place: Place) -> str:
        """Return what another cloud lacks of the release that the first one has, in words; empty for nothing."""
        its = plan.make(self.image, place, base=self.base, release=top.release)
        return "" if its.is_verified else f"{place.name}: {its.to_do}"

    def bake(self, layer: str, *, is_forced: bool, console: Console) -> str:
        """Bake and judge one layer, whose layers below are as they should be; return the release's name.

        The image itself is published, too. Raises BakeryError like `bake.bake`.
        """
        self.before_bake(layer)
        places = self.places if layer == self.image else self.places[:1]
        order = bake.Order(image=layer, regions=places, base=self.base, is_forced=is_forced)
        return bake.bake(order, account=self.account, console=console).release

    def packages(self, release: str) -> tuple[Installed, ...] | None:
        """Return what a release of the image holds, None where nobody knows."""
        return self._packages(self.image, release)

    def settle(self, release: str, *, console: Console) -> list[str]:
        """Bring a release to all of its places, and `latest` to it unless it is marked as bad; return what was done.

        Raises BakeryError like `promote.promote`, and (exit code 4) where it does not pass in each place that is asked.
        """
        before = self._known()
        one = before.find(release, layers.whole(self.image).arch)
        order = publish.Order(image=self.image, release=release, regions=self.asked)
        bad = self.bad_like(one, before)
        unproven = self._unproven(one, before) if self.is_each_verified and bad is None else ()
        if bad is not None or unproven or not self.is_promoted:
            publish.publish(order, account=self.account, console=console)
        if unproven:
            wanted = verify.Order(image=self.image, release=release, regions=unproven, base=self.base)
            verify.verify(wanted, account=self.account, console=console)
        if bad is None and self.is_promoted:
            promote.promote(order, account=self.account, console=console)
        after = self._known().find(release, one.arch)
        added = [place for place, placed in after.places.items() if one.places.get(place) != placed]
        notes = [f"brought to {', '.join(added)}"] if added else []
        if bad is not None:
            latest = promotions.usual(before.history(one.arch))
            told = "it is" if bad.release == one.release else f"it holds the same as {bad.release}, which is"
            notes.append(f"not promoted: {told} marked as bad; latest stays {latest or 'nothing'}")
        elif self.is_promoted and any(
            promotions.current(before.history(one.arch), place) != one.release for place in after.places
        ):
            notes.append("promoted")
        return notes

    def _unproven(self, release: Release, known: Catalog) -> tuple[str, ...]:
        """Return the places where no machine from a release was judged before `latest` was pointed at it."""
        history = known.history(release.arch)
        return tuple(
            place
            for place in self.places
            if place != release.baked_in and promotions.current(history, place) != release.release
        )

    def bad_like(self, release: Release, known: Catalog) -> Release | None:
        """Return the release that is marked as bad and holds the same as this one; None where there is none."""
        for one in known.having(release.arch):
            if one.bad_since is None or one.fingerprint != release.fingerprint:
                continue
            holds = self.packages(one.release)
            if one.release == release.release or (holds is not None and holds == self.packages(release.release)):
                return one
        return None

    def _known(self) -> Catalog:
        return catalog.read(self.image, is_rehearsal=self.account.is_rehearsal)

    def _layer(self, planned: RegionPlan) -> Layer:
        last, news, found = None, "", planned.found
        if found is not None:
            name = planned.definition.name
            packages = self._packages(name, planned.release) if planned.is_verified else None
            last = Last(release=planned.release, baked_at=found.created_at, packages=packages)
            news = _base_news(planned, found)
        return Layer(
            name=planned.definition.name,
            demand=Demand(
                layers=planned.layers,
                base=planned.base,
                base_from=BaseFrom.CLOUD,
                mirrors=apt.mirrors_for(planned.base),
                arch=planned.definition.arch,
            ),
            last=last,
            to_do="" if planned.is_verified else planned.to_do,
            base_news=news,
        )

    def _packages(self, image: str, release: str) -> tuple[Installed, ...] | None:
        arch = layers.whole(image).arch
        found = kept.read(kept.of_release(image, release, arch, is_rehearsal=self.account.is_rehearsal))
        if found is None:
            return None
        return tuple(Installed(name=one.name, version=one.version, arch=one.arch) for one in found.packages)


def _base_news(planned: RegionPlan, found: Image) -> str:
    """Return what is new of what an image began with, in words; by dates where it does not tell what that was."""
    base, began = planned.base_image, found.tags.get(naming.BEGIN, "")
    if planned.below is not None:
        below = planned.below.found
        is_other = bool(began) and below is not None and below.id != began
        return f"{planned.below.definition.name} was baked anew since" if is_other else ""
    is_newer = began != base.id if began else base.created + SHOWN_LATE > found.created_at
    return f"there is a newer {planned.base.name}: {base.id} of {base.created:%Y-%m-%d}" if is_newer else ""
