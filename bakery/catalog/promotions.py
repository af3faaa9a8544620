"""What `latest` was pointed at in each region, the oldest first; values in, values out.

What was asked for and is not known to be done stays on record, so that the next command knows what was whole before.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field, model_serializer

from bakery.catalog.values import Entry, RegionName, ReleaseName, Time


class Promotion(Entry):
    """One release that `latest` was pointed at, and where; a region is in one of the three lists at most."""

    release: ReleaseName
    promoted_at: Time
    """When that was begun."""
    regions: tuple[RegionName, ...] = ()
    """Where it is done."""
    missing: tuple[RegionName, ...] = ()
    """Where it was asked for and is not known to be done."""
    leaving: dict[RegionName, ReleaseName] = Field(default_factory=dict)
    """Where a rollback was asked for and is not known to be done, and to which release."""

    @model_serializer(mode="wrap")
    def _sorted(self, write: Callable[[Any], Any]) -> Any:
        # Regions are done in any order; the file must not tell which. What is empty says nothing.
        found = write(self)
        found |= {name: sorted(found[name]) for name in ("regions", "missing")}
        found["leaving"] = dict(sorted(found["leaving"].items()))
        return {name: value for name, value in found.items() if value or name == "regions"}

    @property
    def touched(self) -> set[str]:
        """Every region that has to do with it."""
        return {*self.regions, *self.missing, *self.leaving}


History = tuple[Promotion, ...]
"""Promotions of one image for one architecture, the oldest first."""


def current(history: History, region: str) -> str:
    """Return the release that `latest` names in a region as far as is known, empty where there is none."""
    for one in reversed(history):
        if region in one.regions or region in one.leaving:
            return one.release
    return ""


def expected(history: History, region: str) -> str:
    """Return the release that `latest` is to name in a region once all that was asked for is done."""
    for one in reversed(history):
        if region in one.touched:
            return one.leaving.get(region, one.release)
    return ""


def everywhere(history: History) -> dict[str, str]:
    """Return the release that `latest` names in each region as far as is known, sorted by region."""
    regions = sorted({region for one in history for region in (*one.regions, *one.leaving)})
    return {region: current(history, region) for region in regions}


def usual(history: History) -> str:
    """Return the release that most regions have as `latest`, of two the one promoted later; empty before the first."""
    counts = Counter(everywhere(history).values())
    order = {one.release: index for index, one in enumerate(history)}
    return max(counts, key=lambda release: (counts[release], order[release]), default="")


def begin(
    history: History, release: str, regions: Iterable[str], *, now: datetime, is_everywhere: bool = False
) -> History:
    """Return what is known when `latest` is about to be pointed at a release in some regions.

    What earlier commands left undone there is not asked for any more; with *is_everywhere*, not in any region.
    """
    asked = frozenset(regions)
    last = history[-1] if history and history[-1].release == release else None
    earlier = [_settle(one, one.touched if is_everywhere else asked) for one in (history[:-1] if last else history)]
    before = last or Promotion(release=release, promoted_at=now)
    kept = _settle(before, before.touched - asked if is_everywhere else ())
    missing = tuple(sorted({*kept.missing, *asked} - {*kept.regions}))
    leaving = {name: to for name, to in kept.leaving.items() if name not in asked}
    return (*_not_empty(earlier), kept.model_copy(update={"missing": missing, "leaving": leaving}))


def finish(history: History, release: str, region: str) -> History:
    """Return what is known when `latest` names a release in a region as it was asked for."""
    return tuple(
        one.model_copy(
            update={
                "regions": tuple(sorted({*one.regions, region})),
                "missing": tuple(name for name in one.missing if name != region),
            }
        )
        if one.release == release and region in one.missing
        else one
        for one in history
    )


def ways_back(history: History, regions: Sequence[str] = ()) -> dict[str, str]:
    """Return the release that a rollback brings each region to, of those asked for or else of the last promotion.

    That is what all of them had before, each its own only where they never had the same; a region that came later is
    brought to it too. A rollback that was not finished is gone on with. Where there is nothing to go back to, none is.
    """
    begun = {name: to for one in history for name, to in one.leaving.items()}
    if not regions and begun:
        return begun
    asked = regions or sorted(history[-1].touched if history else ())
    found = {name: begun[name] for name in asked if name in begun}
    groups: dict[int, list[str]] = {}
    for name in asked:
        if name not in begun and (index := _last(history, name)) is not None:
            groups.setdefault(index, []).append(name)
    for index, names in groups.items():
        found |= _before(history[:index], names, now=history[index].release)
    return {name: found[name] for name in dict.fromkeys(asked) if name in found}


def _before(earlier: History, regions: Sequence[str], *, now: str) -> dict[str, str]:
    others = [one for one in earlier if one.release != now and one.regions]
    if not others:
        return {}
    known = {name for name in regions if any(name in one.regions for one in others)}
    for one in reversed(others):
        if known <= {*one.regions}:
            return dict.fromkeys(regions, one.release)
    own = {name: one.release for one in others for name in one.regions}
    return {name: own.get(name, others[-1].release) for name in regions}


def leave(history: History, ways: Mapping[str, str]) -> History:
    """Return what is known when a rollback is about to bring regions to other releases."""
    changed = list(history)
    for name, to in ways.items():
        index = _last(history, name)
        if index is not None:
            gone = _without(changed[index], name)
            changed[index] = gone.model_copy(update={"leaving": {**gone.leaving, name: to}})
    return tuple(changed)


def finish_rollback(history: History, region: str) -> History:
    """Return what is known when a region is where a rollback was to bring it: what came after that is forgotten."""
    top = _last(history, region)
    to = history[top].leaving.get(region, "") if top is not None else ""
    found = [index for index, one in enumerate(history[:top]) if one.release == to]
    if not found:
        return history
    target = history[found[-1]]
    target = target.model_copy(update={"regions": tuple(sorted({*target.regions, region}))})
    later = [_without(one, region) for one in history[found[-1] + 1 :]]
    return (*history[: found[-1]], target, *_not_empty(later))


def forget(history: History, release: str) -> History:
    """Return the promotions of other releases than one that is removed."""
    return tuple(one for one in history if one.release != release)


def held(history: History) -> frozenset[str]:
    """Return the releases that are or are to be `latest` anywhere."""
    unfinished = {one.release for one in history if one.missing}
    return frozenset(
        {*everywhere(history).values(), *unfinished, *(to for one in history for to in one.leaving.values())}
    )


def _last(history: History, region: str) -> int | None:
    return max((index for index, one in enumerate(history) if region in one.touched), default=None)


def _settle(one: Promotion, regions: Iterable[str]) -> Promotion:
    """Let a promotion wait for nothing in some regions: where it was to be left, it stays as far as is known."""
    settled = frozenset(regions)
    leaving = {name: to for name, to in one.leaving.items() if name not in settled}
    stays = {*one.regions, *(settled & {*one.leaving})}
    missing = tuple(name for name in one.missing if name not in settled)
    return one.model_copy(update={"regions": tuple(sorted(stays)), "missing": missing, "leaving": leaving})


def _without(one: Promotion, region: str) -> Promotion:
    return one.model_copy(
        update={
            "regions": tuple(name for name in one.regions if name != region),
            "missing": tuple(name for name in one.missing if name != region),
            "leaving": {name: to for name, to in one.leaving.items() if name != region},
        }
    )


def _not_empty(promotions: Iterable[Promotion]) -> History:
    return tuple(one for one in promotions if one.touched)
