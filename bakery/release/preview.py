"""The story of `invoke plan`: all that a bake and its publication would do in AWS, and what it costs. Only reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bakery.catalog import record
from bakery.cloud.reconcile import Act, Seen, differences
from bakery.cloud.values import ImageState
from bakery.clouds.aws import desired, images, prices, published
from bakery.clouds.aws.account import Account, Region
from bakery.clouds.aws.packer import default_instance_type
from bakery.clouds.aws.prices import Table
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, impossible
from bakery.core.parallel import everywhere
from bakery.definition.aws_regions import Partition
from bakery.release import plan
from bakery.release.bake import Order
from bakery.release.plan import RegionPlan

PUBLIC_IMAGES = 5
"""Default quota of public AMIs in a region (docs.aws.amazon.com, "AMI quotas")."""
PENDING_COPIES = 20
"""Most copies under way to one region (CopyImage)."""
BAKE_HOURS = 0.5
"""Of the machine that Packer runs and of the one that is judged, together."""
STORED_GB = 2.0
"""What a snapshot of `dokku` holds, by the image's own measure: blocks that were never written cost nothing."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What would be done in one region."""

    planned: RegionPlan
    to_do: tuple[str, ...]
    public_images: int
    pending_copies: int

    @property
    def has(self) -> str:
        """What is there already, in words."""
        found = self.planned.found
        if found is None:
            return "nothing"
        is_ready = self.planned.is_verified and found.state == ImageState.AVAILABLE
        return f"{found.id}, {'verified' if is_ready else found.state}"

    @property
    def headroom(self) -> str:
        """How much of the default quotas is left."""
        words = [f"{max(0, PENDING_COPIES - self.pending_copies)} copies"]
        if self.planned.definition.aws.is_public:
            words.append(f"{max(0, PUBLIC_IMAGES - self.public_images)} public images")
        return ", ".join(words)


def show(order: Order, *, account: Account, console: Console, is_price_asked: bool = False) -> None:
    """Print the plan of a bake in regions, with prices as AWS has them now when that *is_price_asked*.

    Raises BakeryError: exit code 2 for what cannot be asked for, 3 when AWS does not answer in any of the regions.
    """
    regions = account.require(order.regions)
    with console.phase("plan"):
        first = look(regions[0], order, source=None)
        found = everywhere(regions[1:], lambda region: look(region, order, source=first.planned))
    outcomes: dict[str, Outlook | BakeryError] = {regions[0].name: first, **found}
    print("\n".join(first.planned.lines()))  # noqa: T201  # the plan is the result
    rows = [_row(name, outcome) for name, outcome in outcomes.items()]
    table("In each region", ("region", "base", "is there", "to do", "default quotas leave"), rows, to_stdout=True)
    known = prices.table()
    if is_price_asked:
        if account.partition is not Partition.AWS:
            said = f"--prices asks a price list that accounts of {account.partition} cannot read"
            raise impossible(said, hint="leave it out")
        with console.phase("prices"):
            known = prices.fetch(order.regions, pricing=account.region(prices.HOME), today=datetime.now(UTC).date())
    table(
        f"What it costs, by prices of {known.date}", ("what", "USD"), costs(order, outcomes, of=known), to_stdout=True
    )
    silent = [outcome for outcome in outcomes.values() if isinstance(outcome, BakeryError)]
    if silent:
        raise silent[0]


def look(region: Region, order: Order, *, source: RegionPlan | None) -> Outlook:
    """Return what would be done in a region; *source* is the plan of the one that is baked in, None if it is this."""
    planned = plan.make(
        order.image, region, base=order.base, release=source.release if source else "", is_forced=order.is_forced
    )
    is_copy = source is not None and not order.is_per_region
    baked = source if is_copy and source else planned
    release = record.entry(baked.made, region=baked.region, image=baked.found)
    wanted = desired.of(release, planned.definition, region=region.name)
    seen = published.look(region, wanted) if baked.found else Seen()
    left = [difference.act for difference in differences(wanted, seen, now=datetime.now(UTC))]
    own = images.own(region)
    return Outlook(
        planned=planned,
        to_do=tuple(_words(left, planned, is_copy=is_copy)),
        public_images=sum(image.is_public for image in own),
        pending_copies=sum(image.state == ImageState.PENDING for image in own),
    )


def costs(order: Order, outcomes: dict[str, Outlook | BakeryError], *, of: Table) -> list[tuple[str, str]]:
    """Return what the plan costs, a row each; what the price table does not have is said to be missing."""
    rows = []
    for name, outcome in outcomes.items():
        if isinstance(outcome, BakeryError):
            continue
        definition = outcome.planned.definition
        if any("bake" in act for act in outcome.to_do):
            kind = definition.aws.instance_type or default_instance_type(definition.arch)
            cost = prices.bake_cost(name, instance_type=kind, hours=BAKE_HOURS, disk_gb=definition.disk.size_gb, of=of)
            rows.append((f"{name}: {kind} for {BAKE_HOURS:g} h, to bake and to judge", _usd(cost, of=of)))
        if Act.COPY in outcome.to_do:
            cost = prices.copy_cost(order.regions[0], stored_gb=STORED_GB, of=of)
            rows.append((f"{name}: copy of about {STORED_GB:g} GB from {order.regions[0]}", _usd(cost, of=of)))
        month = prices.storage_cost_month(name, stored_gb=STORED_GB, of=of)
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
        return name, "", "", outcome.message, ""
    base = outcome.planned.base_image
    age = (datetime.now(UTC) - base.created).days
    return name, f"{base.id}, {age} days", outcome.has, "\n".join(outcome.to_do) or "nothing", outcome.headroom


def _usd(cost: float | None, *, of: Table) -> str:
    return f"not in the price table of {of.date}" if cost is None else f"{cost:.4f}"
