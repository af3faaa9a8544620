"""Scaleway as the commands see it: what passes is repeated, what does not is one line that says what to do."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bakery.cloud.place import Sequel
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import images, transport
from bakery.clouds.scaleway.account import Account, ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import Stopped
from tests.scaleway_server import PROJECT, Cloud, account_of, serving

ZONE = "fr-par-1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaleway, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(scaleway, "LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with serving() as one:
        yield one


@pytest.fixture
def zone(cloud: Cloud) -> Zone:
    return account_of(cloud).zone(ZONE)


def refusal(cloud: Cloud, status: int, **body: Any) -> ApiError:
    """Return what a call comes to that is refused with a body."""
    cloud.faults = [(status, json.dumps(body).encode())]
    with pytest.raises(ApiError) as caught:
        images.own(account_of(cloud).zone(ZONE))
    return caught.value


@pytest.mark.parametrize(
    "fault", [(429, b'{"type": "too_many_requests"}'), (500, b"{}"), (503, b"<html>Oops"), (502, b"")]
)
def test_what_is_throttled_or_broken_is_repeated_until_it_passes(
    fault: tuple[int, bytes], cloud: Cloud, zone: Zone
) -> None:
    cloud.put(ZONE, "a", tags=[])
    cloud.faults = [fault] * 4
    assert [one.name for one in images.own(zone)] == ["a"]
    assert cloud.faults == []


def test_an_answer_that_is_lost_is_asked_for_again(cloud: Cloud, zone: Zone) -> None:
    cloud.lost = {"GET images"}
    assert images.own(zone) == []
    assert cloud.lost == set()


def test_what_stays_broken_ends_with_the_patience(cloud: Cloud) -> None:
    account = account_of(cloud)
    account.patience_s = 0.05
    cloud.faults = [(500, b"{}")] * 1000
    with pytest.raises(ApiError) as caught:
        images.own(account.zone(ZONE))
    assert caught.value.exit_code is ExitCode.MISSING
    assert "status.scaleway.com" in caught.value.hint


def test_nobody_there_is_one_line_and_silence(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    monkeypatch.setattr(scaleway, "FIRST_CONTACT_S", 0.02)
    account = account_of(cloud)
    account.keys = replace(account.keys, api_url="http://127.0.0.1:9")
    with pytest.raises(ApiError) as caught:
        images.own(account.zone(ZONE))
    error = caught.value
    assert error.message == f"{ZONE}: list images: no answer: connection refused"
    assert (error.exit_code, error.is_unanswered, error.sequel) == (ExitCode.MISSING, True, Sequel.SILENT)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    monkeypatch.setattr(transport, "READ_S", 0.05)
    monkeypatch.setattr(scaleway, "FIRST_CONTACT_S", 0.0)
    account = account_of(cloud)
    with cloud.lock, pytest.raises(ApiError) as caught:
        images.own(account.zone(ZONE))
    assert caught.value.message == f"{ZONE}: list images: no answer: no answer in time"


def test_an_interrupt_ends_every_wait(cloud: Cloud, zone: Zone) -> None:
    cloud.faults = [(500, b"{}")] * 10_000
    threading.Timer(0.05, zone.stop).start()
    with pytest.raises(Stopped):
        images.own(zone)
    assert cloud.faults


def test_what_ends_machines_is_called_all_the_same(cloud: Cloud, zone: Zone) -> None:
    zone.stop()
    assert images.own(zone.aside()) == []


def test_a_key_that_nobody_knows_is_told_with_where_it_is_from(cloud: Cloud) -> None:
    account = account_of(cloud, secret="aaaaaaaa-bbbb-cccc-dddd-ffffffffffff")
    with pytest.raises(ApiError) as caught:
        images.own(account.zone(ZONE))
    assert caught.value.message == f"{ZONE}: the API key of the tests is not accepted"
    assert (caught.value.exit_code, caught.value.sequel) == (ExitCode.MISSING, Sequel.SILENT)


def test_what_a_key_may_not_names_the_permissions_and_the_project(cloud: Cloud) -> None:
    details = [{"resource": "instance image", "action": "read"}]
    error = refusal(cloud, 403, type="permissions_denied", message="insufficient permissions", details=details)
    assert error.message == f"{ZONE}: list images is not allowed: insufficient permissions: read instance image"
    assert "InstancesFullAccess" in error.hint
    assert "SCW_DEFAULT_PROJECT_ID" in error.hint
    assert error.exit_code is ExitCode.MISSING


def test_a_quota_says_of_what_and_how_much(cloud: Cloud) -> None:
    details = [{"resource": "InstanceImages", "quota": 10, "current": 10}]
    error = refusal(cloud, 403, type="quotas_exceeded", message="quota exceeded", details=details)
    assert error.message.endswith("quota exceeded: InstanceImages 10 of 10")
    assert (error.code, error.exit_code, error.sequel) == (Code.QUOTA, ExitCode.FAILED, Sequel.STANDS)
    assert "./inv prune" in error.hint


def test_a_quota_that_an_instance_tells_in_words_alone_is_one(cloud: Cloud) -> None:
    error = refusal(cloud, 403, type="invalid_request_error", message="Quota exceeded for this resource.")
    assert error.code is Code.QUOTA


REFUSALS = [
    (400, "out_of_stock", Code.OUT_OF_STOCK, "another zone"),
    (409, "transient_state", Code.BUSY, "run it again in a minute"),
    (404, "unknown_resource", Code.NOT_FOUND, ""),
    (400, "invalid_arguments", Code.INVALID, ""),
    (412, "precondition_failed", Code.IN_USE, ""),
]


@pytest.mark.parametrize(("status", "kind", "code", "hint"), REFUSALS)
def test_each_refusal_has_its_sense(status: int, kind: str, code: Code, hint: str, cloud: Cloud) -> None:
    error = refusal(cloud, status, type=kind)
    assert error.code is code
    assert hint in error.hint
    assert (error.sequel is Sequel.PASSES) == (code is Code.BUSY)


def test_more_than_a_page_is_read_to_its_end(cloud: Cloud, zone: Zone) -> None:
    for number in range(201):
        cloud.put(ZONE, f"a{number}", tags=[])
    assert len({one.name for one in images.own(zone)}) == 201


def test_a_zone_that_does_not_exist_is_told_with_the_nearest(cloud: Cloud) -> None:
    with pytest.raises(BakeryError) as caught:
        account_of(cloud).require(["fr-par-1", "fr-pra-1"])
    assert caught.value.message == "there is no zone 'fr-pra-1'"
    assert caught.value.hint == "did you mean 'fr-par-1'?"
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_one_thread_at_a_time_has_the_turn(cloud: Cloud) -> None:
    account, seen, inside = account_of(cloud), [], [0]

    def act() -> None:
        with account.turn("x"):
            inside[0] += 1
            seen.append(inside[0])
            account.pause(0.005)
            inside[0] -= 1

    threads = [threading.Thread(target=act) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert seen == [1] * 6


def test_only_this_project_is_asked_for(cloud: Cloud, zone: Zone) -> None:
    assert zone.project == PROJECT
    assert isinstance(zone.account, Account)
