"""The images that a rehearsal begins with, against the table that bakes look them up by."""

import fnmatch
import time
from pathlib import Path

import pytest

from bakery.definition.bases import BASES, Arch, Base, BaseName
from bakery.rehearsal import regions, seeds
from bakery.rehearsal.world import World

CASES = [(base, arch) for base in BASES.values() for arch in Arch]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(folder=tmp_path)
    seeds.sow(world)
    return world


@pytest.mark.parametrize(("base", "arch"), CASES, ids=lambda case: getattr(case, "name", str(case)))
def test_every_base_is_found_in_every_region_by_its_name_and_by_its_parameter(
    world: World, base: Base, arch: Arch
) -> None:
    for region in regions.ALL:
        found = [
            image
            for image in world.images_in(region)
            if image.owner == base.aws.owner and fnmatch.fnmatchcase(image.name, base.aws.pattern(arch))
        ]
        newest = max(found, key=lambda image: image.created)
        assert len(found) == 2
        assert seeds.parameters(region)[base.aws.parameter(arch)] == newest.id
        assert newest.base == f"{base.name}-{arch}"
        assert newest.arch == {"amd64": "x86_64", "arm64": "arm64"}[arch]


def test_ids_are_the_same_every_time_and_differ_by_region(tmp_path: Path, world: World) -> None:
    again = World(folder=tmp_path)
    seeds.sow(again)
    assert list(again.images) == list(world.images)
    assert len(world.images) == len(world.snapshots) == 34 * len(BaseName) * 2 * 2


def test_nothing_that_is_changed_in_a_world_is_another_world_s(tmp_path: Path, world: World) -> None:
    again = World(folder=tmp_path)
    seeds.sow(again)
    ours, theirs = ([*one.images.values(), *one.snapshots.values()] for one in (world, again))
    assert [vars(one) for one in ours] == [vars(one) for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one is not other
        held = [name for name, value in vars(one).items() if isinstance(value, dict | list | set)]
        assert held == ["tags", "readers"]
        assert not [name for name in held if getattr(one, name) is getattr(other, name)]
    world.images[next(iter(world.images))].readers[0]["Group"] = "none"
    assert again.images[next(iter(again.images))].readers == [{"Group": "all"}]


def test_a_serial_in_place_of_current_pins_a_version(world: World) -> None:
    known = seeds.parameters("us-east-1")
    path = "/aws/service/canonical/ubuntu/server/24.04/stable/{}/amd64/hvm/ebs-gp3/ami-id"
    older, newest = (known[path.format(created.strftime("%Y%m%d"))] for created in seeds.CREATED)
    assert known[path.format("current")] == newest != older
    assert world.images[older].created < world.images[newest].created


def test_every_image_has_a_snapshot_of_its_owner_in_its_region(world: World) -> None:
    for image in world.images.values():
        snapshot = world.snapshots[image.snapshot]
        assert (snapshot.owner, snapshot.region, snapshot.size_gb) == (image.owner, image.region, image.size_gb)


# A rehearsal is reset hundreds of times in one test.
def test_sowing_takes_no_time(tmp_path: Path) -> None:
    taken = []
    for _ in range(3):
        began = time.process_time()
        seeds.sow(World(folder=tmp_path))
        taken.append(time.process_time() - began)
    assert min(taken) < 0.05
