"""Histories as drawings: where each line and word goes, and the whole in words, for who hears a page instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 112, 24, 18, 34
SPARE = 0.1
"""How much of the spread stays free above and below the line."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A value at a time, and how it is written."""

    at: datetime
    value: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word in a drawing: where it begins, or ends with *is_end*."""

    x: int
    y: int
    text: str
    is_end: bool = True


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A history: its line as SVG has it, where that ends, its words, and the same told in a sentence."""

    told: str
    line: str
    end: tuple[int, int]
    words: Sequence[Word]
    size: tuple[int, int] = (WIDTH, HEIGHT)
    axis: str = f"M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"


def history(points: Sequence[Point], *, title: str) -> Drawing | None:
    """Return the drawing of values over time, the oldest first; None where there is none."""
    if not points:
        return None
    least, most = min(points, key=_value), max(points, key=_value)
    first, last = points[0], points[-1]
    places = [(_x(one, first, last), _y(one, least, most)) for one in points]
    words = [Word(x=LEFT - 8, y=_y(most, least, most) + 4, text=most.text)]
    if least.value < most.value:
        words.append(Word(x=LEFT - 8, y=_y(least, least, most) + 4, text=least.text))
    words.append(Word(x=LEFT, y=HEIGHT - 8, text=f"{first.at:%Y-%m-%d}", is_end=False))
    if last.at.date() > first.at.date():
        words.append(Word(x=WIDTH - RIGHT, y=HEIGHT - 8, text=f"{last.at:%Y-%m-%d}"))
    return Drawing(
        told=(
            f"{title}: {first.text} on {first.at:%Y-%m-%d}, {last.text} on {last.at:%Y-%m-%d}; "
            f"the least {least.text}, the most {most.text}, of {len(points)} releases."
        ),
        line=" ".join(f"{x},{y}" for x, y in places),
        end=places[-1],
        words=words,
    )


def _value(one: Point) -> float:
    return one.value


def _x(one: Point, first: Point, last: Point) -> int:
    whole = (last.at - first.at).total_seconds()
    part = (one.at - first.at).total_seconds() / whole if whole else 1.0
    return round(LEFT + part * (WIDTH - LEFT - RIGHT))


def _y(one: Point, least: Point, most: Point) -> int:
    spread, room = most.value - least.value, HEIGHT - TOP - BOTTOM
    part = (one.value - least.value) / spread if spread else 0.5
    return round(HEIGHT - BOTTOM - room * (SPARE + part * (1 - 2 * SPARE)))
