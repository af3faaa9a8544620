"""What a release may be sent as a difference to: which are looked at, in what order, and what rules one out."""

from collections.abc import Callable
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.catalog.record import Made
from bakery.clouds.aws import parents
from bakery.clouds.aws.account import Region
from bakery.clouds.aws.parents import Candidate, Encryption
from bakery.definition import layers
from bakery.definition.bases import Arch, BaseName
from bakery.disk import digests
from bakery.disk.digests import Digests
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT, Snapshot
from tests import releases
from tests.aws_account import account_of
from tests.releases import DUBLIN, LONDON

HOST, DOKKU = releases.definition("host"), releases.definition("dokku")
KEY = f"arn:aws:kms:{DUBLIN}:{ACCOUNT}:key/0b6a3a3c-7a5e-4b53-9d0c-1f2e3d4c5b6a"
PLAIN, ENCRYPTED = Encryption(is_on=False), Encryption(is_on=True)
DIGESTS = Digests(disk_sha256="00", size_gb=8, blocks={0: bytes(32)})
SIZE_GB = 8
"""Of every snapshot that `releases.put` makes."""


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    chains = {"host": [HOST], "dokku": [HOST, DOKKU]}
    monkeypatch.setattr(layers, "chain", chains.__getitem__)
    return cloud


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region(DUBLIN)


def sent(cloud: Rehearsal, *, age_days: float, image: str = "host", **told: Any) -> Release:
    """Put a release there whose blocks are known here."""
    release = releases.put(cloud, {"host": HOST, "dokku": DOKKU}[image], age_days=age_days, **told)
    digests.write(catalog.digests_of(image, release.release, release.arch, is_rehearsal=True), DIGESTS)
    return release


def made(image: str, *, release: str = "20991231-2359-0123456789ab", arch: Arch = Arch.AMD64) -> Made:
    return Made(image=image, release=release, arch=arch, base=BaseName.DEBIAN_12, fingerprint="0" * 64, size_gb=SIZE_GB)


def candidates(new: Made) -> list[tuple[str, str]]:
    return [(one.image, one.release.release) for one in parents.candidates(new, is_rehearsal=True)]


def test_an_image_s_own_releases_come_first_the_newest_of_them_then_those_of_the_layer_below(cloud: Rehearsal) -> None:
    for age in (3, 4):
        sent(cloud, age_days=age, image="dokku")
    sent(cloud, age_days=1)
    wanted = [("dokku", releases.name_of(3)), ("dokku", releases.name_of(4)), ("host", releases.name_of(1))]
    assert candidates(made("dokku")) == wanted
    assert candidates(made("host")) == wanted[2:]


def test_only_the_newest_few_are_looked_at(cloud: Rehearsal) -> None:
    for age in range(1, 6):
        sent(cloud, age_days=age)
    assert candidates(made("host")) == [("host", releases.name_of(age)) for age in (1, 2, 3)]


def test_a_release_is_no_parent_of_its_own_nor_is_another_architecture_s_nor_one_of_unknown_blocks(
    cloud: Rehearsal,
) -> None:
    itself = sent(cloud, age_days=1)
    sent(cloud, age_days=2, arch=Arch.ARM64)
    releases.put(cloud, HOST, age_days=3)
    assert candidates(made("host", release=itself.release)) == []


def find(region: Region, *, encryption: Encryption = PLAIN, size_gb: int = SIZE_GB) -> tuple[str, str]:
    """Return the parent's snapshot, or why there is none."""
    among = parents.candidates(made("host"), is_rehearsal=True)
    parent, why = parents.find(region, among, encryption=encryption, size_gb=size_gb)
    return (parent.snapshot if parent else ""), why


def snapshot_of(cloud: Rehearsal, release: Release) -> Snapshot:
    return cloud.world.snapshots[cloud.world.images[release.places[DUBLIN].image_id].snapshot]


def test_the_parent_is_the_first_that_is_in_the_region(cloud: Rehearsal, region: Region) -> None:
    older = sent(cloud, age_days=2)
    sent(cloud, age_days=1, regions=(LONDON,))
    assert find(region) == (snapshot_of(cloud, older).id, "")


def alter(**fields: object) -> Callable[[Snapshot], None]:
    return lambda snapshot: vars(snapshot).update(fields)


@pytest.mark.parametrize(
    ("change", "encryption", "size_gb", "why"),
    [
        (alter(ready_at=1e12), PLAIN, SIZE_GB, "is pending"),
        (alter(is_encrypted=True), PLAIN, SIZE_GB, "is encrypted and this is not to be"),
        (alter(), ENCRYPTED, SIZE_GB, "is not encrypted and this is to be"),
        (alter(is_encrypted=True, kms_key="another"), Encryption(is_on=True, kms_key=KEY), SIZE_GB, "with another key"),
        (alter(), PLAIN, SIZE_GB - 1, f"is larger than {SIZE_GB - 1} GiB"),
    ],
    ids=["pending", "encrypted", "not encrypted", "another key", "larger"],
)
def test_what_cannot_be_a_parent_is_passed_over_and_the_reason_is_told(
    cloud: Rehearsal,
    region: Region,
    change: Callable[[Snapshot], None],
    encryption: Encryption,
    size_gb: int,
    why: str,
) -> None:
    release = sent(cloud, age_days=1)
    change(snapshot_of(cloud, release))
    found, told = find(region, encryption=encryption, size_gb=size_gb)
    assert found == ""
    assert told.startswith(f"host {release.release} ")
    assert told.endswith(why)


@pytest.mark.parametrize("encryption", [ENCRYPTED, Encryption(is_on=True, kms_key=KEY)], ids=["aws", "ours"])
def test_a_parent_that_is_encrypted_as_is_wanted_is_taken(
    cloud: Rehearsal, region: Region, encryption: Encryption
) -> None:
    snapshot = snapshot_of(cloud, sent(cloud, age_days=1))
    alter(is_encrypted=True, kms_key=encryption.kms_key or "aws's")(snapshot)
    assert find(region, encryption=encryption) == (snapshot.id, "")


def test_an_image_whose_snapshot_is_gone_is_not_there(cloud: Rehearsal, region: Region) -> None:
    release = sent(cloud, age_days=1)
    del cloud.world.snapshots[snapshot_of(cloud, release).id]
    assert find(region) == ("", f"host {release.release} is not there")


def test_without_a_candidate_everything_is_sent(region: Region) -> None:
    among: list[Candidate] = []
    found = parents.find(region, among, encryption=PLAIN, size_gb=SIZE_GB)
    assert found == (None, "no earlier release was sent from here")
