"""Filters and pages as EC2 has them; each rule names the page it follows."""

from datetime import UTC, datetime
from typing import Any

import pytest
from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import listing

ROWS: list[dict[str, Any]] = [
    {"Name": "a*c", "Public": False, "Size": 8, "Tags": [{"Key": "team", "Value": "A"}]},
    {"Name": "abc", "Public": True, "Size": 10, "At": datetime(2026, 9, 29, 11, 4, 43, 305000, tzinfo=UTC)},
    {"Name": "ABC", "Public": True, "Devices": [{"Ebs": {"Id": "snap-1"}}, {"Ebs": {"Id": "snap-2"}}]},
]
KNOWN = {"name": "Name", "is-public": "Public", "size": "Size", "at": "At", "device": "Devices.Ebs.Id", "none": ""}


def names(**filters: list[str]) -> list[str]:
    asked = {name.replace("_", "-").replace("--", ":"): values for name, values in filters.items()}
    return [row["Name"] for row in listing.kept(ROWS, filters=asked, known=KNOWN)]


# EC2 User Guide, "Filtering considerations".
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("abc", ["abc"]),
        ("a?c", ["a*c", "abc"]),
        ("a*", ["a*c", "abc"]),
        (r"a\*c", ["a*c"]),
        ("*", ["a*c", "abc", "ABC"]),
        ("b", []),
        ("a[b]c", []),
        ("", []),
    ],
)
def test_a_filter_has_two_wildcards_and_heeds_case(pattern: str, found: list[str]) -> None:
    assert names(name=[pattern]) == found


def test_values_are_alternatives_and_filters_must_all_pass() -> None:
    assert names(name=["abc", "ABC"]) == ["abc", "ABC"]
    assert names(name=["abc", "ABC"], size=["10"]) == ["abc"]


def test_a_filter_without_values_lets_nothing_pass() -> None:
    assert names(name=[]) == []


def test_booleans_numbers_and_times_are_texts() -> None:
    assert names(is_public=["true"]) == ["abc", "ABC"]
    assert names(size=["8"]) == ["a*c"]
    assert names(at=["2026-09-29T*"]) == names(at=["2026-09-29T11:04:43.000Z"]) == ["abc"]


def test_a_filter_looks_into_every_item_of_a_list() -> None:
    assert names(device=["snap-2"]) == ["ABC"]


def test_a_tag_is_filtered_by_its_key_in_the_filters_name() -> None:
    assert names(tag__team=["A"]) == ["a*c"]
    assert names(tag__team=["B"]) == names(tag__other=["A"]) == []


def test_a_filter_for_what_nothing_has_lets_nothing_pass() -> None:
    assert names(none=["*"]) == []


def test_an_unknown_filter_is_refused_even_where_there_is_nothing_to_filter() -> None:
    with pytest.raises(EC2ClientError, match="The filter 'nome' is invalid") as caught:
        listing.kept([], filters={"nome": ["x"]}, known=KNOWN)
    assert caught.value.code == "InvalidParameterValue"


# EC2 API Reference, "Pagination".
def test_pages_together_are_the_list() -> None:
    rows = [{"Name": str(number)} for number in range(12)]
    found, token = [], None
    while True:
        answer = listing.page(rows, key="Rows", size=5, token=token)
        found.append(len(answer["Rows"]))
        token = answer.get("NextToken")
        if not token:
            break
    assert found == [5, 5, 2]


def test_without_a_size_there_is_one_page() -> None:
    assert listing.page(ROWS, key="Rows", size=None, token=None) == {"Rows": ROWS}


def test_a_last_page_that_is_full_has_no_token() -> None:
    assert "NextToken" not in listing.page([{}] * 5, key="Rows", size=5, token=None)


@pytest.mark.parametrize("size", [0, 4, 1001])
def test_a_page_has_5_to_1000_items(size: int) -> None:
    with pytest.raises(EC2ClientError, match="maxResults") as caught:
        listing.page(ROWS, key="Rows", size=size, token=None)
    assert caught.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("size", [5, 1000])
def test_the_bounds_of_a_page_are_within_it(size: int) -> None:
    assert listing.page(ROWS, key="Rows", size=size, token=None) == {"Rows": ROWS}


# EC2 API Reference, "Error codes", InvalidPaginationToken.
@pytest.mark.parametrize("token", ["x", "eA==", "//"])
def test_a_token_that_was_never_given_is_refused(token: str) -> None:
    with pytest.raises(EC2ClientError) as caught:
        listing.page(ROWS, key="Rows", size=5, token=token)
    assert caught.value.code == "InvalidPaginationToken"
