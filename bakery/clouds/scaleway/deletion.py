"""Deletes what something else may hold for a while: again as long as it is held, and what is gone is no mistake."""

from collections.abc import Callable, Collection

from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code

HELD = frozenset({Code.BUSY, Code.IN_USE})
"""What is answered as long as another thing holds it."""


def until_let_go(zone: Zone, delete: Callable[[], object], *, deadline_s: float, held: Collection[Code] = HELD) -> None:
    """Do what deletes something as soon as it is let go of.

    Raises ApiError when it is refused otherwise, or held still after *deadline_s*.
    """

    def act() -> ApiError | None:
        try:
            delete()
        except ApiError as error:
            return None if error.code is Code.NOT_FOUND else error
        return None

    def is_decided(error: ApiError | None) -> bool:
        return error is None or error.code not in held

    refused = zone.account.until(act, is_enough=is_decided, deadline_s=deadline_s)
    if refused is not None:
        raise refused
