"""What a bake in a region would do follows from what the region has."""

from pathlib import Path

import pytest

from bakery.cloud import naming
from bakery.clouds.aws.place import AwsPlace
from bakery.definition.bases import Arch
from bakery.rehearsal.server import Rehearsal
from bakery.release import plan
from tests import releases
from tests.aws_account import account_of, forget_aws
from tests.rehearsed_images import an_image
from tests.releases import DUBLIN

HOST = releases.definition()
DIGEST = "0123456789ab".ljust(64, "0")
NAME = naming.name("host", "20261123-0415-0123456789ab", Arch.AMD64)


@pytest.fixture
def cloud(stage: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    stage.reset()
    forget_aws(monkeypatch, home=tmp_path)
    return stage


def found(cloud: Rehearsal) -> str:
    image = plan.find(AwsPlace(region=account_of(cloud).region(DUBLIN)), HOST, DIGEST)
    return image.id if image else ""


def test_an_image_with_the_fingerprint_in_its_name_is_there_already(cloud: Rehearsal) -> None:
    image = an_image(cloud, region=DUBLIN, name=NAME)
    an_image(cloud, region=DUBLIN, name=naming.name("host", "20261124-0415-ffffffffffff", Arch.AMD64))
    assert found(cloud) == image.id


def test_an_image_that_failed_or_is_being_removed_is_not_there(cloud: Rehearsal) -> None:
    image = an_image(cloud, region=DUBLIN, name=NAME, tags={naming.IMAGE: "host"})
    image.tags[naming.REMOVING] = "2026-11-23T04:15:00Z"
    assert found(cloud) == ""
    del image.tags[naming.REMOVING]
    assert found(cloud) == image.id
    image.failure = "no reason"
    assert found(cloud) == ""
