"""What AWS takes for baking, keeping and copying an image: a dated table, never a guess.

A figure that the table does not hold is None; whoever prints it says "not in the table of" its date.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, PositiveFloat

from bakery.catalog.values import RegionName
from bakery.core.errors import BakeryError

HOME = "us-east-1"
"""The region that is asked for the prices of all (docs.aws.amazon.com/awsaccountbilling, "Price List Query API")."""
HOURS_A_MONTH = 730
"""What AWS itself divides a month into (calculator.aws)."""


class What(StrEnum):
    """What has a price, with the unit it is for; a GB is 2^30 bytes, as AWS bills it."""

    T3_SMALL = "t3.small_hour"
    T4G_SMALL = "t4g.small_hour"
    GP3 = "gp3_gb_month"
    SNAPSHOT = "snapshot_gb_month"
    COPY = "copy_gb"
    """Out of a region into another; the receiving region takes nothing."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """One price in USD without taxes, when it was looked up, and where."""

    usd: float
    date: date
    source: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Source(_Entry):
    """Where one kind of figure comes from."""

    date: date
    source: str


class Table(_Entry):
    """Every figure that is known."""

    date: date
    """When the table was put together; each source has a date of its own, which may be earlier."""
    currency: Literal["USD"] = "USD"
    sources: dict[What, Source]
    regions: dict[RegionName, dict[What, PositiveFloat]]

    def price(self, region: str, what: What) -> Price | None:
        """Return a price; None when the table does not hold it."""
        if region not in self.regions or what not in self.regions[region]:
            return None
        source = self.sources[what]
        return Price(usd=self.regions[region][what], date=source.date, source=source.source)

    def text(self) -> str:
        """Return the table as it is kept: the same figures are the same bytes."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


@cache
def table() -> Table:
    """Return the table that comes with the bakery, in bakery/data/aws-prices.json."""
    return Table.model_validate_json(resources.files("bakery").joinpath("data/aws-prices.json").read_bytes())


def price(region: str, what: What, *, of: Table | None = None) -> Price | None:
    """Return a price; None when the table (*of*, or the one that comes with the bakery) does not hold it."""
    return (of or table()).price(region, what)


def bake_cost(
    region: str, *, instance_type: str, hours: float, disk_gb: float = 0, of: Table | None = None
) -> float | None:
    """Return USD for a machine that runs for *hours*, on demand, with a gp3 disk; None when a price is not known.

    A public IPv4 address and what the machine downloads are left out. Source: aws.amazon.com/ec2/pricing/on-demand
    and aws.amazon.com/ebs/pricing, by way of what the table names.
    """
    known = [what for what in (What.T3_SMALL, What.T4G_SMALL) if what == f"{instance_type}_hour"]
    machine = price(region, known[0], of=of) if known else None
    disk = price(region, What.GP3, of=of)
    if machine is None or (disk is None and disk_gb):
        return None
    return hours * (machine.usd + (disk.usd * disk_gb / HOURS_A_MONTH if disk else 0))


def storage_cost_month(region: str, *, stored_gb: float, of: Table | None = None) -> float | None:
    """Return USD a month for a snapshot in the standard tier; None when the price is not known.

    What counts is what is stored: blocks that were never written cost nothing, and neither do those that an earlier
    snapshot of the same disk holds. Source: aws.amazon.com/ebs/pricing, by way of what the table names.
    """
    known = price(region, What.SNAPSHOT, of=of)
    return known.usd * stored_gb if known else None


def copy_cost(from_region: str, *, stored_gb: float, of: Table | None = None) -> float | None:
    """Return USD for copying a snapshot into one other region; None when the price is not known.

    The highest price out of that region: between us-east-1 and us-east-2 it is half. What the copy takes to keep is
    `storage_cost_month` of its own region. Source: aws.amazon.com/ec2/pricing/on-demand, "Data Transfer", by way of
    what the table names.
    """
    known = price(from_region, What.COPY, of=of)
    return known.usd * stored_gb if known else None


