"""What was made comes into the catalog: a release stays where it was made first, and only there it was verified."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakery.catalog import catalog, record
from bakery.catalog.catalog import Release
from bakery.catalog.record import Made
from bakery.cloud import naming
from bakery.clouds.aws.account import Account, Region
from bakery.core.console import Console
from bakery.definition.bases import Arch, BaseName
from bakery.rehearsal.server import Rehearsal
from tests import values
from tests.aws_account import account_of, forget_aws

HOME, FAR = "eu-west-2", "us-east-1"
NAME = "20261101-0415-0123456789ab"
DIGEST = "5ec" + "0" * 61
EARLY, LATE = "2026-11-01T05:00:00Z", "2026-11-02T05:00:00Z"
MADE = Made(
    image="host",
    release=NAME,
    arch=Arch.AMD64,
    base=BaseName.DEBIAN_12,
    fingerprint="0123456789ab" * 5 + "0123",
    size_gb=8,
)


@pytest.fixture
def account(stage: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return account_of(stage)


def made_in(region: Region, *, verified: str = "", number: int = 1) -> Release:
    image = values.image(
        f"ami-{number:017x}",
        created_at=datetime(2026, 11, 1, 4, 15, 0, 123000, tzinfo=UTC),
        tags={naming.VERIFIED: verified, naming.PROVENANCE: DIGEST} if verified else {},
    )
    record.record(MADE, image, region=region.name, is_rehearsal=True, console=Console())
    (release,) = catalog.read("host", is_rehearsal=True).releases
    return release


def test_the_first_region_is_where_it_was_made(account: Account) -> None:
    release = made_in(account.region(HOME))
    assert (release.release, release.baked_in, release.verified_at) == (NAME, HOME, None)
    assert release.baked_at == datetime(2026, 11, 1, 4, 15, tzinfo=UTC)
    assert [*release.places] == [HOME]


def test_its_verification_counts_where_it_was_made(account: Account) -> None:
    made_in(account.region(HOME))
    found = made_in(account.region(HOME), verified=EARLY)
    assert (found.verified_at, found.provenance) == (datetime(2026, 11, 1, 5, tzinfo=UTC), DIGEST)


@pytest.mark.parametrize("verified", ["", LATE])
def test_another_region_adds_its_place_and_changes_nothing_of_the_verification(account: Account, verified: str) -> None:
    first = made_in(account.region(HOME), verified=EARLY)
    release = made_in(account.region(FAR), verified=verified, number=2)
    assert (release.verified_at, release.provenance, release.baked_in) == (first.verified_at, DIGEST, HOME)
    assert sorted(release.places) == [HOME, FAR]


def test_what_was_sent_up_is_known_to_be_and_so_it_is_of_what_was_noted_before_that_was_known(
    account: Account,
) -> None:
    assert not made_in(account.region(HOME)).is_import
    sent_up = replace(MADE, is_local=True)
    assert record.entry(sent_up, region=HOME, image=None).is_import
    record.record(sent_up, values.image(f"ami-{2:017x}"), region=FAR, is_rehearsal=True, console=Console())
    release = made_in(account.region(HOME), verified=EARLY)
    assert release.is_import
    assert record.tags(release, image="host")[naming.IMPORT] == "local"
    assert naming.IMPORT not in record.tags(release.model_copy(update={"is_import": False}), image="host")


def test_a_region_that_made_it_again_takes_the_place_of_its_own_image(account: Account) -> None:
    made_in(account.region(HOME), verified=EARLY)
    release = made_in(account.region(HOME), number=2)
    assert release.places[HOME].image_id == f"ami-{2:017x}"
    assert (release.verified_at, release.provenance) == (None, None)
