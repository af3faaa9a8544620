"""What a bake in a region would do follows from what the region has."""

import pytest

from bakery.cloud import naming
from bakery.clouds.aws.place import AwsPlace
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway.credentials import Keys
from bakery.clouds.scaleway.place import ScalewayPlace
from bakery.definition.bases import Arch
from bakery.definition.place_names import Cloud
from bakery.definition.place_names import cloud as cloud_of
from bakery.places.place import Place
from bakery.rehearsal import service
from bakery.rehearsal.server import Rehearsal
from bakery.release import plan
from tests import releases
from tests.aws_account import account_of
from tests.rehearsed_images import an_image
from tests.releases import DUBLIN

HOST = releases.definition()
DIGEST = "0123456789ab".ljust(64, "0")
NAME = naming.name("host", "20261123-0415-0123456789ab", Arch.AMD64)


def here(cloud: Rehearsal, name: str) -> Place:
    if cloud_of(name) is Cloud.AWS:
        return AwsPlace(region=account_of(cloud).region(name))
    keys = Keys(
        access_key=service.SCALEWAY_ACCESS_KEY,
        secret_key=service.SCALEWAY_SECRET_KEY,
        project=service.PROJECT,
        api_url=cloud.url,
    )
    return ScalewayPlace(zone=scaleway.rehearse(keys=keys, storage_url=cloud.url).zone(name))


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


@pytest.mark.parametrize(("place", "disk"), [(DUBLIN, "40 GB gp3"), ("fr-par-1", "40 GB sbs_volume")])
def test_the_plan_says_what_kind_of_disk_the_cloud_has(cloud: Rehearsal, place: str, disk: str) -> None:
    planned = plan.make("host", here(cloud, place), base="debian-12")
    assert f"disk         {disk}" in planned.lines()
