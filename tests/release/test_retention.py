"""Which images stay, and why: each reason by itself, and none too few."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bakery.catalog import promotions
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.cloud import naming
from bakery.cloud.inventory import Inventory
from bakery.cloud.values import Image
from bakery.core.errors import BakeryError
from bakery.definition.bases import Arch, BaseName
from bakery.definition.model import Definition
from bakery.release import retention
from bakery.release.retention import Answers, Subject, Verdict
from tests import releases as releases_of
from tests.values import NOW, image, instance

LONDON, DUBLIN = "eu-west-2", "eu-west-1"
HOST = Definition.model_validate({"name": "host", "aws": {"launch_template": "fleet"}})


def image_id(number: int, region: str) -> str:
    return f"ami-{number:015x}{'1' if region == LONDON else '2'}0"


def release(number: int, *, age_days: float = 30, arch: Arch = Arch.AMD64, **fields: Any) -> Release:
    """Return a release; the larger its number, the newer its name."""
    baked = NOW - timedelta(days=age_days)
    places = {name: Placed(image_id=image_id(number, name), published_at=baked) for name in (LONDON, DUBLIN)}
    told: dict[str, Any] = {
        "release": f"202601{number:02}-0415-0123456789ab",
        "arch": arch,
        "base": BaseName.DEBIAN_12,
        "fingerprint": "0" * 64,
        "size_gb": 8,
        "baked_at": baked,
        "baked_in": LONDON,
        "verified_at": baked,
        "places": places,
    }
    return Release(**told | fields)


def subject(*releases: Release, promoted: tuple[Release, ...] = (), keep: int = 1) -> Subject:
    """Return an image whose releases *promoted* were promoted one after the other, everywhere."""
    known = Catalog(image="host", releases=releases)
    for one in promoted:
        known = releases_of.promoted(known, one, at=NOW)
    return Subject(definition=HOST, known=known, keep=keep)


def answers(*releases: Release, **fields: Any) -> dict[str, Inventory | BakeryError]:
    """Return what both regions say when they have the releases; *fields* are Dublin's."""
    found = {
        name: {placed.image_id: image(placed.image_id) for one in releases if (placed := one.places.get(name))}
        for name in (LONDON, DUBLIN)
    }
    return {
        LONDON: Inventory(place=LONDON, images=found[LONDON]),
        DUBLIN: Inventory(place=DUBLIN, **{"images": found[DUBLIN], **fields}),
    }


def judge(asked: Subject, said: Answers) -> dict[tuple[int, str], Verdict]:
    """Return the verdicts by number of the release and region."""
    found = retention.verdicts(asked, said, now=NOW)
    return {(int(one.release[6:8]), one.region): one for one in found}


def reasons(asked: Subject, said: Answers) -> dict[tuple[int, str], tuple[str, ...]]:
    return {where: verdict.reasons for where, verdict in judge(asked, said).items()}


def test_the_newest_releases_stay_and_the_others_go() -> None:
    three = [release(number) for number in (1, 2, 3)]
    found = reasons(subject(*three, keep=2), answers(*three))
    assert {where for where, why in found.items() if not why} == {(1, LONDON), (1, DUBLIN)}
    assert found[2, DUBLIN] == found[3, LONDON] == ("one of the newest 2",)


def test_a_verdict_says_which_image_it_is_about_and_whether_the_others_were_copied_from_it() -> None:
    both = [release(1), release(2)]
    found = judge(subject(*both), answers(*both))
    source, copy = found[1, LONDON], found[1, DUBLIN]
    assert source == Verdict(
        image="host",
        release=both[0].release,
        arch=Arch.AMD64,
        region=LONDON,
        image_id=image_id(1, LONDON),
        found=image(image_id(1, LONDON)),
        pointer=f"/dokku-bakery/host/{both[0].release}/amd64",
        is_source=True,
        is_known=True,
    )
    assert copy == replace(
        source, region=DUBLIN, image_id=image_id(1, DUBLIN), found=image(image_id(1, DUBLIN)), is_source=False
    )


