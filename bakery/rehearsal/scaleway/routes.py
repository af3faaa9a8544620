"""What can be asked at all: a method and a path, with the SDK's types of its request and its answer."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bakery.rehearsal.scaleway import refusals, shapes
from bakery.rehearsal.scaleway.ground import Ground, Thing, stamp

MOST = 100
"""Of a page (each List call of the SDK: a positive integer lower or equal to 100)."""
USUAL = 50
LISTED = frozenset({"page", "per_page", "page_size"})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call, read and found to be of its type."""

    api: str
    ground: Ground
    project: str
    """Whose key it comes with."""
    zone: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    """What stands in the path."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    """The body as it came, for what is no JSON."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One call that is known."""

    action: str
    method: str
    path: str
    """With the names of its parts in braces."""
    handler: Callable[[Asked], Any]
    request: type | None = None
    """The SDK's type of the body, or of the query where nothing is sent."""
    answer: type | None = None
    """None: an answer without a body, or one that is no JSON."""
    listed: str = ""
    """The key of a list that comes in pages."""

    @property
    def api(self) -> str:
        """Which of Scaleway's APIs it belongs to: `instance`."""
        return self.path.split("/")[1]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What its path looks like; a part is what has no slash."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))

    def require(self, body: Mapping[str, Any], query: Mapping[str, str], ids: Mapping[str, str]) -> None:
        """Raise RefusedError where the request is not of the SDK's type."""
        is_read = self.method == "GET"
        known = shapes.names(self.request) | LISTED if self.request is not None and is_read else LISTED
        problems = [] if self.request is None or is_read else shapes.asked(body, self.request, beside=frozenset(ids))
        for name in query:
            if name not in known:
                problems.append(shapes.Problem(field=name, reason="unknown", words="extra keys not allowed"))
        if problems:
            raise refusals.invalid(problems)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a list."""

    number: int
    last: int
    total: int
    items: Sequence[Any]


def page(items: Sequence[Any], query: Mapping[str, str]) -> Page:
    """Return the part that is asked for; behind the end it is empty.

    Raises RefusedError where page or size is none.
    """
    number = _whole(query, "page", 1, most=10**6)
    size = _whole(query, "per_page" if "per_page" in query else "page_size", USUAL, most=MOST)
    begin = (number - 1) * size
    last = max(1, -(-len(items) // size))
    return Page(number=number, last=last, total=len(items), items=items[begin : begin + size])


def _whole(query: Mapping[str, str], name: str, usual: int, *, most: int) -> int:
    text = query.get(name, str(usual))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise refusals.constraint(name, f"a positive integer lower or equal to {most}")
    return int(text)


def matching(things: Sequence[Thing], asked: Asked) -> list[Thing]:
    """Return those that a List call's filters leave: project, name (a part of it), all of the tags."""
    query = asked.query
    wanted = query.get("project") or query.get("project_id") or ""
    if wanted and wanted != asked.project:
        raise refusals.denied(things[0].kind if things else "project", "read")
    tags = [tag for tag in query.get("tags", "").split(",") if tag]
    return [
        one
        for one in things
        if (not wanted or one.project == wanted)
        and query.get("name", "") in one.shown.get("name", "")
        and {*tags} <= {*one.shown.get("tags", ())}
    ]


def task(asked: Asked, description: str, *, about: str) -> dict[str, Any]:
    """Return what the Instance API answers for work that has only begun."""
    return {
        "id": str(uuid.uuid4()),
        "description": description,
        "progress": 0,
        "status": "pending",
        "href_from": f"{about}/action",
        "href_result": about,
        "zone": asked.zone,
        "started_at": stamp(),
        "terminated_at": None,
    }


def owner(asked: Asked, *, kind: str) -> str:
    """Return the project that a new thing goes into: the key's. Raises RefusedError for another one."""
    named = asked.body.get("project") or asked.body.get("project_id") or asked.project
    if named != asked.project:
        raise refusals.denied(kind, "create")
    return str(named)
