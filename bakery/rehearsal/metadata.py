"""EC2's instance metadata service: one small HTTP server for each instance, with the tokens of its version 2.

The rules are those of the EC2 user guide, "Use the Instance Metadata Service to access instance metadata". The hop
limit is not rehearsed: the service cannot see how far away a request began.
"""

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bakery.rehearsal.facts import Facts, answer

TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105  # the name of a header
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TTL_MAX_S = 21600
POLL_S = 0.05


@dataclass(kw_only=True)
class Service:
    """A running metadata service."""

    facts: Callable[[], Facts]
    """Asked for each request: tags, user-data and options change while an instance runs."""
    port: int = 0
    is_asked: threading.Event = field(default_factory=threading.Event)
    tokens: dict[str, float] = field(default_factory=dict)
    """Token → when it ends, in seconds of the monotonic clock."""

    def new_token(self, ttl_s: int) -> str:
        """Return a token that is good for *ttl_s* seconds."""
        token = secrets.token_urlsafe(40) + "=="
        self.tokens[token] = time.monotonic() + ttl_s
        return token

    def is_welcome(self, token: str | None, facts: Facts) -> bool:
        """Return whether a request with this token, or without one, is answered."""
        if token is None:
            return not facts.is_token_required
        return self.tokens.get(token, 0.0) > time.monotonic()


class Handler(BaseHTTPRequestHandler):
    """Answers PUT with a token and GET with everything else."""

    protocol_version = "HTTP/1.1"
    server_version = "EC2ws"
    sys_version = ""
    disable_nagle_algorithm = True
    service: Service

    def do_PUT(self) -> None:
        """Give a token, but none to a request that came through somebody else's proxy."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        ttl = self.headers.get(TTL_HEADER, "")
        if not self.facts().is_enabled or "X-Forwarded-For" in self.headers:
            self.reply(HTTPStatus.FORBIDDEN)
        elif self.path != "/latest/api/token":
            self.reply(HTTPStatus.NOT_FOUND)
        elif not re.fullmatch(r"[0-9]{1,5}", ttl) or not 1 <= int(ttl) <= TTL_MAX_S:
            self.reply(HTTPStatus.BAD_REQUEST)
        else:
            self.reply(HTTPStatus.OK, self.service.new_token(int(ttl)).encode(), **{TTL_HEADER: ttl})

    def do_GET(self) -> None:
        """Give what is asked for to who may ask."""
        facts = self.facts()
        found = answer(self.path.partition("?")[0], facts)
        if not facts.is_enabled:
            self.reply(HTTPStatus.FORBIDDEN)
        elif not self.service.is_welcome(self.headers.get(TOKEN_HEADER), facts):
            self.reply(HTTPStatus.UNAUTHORIZED)
        elif found is None:
            self.reply(HTTPStatus.NOT_FOUND)
        else:
            self.reply(HTTPStatus.OK, found)

    def facts(self) -> Facts:
        """Return what is known now, and note that the instance asked."""
        self.service.is_asked.set()
        return self.service.facts()

    def reply(self, status: HTTPStatus, body: bytes = b"", **headers: str) -> None:
        """Send one answer."""
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(facts: Callable[[], Facts], *, is_asked: threading.Event | None = None) -> Iterator[Service]:
    """Run the service of one instance on a free port of 127.0.0.1 while the body runs; set *is_asked* when it is."""
    service = Service(facts=facts, is_asked=is_asked or threading.Event())
    handler = type("InstanceHandler", (Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_S}, name="metadata")
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
