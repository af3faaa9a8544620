"""Prices: a figure is in the table, with its source and its date, or it is not known."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import resources
from typing import Any

import botocore.session
import botocore.validate
import pytest

from bakery import ROOT
from bakery.clouds.aws import prices
from bakery.clouds.aws.prices import Table, What
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws_regions import REGIONS

TODAY = date(2026, 11, 23)


# The table


def test_the_table_is_kept_in_its_own_form() -> None:
    kept = resources.files("bakery").joinpath("data/aws-prices.json").read_text()
    assert prices.table().text() == kept


def test_the_table_is_part_of_the_package() -> None:
    packaging = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "data/*.json" in packaging["package-data"]["bakery"]


def test_every_figure_has_a_source_and_a_date() -> None:
    table = prices.table()
    assert set(table.sources) == set(What)
    for source in table.sources.values():
        assert source.source
        assert source.date <= table.date


def test_every_figure_is_of_a_region_and_of_a_likely_size() -> None:
    likely = {What.T3_SMALL: 0.05, What.T4G_SMALL: 0.05, What.GP3: 0.2, What.SNAPSHOT: 0.1, What.COPY: 0.2}
    assert set(prices.table().regions) <= set(REGIONS)
    for region, known in prices.table().regions.items():
        for what, usd in known.items():
            assert likely[what] / 20 < usd < likely[what], f"{region} {what}"


def test_the_most_used_regions_have_every_figure() -> None:
    for region in ("us-east-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-central-1", "ap-southeast-2", "sa-east-1"):
        assert set(prices.table().regions[region]) == set(What)


def test_a_price_tells_where_it_is_from() -> None:
    found = prices.price("eu-west-2", What.SNAPSHOT)
    assert found is not None
    assert found.usd == 0.053
    assert found.date.year == 2026
    assert "flat.json" in found.source


@pytest.mark.parametrize("region", ["mx-central-1", "xx-new-1"])
@pytest.mark.parametrize("what", What)
def test_what_is_not_in_the_table_is_not_known(region: str, what: What) -> None:
    assert prices.price(region, what) is None


# What things cost


def test_a_bake_costs_its_hours() -> None:
    assert prices.bake_cost("eu-west-2", instance_type="t3.small", hours=0.5) == pytest.approx(0.0118)
    assert prices.bake_cost("eu-west-2", instance_type="t4g.small", hours=0.5) == pytest.approx(0.0094)


def test_a_bake_costs_its_disk_too() -> None:
    bare = prices.bake_cost("eu-west-2", instance_type="t3.small", hours=73)
    whole = prices.bake_cost("eu-west-2", instance_type="t3.small", hours=73, disk_gb=40)
    assert bare is not None
    assert whole == pytest.approx(bare + 0.0928 * 4)


@pytest.mark.parametrize(
    ("region", "instance_type", "disk_gb"),
    [
        ("eu-west-2", "m7i.large", 0),
        ("eu-west-2", "gp3", 0),
        ("mx-central-1", "t3.small", 0),
        ("il-central-1", "t3.small", 1),
    ],
)
def test_a_bake_that_lacks_a_figure_has_no_price(region: str, instance_type: str, disk_gb: int) -> None:
    assert prices.bake_cost(region, instance_type=instance_type, hours=1, disk_gb=disk_gb) is None


def test_a_bake_without_a_disk_needs_no_price_of_disks() -> None:
    assert prices.bake_cost("il-central-1", instance_type="t3.small", hours=1) == 0.024


def test_keeping_and_copying_cost_by_what_is_stored() -> None:
    assert prices.storage_cost_month("eu-west-2", stored_gb=2.5) == pytest.approx(0.1325)
    assert prices.copy_cost("sa-east-1", stored_gb=2.5) == pytest.approx(0.345)


def test_keeping_and_copying_without_a_figure_have_no_price() -> None:
    assert prices.storage_cost_month("af-south-1", stored_gb=2.5) is None
    assert prices.copy_cost("il-central-1", stored_gb=2.5) is None


# AWS's price list


def item(usd: str, *, unit: str, usage: str, attributes: Mapping[str, str] | None = None, currency: str = "USD") -> str:
    """Return a sample of one product, in the form of GetProducts' example in botocore's own service model."""
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {currency: usd}}
    term = {"priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension}, "sku": "SKU", "termAttributes": {}}
    return json.dumps(
        {
            "product": {"productFamily": "", "attributes": {"usagetype": usage, **(attributes or {})}, "sku": "SKU"},
            "serviceCode": "AmazonEC2",
            "terms": {"OnDemand": {"SKU.JRTCKXETXF": term}},
            "version": "20170901182201",
            "publicationDate": "2017-09-01T18:22:01Z",
        }
    )


LONDON = {
    "t3.small": [item("0.0236000000", unit="Hrs", usage="EUW2-BoxUsage:t3.small")],
    "t4g.small": [item("0.0188000000", unit="Hrs", usage="EUW2-BoxUsage:t4g.small")],
    "gp3": [item("0.0928000000", unit="GB-Mo", usage="EUW2-EBS:VolumeUsage.gp3")],
    "Storage Snapshot": [
        item("0.0530000000", unit="GB-Mo", usage="EUW2-EBS:SnapshotUsage"),
        item("0.0132500000", unit="GB-Mo", usage="EUW2-EBS:SnapshotArchiveStorage"),
    ],
    "InterRegion Outbound": [
        item("0.0200000000", unit="GB", usage="EUW2-EUC1-AWS-Out-Bytes"),
        item("0.0100000000", unit="GB", usage="EUW2-EU-AWS-Out-Bytes"),
    ],
}


REQUEST = botocore.session.Session().get_service_model("pricing").operation_model("GetProducts").input_shape


class PriceList:
    """A stand-in for AWS's price list: it holds requests against botocore's model and answers with samples."""

    def __init__(self, samples: Mapping[str, list[str]]) -> None:
        self.samples = samples
        self.asked: list[Mapping[str, str]] = []

    def all(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        assert (service, operation, key) == ("pricing", "get_products", "PriceList")
        report = botocore.validate.ParamValidator().validate(arguments, REQUEST)
        assert not report.has_errors(), report.generate_report()
        fields = {each["Field"]: each["Value"] for each in arguments["Filters"]}
        self.asked.append({"ServiceCode": arguments["ServiceCode"], **fields})
        for name, items in self.samples.items():
            if name in fields.values():
                yield from items


def fetch(samples: Mapping[str, list[str]]) -> Table:
    return prices.fetch(["eu-west-2"], pricing=PriceList(samples), today=TODAY)


def test_botocores_own_example_is_read() -> None:
    examples = botocore.session.Session().get_component("data_loader").load_service_model("pricing", "examples-1")
    documented = examples["examples"]["GetProducts"][0]["output"]["PriceList"]
    assert fetch({"gp3": documented}).regions == {"eu-west-2": {What.GP3: 0.138}}


def test_every_figure_is_fetched() -> None:
    found = fetch(LONDON)
    assert found.date == TODAY
    assert found.regions == {
        "eu-west-2": {
            What.T3_SMALL: 0.0236,
            What.T4G_SMALL: 0.0188,
            What.GP3: 0.0928,
            What.SNAPSHOT: 0.053,
            What.COPY: 0.02,
        }
    }
    price = found.price("eu-west-2", What.GP3)
    assert price is not None
    assert (price.date, price.source) == (TODAY, "AWS Price List Query API, GetProducts")


def test_what_was_fetched_is_kept_in_the_form_of_the_table() -> None:
    found = fetch(LONDON)
    assert Table.model_validate_json(found.text()) == found


def test_each_region_is_asked_for_by_its_name_once_for_each_figure() -> None:
    listed = PriceList({})
    prices.fetch(["eu-west-2", "sa-east-1"], pricing=listed, today=TODAY)
    assert len(listed.asked) == 2 * len(What)
    for number, region in enumerate(("eu-west-2", "sa-east-1")):
        asked = listed.asked[number * len(What) : (number + 1) * len(What)]
        assert [(one["ServiceCode"], one["regionCode"]) for one in asked[:-1]] == [("AmazonEC2", region)] * 4
        assert (asked[-1]["ServiceCode"], asked[-1]["fromRegionCode"]) == ("AWSDataTransfer", region)
    machine = listed.asked[0]
    assert (machine["tenancy"], machine["operatingSystem"], machine["capacitystatus"]) == ("Shared", "Linux", "Used")


@pytest.mark.parametrize(
    "left_out",
    [
        item("0.0000000000", unit="Hrs", usage="EUW2-BoxUsage:t3.small"),
        item("0.5", unit="Quantity", usage="EUW2-BoxUsage:t3.small"),
        item("0.17", unit="Hrs", usage="CNN1-BoxUsage:t3.small", currency="CNY"),
        json.dumps({"product": {"attributes": {"usagetype": "x"}}, "terms": {"Reserved": {}}}),
    ],
    ids=["nothing", "another unit", "another currency", "no price on demand"],
)
def test_what_is_no_price_is_left_out(left_out: str) -> None:
    assert fetch({"t3.small": [left_out]}).regions == {"eu-west-2": {}}
    assert fetch({"t3.small": [left_out, *LONDON["t3.small"]]}).regions == {"eu-west-2": {What.T3_SMALL: 0.0236}}


def test_the_same_price_twice_is_one_price() -> None:
    assert fetch({"gp3": LONDON["gp3"] * 2}).regions == {"eu-west-2": {What.GP3: 0.0928}}


def test_two_prices_for_one_thing_are_refused() -> None:
    dedicated = item("0.0252", unit="Hrs", usage="EUW2-DedicatedUsage:t3.small")
    with pytest.raises(BakeryError, match=r"2 prices for t3\.small_hour in eu-west-2") as caught:
        fetch({"t3.small": [*LONDON["t3.small"], dedicated]})
    assert caught.value.exit_code is ExitCode.FAILED


@pytest.mark.parametrize("answer", ["{", "[]", "{}", '{"product": {"attributes": {}}, "terms": {}}', "null"])
def test_an_answer_of_another_form_is_refused(answer: str) -> None:
    with pytest.raises(BakeryError, match="AWS's price list has another form than is documented"):
        fetch({"gp3": [answer]})
