"""Waiting for machines until they are healthy: their own words for why they are not, and an end to the waiting."""

import threading
import time
from contextlib import ExitStack

import pytest

from bakery.core import ports
from bakery.guests import health
from tests.healthy import DEGRADED, DEGRADED_AND_OUT, HEALTHY, RESTORING, answering

HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PAUSE_S", 0.01)


def wait(*addresses: str, port: int, deadline_s: float = 10) -> dict[str, str]:
    return health.wait_healthy(addresses, port=port, deadline_s=deadline_s, pause=time.sleep, say=print)


def test_a_machine_is_waited_for_until_it_is_healthy() -> None:
    with answering(RESTORING, RESTORING, HEALTHY) as port:
        assert wait(HERE, port=port) == {HERE: ""}


def test_what_becomes_of_a_machine_is_told_once() -> None:
    said: list[str] = []
    with answering(RESTORING, RESTORING, HEALTHY) as port:
        health.wait_healthy([HERE], port=port, deadline_s=10, pause=time.sleep, say=said.append)
        assert said == [f"waits: http://{HERE}:{port}/health says 503 restoring", f"{HERE} is healthy"]


def test_a_degraded_machine_that_is_served_is_no_problem_but_told() -> None:
    said: list[str] = []
    with answering(RESTORING, DEGRADED) as port:
        found = health.wait_healthy([HERE], port=port, deadline_s=10, pause=time.sleep, say=said.append)
    assert found == {HERE: ""}
    assert said[1:] == [f"{HERE} is degraded (firstboot: problems: keys)"]


def test_a_degraded_machine_that_is_not_served_is_not_waited_for_because_waiting_changes_nothing() -> None:
    def pause(seconds: float) -> None:
        raise AssertionError("waited")

    with answering(DEGRADED_AND_OUT) as port:
        found = health.wait_healthy([HERE], port=port, deadline_s=10, pause=pause, say=print)
    assert found == {HERE: f"http://{HERE}:{port}/health says 503 degraded (firstboot: problems: keys)"}


def test_a_machine_that_answers_later_is_waited_for() -> None:
    port = ports.free_port()
    with ExitStack() as stack:

        def boot(seconds: float) -> None:
            stack.enter_context(answering(HEALTHY, port=port))

        assert health.wait_healthy([HERE], port=port, deadline_s=10, pause=boot, say=print) == {HERE: ""}


def test_why_a_machine_is_not_healthy_is_told_when_its_time_is_over() -> None:
    with answering(RESTORING) as port:
        found = wait(HERE, port=port, deadline_s=0.05)
    assert found == {HERE: f"http://{HERE}:{port}/health says 503 restoring after 0 s"}


def test_a_machine_that_never_answers_is_told() -> None:
    port = ports.free_port()
    found = wait(HERE, port=port, deadline_s=0.05)
    assert found[HERE].startswith(f"http://{HERE}:{port}/health does not answer: ")
    assert "refused" in found[HERE]


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", "7", '{"status":"degraded","checks":[]}'])
def test_an_answer_without_a_state_is_told_by_its_code(body: str) -> None:
    with answering((502, body)) as port:
        assert health.ask(HERE, port).problem.startswith(f"http://{HERE}:{port}/health says 502")


def test_all_machines_are_waited_for_at_the_same_time() -> None:
    addresses = [f"127.0.0.{number}" for number in range(1, 6)]
    gate = threading.Barrier(len(addresses), timeout=10)

    def pause(seconds: float) -> None:
        gate.wait()

    with answering(*[RESTORING] * len(addresses), HEALTHY) as port:
        found = health.wait_healthy(addresses, port=port, deadline_s=10, pause=pause, say=print)
    assert found == dict.fromkeys(addresses, "")


def test_nothing_is_waited_for_without_a_machine() -> None:
    assert wait(port=1) == {}


def test_an_interrupt_ends_the_waiting() -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with answering(RESTORING) as port, pytest.raises(KeyboardInterrupt):
        health.wait_healthy([HERE, "127.0.0.2"], port=port, deadline_s=10, pause=interrupted, say=print)


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with answering(HEALTHY) as port:
        assert health.ask(HERE, port).problem == ""
