"""Ports of this machine that machines' SSH is forwarded from."""

import socket

ATTEMPTS = 5
"""How often another is taken where a program was faster than the one that a port was meant for."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
