"""A stand-in for the /health of machines that do not run: it says what a test tells it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESTORING = (503, '{"status":"restoring","checks":{}}')
HEALTHY = (200, '{"status":"healthy"}')
_MISTAKE = (
    '{"status":"degraded","checks":{"disk":{"ok":true,"value":3},"firstboot":{"ok":false,"value":"problems: keys"}}}'
)
DEGRADED, DEGRADED_AND_OUT = (200, _MISTAKE), (503, _MISTAKE)


@contextmanager
def answering(*answers: tuple[int, str], port: int = 0) -> Iterator[int]:
    """Run a machine's /health on all of the loopback while the body runs; the last answer is for all that follow."""
    left, lock = list(answers), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with lock:
                status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status if self.path == "/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("0.0.0.0", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
