"""Nights of images that are baked on this machine; the bake itself is a function that writes what a bake leaves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode, missing
from bakery.definition.bases import BaseFrom
from bakery.disk import artifact
from bakery.disk import base as basedisk
from bakery.guests import accelerator
from bakery.local import bake, plan
from bakery.local.plan import Plan
from bakery.places.account import Account
from bakery.release import nightly
from bakery.release.night import Night, State
from bakery.release.nightly import Doors, Order
from bakery.sources import preflight
from tests import nights
from tests.loopback import serving
from tests.nights import Kitchen
from tests.records import write_record


@dataclass
class Oven:
    """Bakes in no time: what the kitchen's archive has just then."""

    kitchen: Kitchen
    baked: list[str] = field(default_factory=list)
    rejections: int = 0
    begins_with: str = "debian-12-amd64-archive-0123456789abcdef.qcow2"

    def bake(self, planned: Plan, **_: object) -> None:
        if self.rejections > 0:
            self.rejections -= 1
            raise BakeryError("the image did not pass", exit_code=ExitCode.REJECTED)
        self.baked.append(planned.definition.name)
        made = planned.artifact
        versions = dict(self.kitchen.versions)
        if planned.below is not None:
            lines = planned.below.artifact.packages.read_text().splitlines()
            versions |= {line.split("\t")[0]: line.split("\t")[1] for line in lines}
        made.folder.mkdir(parents=True, exist_ok=True)
        made.disk.write_text("a disk")
        made.packages.write_text("".join(f"{name}\t{at}\tamd64\t10\n" for name, at in sorted(versions.items())))
        # A clock that ticks with each bake, since all of them are done within one second.
        moment = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=len(self.baked))
        write_record(
            made,
            fingerprint=planned.fingerprint,
            release=self.kitchen.release_name(planned.fingerprint),
            baked_at=moment.isoformat(timespec="seconds"),
            begin={"disk": self.begins_with, "sha256": "00"},
        )


@pytest.fixture
def oven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Oven]:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving() as archive:
        made = Oven(kitchen=nights.kitchen(archive, tmp_path / "images", monkeypatch))
        monkeypatch.setattr(bake, "_bake_one", made.bake)
        monkeypatch.setattr(accelerator, "choose", lambda _: accelerator.Accelerator(name="tcg", reason="a test"))
        yield made


def closed(_: object) -> Account:
    raise AssertionError("nobody needs an account here")


def a_night(*images: str, max_age_days: int = 7) -> list[Night]:
    order = Order(images=images or ("host",), max_age_days=max_age_days)
    return nightly.nightly(order, doors=Doors(account=closed), console=Console())


def test_an_image_of_this_machine_is_baked_and_needs_no_account(oven: Oven) -> None:
    (first,) = a_night()
    assert (first.state, first.place, first.why) == (State.BAKED, "this machine", ("there is no such image yet",))
    (second,) = a_night()
    assert (second.state, second.release, second.story) == (
        *(State.UNCHANGED, first.release),
        "same definition, base and packages",
    )
    assert oven.baked == ["host"]


def test_exactly_the_package_that_moved_is_shown(oven: Oven) -> None:
    a_night()
    oven.kitchen.night = 2
    oven.kitchen.stock(security={"openssl": "3.0.17"})
    (night,) = a_night()
    assert [move.line for move in night.moves] == ["openssl 3.0.15 → 3.0.17 (security)"]
    assert (night.state, night.release[6:8]) == (State.BAKED, "02")


def test_every_image_there_is_has_its_night_when_none_is_named_layers_first(oven: Oven) -> None:
    found = nightly.nightly(Order(), doors=Doors(account=closed), console=Console())
    assert [night.image for night in found] == ["host", "shop"]
    assert oven.baked == ["host", "shop"]


def test_what_stands_on_a_layer_that_was_baked_since_is_baked_again(oven: Oven) -> None:
    a_night("shop")
    oven.kitchen.stock(security={"openssl": "3.0.17"})
    a_night("host")
    (night,) = a_night("shop")
    assert oven.baked == ["host", "shop", "host", "shop"]
    assert night.why == ("host was baked anew since",)
    assert [move.name for move in night.moves] == ["openssl"]


def test_an_image_that_does_not_pass_is_baked_once_more_and_then_it_is_flaky(oven: Oven) -> None:
    oven.rejections = 1
    (night,) = a_night()
    assert night.notes == ("host passed at the second try only: flaky",)
    assert oven.baked == ["host"]


def test_one_that_does_not_pass_twice_fails_and_the_one_before_stays(oven: Oven) -> None:
    a_night()
    kept = artifact.local("host", nights.BASE).record.read_text()
    oven.kitchen.stock(security={"openssl": "3.0.17"})
    oven.rejections = 2
    (night,) = a_night()
    assert night.failure is not None
    assert night.failure.exit_code is ExitCode.REJECTED
    assert artifact.local("host", nights.BASE).record.read_text() == kept
    (after,) = a_night()
    assert after.state is State.BAKED


def test_a_package_that_no_bake_takes_in_is_said(oven: Oven) -> None:
    a_night()
    old = dict(oven.kitchen.versions)
    oven.kitchen.stock(security={"openssl": "3.0.17"})
    oven.kitchen.versions = old
    (night,) = a_night()
    assert (night.state, night.moves) == (State.BAKED, ())
    assert night.notes == ("did not move: openssl 3.0.15 → 3.0.17 (security)",)


def test_where_the_archives_are_silent_an_old_image_is_tried_and_a_young_one_left_alone(oven: Oven) -> None:
    a_night()
    oven.kitchen.archive.pages["/debian/dists/bookworm/InRelease"] = 503
    (night,) = a_night()
    assert (night.state, night.doubts) == (State.UNCHANGED, ("no answer from bookworm (HTTP 503)",))
    (old,) = a_night(max_age_days=0)
    assert (old.state, oven.baked) == (State.FAILED, ["host"])
    assert old.failure is not None
    assert old.failure.exit_code is ExitCode.MISSING


@pytest.mark.parametrize(
    ("current", "state", "told"),
    [
        ("noble-1.qcow2", State.UNCHANGED, "same definition, base and packages"),
        ("noble-2.qcow2", State.BAKED, "there is another cloud image of debian-12"),
        (missing("no answer"), State.UNCHANGED, "not known: no answer, so base and age decide"),
    ],
)
def test_another_cloud_image_is_a_reason_to_bake(
    oven: Oven, monkeypatch: pytest.MonkeyPatch, current: str | BakeryError, state: State, told: str
) -> None:
    oven.begins_with = "noble-1.qcow2"

    def of_cloud_image(*_: object) -> Path:
        if isinstance(current, BakeryError):
            raise current
        return Path("/cache", current)

    monkeypatch.setattr(basedisk, "of_cloud_image", of_cloud_image)
    monkeypatch.setattr(preflight, "preflight", lambda *_: {})
    monkeypatch.setattr(plan, "choose_source", lambda *_, **__: BaseFrom.CLOUD)
    a_night()
    (night,) = a_night()
    assert night.state is state
    assert told in night.story
