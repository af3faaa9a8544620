"""Starts other programs, and waits for them no longer than it should."""

import os
import signal
import subprocess
from contextlib import suppress


def run(*argv: str, given: bytes | None = None, timeout_s: int = 60) -> tuple[int, str, str]:
    """Return exit code, output and errors. Raises OSError for what cannot start or does not end.

    What is given comes through a pipe, the only stdin from which dokku takes a key.
    """
    env = {"HOME": "/root", **os.environ}  # systemd gives root none, and plugn keeps its shell there
    pipe, stdin = subprocess.PIPE, subprocess.DEVNULL if given is None else subprocess.PIPE
    with subprocess.Popen(argv, stdin=stdin, stdout=pipe, stderr=pipe, env=env, start_new_session=True) as process:
        try:
            out, err = process.communicate(given, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            for sign in (signal.SIGTERM, signal.SIGKILL):  # sudo passes on only the first
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, sign)
                    process.wait(5)
            raise TimeoutError(f"{argv[0]} {argv[1]} did not end within {timeout_s} s") from None
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
