"""What goes wrong on purpose: latency, throttling, server errors, slow states, and a kill at one chosen call."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields

from bakery.core import texts
from bakery.core.errors import did_you_mean, impossible


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The faults of one rehearsal; without any, every call is answered at once and every state is true at once."""

    latency_ms: float = 0.0
    """Added to every call."""
    throttled: float = 0.0
    """Share of calls (0 to 1) refused with RequestLimitExceeded or ThrottlingException."""
    broken: float = 0.0
    """Share of calls (0 to 1) answered with a 5xx: half of them with 503 and not carried out, half carried out and
    answered with 500, as if the answer had been lost."""
    pending_s: float = 0.0
    """How long new images, snapshots and copies take until they are available."""
    hidden_s: float = 0.0
    """How long a new image is not found yet by calls that list or name it (eventual consistency)."""
    parameter_s: float = 0.0
    """How long a parameter of type aws:ec2:image takes until its new value is read back."""
    lag_s: float = 0.0
    """How long a question to EC2 or to Parameter Store that was asked before is answered as it was (eventual
    consistency): every write is seen that late by who looks again."""
    kill_at: int = 0
    """At the n-th call (from 1) the process kill_pid gets SIGKILL, after the call was carried out; 0: never."""
    kill_pid: int = 0
    seed: int = 0
    """Of the random choices: the same seed and order of calls make the same faults."""


NONE = Faults()

SHARES = ("throttled", "broken")
WHOLE = ("kill_at", "kill_pid", "seed")
MOST = 10**9
"""More is no waiting time that Python can wait for."""


def read(text: str) -> Faults:
    """Return the faults that *text* says: `latency_ms=100,throttled=0.3`, or the path of a TOML file with these keys.

    An empty text is no faults. Raises BakeryError (exit code 2) on an unknown key and on a value out of its range.
    """
    if text.endswith(".toml"):
        try:
            return from_values(tomllib.loads(texts.read(texts.home(text))), where=text)
        except (OSError, ValueError, RecursionError) as error:
            raise impossible(f"the faults cannot be read from {text}: {error}") from error
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return from_values({key.strip(): _number(value.strip()) for key, _, value in pairs}, where="faults")


def from_values(values: Mapping[str, object], *, where: str) -> Faults:
    """Return the faults with these *values*, by the names of the fields; *where* they stand is for the error.

    Raises BakeryError (exit code 2) on an unknown key and on a value out of its range.
    """
    known = [field.name for field in fields(Faults)]
    for key, value in values.items():
        if key not in known:
            raise impossible(f"{where}: there is no fault {key!r}", hint=did_you_mean(key, known))
        top, kind = (1, "number") if key in SHARES else (MOST, "whole number" if key in WHOLE else "number")
        is_number = isinstance(value, int if key in WHOLE else int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= top:  # type: ignore[operator]  # mypy loses the line above
            raise impossible(f"{where}: {key} cannot be {value!r}", hint=f"{key} is a {kind} from 0 to {top}")
    return Faults(**values)  # type: ignore[arg-type]  # each was held against its field above


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
