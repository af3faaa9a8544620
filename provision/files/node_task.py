"""What the parts of the first boot's work are made of: what the owner asks for, and what became of it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Node = dict[str, Any]


class InputError(Exception):
    """What the owner has to change, because trying again does not help; after an OSError it may."""


class Task:
    """One part of the work and what became of it."""

    def __init__(self, name: str) -> None:
        self.name, self.problems, self.failures = name, list[str](), list[str]()

    @contextmanager
    def part(self, where: str = "") -> Iterator[None]:
        """Note what goes wrong inside, as a line whose priority systemd reads (sd-daemon(3)), and go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  no part may stop another
            # The words of another error may quote a secret.
            said = error if isinstance(error, (InputError, OSError)) else type(error).__name__
            level, noted = (4, self.problems) if isinstance(error, InputError) else (3, self.failures)
            noted.append(" ".join(f"{where} {said}".split()))
            sys.stderr.write(f"<{level}>{self.name}: {noted[-1]}\n")


def need(value: object, pattern: str, what: str) -> str:
    """Return the value when it is text of that form; the error otherwise says what is needed, never what is there."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise InputError(f"must be {what}")
    return value
