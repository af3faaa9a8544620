"""A wait ends when what it waits for is there, when its time is over, or when it is interrupted."""

import pytest

from bakery.core.parallel import Stopped
from bakery.core.waiting import Patience, wait_until


def never(seconds: float) -> None:
    raise AssertionError("waited")


def test_it_looks_until_it_is_enough_and_returns_that_look() -> None:
    seen, pauses = [3, 2, 1], list[float]()
    patience = Patience(deadline_s=60, pauses_s=(1, 1), pause=pauses.append)
    assert wait_until(seen.pop, patience=patience, is_enough=lambda found: found == 2) == 2
    assert (seen, pauses) == ([3], [1])


def test_what_is_there_is_not_waited_for() -> None:
    patience = Patience(deadline_s=60, pauses_s=(1, 1), pause=never)
    assert wait_until(lambda: "there", patience=patience) == "there"


def test_when_the_time_is_over_the_last_look_is_returned() -> None:
    looks = list[int]()

    def look() -> str:
        looks.append(1)
        return ""

    assert wait_until(look, patience=Patience(deadline_s=0, pauses_s=(1, 1), pause=never)) == ""
    assert len(looks) == 1


@pytest.mark.parametrize(("longest_s", "expected"), [(3.0, [1, 1.5, 2.25, 3, 3]), (1.0, [1, 1, 1, 1, 1])])
def test_pauses_grow_up_to_the_longest(longest_s: float, expected: list[float]) -> None:
    pauses = list[float]()
    patience = Patience(deadline_s=60, pauses_s=(1, longest_s), pause=pauses.append)
    wait_until(lambda: pauses, patience=patience, is_enough=lambda them: len(them) == 5)
    assert pauses == expected


def test_an_interrupt_ends_it() -> None:
    def pause(seconds: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        wait_until(lambda: "", patience=Patience(deadline_s=60, pauses_s=(1, 1), pause=pause))
