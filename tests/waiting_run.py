"""A run in a thread that has to wait for another one, which holds a lock."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

DEADLINE_S = 20.0


def waiting(run: Callable[[], object], *, what: str, capsys: pytest.CaptureFixture[str]) -> Future[object]:
    """Begin a run, and return it when it has said that it waits for another one's *what*."""
    pool = ThreadPoolExecutor(max_workers=1)
    begun = pool.submit(run)
    pool.shutdown(wait=False)
    said, until = "", time.monotonic() + DEADLINE_S
    while f"is busy with {what}: waiting for it" not in said:
        assert not begun.done(), f"it did not wait: {begun.exception() or said}"
        assert time.monotonic() < until, said
        time.sleep(0.01)
        said += capsys.readouterr().err
    return begun
