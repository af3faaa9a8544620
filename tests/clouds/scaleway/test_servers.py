"""Servers of a rehearsal: started once, told their user-data before they start, and ended with all that is theirs."""

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bakery.cloud import naming
from bakery.cloud.inventory import Kind, Question
from bakery.cloud.values import InstanceState
from bakery.clouds.scaleway import account, server_types, servers
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.bases import Arch
from bakery.definition.model import Definition
from bakery.definition.scaleway import Scaleway, Volume
from bakery.places.place import Start
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.scaleway import ground
from tests.rehearsed_zones import KilledError, Zones, killing, losing

ZONE, NAME = "fr-par-1", "dokku-bakery/host/20260110-0415-0123456789ab/amd64"
TAGS = {naming.TITLE: f"verify {NAME}", naming.RUN: "20260110-0415-0123456789ab"}


def place_of(zones: Zones) -> ScalewayPlace:
    return ScalewayPlace(zone=zones.account().zone(ZONE))


def defined(**table: Any) -> Definition:
    return layers.whole("host").model_copy(update={"scaleway": Scaleway.model_validate(table)})


def a_start(zones: Zones, *, definition: Definition | None = None, **told: Any) -> Start:
    """Return what starts a machine from an image that is put there."""
    image = place_of(zones).image(zones.put(ZONE, NAME, tags=[]))
    assert image
    values = {"instance_type": "DEV1-S", "token": "t0", "user_data": b"#cloud-config\n", "tags": TAGS, **told}
    return Start(image=image, definition=definition or defined(), group="dokku-bakery-verify", **values)


COSTLY = (ground.Kind.SERVER, ground.Kind.BLOCK_VOLUME, ground.Kind.VOLUME, ground.Kind.ADDRESS)
NOTHING = dict.fromkeys(COSTLY, 0)
EACH = (ground.Kind.SERVER, ground.Kind.BLOCK_VOLUME, ground.Kind.ADDRESS)
"""What each machine has one of."""


def left(zones: Zones) -> dict[ground.Kind, int]:
    """Return how much there is of what costs money."""
    return {kind: len(zones.shown(kind)) for kind in COSTLY}


def test_a_machine_runs_with_an_address_and_what_it_was_told(zones: Zones) -> None:
    place, start = place_of(zones), a_start(zones)
    (identity,) = place.start(start)
    (one,) = place.wait_running([identity])
    assert one.state == InstanceState.RUNNING
    (address,) = zones.shown(ground.Kind.ADDRESS)
    assert place.address(one, start.definition) == address["address"]
    assert zones.ground.things[identity].data == {"cloud-init": b"#cloud-config\n"}
    assert one.tags[naming.RUN] == TAGS[naming.RUN]
    (volume,) = zones.shown(ground.Kind.BLOCK_VOLUME)
    assert f"{naming.RUN}={TAGS[naming.RUN]}" in volume["tags"]


def test_a_machine_is_told_its_user_data_before_it_starts(zones: Zones) -> None:
    place_of(zones).start(a_start(zones))
    acts = [action for _, action in zones.changes()]
    assert acts[-2:] == ["SetServerUserData", "ServerAction"]


def test_the_same_start_makes_nothing_new_and_another_one_does(zones: Zones) -> None:
    place, start = place_of(zones), a_start(zones, count=2)
    first = place.start(start)
    assert len({*first}) == 2
    assert place.start(start) == first
    assert left(zones) == {**NOTHING, **dict.fromkeys(EACH, 2)}