def test_an_image_may_have_the_architecture_of_its_definition_and_those_of_its_releases() -> None:
    assert subject().arches == [Arch.AMD64]
    assert subject(release(1, arch=Arch.ARM64)).arches == [Arch.AMD64, Arch.ARM64]


def test_each_architecture_has_its_own_newest() -> None:
    both = [release(1, arch=Arch.ARM64), release(2)]
    found = reasons(subject(*both), answers(*both))
    assert found[1, LONDON] == found[2, LONDON] == ("one of the newest 1",)


def test_the_promoted_release_and_the_one_that_a_rollback_goes_to_stay() -> None:
    four = [release(number) for number in (1, 2, 3, 4)]
    asked = subject(*four, promoted=tuple(four[:3]))
    found = reasons(asked, answers(*four))
    assert [found[number, DUBLIN] for number in (1, 2, 3, 4)] == [
        (),
        ("a rollback goes to it",),
        ("latest",),
        ("one of the newest 1",),
    ]


def test_what_is_latest_in_some_regions_stays_and_so_does_what_each_goes_back_to() -> None:
    four = [release(number) for number in (1, 2, 3, 4)]
    history = promotions.begin((), four[0].release, (LONDON, DUBLIN), now=NOW)
    for region in (LONDON, DUBLIN):
        history = promotions.finish(history, four[0].release, region)
    history = promotions.begin(history, four[1].release, (LONDON, DUBLIN), now=NOW)
    history = promotions.finish(history, four[1].release, LONDON)
    known = Catalog(image="host", releases=tuple(four), latest={Arch.AMD64: history})
    found = reasons(Subject(definition=HOST, known=known, keep=1), answers(*four))
    assert [found[number, DUBLIN] for number in (1, 2, 3, 4)] == [
        (f"latest in {DUBLIN}", "a rollback goes to it"),
        (f"latest in {LONDON}",),
        (),
        ("one of the newest 1",),
    ]


def test_what_is_to_be_latest_stays() -> None:
    both = [release(1), release(2)]
    history = promotions.begin((), both[0].release, (LONDON,), now=NOW)
    known = Catalog(image="host", releases=tuple(both), latest={Arch.AMD64: history})
    found = reasons(Subject(definition=HOST, known=known, keep=1), answers(*both))
    assert found[1, DUBLIN] == ("to be latest",)


def test_a_release_that_is_latest_in_one_region_stays_in_all() -> None:
    both = [release(1), release(2)]
    parameter = {"/dokku-bakery/host/latest/amd64": image_id(1, DUBLIN)}
    found = reasons(subject(*both), answers(*both, pointers=parameter))
    assert found[1, DUBLIN] == found[1, LONDON] == (f"latest in {DUBLIN}",)


def test_a_release_that_is_younger_than_a_day_stays() -> None:
    both = [release(1, age_days=0.9), release(2)]
    assert reasons(subject(*both), answers(*both))[1, DUBLIN] == ("younger than a day",)
    both = [release(1, age_days=1), release(2)]
    assert reasons(subject(*both), answers(*both))[1, DUBLIN] == ()


def test_an_image_that_an_instance_was_started_from_stays_in_its_region() -> None:
    both = [release(1), release(2)]
    instances = [instance("i-1", image_id=image_id(1, DUBLIN)), instance("i-2", image_id="ami-other")]
    found = reasons(subject(*both), answers(*both, instances=instances))
    assert found[1, DUBLIN] == ("i-1 started from it",)


@pytest.mark.parametrize(("count", "told"), [(2, "i-0, i-1"), (3, "i-0, i-1 and 1 more"), (5, "i-0, i-1 and 3 more")])
def test_of_many_instances_two_are_named_and_the_others_counted(count: int, told: str) -> None:
    both = [release(1), release(2)]
    instances = [instance(f"i-{number}", image_id=image_id(1, DUBLIN)) for number in range(count)]
    found = reasons(subject(*both), answers(*both, instances=instances))
    assert found[1, DUBLIN] == (f"{told} started from it",)


