"""How an image that goes up from here comes to the other regions: as copies AWS makes, or as blocks from here too."""

from collections.abc import Sequence
from dataclasses import dataclass

from bakery.places.shipment import FanOut

WORTH_SENDING = 2 * 10**9
"""Bytes to all other regions together up to which `auto` sends them: three minutes at 100 Mbit/s."""
PUT_USD = 0.006 / 1000
"""A block, by the example in the EBS user guide ("Pricing for EBS direct APIs": PutSnapshotBlock)."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A way, and why it is that one."""

    way: FanOut
    why: str


def choose(asked: FanOut, blocks: Sequence[int], *, block_size: int, copy_usd: float | None) -> Choice:
    """Return how the other regions are reached.

    *blocks* are how many each of them would be sent; *copy_usd* is what copies to all of them cost, None where the
    price table does not say.
    """
    if not blocks:
        return Choice(way=FanOut.COPY, why="there is no other region")
    sent = sum(blocks) * block_size
    price = f"copies cost {copy_usd:.3f} USD" if copy_usd is not None else "the price of copies is not known"
    figures = f"{sent / 1e9:.2f} GB to send to {len(blocks)} more, {sum(blocks) * PUT_USD:.3f} USD; {price}"
    if asked is not FanOut.AUTO:
        return Choice(way=asked, why=f"asked for ({figures})")
    if sent <= WORTH_SENDING:
        return Choice(way=FanOut.UPLOAD, why=f"{figures}; at most {WORTH_SENDING / 1e9:g} GB are sent from here")
    return Choice(way=FanOut.COPY, why=f"{figures}; more than {WORTH_SENDING / 1e9:g} GB are left to AWS")
