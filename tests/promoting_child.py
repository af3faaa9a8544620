"""What a process of another checkout runs: one promote at the same time as another's; it answers why that failed."""

import os
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any

import pytest

from bakery.clouds.aws import lateness, overtaking, published
from bakery.clouds.aws.account import rehearse
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition.model import Definition
from bakery.rehearsal.service import ACCESS_KEY, SECRET_KEY
from bakery.release import promote
from bakery.release.publish import Order
from tests import aws_account, releases

MEETING_S = 5.0
"""How long the other one is waited for, which may have failed already."""


def run(told: Connection, meeting: Barrier, url: str, build: str, wanted_by: Definition, release: str) -> None:
    """Promote a release together with another process: they meet before the first write and before the last look."""

    def meet() -> None:
        with suppress(BrokenBarrierError):
            meeting.wait(MEETING_S)

    def look_last(*asked: Any) -> Any:
        meet()
        return failure(*asked)

    patch = pytest.MonkeyPatch()
    aws_account.forget_aws(patch, home=Path(os.devnull))
    patch.setenv("BAKERY_BUILD_DIR", build)
    patch.setattr(overtaking, "SETTLED_S", 0.5)
    for module in (published, lateness):
        patch.setattr(module, "FIRST_PAUSE_S", 0.01)
    releases.define(patch, wanted_by)
    account = rehearse(endpoint=url, keys=(ACCESS_KEY, SECRET_KEY))
    assert account.usable
    failure = overtaking.failure
    patch.setattr(overtaking, "failure", look_last)
    meet()
    try:
        promote.promote(Order(image="host", release=release), account=AwsCloud(account=account), console=Console())
    except BakeryError as error:
        told.send(error.message)
    else:
        told.send("")
