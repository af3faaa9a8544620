"""The real SDK as the client of a rehearsal in which nothing is left of the test before."""

import pytest

from bakery.rehearsal.server import Rehearsal
from tests.scaleway_clients import Clients, sdk


@pytest.fixture
def clients(rehearsal: Rehearsal) -> Clients:
    return sdk(rehearsal)
