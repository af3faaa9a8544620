"""Lists as EC2 gives them: what passes every filter, page by page.

EC2 User Guide, "Filtering considerations": values of one filter are alternatives, filters must all pass; * stands for
any text, ? for one character, a backslash before them for themselves; case counts.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import refusals

Described = dict[str, Any]
"""One thing as a Describe… action says it, in botocore's names."""

FEWEST, MOST = 5, 1000
"""Bounds of MaxResults: EC2 API reference, "Pagination", and DescribeTags in botocore."""


def timestamp(moment: datetime) -> str:
    """Return a time as EC2 writes it: 2021-09-29T11:04:43.000Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def kept(
    rows: Iterable[Described], *, filters: Mapping[str, Sequence[str]], known: Mapping[str, str]
) -> list[Described]:
    """Return the rows that pass all filters.

    *known* is where a filter looks: its name → a path such as `BlockDeviceMappings.Ebs.SnapshotId`; `tag:KEY` looks in
    Tags. Raises InvalidParameterValue for a filter that is not known.
    """
    for name in filters:
        if name not in known and not name.startswith("tag:"):
            raise refusals.bad_value(f"The filter '{name}' is invalid")
    wanted = {name: [_pattern(value) for value in values] for name, values in filters.items()}
    return [
        row
        for row in rows
        if all(
            any(pattern.fullmatch(value) for value in _values(row, name, known=known) for pattern in patterns)
            for name, patterns in wanted.items()
        )
    ]


def page(rows: Sequence[Described], *, key: str, size: int | None, token: str | None) -> dict[str, Any]:
    """Return one page as the list *key*, with the token of the next one.

    Raises InvalidParameterValue for a *size* out of bounds, InvalidPaginationToken for a token that was never given.
    """
    if size is not None and not FEWEST <= size <= MOST:
        raise refusals.bad_value(
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {FEWEST} and {MOST}."
        )
    begin = _offset(token) if token else 0
    end = begin + size if size else len(rows)
    answer: dict[str, Any] = {key: list(rows[begin:end])}
    if end < len(rows):
        answer["NextToken"] = base64.urlsafe_b64encode(f"from {end}".encode()).decode()
    return answer


def _offset(token: str) -> int:
    try:
        found = re.fullmatch(r"from (\d+)", base64.urlsafe_b64decode(token).decode())
    except (binascii.Error, UnicodeDecodeError):
        found = None
    if not found:
        raise EC2ClientError("InvalidPaginationToken", "The specified pagination token is not valid or is expired")
    return int(found[1])


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|.", text, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def _values(row: Described, name: str, *, known: Mapping[str, str]) -> list[str]:
    if name.startswith("tag:"):
        return [tag["Value"] for tag in row.get("Tags", []) if tag["Key"] == name.removeprefix("tag:")]
    found: list[Any] = [row]
    for step in known[name].split("."):
        found = [
            value
            for one in found
            if step in one
            for value in (one[step] if isinstance(one[step], list) else [one[step]])
        ]
    return [_text(value) for value in found]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return timestamp(value) if isinstance(value, datetime) else str(value)
