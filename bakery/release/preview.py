"""The story of `invoke plan`: all that a bake and its publication would do in AWS, and what it costs. Only reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bakery.catalog import record
from bakery.cloud.reconcile import Act, Seen, differences
from bakery.cloud.values import ImageState
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError
from bakery.core.parallel import everywhere
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.places.prices import Prices
from bakery.release import plan
from bakery.release.bake import Order, homes
from bakery.release.plan import RegionPlan

BAKE_HOURS = 0.5
"""Of the machine that Packer runs and of the one that is judged, together."""
STORED_GB = 2.0
"""What a snapshot of `dokku` holds, by the image's own measure: blocks that were never written cost nothing."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What would be done in one region."""

    planned: RegionPlan
    to_do: tuple[str, ...]
    headroom: str
    """How much of the cloud's quotas is left."""
    instance_type: str
    """What would bake and judge it."""

    @property
    def has(self) -> str:
        """What is there already, in words."""
        found = self.planned.found
        if found is None:
            return "nothing"
        is_ready = self.planned.is_verified and found.state == ImageState.AVAILABLE
        return f"{found.id}, {'verified' if is_ready else found.state}"


def show(order: Order, *, account: Account, console: Console, is_price_asked: bool = False) -> None:
    """Print the plan of a bake in regions, with prices as AWS has them now when that *is_price_asked*.

    Raises BakeryError: exit code 2 for what cannot be asked for, 3 when AWS does not answer in any of the regions.
    """
    places = account.require(order.regions)
    with console.phase("plan"):
        first = look(places[0], order)
        firsts = {home.cloud: look(home, order, release=first.planned.release) for home in homes(places)[1:]}
        firsts = {places[0].cloud: first, **firsts}
        told = {one.planned.region: one for one in firsts.values()}
        others = [place for place in places if place.name not in told]
        found = everywhere(others, lambda place: look(place, order, source=firsts[place.cloud].planned))
    outcomes: dict[str, Outlook | BakeryError] = {place.name: {**told, **found}[place.name] for place in places}
    print("\n".join(first.planned.lines()))  # noqa: T201  # the plan is the result
    rows = [_row(name, outcome) for name, outcome in outcomes.items()]
    table("In each region", ("region", "base", "is there", "to do", "default quotas leave"), rows, to_stdout=True)
    known = account.prices(order.regions, is_asked=is_price_asked, console=console)
    for one in {id(prices): prices for prices in known.values()}.values():
        own = {name: outcome for name, outcome in outcomes.items() if known[name] is one}
        title = f"What it costs, by prices of {one.date}"
        table(title, ("what", one.currency), costs(own, of=one), to_stdout=True)
    silent = [outcome for outcome in outcomes.values() if isinstance(outcome, BakeryError)]
    if silent:
        raise silent[0]


def look(place: Place, order: Order, *, source: RegionPlan | None = None, release: str = "") -> Outlook:
    """Return what would be done in a region; *source* is the plan of the one that is baked in, None if it is this.

    *release* is the name of what another cloud bakes, so that this one's is the same.
    """
    name = source.release if source else release
    planned = plan.make(order.image, place, base=order.base, release=name, is_forced=order.is_forced)
    is_copy = source is not None and not order.is_per_region
    baked = source if is_copy and source else planned
    made = record.entry(baked.made, region=baked.region, image=baked.found)
    wanted = place.wanted(made, planned.definition)
    seen = place.look(wanted) if baked.found else Seen()
    left = [difference.act for difference in differences(wanted, seen, now=datetime.now(UTC))]
    return Outlook(
        planned=planned,
        to_do=tuple(_words(left, planned, is_copy=is_copy)),
        headroom=place.headroom(planned.definition),
        instance_type=place.named_type(planned.definition) or place.usual_type(planned.definition.arch),
    )


def costs(outcomes: dict[str, Outlook | BakeryError], *, of: Prices) -> list[tuple[str, str]]:
    """Return what the plan costs in places of one cloud, a row each; what the price table lacks is said to be missing.

    The first of them is where the others are copied from.
    """
    rows, home = [], next(iter(outcomes))
    for name, outcome in outcomes.items():
        if isinstance(outcome, BakeryError):
            continue
        definition = outcome.planned.definition
        if any("bake" in act for act in outcome.to_do):
            kind, disk_gb = outcome.instance_type, definition.disk.size_gb
            cost = of.bake_cost(name, instance_type=kind, hours=BAKE_HOURS, disk_gb=disk_gb)
            rows.append((f"{name}: {kind} for {BAKE_HOURS:g} h, to bake and to judge", _usd(cost, of=of)))
        if Act.COPY in outcome.to_do:
            cost = of.copy_cost(home, stored_gb=STORED_GB)
            rows.append((f"{name}: copy of about {STORED_GB:g} GB from {home}", _usd(cost, of=of)))
        month = of.storage_cost_month(name, stored_gb=STORED_GB)
        rows.append((f"{name}: snapshot of about {STORED_GB:g} GB, a month", _usd(month, of=of)))
    return rows


def _words(left: Sequence[Act], planned: RegionPlan, *, is_copy: bool) -> list[str]:
    if is_copy:
        return [str(act) for act in left if act is not Act.WAIT]
    first = [] if planned.is_baked else ["bake"]
    if not planned.is_verified:
        first.append("verify")
    return [*first, *(str(act) for act in left if act not in {Act.COPY, Act.WAIT})]


def _row(name: str, outcome: Outlook | BakeryError) -> tuple[str, ...]:
    if isinstance(outcome, BakeryError):
        return name, "", "", outcome.within(name), ""
    base = outcome.planned.base_image
    age = (datetime.now(UTC) - base.created).days
    return name, f"{base.id}, {age} days", outcome.has, "\n".join(outcome.to_do) or "nothing", outcome.headroom


def _usd(cost: float | None, *, of: Prices) -> str:
    return f"not in the price table of {of.date}" if cost is None else f"{cost:.4f}"
