"""What became of one image in a night, as values and as text: a row of a table, and a part of a page in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from bakery.core.errors import BakeryError, ExitCode
from bakery.core.texts import counted
from bakery.release.changes import Change
from bakery.sources.movers import Installed, Move

SHOWN_MOVES = 5
"""Packages that a line of the table names; the page names them all."""


class State(StrEnum):
    """How a night ended for one image."""

    UNCHANGED = "unchanged"
    DUE = "due"
    """Something changed, and nothing was done because that was asked for."""
    BAKED = "baked"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Night:
    """One image in one night."""

    image: str
    place: str
    state: State = State.UNCHANGED
    why: tuple[str, ...] = ()
    """Why it had to be baked."""
    moves: tuple[Move, ...] = ()
    """The packages that move, or have moved once it is baked."""
    doubts: tuple[str, ...] = ()
    """What could not be learned, so that age decided."""
    release: str = ""
    notes: tuple[str, ...] = ()
    """What else was done."""
    failure: BakeryError | None = None

    def planned(self, changes: Sequence[Change]) -> Self:
        """Return it with what is to be done about its layers."""
        top = changes[-1]
        return replace(
            self,
            state=State.DUE if top.is_any else State.UNCHANGED,
            why=tuple(dict.fromkeys(_why(one, top) for one in changes if one.is_any)),
            moves=tuple(move for one in changes for move in one.moves),
            doubts=tuple(dict.fromkeys(one.doubt for one in changes if one.doubt)),
        )

    def failed(self, error: BakeryError) -> Self:
        """Return it with what went wrong."""
        return replace(self, state=State.FAILED, failure=error)

    def noted(self, *notes: str) -> Self:
        """Return it with more that was done."""
        return replace(self, notes=(*self.notes, *filter(None, notes)))

    @property
    def line(self) -> str:
        """Return it in one line, for people who watch."""
        return f"{self.image} ({self.place}): {self.state}: {self.story}"

    @property
    def story(self) -> str:
        """Return all of it in words."""
        words = [*self.why, *self.notes]
        if self.state is State.UNCHANGED and not self.doubts:
            words.insert(0, "same definition, base and packages")
        if self.doubts:
            words.append(f"not known: {'; '.join(self.doubts)}, so base and age decide")
        if self.failure is not None:
            words.append(self.failure.message)
        return "; ".join(words)

    @property
    def row(self) -> tuple[str, ...]:
        """Return the cells of its row in the table."""
        told = [move.line for move in self.moves[:SHOWN_MOVES]]
        more = len(self.moves) - SHOWN_MOVES
        moves = "\n".join([*told, *([f"and {more} more"] if more > 0 else [])])
        return self.image, self.place, self.state.value, self.release, moves, self.story


COLUMNS = ("image", "place", "", "release", "packages", "why")


def _why(change: Change, top: Change) -> str:
    told = "; ".join(change.why)
    return told if change is top else f"{change.layer}: {told}"


def moved(before: Iterable[Installed], after: Iterable[Installed], *, expected: Iterable[Move]) -> tuple[Move, ...]:
    """Return what differs between the packages of two releases; *expected* moves tell which are for security."""
    was, now = ({one.name: one.version for one in packages} for packages in (before, after))
    security = {move.name for move in expected if move.is_security}
    found = [
        Move(name=name, before=was.get(name, ""), now=now.get(name, ""), is_security=name in security)
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    ]
    return tuple(sorted(found, key=lambda move: (not move.is_security, move.name)))


def markdown(nights: Sequence[Night], *, title: str) -> str:
    """Return the nights as a page, as GitHub shows it for a run (docs.github.com, "Adding a job summary")."""
    lines = [f"## {title}", "", "| image | place | | release | packages |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.image} | {one.place} | {MARKS[one.state]} {one.state} | {one.release} | {len(one.moves) or ''} |"
        for one in nights
    ]
    for one in nights:
        lines += ["", f"**{one.image}**: {_escaped(one.story)}"]
        lines += [f"- {_escaped(move.line)}" for move in one.moves]
    return "\n".join(lines) + "\n"


MARKS: Mapping[State, str] = {State.UNCHANGED: "·", State.DUE: "…", State.BAKED: "✓", State.FAILED: "✗"}


def _escaped(text: str) -> str:
    """Return text that Markdown takes for nothing but text, on one line."""
    plain = " ".join(text.split())
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>#|" else one for one in plain)


def refusal(nights: Sequence[Night]) -> BakeryError | None:
    """Return the one error of a night, None when all is done; its exit code is theirs when they agree, else 1."""
    failures = [one.failure for one in nights if one.failure is not None]
    if not failures:
        return None
    codes = {error.exit_code for error in failures}
    hints = dict.fromkeys(error.hint for error in failures if error.hint)
    names = ", ".join(one.image for one in nights if one.failure is not None)
    said = f"{counted(len(failures), 'image')} of {len(nights)} failed: {names}"
    told = "\n".join(f"  {one.image}: {one.failure.message}" for one in nights if one.failure is not None)
    return BakeryError(
        f"{said}\n{told}", hint="; ".join(hints), exit_code=codes.pop() if len(codes) == 1 else ExitCode.FAILED
    )
