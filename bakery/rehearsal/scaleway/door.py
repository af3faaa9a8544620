"""The door to the rehearsed APIs: finds the call, holds it against the SDK's types, and the answer as well."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bakery.rehearsal.answers import Answer, line, plain
from bakery.rehearsal.scaleway import (
    blocks,
    images,
    keys,
    local_snapshots,
    market,
    networks,
    refusals,
    routes,
    server_making,
    server_types,
    servers,
    shapes,
    volumes,
    zones,
)
from bakery.rehearsal.scaleway.ground import Ground
from bakery.rehearsal.scaleway.routes import Asked, Page, Route

ROUTES = (
    *(*keys.ROUTES, *market.ROUTES, *server_types.ROUTES),
    *(
        *images.ROUTES,
        *blocks.ROUTES,
        *local_snapshots.ROUTES,
        *volumes.ROUTES,
        *networks.ROUTES,
        *server_making.ROUTES,
        *servers.ROUTES,
    ),
)
APIS = frozenset(route.api for route in ROUTES)
OPEN = frozenset({"marketplace"})
"""What answers without a key."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it came in."""

    method: str
    path: str
    query: str
    token: str
    kind: str
    """Of its body: `text/plain` is no JSON."""
    body: bytes

    def route(self) -> tuple[Route, dict[str, str]] | None:
        """Return what is asked, with what stands in its path; None for a call that is not known."""
        for route in ROUTES:
            if route.method == self.method and (found := route.pattern.fullmatch(self.path)):
                return route, found.groupdict()
        return None


def read(environ: Mapping[str, Any], body: bytes) -> Call | None:
    """Return a call to one of Scaleway's APIs, None for any other."""
    if environ["PATH_INFO"].split("/")[1] not in APIS:
        return None
    return Call(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=environ.get("QUERY_STRING", ""),
        token=environ.get("HTTP_X_AUTH_TOKEN", ""),
        kind=environ.get("CONTENT_TYPE", "").partition(";")[0],
        body=body,
    )


def names(call: Call) -> tuple[str, str, str]:
    """Return API, zone and action of a call, for who counts calls."""
    found = call.route()
    api = call.path.split("/")[1]
    return (api, found[1].get("zone", ""), found[0].action) if found else (api, "", f"{call.method} {call.path}")


def answer(call: Call, ground: Ground) -> Answer:
    """Answer one call."""
    with ground.lock:
        try:
            return _answered(call, ground)
        except refusals.RefusedError as refusal:
            return plain(refusal.body, status=refusal.status)


def _answered(call: Call, ground: Ground) -> Answer:
    api = call.path.split("/")[1]
    project = keys.project_of(call.token, ground.keys)
    if not project and api not in OPEN:
        raise refusals.unknown_key()
    found = call.route()
    if found is None:
        raise refusals.not_rehearsed(f"{call.method} {call.path}")
    route, parts = found
    zone = parts.pop("zone", "")
    if zone and (zone not in zones.ZONES or (api == "block" and zone in zones.WITHOUT_BLOCKS)):
        raise refusals.not_found("zone", zone)
    query = dict(parse_qsl(call.query, keep_blank_values=True))
    is_text = call.kind == "text/plain"
    body = {} if is_text or not call.body else _object(call.body)
    if not is_text:
        route.require(body, query, parts)
    asked = Asked(api=api, ground=ground, project=project, zone=zone, ids=parts, query=query, body=body, raw=call.body)
    return told_as_answer(call, route, route.handler(asked), query)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise refusals.constraint("body", "a JSON object")
    return found


def told_as_answer(call: Call, route: Route, told: Any, query: Mapping[str, str]) -> Answer:
    """Return what a handler has told as an answer that the SDK reads whole.

    Raises TypeError where it would not.
    """
    if isinstance(told, bytes):
        return Answer(status=line(HTTPStatus.OK), headers=(("Content-Type", "text/plain"),), body=told)
    if route.answer is None:
        return Answer(status=line(HTTPStatus.NO_CONTENT), headers=(), body=b"")
    part = routes.page(told, query) if route.listed else None
    if part is not None:
        items = dict(part.items) if route.action in MAPPED else [*part.items]
        told = {route.listed: items, "total_count": part.total}
    problems = shapes.answered(told, route.answer)
    if problems:
        raise TypeError("; ".join(f"{route.action}: {one.field}: {one.words}" for one in problems))
    answered = plain(told, status=HTTPStatus.CREATED if call.method == "POST" and not part else HTTPStatus.OK)
    return answered if part is None else _paged(call, part, told, query, is_counted=route.api != "instance")


MAPPED = frozenset({"ListServersTypes", "GetServerTypesAvailability"})
"""Lists that are mappings, by the names of types."""


def _paged(call: Call, part: Page, told: dict[str, Any], query: Mapping[str, str], *, is_counted: bool) -> Answer:
    """Return a page; the Instance API counts in a header alone, and says there where the other pages are."""
    if is_counted:
        return plain(told)
    del told["total_count"]
    links = {"first": 1, "last": part.last}
    links |= {"next": part.number + 1} if part.number < part.last else {}
    links |= {"previous": part.number - 1} if part.number > 1 else {}
    ways = (f'<{call.path}?{urlencode({**query, "page": page})}>; rel="{name}"' for name, page in links.items())
    base = plain(told)
    headers = (*base.headers, ("X-Total-Count", str(part.total)), ("Link", ",".join(ways)))
    return Answer(status=base.status, headers=headers, body=base.body)
