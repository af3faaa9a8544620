"""Which image is `latest`: at no moment none, with two the newest, and never another command's undone."""

from datetime import UTC, datetime

import pytest

from bakery.catalog import record
from bakery.cloud import converging
from bakery.cloud.reconcile import Wanted
from bakery.clouds.scaleway import images, latest
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.clouds.scaleway.tags import tag_list
from bakery.core.errors import BakeryError
from bakery.definition import layers
from bakery.definition.bases import Arch, BaseName
from bakery.rehearsal.scaleway.ground import Kind
from tests.rehearsed_zones import Zones

ZONE = "fr-par-1"
OLD, NEW = "20260110-0415-0123456789ab", "20260111-0415-0123456789ab"
POINTER = "/dokku-bakery/host/latest/amd64"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "SETTLED_S", 0.05)


def place_of(zones: Zones) -> ScalewayPlace:
    return ScalewayPlace(zone=zones.account().zone(ZONE))


def baked(zones: Zones, release: str) -> Wanted:
    """Return what a release that is here should be: the `latest`."""
    made = record.Made(
        image="host", release=release, arch=Arch.AMD64, base=BaseName.DEBIAN_12, fingerprint="0" * 64, size_gb=40
    )
    entry = record.entry(made, region=ZONE, image=None).model_copy(update={"verified_at": datetime.now(UTC)})
    zones.put(ZONE, made.name, tags=tag_list(record.tags(entry, image="host")))
    return place_of(zones).wanted(entry, layers.whole("host"), is_latest=True)


def promote(place: ScalewayPlace, wanted: Wanted) -> None:
    converging.converge(place, wanted, say=lambda text: None, deadline_s=10)


def leading(zones: Zones) -> list[str]:
    return [one["name"] for one in zones.shown(Kind.IMAGE) if any(latest.TAG in tag for tag in one["tags"])]


def pointed(zones: Zones) -> str:
    place = place_of(zones)
    found = place.image(place.pointers([POINTER])[POINTER].image_id)
    assert found
    return found.name


def test_it_moves_and_moves_back(zones: Zones) -> None:
    old, new = baked(zones, OLD), baked(zones, NEW)
    for wanted in (old, new, old):
        promote(place_of(zones), wanted)
        assert leading(zones) == [wanted.name]
        assert pointed(zones) == wanted.name


def test_between_two_writes_both_have_it_and_the_new_one_counts(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = baked(zones, OLD), baked(zones, NEW)
    promote(place_of(zones), old)
    place = place_of(zones)
    seen, plain = place.look(new), images.retag

    def retag(*args: object, **told: object) -> dict[str, str]:
        if told.get("drop"):
            raise KeyboardInterrupt
        return plain(*args, **told)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(images, "retag", retag)
        with pytest.raises(KeyboardInterrupt):
            latest.move(place.zone, new, seen)
    assert sorted(leading(zones)) == sorted([old.name, new.name])
    assert pointed(zones) == new.name
    promote(place_of(zones), new)
    assert leading(zones) == [new.name]


def test_of_two_commands_the_later_one_has_it_and_the_other_is_told(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = baked(zones, OLD), baked(zones, NEW)
    first, second = place_of(zones), place_of(zones)
    plain, is_done = latest.move, list[bool]()

    def move(zone: object, wanted: object, seen: object) -> None:
        plain(zone, wanted, seen)  # type: ignore[arg-type]
        if not is_done:
            is_done.append(True)
            promote(second, new)

    monkeypatch.setattr(latest, "move", move)
    with pytest.raises(BakeryError) as caught:
        promote(first, old)
    assert f"another command has pointed latest of host at {NEW}" in caught.value.message
    assert leading(zones) == [new.name]


@pytest.mark.parametrize("moment", [1, 2])
def test_what_another_command_has_written_meanwhile_stays(
    moment: int, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = baked(zones, OLD), baked(zones, NEW)
    promote(place_of(zones), new)
    place, (other,) = place_of(zones), [one for one in zones.shown(Kind.IMAGE) if one["name"] == new.name]
    seen, plain, writes = place.look(old), images.retag, list[int]()

    def write() -> None:
        """Let another command write, after the write of this one or just before what it takes away."""
        writes.append(1)
        if len(writes) == moment:
            kept = [tag for tag in other["tags"] if latest.TAG not in tag]
            other["tags"] = [*kept, f"{latest.TAG}=2199-01-01T00:00:00.000001Z"]

    def retag(*args: object, **told: object) -> dict[str, str]:
        if told.get("drop"):
            write()
            return plain(*args, **told)  # type: ignore[arg-type]
        found = plain(*args, **told)  # type: ignore[arg-type]
        write()
        return found

    monkeypatch.setattr(images, "retag", retag)
    latest.move(place.zone, old, seen)
    assert latest.pointers(images.own(place.zone), [POINTER])[POINTER].image_id == other["id"]


def test_a_tag_that_is_no_time_and_a_release_s_own_name_lead_nowhere(zones: Zones) -> None:
    wanted = baked(zones, OLD)
    place = place_of(zones)
    images.retag(place.zone, place.look(wanted).image_id, add={latest.TAG: "yes"})
    names = [POINTER, f"/dokku-bakery/host/{OLD}/amd64", "x"]
    assert place.pointers(names) == {}
    promote(place, wanted)
    assert [*place.pointers(names)] == [POINTER]


def test_an_image_that_is_removed_is_no_latest_any_more(zones: Zones) -> None:
    wanted = baked(zones, OLD)
    promote(place_of(zones), wanted)
    place = place_of(zones)
    image = place.look(wanted).image
    assert image
    place.forget(POINTER, image_id=image.id)
    assert place.pointers([POINTER]) == {}
    place.remove_image(image, pointer=POINTER)
    place.remove_image(image, pointer=POINTER)
    assert (zones.shown(Kind.IMAGE), zones.shown(Kind.BLOCK_SNAPSHOT)) == ([], [])
