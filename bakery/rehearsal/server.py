"""The rehearsal cloud's HTTP port, and the classes that stand in for moto's where it is laxer than AWS."""

import functools
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import moto.core.responses
import moto.ebs.urls
import moto.ec2.urls
import moto.ssm.urls
from moto.core.utils import method_names_from_class
from moto.ebs.responses import EBSResponse
from moto.ec2.responses import EC2Response
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.ssm.responses import SimpleSystemManagerResponse
from werkzeug.serving import ThreadedWSGIServer

from bakery.core import folders
from bakery.rehearsal import seeds
from bakery.rehearsal.blocks import BlockActions
from bakery.rehearsal.faults import NONE, Faults
from bakery.rehearsal.gate import Gate
from bakery.rehearsal.image_calls import ImageActions
from bakery.rehearsal.owner import Keys
from bakery.rehearsal.parameters import ParameterActions
from bakery.rehearsal.region_actions import RegionActions
from bakery.rehearsal.service import KNOWN
from bakery.rehearsal.snapshot_calls import SnapshotActions
from bakery.rehearsal.spot import SpotActions
from bakery.rehearsal.stage import Call, Rehearsal, empty_moto
from bakery.rehearsal.tag_calls import TagActions
from bakery.rehearsal.world import World

__all__ = ["Call", "Rehearsal", "StrictEBS", "StrictEC2", "StrictSSM", "serving"]

POLL_S = 0.02


class StrictEC2(
    TagActions,
    ImageActions,
    SnapshotActions,
    RegionActions,
    SpotActions,
    EC2Response,
):
    """moto's EC2, with the actions that must be as strict as AWS in our words; mixins come before moto's class."""

    rehearsal: Rehearsal


class StrictEBS(
    BlockActions,
    EBSResponse,
):
    """moto's EBS direct, likewise."""

    rehearsal: Rehearsal


class StrictSSM(
    ParameterActions,
    SimpleSystemManagerResponse,
):
    """moto's parameter store, likewise."""

    rehearsal: Rehearsal


STAND_INS: tuple[tuple[Any, Any], ...] = (
    (moto.ec2.urls, StrictEC2),
    (moto.ebs.urls, StrictEBS),
    (moto.ssm.urls, StrictSSM),
)


# moto asks for each call which methods a class has: for EC2 they are a thousand, and that is a third of its time.
moto.core.responses.method_names_from_class = functools.cache(method_names_from_class)  # type: ignore[attr-defined]


class Dispatcher(DomainDispatcherApplication):
    """moto's choice of a service for a call, remembered: it reads moto's own folders twice for each call."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self.get_backend_for_host = functools.cache(super().get_backend_for_host)  # type: ignore[method-assign]


class Handler(MotoRequestHandler):
    """Speaks HTTP/1.1 and keeps connections open; werkzeug's own handler closes them after each answer."""

    protocol_version = "HTTP/1.1"
    # The head and the body of an answer are two writes; the second must not wait for the first one's receipt.
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request: all of it is read first, so that the next one begins where it should."""
        environ = self.make_environ()
        source = environ["wsgi.input"]
        length = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        body = source.read() if length is None else source.read(length)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            begun.append((status, headers))

        answer = b"".join(self.server.app(environ, start_response))
        status, headers = begun[-1]
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        # The answer to HEAD tells the length of what GET would bring, and 204 and 304 have no body (RFC 9110, 8.6).
        if "content-length" not in {name.lower() for name, _ in headers} and code not in {"204", "304"}:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: `Rehearsal.calls` is the log."""


class Server(ThreadedWSGIServer):
    """A thread for each connection; at the end answers that are under way are still given, and idle ones hung up."""

    daemon_threads = False

    def __init__(self, port: int, gate: Gate) -> None:
        self.open: set[socket.socket] = set()
        super().__init__("127.0.0.1", port, gate, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a connection."""
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection."""
        self.open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Read no more requests, and wait for the threads."""
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        super().server_close()


@contextmanager
def serving(
    *, faults: Faults = NONE, folder: Path | None = None, port: int = 0, keys: Keys = KNOWN
) -> Iterator[Rehearsal]:
    """Run a rehearsal cloud on 127.0.0.1 while the body runs; one at a time in a process, since moto is global.

    *port* 0 takes a free one; `Rehearsal.url` has it. Whoever calls is asked for *keys* that are not `KNOWN`. The
    world's disks are in a new folder within *folder* (by default the system's for temporary files), which is removed
    at the end with everything that was started.
    """
    # Its own list is of images from 2018, with the same ids in every region.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    with ExitStack() as stack:
        place = folders.work_dir(folder or Path(tempfile.gettempdir(), "bakery-rehearsal"))
        rehearsal = Rehearsal(world=World(folder=stack.enter_context(place)), faults=faults, keys=keys)
        seeds.sow(rehearsal.world)
        empty_moto()
        stack.callback(empty_moto)
        stack.callback(rehearsal.close)
        for urls, stand_in in STAND_INS:
            stand_in.rehearsal = rehearsal
            urls.url_paths = dict.fromkeys(urls.url_paths, stand_in.dispatch)
        server = Server(port, Gate(rehearsal=rehearsal, app=Dispatcher()))
        rehearsal.url = f"http://127.0.0.1:{server.port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_S}, name="rehearsal")
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        stack.callback(rehearsal.over.set)
        yield rehearsal
