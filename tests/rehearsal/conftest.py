"""A rehearsal in which nothing is left of the test before, and EC2 of it."""

from typing import Any

import pytest

from bakery.rehearsal.server import Rehearsal
from tests.rehearsal_clients import client


@pytest.fixture
def rehearsal(stage: Rehearsal) -> Rehearsal:
    stage.reset()
    return stage


@pytest.fixture
def ec2(rehearsal: Rehearsal) -> Any:
    return client(rehearsal, "ec2")
