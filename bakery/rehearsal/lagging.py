"""Reads that lag: a question that was asked before is answered for a while with what was true before the last writes.

EC2 Developer Guide, "Eventual consistency in the Amazon EC2 API"; Parameter Store has no such page, and lags as well.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bakery.rehearsal.answers import Answer

READING = ("Describe", "Get", "List")
"""How the names of actions begin that change nothing."""
SERVICES = ("ec2", "ssm")
"""Those whose reads lag; what EBS direct has taken, it knows."""
UNSEEN = frozenset({"PutSnapshotBlock"})
"""Writes that no read of those services shows."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One call as it came in."""

    service: str
    region: str
    action: str
    body: bytes
    environ: Mapping[str, Any] = field(compare=False)

    @property
    def is_read(self) -> bool:
        """Return whether it changes nothing, and lags."""
        return self.service in SERVICES and self.action.startswith(READING)


@dataclass(kw_only=True)
class _Region:
    """What one region was asked, and by question the answers that were true until some moments ago."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while something is written, so that what is kept is what was true just before."""
    kept: dict[Question, list[tuple[float, Answer]]] = field(default_factory=dict)


class Lagging:
    """Stands between the gate and whoever knows the truth."""

    def __init__(self, ask: Callable[[Question], Answer]) -> None:
        self._ask = ask
        self._regions: dict[str, _Region] = defaultdict(_Region)

    def forget(self) -> None:
        """Begin anew, in another world."""
        self._regions.clear()

    def answer(self, question: Question, *, lag_s: float) -> Answer:
        """Return the answer of *lag_s* seconds ago to a question that was asked before, else the true one."""
        region = self._regions[question.region]
        if question.is_read:
            kept = region.kept.setdefault(question, [])
            since = time.monotonic() - lag_s
            return next((answer for until, answer in list(kept) if until > since), None) or self._ask(question)
        if question.action in UNSEEN:
            return self._ask(question)
        with region.lock:
            for one, kept in list(region.kept.items()):
                before, now = self._ask(one), time.monotonic()
                kept[:] = [*((until, answer) for until, answer in kept if until > now - lag_s), (now, before)]
            return self._ask(question)
