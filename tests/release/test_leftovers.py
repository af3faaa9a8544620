"""What killed runs leave is found by tags and names alone, and what a living run may be using is left alone."""

from datetime import timedelta
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.cloud.inventory import Inventory, Kind, Loose
from bakery.cloud.values import Group, KeyPair
from bakery.clouds.aws import inventory
from bakery.release import leftovers
from bakery.release.leftovers import Leftover
from tests.values import NOW, image, instance, key_pair, snapshot, tags

GROUP = Group(id="sg-1", name="dokku-bakery-bake")
IN_GROUP: dict[str, Any] = {"groups": ("sg-1",)}


def find(*, is_now: bool = False, **found: Any) -> list[Leftover]:
    return leftovers.find(Inventory(place="eu-west-1", **found), now=NOW, is_now=is_now)


def loose(kind: Kind, *, hours: float = 7) -> Loose:
    return Loose(kind=kind, id="1", what="20 GB", made_at=NOW - timedelta(hours=hours))


def kinds(*, is_now: bool = False, **found: Any) -> list[Kind]:
    return [leftover.kind for leftover in find(is_now=is_now, **found)]


def test_a_machine_of_a_bake_is_a_leftover_after_six_hours() -> None:
    (leftover,) = find(instances=[instance()])
    assert (leftover.kind, leftover.region, leftover.id) == (Kind.INSTANCE, "eu-west-1", "i-1")
    assert leftover.why == "20260101-0000-0123456789ab: runs since 2026-11-22 21:15"
    assert find(instances=[instance(hours=5)]) == []


def test_a_younger_machine_of_a_bake_is_one_when_it_is_asked_for() -> None:
    assert kinds(instances=[instance(hours=0)], is_now=True) == [Kind.INSTANCE]


@pytest.mark.parametrize("fields", [{"tags": {}}, {"tags": tags(image="host")}, {"state": "shutting-down"}])
def test_machines_that_no_bake_began_or_that_are_ending_are_none(fields: dict[str, Any]) -> None:
    assert find(instances=[instance(**fields)], is_now=True) == []


@pytest.mark.parametrize(
    ("state", "given", "count"),
    [
        ("failed", tags(image="host"), 1),
        ("failed", tags(run="x"), 1),
        ("available", tags(image="host"), 0),
        ("failed", {}, 0),
        ("failed", {"team": "other"}, 0),
    ],
)
def test_an_image_with_our_tag_that_failed_is_a_leftover(state: str, given: dict[str, str], count: int) -> None:
    name = "dokku-bakery/host/x/amd64"
    one = image(state=state, name=name, failure="no key", tags=given)
    found = find(images={one.id: one})
    assert [leftover.why for leftover in found] == [f"{name} failed: no key"] * count


def test_a_snapshot_that_no_image_uses_is_a_leftover_after_a_day() -> None:
    assert kinds(snapshots=[snapshot()]) == [Kind.SNAPSHOT]
    assert kinds(snapshots=[snapshot(hours=23)], is_now=True) == []


def test_a_snapshot_of_an_image_that_is_gone_is_one_at_once() -> None:
    (leftover,) = find(snapshots=[snapshot(hours=0, tags=tags(image="host", removing="x"))])
    assert leftover.id == "snap-1"


def test_a_group_is_never_a_leftover_by_itself_since_a_run_may_be_about_to_start_a_machine_in_it() -> None:
    assert kinds(groups=[GROUP]) == []
    assert kinds(groups=[GROUP], instances=[instance(**IN_GROUP)]) == [Kind.INSTANCE]


def test_a_group_that_no_staying_instance_is_in_goes_when_that_is_asked_for() -> None:
    other = instance(tags={}, **IN_GROUP)
    assert kinds(groups=[GROUP], is_now=True) == [Kind.GROUP]
    assert kinds(groups=[GROUP], instances=[other], is_now=True) == []
    assert kinds(groups=[GROUP], instances=[instance(**IN_GROUP)], is_now=True) == [Kind.INSTANCE, Kind.GROUP]


def test_a_key_that_no_staying_instance_has_is_a_leftover_after_six_hours() -> None:
    assert kinds(keys=[key_pair()]) == [Kind.KEY]
    assert kinds(keys=[key_pair(hours=5)]) == []
    assert kinds(keys=[KeyPair(name="packer_1")]) == [Kind.KEY]
    assert kinds(keys=[key_pair()], instances=[instance(hours=1, key_name="packer_1")]) == []
    assert kinds(keys=[key_pair()], instances=[instance(key_name="packer_1")]) == [Kind.INSTANCE, Kind.KEY]


def test_a_young_key_goes_when_that_is_asked_for() -> None:
    assert kinds(keys=[key_pair(hours=1)], is_now=True) == [Kind.KEY]


@pytest.mark.parametrize("kind", [Kind.VOLUME, Kind.ADDRESS, Kind.OBJECT])
def test_a_thing_that_nothing_uses_is_a_leftover_after_six_hours(kind: Kind) -> None:
    (leftover,) = find(loose=[loose(kind)])
    assert (leftover.kind, leftover.id, leftover.why) == (kind, "1", "nothing uses it: 20 GB")
    assert find(loose=[loose(kind, hours=5)]) == []
    assert kinds(loose=[loose(kind, hours=0)], is_now=True) == [kind]


def test_whatever_holds_another_thing_comes_first() -> None:
    found = kinds(
        keys=[key_pair()],
        groups=[GROUP],
        snapshots=[snapshot()],
        loose=[loose(kind) for kind in (Kind.VOLUME, Kind.ADDRESS, Kind.OBJECT)],
        images={"ami-1": image(state="failed")},
        instances=[instance()],
        is_now=True,
    )
    assert found == list(Kind)


def test_the_tags_are_those_that_bakes_give() -> None:
    assert [*tags(image="", run="", removing="")] == [naming.IMAGE, naming.RUN, naming.REMOVING]
    assert GROUP.name in inventory.GROUPS
