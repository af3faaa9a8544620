"""Asks many sources at the same time whether they answer, and never waits longer than the one deadline."""

import hashlib
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakery.core.reasons import reason

if TYPE_CHECKING:
    import httpx

DEADLINE_S = 5.0
BEGINNING = 512
"""Bytes by which one can tell what kind of thing came."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One address that something is fetched from, and what for."""

    name: str
    url: str
    needed_for: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a source said; an empty problem means that it answered."""

    source: Source
    problem: str = ""
    body: bytes = b""
    """What came; the beginning of it where no more was asked for."""
    seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        """Return whether the source can be used."""
        return not self.problem

    @property
    def is_page(self) -> bool:
        """Return whether a web page came, as a proxy or a network that wants a login gives in place of anything."""
        return self.body.lstrip().startswith(b"<")

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what came, in hex."""
        return hashlib.sha256(self.body).hexdigest()


def ask(sources: Sequence[Source], *, deadline_s: float = DEADLINE_S, is_body_wanted: bool = True) -> list[Answer]:
    """Return every source's answer, in the order of *sources*, after *deadline_s* at the latest.

    Whoever only wants to know whether they answer leaves out the bodies, which may be large, and gets their beginnings.
    """
    # Daemon threads and no pool: a pool, like asyncio's, waits at its end for a name lookup that hangs.
    came: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    urls = {source.url: source for source in sources}
    # Here and not above: a plan reads this module, and a bake with nothing to do must not pay 0.2 s for it.
    from bakery.core import http_client

    # One client for all threads, because each reads every certificate there is (0.1 s); those that are late keep it.
    client = http_client.client(timeout_s=deadline_s)
    for source in urls.values():
        how = {"is_whole": is_body_wanted}
        threading.Thread(target=_put_answer, args=(source, came, client), kwargs=how, daemon=True).start()
    answers: dict[str, Answer] = {}
    ends = time.monotonic() + deadline_s
    while len(answers) < len(urls) and (left := ends - time.monotonic()) > 0:
        try:
            answer = came.get(timeout=left)
        except queue.Empty:
            break
        answers[answer.source.url] = answer
    return [answers.get(source.url) or _silence(source, deadline_s) for source in sources]


def _put_answer(source: Source, came: "queue.SimpleQueue[Answer]", client: "httpx.Client", *, is_whole: bool) -> None:
    import httpx

    began = time.monotonic()
    try:
        with client.stream("GET", source.url) as response:
            body = response.read() if is_whole else next(response.iter_bytes(), b"")[:BEGINNING]
    except httpx.TimeoutException:
        pass  # whoever waits has given up by now
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        came.put(Answer(source=source, problem=reason(error)))
    else:
        problem = "" if response.is_success else f"HTTP {response.status_code}"
        seconds = time.monotonic() - began
        came.put(Answer(source=source, problem=problem, body=body, seconds=seconds))


def _silence(source: Source, deadline_s: float) -> Answer:
    return Answer(source=source, problem=f"no answer within {deadline_s:g} s", seconds=deadline_s)