def test_an_image_that_a_launch_template_names_stays() -> None:
    both = [release(1), release(2)]
    found = reasons(subject(*both), answers(*both, templates={image_id(1, DUBLIN): "web"}))
    assert found[1, DUBLIN] == ("launch template web starts it",)


def test_an_image_that_somebody_launched_within_two_weeks_stays() -> None:
    both = [release(1), release(2)]
    for days, why in ((13, ("last launched 2026-11-10",)), (14, ()), (15, ())):
        last = NOW - timedelta(days=days)
        old = {image_id(1, DUBLIN): image(image_id(1, DUBLIN), last_launched_at=last)}
        assert reasons(subject(*both), answers(*both, images=old))[1, DUBLIN] == why


def test_what_copies_were_made_of_stays_as_long_as_one_of_them() -> None:
    both = [release(1), release(2)]
    found = reasons(subject(*both), answers(*both, templates={image_id(1, DUBLIN): "web"}))
    assert found[1, LONDON] == (f"copied to {DUBLIN}",)


def test_what_copies_were_made_of_names_each_place_of_a_copy_that_stays() -> None:
    paris = "eu-west-3"
    one = release(1)
    three = one.model_copy(
        update={"places": one.places | {paris: Placed(image_id=image_id(3, paris), published_at=NOW)}}
    )
    asked, said = subject(three, release(2)), answers(three, release(2), templates={image_id(1, DUBLIN): "web"})
    assert reasons(asked, said)[1, LONDON] == (f"copied to {DUBLIN}, {paris}",)


def test_what_is_in_another_cloud_is_no_copy_and_keeps_nothing() -> None:
    zone = {"fr-par-1": Placed(image_id="11111111-2222-3333-4444-555555555555", published_at=NOW)}
    one = release(1).model_copy(update={"places": {LONDON: release(1).places[LONDON], **zone}})
    found = judge(subject(one, release(2)), answers(one, release(2)))
    assert found[1, LONDON].reasons == ()


def test_a_copy_goes_although_the_image_that_it_was_made_of_is_in_use() -> None:
    both = [release(1, baked_in=DUBLIN), release(2)]
    found = reasons(subject(*both), answers(*both, templates={image_id(1, DUBLIN): "web"}))
    assert found[1, LONDON] == ()


def test_in_a_region_that_does_not_answer_everything_stays_and_elsewhere_it_goes() -> None:
    both = [release(1, baked_in=DUBLIN), release(2)]
    said = {**answers(*both), DUBLIN: BakeryError("no answer")}
    found = reasons(subject(*both), said)
    assert found[1, DUBLIN] == ("the region does not answer",)
    assert found[1, LONDON] == ()


def test_in_a_region_that_was_not_asked_everything_stays_and_so_does_what_it_was_copied_from() -> None:
    both = [release(1), release(2)]
    said = answers(*both)
    del said[DUBLIN]
    assert reasons(subject(*both), said) == {
        (1, LONDON): (f"copied to {DUBLIN}",),
        (2, LONDON): ("one of the newest 1",),
    }


def test_what_an_earlier_run_began_to_remove_goes_on() -> None:
    both = [release(1), release(2)]
    begun = {image_id(2, DUBLIN): image(image_id(2, DUBLIN), tags={naming.REMOVING: "x"})}
    verdict = judge(subject(*both), answers(*both, images=begun))[2, DUBLIN]
    assert verdict.is_begun
    assert not verdict.stays


def test_an_image_that_only_the_catalog_has_goes_and_nobody_can_be_using_it() -> None:
    both = [release(1), release(2)]
    verdict = judge(subject(*both), answers(*both, images={}))[1, DUBLIN]
    assert (verdict.found, verdict.stays) == (None, False)


