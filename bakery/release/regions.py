"""The story of `invoke regions`: every AWS region, and the newest base image in those that the account may use."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bakery.cloud.place import RefusedError
from bakery.cloud.values import BaseImage
from bakery.core.console import table
from bakery.core.errors import BakeryError, missing
from bakery.core.parallel import everywhere
from bakery.definition import bases, layers
from bakery.definition.bases import Arch, Base
from bakery.definition.place_names import city
from bakery.places.account import Account, State

PATIENCE_S = 20.0
"""A look at the regions is worth less waiting than a bake."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One region: its image, or the problem why it has none; neither where nobody was asked."""

    region: str
    state: State
    image: BaseImage | None = None
    problem: BakeryError | None = None

    @property
    def city(self) -> str:
        """Where it is; empty for a region that is newer than this program."""
        return city(self.region)

    @property
    def problem_text(self) -> str:
        """The problem without the region's name, which the row begins with."""
        return self.problem.within(self.region) if self.problem else ""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Every region of the account's partition, by name."""

    base: Base
    arch: Arch
    now: datetime
    rows: tuple[Row, ...]

    def show(self) -> None:
        """Print the table, on stdout: it is the result."""
        columns = ("region", "where", "state", "image", "name", "age in days")
        title = f"{self.base.name} for {self.arch}"
        table(title, columns, [self._cells(row) for row in self.rows], to_stdout=True)

    def as_json(self) -> str:
        """Return a list with an object for each region."""
        return json.dumps([self._values(row) for row in self.rows], indent=2, ensure_ascii=False)

    def require_answer(self) -> None:
        """Raise BakeryError (exit code 3) unless at least one region has answered."""
        if any(row.image for row in self.rows):
            return
        said = f"no region named an image of {self.base.name}"
        for row in self.rows:
            if row.problem:
                # What AWS refuses in one region it mostly refuses in all, so that one way out is everybody's.
                hint = row.problem.hint if isinstance(row.problem, RefusedError) else ""
                raise missing(f"{said}; {row.region}: {row.problem_text}", hint=hint)
        raise missing(f"{said}: this account may use none")

    def _age_days(self, image: BaseImage) -> int:
        return (self.now - image.created).days

    def _cells(self, row: Row) -> tuple[str, ...]:
        begin = (row.region, row.city, row.state.words)
        if row.image is None:
            return (*begin, "", row.problem_text, "")
        # Canonical's names are paths, whose folders say nothing about the release.
        return (*begin, row.image.id, row.image.name.rpartition("/")[2], str(self._age_days(row.image)))

    def _values(self, row: Row) -> dict[str, object]:
        values: dict[str, object] = {"region": row.region, "where": row.city, "opt_in": row.state.own}
        if row.problem:
            values["problem"] = row.problem_text
        if row.image is not None:
            created = row.image.created.isoformat()
            values["image"] = {**asdict(row.image), "created": created, "age_days": self._age_days(row.image)}
        return values


def survey(image: str, *, base: str, enter: Callable[[], Account]) -> Survey:
    """Ask every region that the account may use, all at once, for the newest image of a definition's base.

    Raises BakeryError: exit code 2 for an unknown image or base, 3 when not even the list of regions can be had.
    """
    definition = layers.whole(image)
    wanted = bases.base(base or definition.base)
    return ask(enter(), wanted, definition.arch)


def ask(account: Account, base: Base, arch: Arch) -> Survey:
    """Return what the regions answer; one that does not is a row that says why."""
    account.be_brief(PATIENCE_S)
    usable = account.require(account.usable)
    answers = everywhere(usable, lambda place: place.newest_base(base, arch))
    rows = tuple(_row(name, state, answers.get(name)) for name, state in sorted(account.states.items()))
    return Survey(base=base, arch=arch, now=datetime.now(UTC), rows=rows)


def _row(name: str, state: State, answer: BaseImage | BakeryError | None) -> Row:
    if isinstance(answer, BakeryError):
        return Row(region=name, state=state, problem=answer)
    return Row(region=name, state=state, image=answer)
