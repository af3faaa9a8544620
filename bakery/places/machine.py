"""A machine that is there for the time of a piece of work, and gone afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bakery.cloud.values import Instance
from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.places.place import Machines, Start


@contextmanager
def running(place: Machines, start: Start) -> Iterator[Instance]:
    """Run one machine while the body runs, and end it afterwards, however it ends."""
    ids: list[str] = []
    try:
        ids = place.start(start)
        (instance,) = place.wait_running(ids)
        yield instance
    finally:
        end(place, ids)


def end(place: Machines, ids: Sequence[str]) -> None:
    """End machines, each of them, however often Ctrl-C is pressed.

    Raises BakeryError that names those which may still run, with what to type to end them.
    """
    failures: dict[str, BakeryError] = {}
    with process.uninterrupted():
        for one in ids:
            try:
                place.end([one])
            except BakeryError as error:
                failures[one] = error
        if failures:
            why = next(iter(failures.values()))
            said = f"{why.message}; {', '.join(failures)} may still run"
            raise BakeryError(said, hint=place.hint_end([*failures]), exit_code=why.exit_code) from why