def test_a_lost_answer_makes_nothing_twice(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    start = a_start(zones)
    to_come = losing(monkeypatch, "CreateSecurityGroup", "CreateIp", "CreateServer")
    place_of(zones).start(start)
    assert to_come == []
    assert left(zones) == {**NOTHING, **dict.fromkeys(EACH, 1)}
    assert len(own_groups(zones)) == 1


def test_the_end_takes_disk_and_address_and_may_come_twice(zones: Zones) -> None:
    place = place_of(zones)
    ids = place.start(a_start(zones))
    place.wait_running(ids)
    place.end(ids)
    place.end(ids)
    assert left(zones) == NOTHING


def test_the_end_comes_also_to_one_that_does_not_run_yet_and_after_an_interrupt(zones: Zones) -> None:
    zones.stage.faults = Faults(pending_s=0.1)
    place = place_of(zones)
    ids = place.start(a_start(zones))
    place.stop()
    place.end(ids)
    assert left(zones) == NOTHING


def work(place: ScalewayPlace, start: Start) -> None:
    ids = place.start(start)
    place.wait_running(ids)
    place.end(ids)


def prune(zones: Zones) -> None:
    """Remove what is found to be ours, as the story does: what holds another thing first."""
    place = place_of(zones)
    found = place.inventory(Question())
    for one in found.instances:
        if naming.is_ours(one.tags):
            place.remove(Kind.INSTANCE, one.id)
    for thing in place.inventory(Question()).loose:
        place.remove(thing.kind, thing.id)


@pytest.mark.slow
def test_a_run_that_is_killed_after_any_call_leaves_nothing_that_is_not_found(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = 0
    while True:
        after += 1
        zones.stage.reset()
        start = a_start(zones)
        with monkeypatch.context() as patched:
            killing(patched, after=after)
            try:
                work(place_of(zones), start)
            except KilledError:
                is_whole = False
            else:
                is_whole = True
        if is_whole:
            break
        prune(zones)
        prune(zones)
        assert left(zones) == NOTHING, f"killed after call {after}"
    assert after > 20


def test_a_type_that_is_out_of_stock_leaves_nothing_behind(zones: Zones) -> None:
    zones.ground.short = {"DEV1-S"}
    with pytest.raises(BakeryError) as caught:
        place_of(zones).start(a_start(zones))
    assert "another zone" in caught.value.hint
    assert left(zones) == NOTHING


def test_what_a_start_has_made_is_taken_back_however_often_ctrl_c_is_pressed(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = servers.end

    def press_and_end(zone: Zone, ids: Sequence[str]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        plain(zone, ids)

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    start = a_start(zones)
    monkeypatch.setattr(servers, "_act", press)
    monkeypatch.setattr(servers, "end", press_and_end)
    with pytest.raises(KeyboardInterrupt):
        place_of(zones).start(start)
    assert left(zones) == NOTHING


def test_a_usual_type_that_is_short_is_passed_over(zones: Zones) -> None:
    zone = place_of(zones).zone
    assert server_types.choose(zone, arch=Arch.AMD64) == "DEV1-S"
    zones.ground.short = {"DEV1-S"}
    assert server_types.choose(zone, arch=Arch.AMD64) == "PLAY2-NANO"
    zones.ground.short |= {*server_types.USUAL[Arch.AMD64]}
    with pytest.raises(BakeryError, match="none of DEV1-S, PLAY2-NANO, PRO2-XXS, DEV1-M is in stock") as caught:
        server_types.choose(zone, arch=Arch.AMD64)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_what_is_short_is_known_of_every_page(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    zones.ground.short = {"PLAY2-NANO"}
    zone = place_of(zones).zone
    everything = server_types.offered(zone)
    monkeypatch.setattr(account, "PAGE", 1)
    monkeypatch.setattr(server_types, "USUAL", {Arch.AMD64: ("PLAY2-NANO", "PRO2-XXS")})
    assert server_types.offered(zone).keys() == everything.keys()
    assert server_types.choose(zone, arch=Arch.AMD64) == "PRO2-XXS"


@pytest.mark.parametrize(
    ("wanted", "arch", "said"),
    [
        ("DEV1-X", Arch.AMD64, "fr-par-1 has no instance type DEV1-X"),
        ("DEV1-S", Arch.ARM64, "fr-par-1: DEV1-S is for x86_64, and the image for arm64"),
    ],
)
def test_a_type_that_the_zone_has_not_is_refused(wanted: str, arch: Arch, said: str, zones: Zones) -> None:
    with pytest.raises(BakeryError) as caught:
        place_of(zones).instance_type(arch, wanted)
    assert (caught.value.message, caught.value.exit_code) == (said, ExitCode.IMPOSSIBLE)
    assert caught.value.hint


def test_a_disk_of_the_machine_itself_that_is_too_small_is_told_before(zones: Zones) -> None:
    zone = place_of(zones).zone
    server_types.require_room(zone, "DEV1-S", volume=Volume.LOCAL, size_gb=18)
    with pytest.raises(BakeryError) as caught:
        server_types.require_room(zone, "DEV1-S", volume=Volume.LOCAL, size_gb=40)
    assert caught.value.message == f"{ZONE}: DEV1-S has 20 GB of disk itself, and the image wants 43"
    assert 'scaleway.volume_type = "sbs_volume"' in caught.value.hint


def test_a_key_of_ec2_s_is_refused(zones: Zones) -> None:
    with pytest.raises(BakeryError) as caught:
        place_of(zones).start(a_start(zones, key_name="mine"))
    assert "Scaleway lets in the SSH keys of its project" in caught.value.message


def own_groups(zones: Zones) -> list[dict[str, Any]]:
    """Return the groups that were made: every project has another one from the beginning."""
    return [one for one in zones.shown(ground.Kind.GROUP) if not one["project_default"]]


def every_rule(zones: Zones) -> list[dict[str, Any]]:
    groups = zones.ground.of(ground.Kind.GROUP)
    return [rule.shown for group in groups for rule in group.parts]


def rules(zones: Zones) -> set[tuple[int, str]]:
    return {(one["dest_port_from"], one["ip_range"]) for one in every_rule(zones)}


def test_machines_let_in_ssh_from_where_the_table_says_and_the_web_from_everywhere(zones: Zones) -> None:
    start = a_start(zones, definition=defined(allow_from=["203.0.113.0/24"]), ports=(80,))
    place_of(zones).start(start)
    assert rules(zones) == {(22, "203.0.113.0/24"), (80, "0.0.0.0/0"), (80, "::/0")}
    (group,) = own_groups(zones)
    assert (group["inbound_default_policy"], group["stateful"]) == ("drop", True)
    assert group["name"] != "dokku-bakery-verify"


def test_a_group_is_found_again_and_opened_for_what_is_missing(zones: Zones) -> None:
    place = place_of(zones)
    place.start(a_start(zones))
    place.start(a_start(zones, token="t1", ports=(443,)))
    assert len(own_groups(zones)) == 1
    assert rules(zones) == {(port, one) for port in (22, 443) for one in ("0.0.0.0/0", "::/0")}
    assert len(every_rule(zones)) == 4


def test_an_address_tells_since_when_it_is_there(zones: Zones) -> None:
    place = place_of(zones)
    place.start(a_start(zones))
    for one in zones.shown(ground.Kind.SERVER):
        zones.drop(one["id"])
    for one in zones.shown(ground.Kind.ADDRESS):
        one["server"] = None
    (address,) = [one for one in place.inventory(Question()).loose if one.kind is Kind.ADDRESS]
    assert datetime.now(UTC) - address.made_at < timedelta(minutes=5)


def test_a_larger_disk_is_asked_for_in_whole_gigabytes(zones: Zones) -> None:
    place_of(zones).start(a_start(zones, size_gb=50))
    (volume,) = zones.shown(ground.Kind.BLOCK_VOLUME)
    assert volume["size"] == 54 * 10**9
