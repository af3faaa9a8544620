"""Scaleway as the commands see it: what passes is repeated, what does not is one line that says what to do."""

import threading
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from bakery.cloud.place import Sequel
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import images, transport
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.core.errors import BakeryError, ExitCode
from bakery.core.parallel import Stopped
from bakery.definition.bases import Arch
from bakery.rehearsal import service
from bakery.rehearsal.answers import Answer
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.scaleway import refusals, spoilt
from bakery.rehearsal.scaleway.ground import Kind
from bakery.rehearsal.scaleway.refusals import RefusedError
from tests.rehearsed_zones import Zones, answering, losing

ZONE = "fr-par-1"


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_of_certificates_that_is_not_there_is_told(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(name, str(tmp_path / "gone.pem"))
    with pytest.raises(BakeryError, match=f"{name}: there is no {tmp_path}/gone.pem") as caught:
        scaleway.connect()
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


@pytest.fixture
def zone(zones: Zones) -> Zone:
    return zones.account().zone(ZONE)


def refusal(zone: Zone) -> ApiError:
    """Return what a call comes to that is refused."""
    with pytest.raises(ApiError) as caught:
        images.own(zone)
    return caught.value


PASSING = {
    "throttled": spoilt.throttled("instance"),
    "unavailable": spoilt.unavailable("instance"),
    "internal error": spoilt.lost("instance"),
    "no JSON": Answer(status="503 Service Unavailable", headers=(), body=b"<html>Oops"),
    "nothing": Answer(status="502 Bad Gateway", headers=(), body=b""),
}


@pytest.mark.parametrize("kind", PASSING)
def test_what_is_throttled_or_broken_is_repeated_until_it_passes(
    kind: str, zones: Zones, zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones.put(ZONE, "a", tags=[])
    left = answering(monkeypatch, *[PASSING[kind]] * 4)
    assert [one.name for one in images.own(zone)] == ["a"]
    assert left == []


def test_an_answer_that_is_lost_is_asked_for_again(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    left = losing(monkeypatch, "ListImages")
    assert images.own(zone) == []
    assert left == []


def test_what_stays_broken_ends_with_the_patience(zones: Zones, zone: Zone) -> None:
    zone.account.patience_s = 0.05
    zones.stage.faults = Faults(broken=1.0)
    error = refusal(zone)
    assert error.exit_code is ExitCode.MISSING
    assert "status.scaleway.com" in error.hint


def test_nobody_there_is_one_line_and_silence(monkeypatch: pytest.MonkeyPatch, zones: Zones) -> None:
    monkeypatch.setattr(scaleway, "FIRST_CONTACT_S", 0.02)
    account = zones.account()
    account.keys = replace(account.keys, api_url="http://127.0.0.1:9")
    error = refusal(account.zone(ZONE))
    assert error.message == f"{ZONE}: list images: no answer: connection refused"
    assert (error.exit_code, error.is_unanswered, error.sequel) == (ExitCode.MISSING, True, Sequel.SILENT)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch, zones: Zones, zone: Zone) -> None:
    monkeypatch.setattr(transport, "READ_S", 0.05)
    monkeypatch.setattr(scaleway, "FIRST_CONTACT_S", 0.0)
    with zones.ground.lock:
        error = refusal(zone)
    assert error.message == f"{ZONE}: list images: no answer: no answer in time"


def test_an_interrupt_ends_every_wait(zones: Zones, zone: Zone) -> None:
    zones.stage.faults = Faults(broken=1.0)
    threading.Timer(0.05, zone.stop).start()
    with pytest.raises(Stopped):
        images.own(zone)


def test_what_ends_machines_is_called_all_the_same(zone: Zone) -> None:
    zone.stop()
    assert images.own(zone.aside()) == []


def test_a_key_that_nobody_knows_is_told_with_where_it_is_from(zones: Zones) -> None:
    error = refusal(zones.account(secret="aaaaaaaa-bbbb-cccc-dddd-ffffffffffff").zone(ZONE))
    assert error.message == f"{ZONE}: the API key of the tests is not accepted"
    assert (error.exit_code, error.sequel) == (ExitCode.MISSING, Sequel.SILENT)


def test_what_a_key_may_not_names_the_permissions_and_the_project(zones: Zones) -> None:
    error = refusal(zones.account(secret=service.FOREIGN_SECRET_KEY).zone(ZONE))
    assert error.message == f"{ZONE}: list images is not allowed: insufficient permissions: read instance_image"
    assert "InstancesFullAccess" in error.hint
    assert "SCW_DEFAULT_PROJECT_ID" in error.hint
    assert error.exit_code is ExitCode.MISSING


def test_a_quota_says_of_what_and_how_much(zones: Zones, zone: Zone) -> None:
    zones.put(ZONE, "a", tags=[])
    snapshot = zones.put_snapshot(ZONE, "b", tags=[])
    zones.ground.quotas[Kind.IMAGE] = 1
    with pytest.raises(ApiError) as caught:
        images.make(zone, "b", snapshot=snapshot, arch=Arch.AMD64, tags={})
    error = caught.value
    assert error.message.endswith("exceeded for this resource: instance_images 1 of 1")
    assert (error.code, error.exit_code, error.sequel) == (Code.QUOTA, ExitCode.FAILED, Sequel.STANDS)
    assert "./inv prune" in error.hint


def test_a_quota_that_an_instance_tells_in_words_alone_is_one(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "Quota exceeded for this resource."
    answering(monkeypatch, RefusedError(HTTPStatus.FORBIDDEN, "invalid_request_error", told))
    assert refusal(zone).code is Code.QUOTA


REFUSALS = [
    (refusals.out_of_stock("DEV1-S"), Code.OUT_OF_STOCK, "another zone"),
    (RefusedError(HTTPStatus.BAD_REQUEST, "out_of_stock", "none"), Code.OUT_OF_STOCK, "another zone"),
    (refusals.transient("snapshot", "x", "creating"), Code.BUSY, "run it again in a minute"),
    (refusals.not_found("image", "x"), Code.NOT_FOUND, ""),
    (RefusedError(HTTPStatus.NOT_FOUND, "unknown_resource", "what?"), Code.NOT_FOUND, ""),
    (refusals.constraint("name", "shorter"), Code.INVALID, ""),
    (refusals.still_referenced("snapshot", "x"), Code.IN_USE, ""),
    (refusals.in_use("Group is in use."), Code.IN_USE, ""),
]


@pytest.mark.parametrize(("told", "code", "hint"), REFUSALS, ids=lambda one: str(one) or "none")
def test_each_refusal_has_its_sense(
    told: RefusedError, code: Code, hint: str, zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, told)
    error = refusal(zone)
    assert error.code is code
    assert hint in error.hint
    assert (error.sequel is Sequel.PASSES) == (code is Code.BUSY)


def test_more_than_a_page_is_read_to_its_end(zones: Zones, zone: Zone) -> None:
    for number in range(201):
        zones.put(ZONE, f"a{number}", tags=[])
    assert len({one.name for one in images.own(zone)}) == 201


def test_a_zone_that_does_not_exist_is_told_with_the_nearest(zones: Zones) -> None:
    with pytest.raises(BakeryError) as caught:
        zones.account().require(["fr-par-1", "fr-pra-1"])
    assert caught.value.message == "there is no zone 'fr-pra-1'"
    assert caught.value.hint == "did you mean 'fr-par-1'?"
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_one_thread_at_a_time_has_the_turn(zones: Zones) -> None:
    account, seen, inside = zones.account(), [], [0]

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


def test_only_this_project_is_asked_for(zones: Zones, zone: Zone) -> None:
    ours = zones.put(ZONE, "a", tags=[])
    assert zone.project == service.PROJECT
    # The distributions' images are there, too.
    assert [one.id for one in images.own(zone)] == [ours]
