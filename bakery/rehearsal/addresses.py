"""Public addresses of instances: 127.66.0.1 and on, each one's own on this machine, whoever else rehearses here.

Linux has the whole of 127.0.0.0/8 on its loopback interface; other systems have 127.0.0.1 alone.
"""

import errno
import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

CLAIM_PORT = 6600
"""Whoever is bound to it has the address; nobody listens there."""


def _all() -> Iterator[str]:
    return (f"127.66.{number >> 8}.{number & 255}" for number in itertools.count(1))


@dataclass(kw_only=True)
class Addresses:
    """The addresses of one rehearsal; a released one is not given again."""

    _claims: dict[str, socket.socket] = field(default_factory=dict)
    _next: Iterator[str] = field(default_factory=_all)

    def claim(self) -> str:
        """Return an address that is nobody's.

        Raises OSError when there is none.
        """
        for address in self._next:
            claim = socket.socket()
            try:
                claim.bind((address, CLAIM_PORT))
            except OSError as error:
                claim.close()
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                self._claims[address] = claim
                return address
        raise AssertionError

    def close(self) -> None:
        """Give all addresses back."""
        for address in list(self._claims):
            self.release(address)

    def release(self, address: str) -> None:
        """Give an address back; one that is not ours is left alone."""
        claim = self._claims.pop(address, None)
        if claim is not None:
            claim.close()
