"""A release is brought to what it should be in a cloud that is only in memory: each fact in milliseconds."""

from dataclasses import replace
from typing import Any

import pytest

from bakery.cloud import converging
from bakery.cloud.place import Place, Sequel
from bakery.cloud.reconcile import Act, Seen, Wanted
from bakery.core.errors import BakeryError, ExitCode
from tests import values
from tests.cloud.test_reconcile import WANTED
from tests.memory_place import MemoryPlace

WHOLE = replace(WANTED, deprecate_at=WANTED.deprecate_at.replace(year=2100), latest="/latest", launch_template="fleet")
ACTS = [
    *(Act.COPY, Act.REQUIRE_IMDSV2, Act.SHARE_SNAPSHOT, Act.SHARE_IMAGE, Act.DEPRECATE, Act.PROTECT, Act.RECORD),
    *(Act.LATEST, Act.LAUNCH),
]


def bring(place: Place, wanted: Wanted = WHOLE, **told: Any) -> Seen:
    return converging.converge(place, wanted, say=lambda _: None, **{"deadline_s": 5.0, **told})


def test_what_is_not_there_is_copied_and_brought_to_what_it_should_be_and_left_alone_then() -> None:
    place = MemoryPlace()
    seen = bring(place)
    assert place.asked == ACTS
    assert (seen.image_id, seen.parameters[WHOLE.latest], seen.template_image) == ("image-1",) * 3
    assert bring(place) == seen
    assert place.asked == ACTS


@pytest.mark.parametrize("number", range(1, len(ACTS) + 1))
def test_a_run_that_is_killed_after_any_act_is_gone_on_with(number: int) -> None:
    undisturbed, place = MemoryPlace(), MemoryPlace(kill_after=number)
    with pytest.raises(KeyboardInterrupt):
        bring(place)
    assert bring(place) == bring(undisturbed)
    assert sorted(place.asked) == sorted(undisturbed.asked)


@pytest.mark.parametrize("sequel", [Sequel.PASSES, Sequel.MADE])
@pytest.mark.parametrize("act", [one for one in ACTS if one is not Act.COPY])
def test_what_may_pass_is_done_again(act: Act, sequel: Sequel) -> None:
    place = MemoryPlace(refusals={act: [sequel, sequel]})
    assert bring(place) == bring(MemoryPlace())
    assert place.asked.count(act) == 3


@pytest.mark.parametrize("sequel", [Sequel.STANDS, Sequel.FULL])
@pytest.mark.parametrize("act", ACTS[1:-2])
def test_what_is_refused_for_good_stops_nothing_but_latest(act: Act, sequel: Sequel) -> None:
    place = MemoryPlace(refusals={act: [sequel]})
    with pytest.raises(BakeryError, match=f"{act} is refused"):
        bring(place)
    assert place.asked == ACTS[:-2]
    bring(place)
    assert place.asked == [*ACTS[:-2], act, *ACTS[-2:]]


def test_what_is_refused_is_said_without_the_place_which_whoever_listens_knows() -> None:
    said: list[str] = []
    place = MemoryPlace(refusals={Act.COPY: [Sequel.FULL], ACTS[1]: [Sequel.PASSES, Sequel.STANDS]})
    with pytest.raises(BakeryError, match=f"^{place.name}: {ACTS[1]} is refused$"):
        converging.converge(place, WHOLE, say=said.append, deadline_s=5.0)
    heard = [line for line in said if "is refused" in line]
    assert heard == [f"waits: {one} is refused" for one in ACTS[:2]] + [f"refused: {ACTS[1]} is refused"]


@pytest.mark.parametrize("act", ACTS)
def test_where_no_call_is_answered_it_ends_at_once(act: Act) -> None:
    place = MemoryPlace(refusals={act: [Sequel.SILENT]})
    with pytest.raises(BakeryError, match=f"{act} is refused"):
        bring(place)
    assert place.asked == ACTS[: ACTS.index(act) + 1]


@pytest.mark.parametrize("sequel", [Sequel.FULL, Sequel.MADE, Sequel.PASSES])
def test_a_copy_that_cannot_be_begun_now_is_begun_later(sequel: Sequel) -> None:
    place = MemoryPlace(refusals={Act.COPY: [sequel]}, origin=values.image())
    assert bring(place).image_id == "image-1"


def test_a_copy_of_what_is_gone_or_disabled_is_not_waited_for() -> None:
    for origin, why in ((None, "is gone"), (values.image(state="disabled"), "is disabled")):
        with pytest.raises(BakeryError, match=why):
            bring(MemoryPlace(refusals={Act.COPY: [Sequel.PASSES]}, origin=origin))


def test_a_copy_that_failed_is_not_answered_again() -> None:
    place = MemoryPlace()
    first = bring(place).image
    assert first
    place.state = Seen(image=replace(first, state="failed", failure="no key"))
    assert bring(place).image_id == "image-2"


def test_a_copy_that_fails_while_it_is_waited_for_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    place = MemoryPlace(kill_after=1)
    with pytest.raises(KeyboardInterrupt):
        bring(place)
    assert place.state.image
    failed = Seen(image=replace(place.state.image, state="failed", failure="no key"))
    looks = iter([Seen(), failed])
    monkeypatch.setattr(place, "look", lambda _: next(looks))
    with pytest.raises(BakeryError, match="fr-par-1: the last copy failed: no key"):
        bring(place)


def test_what_is_being_removed_or_was_disabled_is_left_alone() -> None:
    place = MemoryPlace(state=Seen(image=values.image(tags=values.tags(removing="x"))))
    with pytest.raises(BakeryError, match="is being removed") as caught:
        bring(place)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    place = MemoryPlace(state=Seen(image=values.image(state="disabled")))
    with pytest.raises(BakeryError, match="is disabled"):
        bring(place)
    assert place.asked == []


def test_who_is_overtaken_writes_latest_once_and_says_what_it_is() -> None:
    place = MemoryPlace(overtaken_by="another")
    with pytest.raises(BakeryError, match="fr-par-1: latest is another"):
        bring(place)
    assert place.asked.count(Act.LATEST) == 1


def test_what_is_not_done_in_time_is_told_and_goes_on_with_the_next_run() -> None:
    place = MemoryPlace(pending_looks=10**9)
    with pytest.raises(BakeryError, match=r"fr-par-1: not done after 0 s: wait: image-1 is pending") as caught:
        bring(place, deadline_s=0.05)
    assert caught.value.hint == "run it again: it goes on"
    place.pending_looks = 1
    assert bring(place).image_id == "image-1"
