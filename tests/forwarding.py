"""A proxy on loopback that really forwards: what it is asked for by address it fetches, and CONNECT it passes on."""

import selectors
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError

SIZE = 1 << 16
TIMEOUT_S = 60
KEPT = ("Content-Type", "Content-Length", "Last-Modified", "ETag", "Content-Range", "Accept-Ranges", "Location")
"""Headers of an answer that are passed on."""
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler())
"""It fetches the way that this machine would without the proxy: through one of its own, if it has one."""


@dataclass(kw_only=True)
class Forwarding:
    """A proxy that runs, and what it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers one client of the proxy."""

    protocol_version = "HTTP/1.1"
    forwarding: Forwarding

    def do_GET(self) -> None:
        """Fetch what is asked for, and pass it on as it comes."""
        self.forwarding.asked.append(self.path)
        told = {name: self.headers[name] for name in ("Range", "If-Range", "User-Agent") if name in self.headers}
        asked = urllib.request.Request(self.path, headers=told, method=self.command)
        try:
            answer: Any = OPENER.open(asked, timeout=TIMEOUT_S)
        except HTTPError as error:
            answer = error
        except OSError:
            self.send_error(HTTPStatus.BAD_GATEWAY)
            return
        with answer:
            self.send_response(answer.status)
            for name in KEPT:
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            if "Content-Length" not in answer.headers:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            while self.command == "GET" and (data := answer.read(SIZE)):
                self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815  # the name that http.server calls it by

    def do_CONNECT(self) -> None:
        """Join the client to whom it wants to speak to."""
        self.forwarding.asked.append(self.path)
        host, _, port = self.path.rpartition(":")
        try:
            peer = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        except OSError:
            self.send_error(HTTPStatus.BAD_GATEWAY)
            return
        with peer, suppress(OSError):
            self.send_response(HTTPStatus.OK)
            self.end_headers()
            join(self.connection, peer)
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def join(one: socket.socket, other: socket.socket) -> None:
    """Pass on what each says until one says no more."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(one, selectors.EVENT_READ, other)
        waiting.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in waiting.select(TIMEOUT_S):
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(SIZE)
                if not data:
                    return
                key.data.sendall(data)


@contextmanager
def forwarding() -> Iterator[Forwarding]:
    """Run the proxy while the body runs."""
    made = Forwarding()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"forwarding": made})) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
