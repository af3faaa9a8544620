"""A rehearsal and its catalog as they were at one moment, to be put back as often as a test begins there."""

import copy
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.ssm.models import ssm_backends

from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT

HELD = ("images", "snapshots", "deregistered", "unblocked", "tokens", "opted_in")
"""What a world holds beside machines and the values that Parameter Store has yet to look at."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What publishing changes: the world, the parameters of each region, the folder with the catalog."""

    world: Mapping[str, Any]
    parameters: Mapping[str, Any]
    build: Path
    """Where the folder was, and is again."""
    kept: Path

    def put_back(self, cloud: Rehearsal) -> None:
        """Begin anew from here, with no calls and no faults."""
        cloud.reset()
        for name, value in copy.deepcopy(self.world).items():
            setattr(cloud.world, name, value)
        for region, values in copy.deepcopy(self.parameters).items():
            ssm_backends[ACCOUNT][region]._parameters.update(values)  # noqa: SLF001  # moto's table
        shutil.rmtree(self.build)
        shutil.copytree(self.kept, self.build)


def keep(cloud: Rehearsal, build: Path, *, within: Path) -> Moment:
    """Keep the present of a cloud without machines; a copy of the folder *build* goes into a new one, *within*."""
    world = cloud.world
    assert not world.puts
    assert not cloud.instances()
    shutil.copytree(build, within)
    parameters = {region: dict(backend._parameters) for region, backend in ssm_backends[ACCOUNT].items()}  # noqa: SLF001
    return Moment(
        world=copy.deepcopy({name: getattr(world, name) for name in HELD}),
        parameters=copy.deepcopy(parameters),
        build=build,
        kept=within,
    )
