"""The image tests themselves: what each says that it needs, so that it is asked of a machine that can answer."""

import subprocess
import sys
from functools import cache

import pytest

from bakery import ROOT
from bakery.guests import verify
from tests.image import kernel

# Prints each image test with its marks and what it takes.
LISTER = """
import sys, pytest
sys.path.insert(0, {root!r})
class Lister:
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        for item in items:
            marks = sorted({{mark.name for mark in item.iter_markers()}})
            print("::", item.nodeid, ",".join(marks), ",".join(item.fixturenames), sep="|")
pytest.main(["--collect-only", "-q", "--rootdir", {root!r}, "-p", "no:cacheprovider", "--hosts=local://,local://",
    {root!r} + "/tests/image"], plugins=[Lister()])
"""


@cache
def listed() -> dict[str, tuple[set[str], set[str]]]:
    """Return the marks of each image test, and the fixtures that it takes."""
    done = subprocess.run(
        [sys.executable, "-c", LISTER.format(root=str(ROOT))],
        cwd=ROOT,
        env={"BAKERY_NODE_FILE": "/none", "BAKERY_CONSOLES": "/none", "BAKERY_THROWAWAY": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("::|")]
    return {row[1]: (set(row[2].split(",")), set(row[3].split(","))) for row in rows}


def test_the_marks_that_select_machines_are_those_that_tests_have() -> None:
    used = set[str]().union(*(marks for marks, _ in listed().values()))
    assert {*verify.REAL, verify.WAITING} <= used


def test_what_needs_a_guest_does_not_need_two() -> None:
    alone = {name for name, (marks, _) in listed().items() if marks & set(verify.REAL)}
    assert len(alone) > 10
    assert {name for name in alone if listed()[name][1] & {"twin", "node"} or "node_file" in listed()[name][0]} == set()


def test_what_reads_consoles_asks_for_a_boot() -> None:
    assert {name for name, (marks, _) in listed().items() if "console" in marks and "boot" not in marks} == set()


def test_only_images_with_dokku_wait() -> None:
    waiting = {name: marks for name, (marks, _) in listed().items() if verify.WAITING in marks}
    assert waiting
    assert {name for name, marks in waiting.items() if "dokku" not in marks} == set()


@pytest.mark.parametrize("name", ["test_the_root_grew_to_its_disk", "test_there_is_swap", "test_an_app_is_back_after"])
def test_what_a_container_cannot_show_is_asked_of_a_guest(name: str) -> None:
    found = [marks for nodeid, (marks, _) in listed().items() if name in nodeid]
    assert found
    assert all(marks & set(verify.REAL) for marks in found)


LOCKUP = "[  205.129914] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]"
STALL = "[  205.129914] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"
TRACE = "[  205.131267] Call Trace:"


@pytest.mark.parametrize("starved", [LOCKUP, STALL])
def test_a_guest_that_its_host_has_left_waiting_has_no_error(starved: str) -> None:
    assert kernel.errors(f"{starved}\n[  205.130001] Modules linked in:\n{TRACE}") == []


def test_any_other_trace_is_one() -> None:
    later = "[  233.605198] Call Trace:"
    assert kernel.errors(TRACE) == [TRACE]
    assert kernel.errors(f"{LOCKUP}\n{TRACE}\n{later}") == [later]
    assert kernel.errors(f"{LOCKUP}\n[  205.200000] EXT4-fs error (device vda1)") == [
        "[  205.200000] EXT4-fs error (device vda1)"
    ]
