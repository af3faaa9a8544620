"""Zones of a rehearsal in which nothing is left of the test before, and calls that do not wait long for the next."""

from typing import TYPE_CHECKING

import pytest

from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import converged

if TYPE_CHECKING:
    from bakery.rehearsal.server import Rehearsal
    from tests.rehearsed_zones import Zones


@pytest.fixture
def zones(stage: "Rehearsal", monkeypatch: pytest.MonkeyPatch) -> "Zones":
    # moto takes a second, which the tests of keys and of Packer's template beside these should not pay for.
    from tests.rehearsed_zones import Zones

    stage.reset()
    for module in (scaleway, converged):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
        monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.01)
    return Zones(stage=stage)
