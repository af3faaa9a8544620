"""A stand-in for the package archives and vendor sites of the world: a web server here that a test scripts."""

import hashlib
import lzma
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class Loopback:
    """What the server answers: bodies by path; a number is an HTTP status; None never answers."""

    pages: dict[str, bytes | int | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_suite(
        self, archive: str, suite: str, versions: dict[str, list[str]], *, component: str = "main", fields: str = ""
    ) -> None:
        """Put a suite there the way an archive has it: a package list, and a Release file with the list's checksum.

        *fields* are more lines of the Release file.
        """
        stanzas = [f"Package: {name}\nVersion: {one}\n\n" for name, all_of_it in versions.items() for one in all_of_it]
        packed = lzma.compress("".join(stanzas).encode())
        path = f"{component}/binary-amd64/Packages.xz"
        release = f"Suite: {suite}\n{fields}SHA256:\n {hashlib.sha256(packed).hexdigest()} {len(packed)} {path}\n"
        self.pages[f"{archive}/dists/{suite}/InRelease"] = release.encode()
        self.pages[f"{archive}/dists/{suite}/{path}"] = packed


@contextmanager
def serving() -> Iterator[Loopback]:
    """Run the server while the body runs."""
    state = Loopback()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            page = state.pages.get(self.path, 404)
            if page is None:
                state.is_over.wait(30)
                return
            body = page if isinstance(page, bytes) else b"no"
            self.send_response(200 if isinstance(page, bytes) else page)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield state
        finally:
            state.is_over.set()
            server.shutdown()
            thread.join()