@dataclass(frozen=True, kw_only=True)
class Known:
    """A table, as the stories ask it; see `bakery.places.prices`."""

    table: Table

    @property
    def date(self) -> str:
        """When it was put together."""
        return str(self.table.date)

    @property
    def currency(self) -> str:
        """What its figures are in."""
        return self.table.currency

    def bake_cost(self, place: str, *, instance_type: str, hours: float, disk_gb: int) -> float | None:
        """Return what a machine takes that runs for *hours*."""
        return bake_cost(place, instance_type=instance_type, hours=hours, disk_gb=disk_gb, of=self.table)

    def copy_cost(self, from_place: str, *, stored_gb: float) -> float | None:
        """Return what a copy takes."""
        return copy_cost(from_place, stored_gb=stored_gb, of=self.table)

    def storage_cost_month(self, place: str, *, stored_gb: float) -> float | None:
        """Return what a snapshot takes a month."""
        return storage_cost_month(place, stored_gb=stored_gb, of=self.table)


class Pricing(Protocol):
    """AWS in one region, such as clouds.aws.Region."""

    def all(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Give every item of the list *key*, page by page."""


@dataclass(frozen=True, kw_only=True)
class _Query:
    """How one kind of figure is asked for; *place* is the attribute that holds the region's name."""

    service: str = "AmazonEC2"
    place: str = "regionCode"
    filters: Mapping[str, str]
    unit: str
    usage: str = ""
    """What the usage type ends with, where the attributes say too little."""


def _machine(instance_type: str) -> _Query:
    return _Query(
        filters={
            "instanceType": instance_type,
            "operatingSystem": "Linux",
            "preInstalledSw": "NA",
            "tenancy": "Shared",
            "capacitystatus": "Used",
            "locationType": "AWS Region",
        },
        unit="Hrs",
    )


_QUERIES = {
    What.T3_SMALL: _machine("t3.small"),
    What.T4G_SMALL: _machine("t4g.small"),
    What.GP3: _Query(
        filters={"productFamily": "Storage", "volumeApiName": "gp3", "locationType": "AWS Region"}, unit="GB-Mo"
    ),
    What.SNAPSHOT: _Query(
        filters={"productFamily": "Storage Snapshot", "locationType": "AWS Region"},
        unit="GB-Mo",
        usage="EBS:SnapshotUsage",
    ),
    What.COPY: _Query(
        service="AWSDataTransfer",
        place="fromRegionCode",
        filters={
            "transferType": "InterRegion Outbound",
            "fromLocationType": "AWS Region",
            "toLocationType": "AWS Region",
        },
        unit="GB",
    ),
}


def fetch(regions: Iterable[str], *, pricing: Pricing, today: date) -> Table:
    """Return a new table from AWS's Price List Query API; *pricing* is AWS in HOME.

    A figure that AWS does not give in USD is left out. Raises BakeryError (exit code 1) when an answer has another form
    than the documented one, or holds two prices for one thing; and what *pricing* raises.
    """
    found = {
        region: {what: usd for what in What if (usd := _ask(what, region, pricing=pricing)) is not None}
        for region in regions
    }
    source = Source(date=today, source="AWS Price List Query API, GetProducts")
    return Table(date=today, sources=dict.fromkeys(What, source), regions=found)


def _ask(what: What, region: str, *, pricing: Pricing) -> float | None:
    query = _QUERIES[what]
    fields = {**query.filters, query.place: region}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    items = pricing.all(
        "pricing", "get_products", "PriceList", ServiceCode=query.service, Filters=filters, FormatVersion="aws_v1"
    )
    found = {usd for item in items for usd in _prices(item, query)}
    if len(found) > 1 and what is not What.COPY:
        raise BakeryError(f"AWS's price list has {len(found)} prices for {what} in {region}: {sorted(found)}")
    return max(found, default=None)


def _prices(item: str, query: _Query) -> Iterator[float]:
    """Give the prices on demand of one product of the list that are for our unit and not zero."""
    try:
        product = json.loads(item)
        if not product["product"]["attributes"]["usagetype"].endswith(query.usage):
            return
        for term in product["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                if dimension["unit"] == query.unit and "USD" in dimension["pricePerUnit"]:
                    usd = float(dimension["pricePerUnit"]["USD"])
                    if usd > 0:
                        yield usd
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BakeryError(f"AWS's price list has another form than is documented: {error!r}") from error
