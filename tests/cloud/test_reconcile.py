from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.cloud.reconcile import SOONEST, Act, Difference, Seen, Wanted, differences
from tests import values

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LATER = datetime(2027, 5, 22, 4, 15, tzinfo=UTC)
ID = "ami-0123456789abcdef0"
WANTED = Wanted(
    region="eu-west-1",
    name="dokku-bakery/host/20261123-0415-0123456789ab/amd64",
    description="What it is",
    source=("eu-west-2", "ami-0fedcba9876543210"),
    tags={"Name": "host", naming.IMAGE: "host"},
    own_tags={},
    readers=("210987654321", "arn:aws:organizations::123456789012:organization/o-exampleorgid"),
    is_encrypted=False,
    kms_key="",
    deprecate_at=LATER,
    is_protected=True,
    parameter="/dokku-bakery/host/20261123-0415-0123456789ab/amd64",
    latest="",
    launch_template="",
)
IMAGE = values.image(
    ID,
    description="What it is",
    tags=WANTED.tags,
    is_imdsv2_required=True,
    deprecate_at=LATER,
    is_protected=True,
)
DONE = Seen(
    image=IMAGE,
    snapshot=values.snapshot("snap-0123456789abcdef0", tags=WANTED.tags),
    image_readers=frozenset(WANTED.readers),
    snapshot_readers=frozenset({"210987654321"}),
    parameters={WANTED.parameter: ID},
)


def acts(wanted: Wanted, seen: Seen) -> list[Act]:
    return [difference.act for difference in differences(wanted, seen, now=NOW)]


def image(**changes: Any) -> Seen:
    return replace(DONE, image=replace(IMAGE, **changes))


def test_a_release_that_is_as_it_should_be_needs_nothing() -> None:
    assert acts(WANTED, DONE) == []


@pytest.mark.parametrize(
    ("seen", "act", "why"),
    [
        (image(tags={}), Act.TAG_IMAGE, "Name, bakery:image"),
        (image(tags={**WANTED.tags, naming.IMAGE: "dokku"}), Act.TAG_IMAGE, "bakery:image"),
        (replace(DONE, snapshot=values.snapshot(tags={})), Act.TAG_SNAPSHOT, "Name, bakery:image"),
        (image(description="an older one"), Act.DESCRIBE, "it is 'an older one'"),
        (image(description=""), Act.DESCRIBE, "it is ''"),
        (image(state="disabled"), Act.ENABLE, f"{ID} is disabled"),
        (image(is_imdsv2_required=False), Act.REQUIRE_IMDSV2, "machines would answer without a token"),
        (
            replace(DONE, image_readers=frozenset({"210987654321", "999999999999"})),
            Act.SHARE_IMAGE,
            "+arn:aws:organizations::123456789012:organization/o-exampleorgid -999999999999",
        ),
        (
            replace(DONE, image_readers=frozenset({*WANTED.readers, "999999999999"})),
            Act.SHARE_IMAGE,
            "-999999999999",
        ),
        (replace(DONE, snapshot_readers=frozenset({"public"})), Act.SHARE_SNAPSHOT, "+210987654321 -public"),
        (replace(DONE, snapshot_readers=frozenset()), Act.SHARE_SNAPSHOT, "+210987654321"),
        (image(deprecate_at=None), Act.DEPRECATE, "2027-05-22"),
        (image(deprecate_at=LATER + timedelta(days=1)), Act.DEPRECATE, "2027-05-22"),
        (image(is_protected=False), Act.PROTECT, "it could be removed by accident"),
        (
            image(is_protected=False, protected_until="2026-11-24T00:00:00Z"),
            Act.PROTECT,
            "it could be removed by accident",
        ),
        (replace(DONE, parameters={}), Act.RECORD, f"{WANTED.parameter} is not there"),
        (replace(DONE, parameters={WANTED.parameter: "ami-1"}), Act.RECORD, f"{WANTED.parameter} is ami-1"),
    ],
)
def test_each_thing_that_is_not_as_it_should_be_is_one_act_and_says_what_was_found(
    seen: Seen, act: Act, why: str
) -> None:
    assert differences(WANTED, seen, now=NOW) == [Difference(act=act, why=why)]


def test_an_image_that_is_not_there_is_copied_first_and_recorded_last() -> None:
    found = differences(WANTED, Seen(), now=NOW)
    assert found[0] == Difference(act=Act.COPY, why=f"there is no {WANTED.name}")
    assert found[-1] == Difference(act=Act.RECORD, why="of the new copy")