def strangers(found: Image, *, is_removed: bool = False, names: tuple[str, ...] = (), **fields: Any) -> Any:
    inventory = Inventory(place=DUBLIN, images={found.id: found}, **fields)
    said: Answers = {LONDON: BakeryError("no answer"), DUBLIN: inventory}
    return list(
        retention.unknown(said, known_ids=frozenset({"ami-known"}), names=names, is_removed=is_removed, now=NOW)
    )


def tagged(identity: str = "ami-1", **fields: Any) -> Image:
    tags = {naming.IMAGE: "host", naming.RELEASE: "20250101-0000-0123456789ab", naming.ARCH: "arm64"}
    return image(identity, **{"tags": tags, **fields})


def test_a_stranger_is_described_by_its_tags_and_asked_for_by_the_parameter_that_a_default_prefix_gives() -> None:
    found = tagged(name="dokku-bakery/other/20240101-0000-0123456789ab/amd64")
    assert strangers(found) == [
        Verdict(
            image="host",
            release="20250101-0000-0123456789ab",
            arch="arm64",
            region=DUBLIN,
            image_id="ami-1",
            reasons=("not in this catalog",),
            found=found,
            pointer="/dokku-bakery/host/20250101-0000-0123456789ab/arm64",
            is_known=False,
        )
    ]


def test_an_image_whose_name_tells_nothing_has_no_name_release_and_architecture() -> None:
    (verdict,) = strangers(image("ami-1", name="theirs", tags={}))
    assert (verdict.image, verdict.release, verdict.arch) == ("", "", "")


def test_an_image_that_no_catalog_has_stays_unless_that_is_asked_for() -> None:
    (verdict,) = strangers(tagged())
    assert (verdict.image, verdict.release, verdict.arch) == ("host", "20250101-0000-0123456789ab", "arm64")
    assert verdict.reasons == ("not in this catalog",)
    (verdict,) = strangers(tagged(), is_removed=True)
    assert not verdict.stays


def test_an_image_without_tags_is_known_by_its_name_and_stays() -> None:
    found = image("ami-1", name="dokku-bakery/shop/20250101-0000-0123456789ab/amd64", tags={})
    (verdict,) = strangers(found, is_removed=True)
    assert verdict.reasons == ("it does not carry our tag",)
    assert (verdict.image, verdict.release, verdict.arch) == ("shop", "20250101-0000-0123456789ab", "amd64")
    assert verdict.pointer == "/dokku-bakery/shop/20250101-0000-0123456789ab/amd64"


@pytest.mark.parametrize(
    ("found", "fields", "why"),
    [
        (tagged(state="pending"), {}, "still being made"),
        (tagged(created_at=datetime(2026, 11, 22, 12, tzinfo=UTC)), {}, "younger than a day"),
        (
            tagged(created_at=datetime(2026, 11, 22, 4, 15, tzinfo=UTC)),
            {"instances": [instance("i-1", image_id="ami-1")]},
            "i-1 started from it",
        ),
        (tagged(last_launched_at=datetime(2026, 11, 10, 4, 15, tzinfo=UTC)), {}, "last launched 2026-11-10"),
        (tagged(), {"pointers": {"/other/host/latest/arm64": "ami-1"}}, "latest"),
        (tagged(), {"templates": {"ami-1": "web"}}, "launch template web starts it"),
    ],
)
def test_of_images_that_no_catalog_has_those_in_use_stay_in_any_case(
    found: Image, fields: dict[str, Any], why: str
) -> None:
    (verdict,) = strangers(found, is_removed=True, **fields)
    assert verdict.reasons == (why,)


def test_an_image_that_no_catalog_has_goes_where_its_removal_was_begun() -> None:
    begun = tagged()
    (verdict,) = strangers(replace(begun, tags={**begun.tags, naming.REMOVING: "x"}))
    assert not verdict.stays


def test_known_failed_and_other_images_are_no_strangers() -> None:
    assert strangers(tagged("ami-known")) == []
    assert strangers(tagged(state="failed")) == []
    assert strangers(tagged(), names=("shop",)) == []
    assert len(strangers(tagged(), names=("host",))) == 1
