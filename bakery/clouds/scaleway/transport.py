"""How a call of the SDK goes out: as its own would, but with time-outs, and a connection that a thread keeps."""

import json
import threading
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import requests
from scaleway_core.api import API
from scaleway_core.client import Client

CONNECT_S, READ_S = 5, 30
NOTHING: Mapping[str, Any] = MappingProxyType({})
TOTAL = "x-total-count"
"""How many there are of what a page is of: in a header, where the SDK's answers have it in themselves."""
_KEPT = threading.local()


class Timed(API):
    """An API of the SDK whose requests end."""

    is_proxied: bool = True
    """Whether a proxy may be in between."""

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        body: Any = None,
    ) -> requests.Response:
        told = {"accept": "application/json", "user-agent": self.client.user_agent}
        told["x-auth-token"] = self.client.secret_key or ""
        if method.upper() in {"POST", "PUT", "PATCH"}:
            told["content-type"] = "application/json; charset=utf-8"
            body = body if isinstance(body, bytes) else json.dumps(body or {})
        else:
            body = None
        answer = _session(is_proxied=self.is_proxied).request(
            method.upper(),
            f"{self.client.api_url}{path}",
            params={name: value for name, value in params.items() if value is not None},
            headers={**told, **{name.lower(): value for name, value in headers.items()}},
            data=body,
            timeout=(CONNECT_S, READ_S),
        )
        if answer.headers.get(TOTAL):
            answer._content = json.dumps({"total_count": answer.headers[TOTAL], **answer.json()}).encode()  # noqa: SLF001
        return answer


@cache
def _kind(api: Any) -> Any:
    return type(api.__name__, (Timed, api), {})


def timed(api: Any, client: Client, *, is_proxied: bool) -> Any:
    """Return an API of the SDK whose requests end; whether a proxy may be in between is what *is_proxied* says."""
    made = _kind(api)(client)
    made.is_proxied = is_proxied
    return made


def _session(*, is_proxied: bool) -> requests.Session:
    """Return this thread's connections: requests says of a session nothing about two threads at once."""
    name = "proxied" if is_proxied else "direct"
    if not hasattr(_KEPT, name):
        session = requests.Session()
        session.trust_env = is_proxied
        setattr(_KEPT, name, session)
    found: requests.Session = getattr(_KEPT, name)
    return found