def test_a_copy_that_failed_is_made_again_and_says_why() -> None:
    failed = image(state="failed", failure="the key is disabled")
    found = differences(WANTED, failed, now=NOW)
    assert found[0] == Difference(act=Act.COPY, why="the last copy failed: the key is disabled")


def test_a_pending_image_is_waited_for_before_it_is_shared() -> None:
    found = differences(WANTED, Seen(image=replace(IMAGE, state="pending")), now=NOW)
    assert found == [
        Difference(act=Act.WAIT, why=f"{ID} is pending"),
        Difference(act=Act.RECORD, why=f"{WANTED.parameter} is not there"),
    ]


def test_latest_and_the_launch_template_come_after_all_else_and_say_what_they_point_at() -> None:
    latest = "/dokku-bakery/host/latest/amd64"
    wanted = replace(WANTED, latest=latest, launch_template="host")
    old = replace(DONE, parameters={latest: "ami-1"}, template_image="ami-2")
    assert differences(wanted, old, now=NOW) == [
        Difference(act=Act.RECORD, why=f"{WANTED.parameter} is not there"),
        Difference(act=Act.LATEST, why=f"{latest} is ami-1"),
        Difference(act=Act.LAUNCH, why="host starts ami-2"),
    ]
    new = replace(old, parameters={**DONE.parameters, latest: ID}, template_image="")
    assert differences(wanted, new, now=NOW) == [Difference(act=Act.LAUNCH, why="host starts nothing")]
    assert differences(wanted, replace(new, template_image=ID), now=NOW) == []


@pytest.mark.parametrize(
    ("away", "expected"),
    [
        (timedelta(days=-1), []),
        (timedelta(0), []),
        (SOONEST - timedelta(seconds=1), []),
        (SOONEST, [Act.DEPRECATE]),
        (timedelta(days=1), [Act.DEPRECATE]),
    ],
)
def test_a_date_that_is_past_or_near_is_not_set_any_more(away: timedelta, expected: list[Act]) -> None:
    wanted = replace(WANTED, deprecate_at=NOW + away)
    assert acts(wanted, image(deprecate_at=None)) == expected
    assert acts(wanted, DONE) == expected


def test_what_is_not_to_be_protected_stays_as_it_is() -> None:
    wanted = replace(WANTED, is_protected=False)
    assert acts(wanted, image(is_protected=False)) == []
    assert acts(wanted, DONE) == []
    assert Act.PROTECT not in acts(wanted, Seen())
    assert Act.PROTECT in acts(WANTED, Seen())


def test_no_description_leaves_what_is_there() -> None:
    assert acts(replace(WANTED, description=""), image(description="[Copied ami-1 from eu-west-2]")) == []


def test_after_a_copy_that_is_yet_to_be_made_all_that_is_wanted_follows_and_nothing_else() -> None:
    latest = replace(WANTED, latest="/dokku-bakery/host/latest/amd64")
    begin = [Act.COPY, Act.WAIT, Act.REQUIRE_IMDSV2, Act.SHARE_SNAPSHOT, Act.SHARE_IMAGE, Act.DEPRECATE, Act.PROTECT]
    assert acts(WANTED, Seen()) == [*begin, Act.RECORD]
    assert acts(latest, Seen()) == [*begin, Act.RECORD, Act.LATEST]
    assert acts(replace(latest, launch_template="host"), Seen()) == [*begin, Act.RECORD, Act.LATEST, Act.LAUNCH]
    organization = replace(WANTED, readers=WANTED.readers[1:])
    assert acts(organization, Seen()) == [act for act in [*begin, Act.RECORD] if act is not Act.SHARE_SNAPSHOT]
    nobody = replace(WANTED, readers=(), is_protected=False)
    assert acts(nobody, Seen()) == [Act.COPY, Act.WAIT, Act.REQUIRE_IMDSV2, Act.DEPRECATE, Act.RECORD]


def test_tags_of_others_are_left_alone() -> None:
    assert acts(WANTED, image(tags={**WANTED.tags, "owner": "somebody"})) == []


def test_the_same_copy_has_the_same_token_and_a_second_attempt_another() -> None:
    assert WANTED.client_token("") == replace(WANTED, readers=(), placed=ID).client_token("")
    told = {"description": "else", "source": ("eu-west-2", ID), "tags": {}, "is_encrypted": True, "kms_key": "mine"}
    tokens = {replace(WANTED, **{key: value}).client_token("") for key, value in told.items()}  # type: ignore[arg-type]
    assert len({*tokens, WANTED.client_token("")}) == len(told) + 1
    assert WANTED.client_token("") != WANTED.client_token(ID)
    assert WANTED.client_token("") != replace(WANTED, region="eu-west-3").client_token("")
    assert len(WANTED.client_token("")) == 64
