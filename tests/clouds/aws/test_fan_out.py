"""Which way an image goes from here to the other regions, and what is said of it."""

import pytest

from bakery.clouds.aws import fan_out
from bakery.clouds.aws.fan_out import WORTH_SENDING, Choice
from bakery.core.errors import BakeryError, ExitCode
from bakery.places.shipment import FanOut, parse

MB = 10**6
MOST_BLOCKS = WORTH_SENDING // MB


def choose(asked: FanOut, *blocks: int, copy_usd: float | None = 0.5) -> Choice:
    return fan_out.choose(asked, blocks, block_size=MB, copy_usd=copy_usd)


def test_up_to_a_limit_for_all_regions_together_blocks_are_sent_from_here() -> None:
    assert choose(FanOut.AUTO, MOST_BLOCKS).way is FanOut.UPLOAD
    assert choose(FanOut.AUTO, MOST_BLOCKS // 2, MOST_BLOCKS // 2).way is FanOut.UPLOAD
    assert choose(FanOut.AUTO, MOST_BLOCKS + 1).way is FanOut.COPY
    assert choose(FanOut.AUTO, MOST_BLOCKS // 2, MOST_BLOCKS // 2 + 1).way is FanOut.COPY


@pytest.mark.parametrize(("asked", "blocks"), [(FanOut.UPLOAD, MOST_BLOCKS * 10), (FanOut.COPY, 1)])
def test_what_was_asked_for_is_done_whatever_it_takes(asked: FanOut, blocks: int) -> None:
    choice = choose(asked, blocks)
    assert choice.way is asked
    assert choice.why.startswith("asked for (")


def test_the_reason_has_size_places_and_both_prices() -> None:
    """1000 blocks are 0.006 USD, by the example in the EBS user guide ("Pricing for EBS direct APIs")."""
    why = choose(FanOut.AUTO, 1000, 500).why
    assert why == "1.50 GB to send to 2 more, 0.009 USD; copies cost 0.500 USD; at most 2 GB are sent from here"
    assert choose(FanOut.AUTO, 2500).why.endswith("; more than 2 GB are left to AWS")


def test_a_price_that_is_not_known_is_said_to_be_so() -> None:
    assert "the price of copies is not known" in choose(FanOut.AUTO, 1, copy_usd=None).why


def test_without_another_region_there_is_nothing_to_choose() -> None:
    assert choose(FanOut.UPLOAD) == Choice(way=FanOut.COPY, why="there is no other region")


def test_a_way_is_read_by_its_name() -> None:
    assert [parse(way.value) for way in FanOut] == list(FanOut)
    with pytest.raises(BakeryError, match="--fan-out uplaod: there is no such way") as caught:
        parse("uplaod")
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.IMPOSSIBLE, "did you mean 'upload'?")
