"""Waits for machines until their /health says 200; they are asked directly, as SSH reaches them, through no proxy."""

import http.client
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from bakery.core.reasons import reason
from bakery.core.waiting import Patience, Pause

ANSWER_S = 5.0
PAUSE_S = 2.0
LONGEST_BODY = 64 * 1024
HEALTHY = 200
DEGRADED = "degraded"
"""The state of a machine whose first boot could not do all its owner asked for: only the owner changes that."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a machine said: its problem, nothing when it is served, and its state with what is wrong."""

    problem: str = ""
    state: str = ""

    @property
    def is_final(self) -> bool:
        """Return whether waiting longer changes nothing."""
        return not self.problem or self.state.startswith(DEGRADED)


def wait_healthy(addresses: Sequence[str], *, port: int, deadline_s: float, pause: Pause, say: Say) -> dict[str, str]:
    """Return for each address why it is not healthy after *deadline_s*; an empty text as soon as it is.

    A degraded machine is as good as a healthy one where its image says so (`health.degraded_code`), and not waited for
    elsewhere.

    *say* is told whatever becomes of a machine. *pause* waits for so many seconds, and raises when the command is
    interrupted: so does this.
    """
    if not addresses:
        return {}

    def wait(address: str) -> str:
        patience = Patience(deadline_s=deadline_s, pauses_s=(PAUSE_S, PAUSE_S), pause=pause)
        told = ""
        while not (answer := ask(address, port)).is_final:
            if patience.is_over:
                return f"{answer.problem} after {deadline_s:.0f} s"
            if answer.problem != told:
                say(f"waits: {answer.problem}")
                told = answer.problem
            patience.pause()
        if not answer.problem:
            say(f"{address} is {answer.state or 'healthy'}")
        return answer.problem

    with ThreadPoolExecutor(len(addresses), thread_name_prefix="health") as pool:
        return dict(zip(addresses, pool.map(wait, addresses), strict=True))


def ask(address: str, port: int) -> Answer:
    """Return what a machine says of its health now.

    503 comes with a word for the state, such as `restoring` (docs/image.md, "Health").
    """
    url = f"http://{address}:{port}/health"
    connection = http.client.HTTPConnection(address, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        body = answer.read(LONGEST_BODY)
    except (OSError, http.client.HTTPException) as error:
        return Answer(problem=f"{url} does not answer: {reason(error)}")
    finally:
        connection.close()
    state = _state(body)
    return Answer(
        problem="" if answer.status == HEALTHY else f"{url} says {answer.status} {state}".rstrip(), state=state
    )


def _state(body: bytes) -> str:
    """Return the word for the state; of a degraded machine also what is wrong."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        told = json.loads(body)
        wrong = [f"{name}: {check['value']}" for name, check in told.get("checks", {}).items() if not check["ok"]]
        return f"{told['status']} ({', '.join(wrong)})" if told["status"] == DEGRADED else str(told["status"])
    return ""
