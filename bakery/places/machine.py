"""A machine that is there for the time of a piece of work, and gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from bakery.cloud.values import Instance
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
        place.end(ids)
