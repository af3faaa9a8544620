"""Waits for machines until their /health says 200; they are asked directly, as SSH reaches them, through no proxy."""

import http.client
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

ANSWER_S = 5.0
PAUSE_S = 2.0
LONGEST_BODY = 64 * 1024
HEALTHY = 200

Pause = Callable[[float], None]
Say = Callable[[str], None]


def wait_healthy(addresses: Sequence[str], *, port: int, deadline_s: float, pause: Pause, say: Say) -> dict[str, str]:
    """Return for each address why it is not healthy after *deadline_s*; an empty text as soon as it is.

    *say* is told whatever becomes of a machine. *pause* waits for so many seconds, and raises when the command is
    interrupted: so does this.
    """
    if not addresses:
        return {}

    def wait(address: str) -> str:
        ends, told = time.monotonic() + deadline_s, ""
        while problem := ask(address, port):
            if time.monotonic() > ends:
                return f"{problem} after {deadline_s:.0f} s"
            if problem != told:
                say(f"waits: {problem}")
                told = problem
            pause(PAUSE_S)
        say(f"{address} is healthy")
        return ""

    with ThreadPoolExecutor(len(addresses), thread_name_prefix="health") as pool:
        return dict(zip(addresses, pool.map(wait, addresses), strict=True))


def ask(address: str, port: int) -> str:
    """Return what is wrong with a machine's health now; nothing when it is healthy.

    503 comes with a word for the state, such as `restoring` (docs/image.md, "Health").
    """
    connection = http.client.HTTPConnection(address, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        body = answer.read(LONGEST_BODY)
    except (OSError, http.client.HTTPException) as error:
        return f"http://{address}:{port}/health does not answer: {error or type(error).__name__}"
    finally:
        connection.close()
    if answer.status == HEALTHY:
        return ""
    return f"http://{address}:{port}/health says {answer.status}{_state(body)}"


def _state(body: bytes) -> str:
    with suppress(ValueError, TypeError, KeyError):
        return f" {json.loads(body)['status']}"
    return ""
