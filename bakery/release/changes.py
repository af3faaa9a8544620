"""Whether an image has to be baked again, and why: what is known of its last bake against what there is now.

Values in, values out. What cannot be learned is never taken for "nothing changed": then age decides, and it is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bakery.core.texts import counted
from bakery.sources import movers
from bakery.sources.index import SilentError
from bakery.sources.movers import Answers, Installed, Move
from bakery.sources.preflight import Demand

MAX_AGE_DAYS = 7
"""Older than that an image is baked again where the archives do not tell whether anything would move."""
RETRIED = timedelta(hours=12)
"""How long an image that did not pass is judged again as it is, before it is baked anew."""


@dataclass(frozen=True, kw_only=True)
class Last:
    """What the last bake of a layer left that counts."""

    release: str
    baked_at: datetime
    packages: tuple[Installed, ...] | None = None
    """None where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of an image: what the files ask for now, and what is there."""

    name: str
    demand: Demand
    last: Last | None
    """None where there is none of this definition."""
    to_do: str = ""
    """What is left to do without any change, in words; such as that it was never baked."""
    base_news: str = ""
    """What is new of what it begins with, in words."""
    doubt: str = ""
    """Why it is not known whether what it begins with is new."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a night does about one layer, and why."""

    layer: str
    why: tuple[str, ...] = ()
    """Empty: nothing."""
    is_forced: bool = False
    """Whether it is baked although the same definition was baked already."""
    moves: tuple[Move, ...] = ()
    doubt: str = ""
    """What could not be learned, in words; age decided then."""

    @property
    def is_any(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.why)


def of_layers(
    layers: Sequence[Layer], *, answers: Answers, now: datetime, max_age_days: int = MAX_AGE_DAYS
) -> list[Change]:
    """Return what is to be done about each layer of an image, the lowest first.

    Raises BakeryError (exit code 3) where an archive is broken, stale or from the future: a bake would fail there.
    """
    found: list[Change] = []
    for number, layer in enumerate(layers):
        below = layers[number - 1] if number else None
        found.append(_of_layer(layer, below, found[-1:], answers=answers, now=now, age=timedelta(days=max_age_days)))
    return found


def _of_layer(
    layer: Layer, below: Layer | None, before: Sequence[Change], *, answers: Answers, now: datetime, age: timedelta
) -> Change:
    if layer.last is None:
        return Change(layer=layer.name, why=(layer.to_do,))
    is_below_baked = any(change.is_any for change in before)
    if layer.to_do:
        is_stale = now - layer.last.baked_at > RETRIED
        told = f"{layer.to_do}; it is from {layer.last.baked_at:%Y-%m-%d %H:%M}: baked anew"
        return Change(layer=layer.name, why=(told if is_stale else layer.to_do,), is_forced=is_stale or is_below_baked)
    why = [layer.base_news] if layer.base_news else []
    if is_below_baked:
        why.append(f"{before[0].layer} is baked anew")
    elif below is not None and below.last is not None and below.last.baked_at > layer.last.baked_at:
        why.append(f"{below.name} was baked anew since")
    moves, doubt = _moves(layer, below, answers=answers, now=now)
    if moves:
        why.append(in_short(moves))
    doubts = [one for one in (layer.doubt, doubt) if one]
    if doubts and not why and now - layer.last.baked_at > age:
        why.append(f"it is from {layer.last.baked_at:%Y-%m-%d}, and more than {age.days} days old")
    return Change(layer=layer.name, why=tuple(why), is_forced=bool(why), moves=moves, doubt="; ".join(doubts))


def _moves(layer: Layer, below: Layer | None, *, answers: Answers, now: datetime) -> tuple[tuple[Move, ...], str]:
    """Return what would move of a layer's own packages, or why that is not known."""
    assert layer.last is not None
    if layer.last.packages is None:
        return (), "it is not known which packages it has"
    known = below.last.packages if below is not None and below.last is not None else None
    beneath = {one.name for one in known or ()}
    own = [one for one in layer.last.packages if one.name not in beneath]
    try:
        return tuple(movers.find(own, layer.demand, answers=answers, now=now)), ""
    except SilentError as error:
        return (), error.message


def in_short(moves: Sequence[Move]) -> str:
    """Return packages that would move, in a few words."""
    security = sum(move.is_security for move in moves)
    return f"{counted(len(moves), 'package')} would move{f', {security} of them for security' if security else ''}"
