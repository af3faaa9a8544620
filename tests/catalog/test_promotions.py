"""What `latest` was pointed at where: nothing asked for is forgotten, and a rollback goes to what was whole before."""

from datetime import UTC, datetime

import pytest

from bakery.catalog import promotions
from bakery.catalog.promotions import History, Promotion

NOW = datetime(2026, 11, 26, 4, 15, tzinfo=UTC)
ZERO, ONE, TWO, THREE = (f"2026110{number}-0415-0123456789ab" for number in range(4))
A, B, C, D = "eu-west-1", "eu-west-2", "eu-west-3", "us-east-1"
ABC = (A, B, C)


def done(
    history: History, release: str, *regions: str, asked: tuple[str, ...] = (), is_everywhere: bool = True
) -> History:
    """Return a history after a promote that reached *regions* of those that were *asked* for."""
    history = promotions.begin(history, release, asked or regions, now=NOW, is_everywhere=is_everywhere)
    for region in regions:
        history = promotions.finish(history, release, region)
    return history


def back(history: History, *regions: str, reached: tuple[str, ...] | None = None) -> History:
    """Return a history after a rollback that *reached* only some of its regions, or all."""
    ways = promotions.ways_back(history, regions)
    history = promotions.leave(history, ways)
    for region in ways if reached is None else reached:
        history = promotions.finish_rollback(history, region)
    return history


def where(history: History) -> str:
    """Return the number of the release that A, B, C and D have, a dash for none."""
    names = {"": "-", ZERO: "0", ONE: "1", TWO: "2", THREE: "3"}
    return "".join(names[promotions.current(history, region)] for region in (A, B, C, D))


@pytest.fixture
def two_whole() -> History:
    return done(done((), ZERO, *ABC), ONE, *ABC)


def test_a_promotion_counts_region_by_region(two_whole: History) -> None:
    history = promotions.begin(two_whole, TWO, ABC, now=NOW)
    assert where(history) == "111-"
    history = promotions.finish(history, TWO, B)
    assert where(history) == "121-"
    assert (history[-1].regions, history[-1].missing) == ((B,), (A, C))
    assert [promotions.expected(history, region) for region in ABC] == [TWO] * 3


def test_a_promote_that_reached_two_of_three_is_rolled_back_to_what_was_whole(two_whole: History) -> None:
    part = done(two_whole, TWO, A, B, asked=ABC)
    assert promotions.ways_back(part) == dict.fromkeys(ABC, ONE)
    assert back(part) == two_whole


def test_a_promote_that_is_said_to_have_reached_nothing_is_given_up_everywhere(two_whole: History) -> None:
    # It may have been killed between AWS's answer and the catalog: every region is brought back all the same.
    begun = promotions.begin(two_whole, TWO, ABC, now=NOW)
    assert promotions.ways_back(begun) == dict.fromkeys(ABC, ONE)
    assert back(begun) == two_whole


def test_the_next_rollback_goes_one_further(two_whole: History) -> None:
    once = back(done(two_whole, TWO, A, B, asked=ABC))
    assert where(once) == "111-"
    assert where(back(once)) == "000-"
    assert promotions.ways_back(back(once)) == {}


def test_after_a_rollback_the_release_can_be_promoted_again(two_whole: History) -> None:
    again = done(back(done(two_whole, TWO, A, B, asked=ABC)), TWO, *ABC)
    assert where(again) == "222-"
    assert back(again) == two_whole


def test_a_promote_that_is_run_again_finishes_the_first(two_whole: History) -> None:
    part = done(two_whole, TWO, A, B, asked=ABC)
    assert done(part, TWO, *ABC) == done(two_whole, TWO, *ABC)


def test_one_region_can_be_rolled_back_and_the_others_later(two_whole: History) -> None:
    one = back(done(two_whole, TWO, *ABC), A)
    assert where(one) == "122-"
    assert promotions.expected(one, A) == ONE
    assert where(back(one)) == "111-"
    assert where(back(one, A)) == "022-"


def test_one_region_of_a_promote_that_was_not_finished_can_be_given_up(two_whole: History) -> None:
    part = back(done(two_whole, TWO, A, B, asked=ABC), C)
    assert where(part) == "221-"
    assert part[-1].missing == ()


def test_a_region_that_came_later_goes_where_the_others_go(two_whole: History) -> None:
    more = done(two_whole, TWO, A, B, C, D)
    assert promotions.ways_back(more) == dict.fromkeys((A, B, C, D), ONE)
    assert where(back(more)) == "1111"
    assert where(back(more, D)) == "2221"
    assert where(back(back(more))) == "0000"


def test_a_promote_in_one_region_alone_is_undone_there_alone(two_whole: History) -> None:
    tried = done(two_whole, TWO, A, is_everywhere=False)
    assert where(tried) == "211-"
    assert promotions.ways_back(tried) == {A: ONE}
    assert back(tried) == two_whole


def test_a_release_that_was_tried_in_one_region_is_not_what_all_go_back_to(two_whole: History) -> None:
    tried = done(done(two_whole, TWO, A, is_everywhere=False), THREE, *ABC)
    assert promotions.ways_back(tried) == dict.fromkeys(ABC, ONE)


def test_of_two_promotes_that_were_not_finished_neither_is_what_a_rollback_goes_to(two_whole: History) -> None:
    part = done(done(two_whole, TWO, A, asked=ABC), THREE, A, B, asked=ABC)
    assert where(part) == "331-"
    assert where(back(part)) == "111-"


def test_regions_that_never_had_the_same_each_go_back_to_their_own() -> None:
    apart = done(done((), ZERO, A, is_everywhere=False), ONE, B, is_everywhere=False)
    assert promotions.ways_back(done(apart, TWO, A, B)) == {A: ZERO, B: ONE}


def test_a_region_that_is_promoted_step_by_step_is_rolled_back_with_the_others(two_whole: History) -> None:
    steps = two_whole
    for region in ABC:
        steps = done(steps, TWO, region, is_everywhere=False)
    assert back(steps) == two_whole


def test_a_rollback_that_was_not_finished_goes_on_and_no_further(two_whole: History) -> None:
    part = back(done(two_whole, TWO, *ABC), reached=(A, B))
    assert where(part) == "112-"
    assert promotions.expected(part, C) == ONE
    assert promotions.ways_back(part) == {C: ONE}
    assert back(part) == two_whole


def test_a_rollback_that_was_not_finished_goes_to_the_same_whatever_was_promoted_between(two_whole: History) -> None:
    part = done(done(two_whole, TWO, A, asked=ABC), THREE, A, B, asked=ABC)
    assert promotions.ways_back(back(part, reached=(B, C))) == {A: ONE}


def test_a_promote_after_a_rollback_that_was_not_finished_takes_its_place(two_whole: History) -> None:
    part = back(done(two_whole, TWO, *ABC), reached=(A, B))
    again = promotions.begin(part, TWO, ABC, now=NOW, is_everywhere=True)
    assert (again[-1].missing, again[-1].leaving) == (ABC, {})
    other = done(part, THREE, *ABC)
    assert where(other) == "333-"
    assert [one.leaving for one in other] == [{}] * 4


def test_another_promote_everywhere_waits_for_nothing_that_was_left_undone(two_whole: History) -> None:
    part = done(two_whole, TWO, A, B, asked=ABC)
    assert [one.missing for one in done(part, THREE, A, B)] == [()] * 4
    assert [one.missing for one in done(part, THREE, A, is_everywhere=False)] == [(), (), (C,), ()]


def test_promoting_an_older_release_is_undone_by_a_rollback(two_whole: History) -> None:
    older = done(two_whole, ZERO, *ABC)
    assert where(older) == "000-"
    assert back(older) == two_whole


def test_giving_up_a_promote_by_promoting_what_was_before_goes_back_further(two_whole: History) -> None:
    given_up = done(done(two_whole, TWO, A, asked=ABC), ONE, *ABC)
    assert where(given_up) == "111-"
    assert where(back(given_up)) == "000-"


def test_the_usual_release_is_what_most_regions_have_and_of_two_the_later_one(two_whole: History) -> None:
    assert promotions.usual(()) == ""
    assert promotions.usual(done(two_whole, TWO, A, is_everywhere=False)) == ONE
    assert promotions.usual(done(two_whole, TWO, A, B, asked=ABC)) == TWO
    assert promotions.usual(done(done((), ZERO, A), ONE, B)) == ONE


def test_what_is_or_is_to_be_latest_anywhere_is_held(two_whole: History) -> None:
    assert promotions.held(two_whole) == {ONE}
    assert promotions.held(promotions.begin(two_whole, TWO, (A,), now=NOW)) == {ONE, TWO}
    assert promotions.held(promotions.leave(two_whole, {A: ZERO})) == {ZERO, ONE}


def test_what_is_not_asked_for_in_a_region_is_not_finished_there(two_whole: History) -> None:
    assert promotions.finish(two_whole, TWO, A) == two_whole
    assert promotions.finish_rollback(two_whole, A) == two_whole
    assert promotions.leave(two_whole, {D: ZERO}) == two_whole


def test_a_rollback_to_a_release_that_is_gone_changes_nothing(two_whole: History) -> None:
    left = promotions.leave(two_whole, {A: ZERO})
    assert promotions.finish_rollback(left[1:], A) == left[1:]


def test_the_text_is_sorted_and_leaves_out_what_is_empty() -> None:
    one = Promotion(release=ONE, promoted_at=NOW, regions=(B, A))
    assert one.model_dump(mode="json") == {
        "release": ONE,
        "promoted_at": "2026-11-26T04:15:00Z",
        "regions": [A, B],
    }
