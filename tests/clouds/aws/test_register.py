"""An AMI of a snapshot: it asks for what the disk can be started by, and is made once."""

from typing import Any

import pytest

from bakery.clouds.aws import lateness, published, register
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.register import Registration
from bakery.definition.bases import Arch
from bakery.disk.boot_mode import BootMode
from bakery.rehearsal.server import Rehearsal
from tests.aws_account import account_of
from tests.rehearsed_images import a_snapshot, an_image

NAME = "dokku-bakery/host/20260105-0415-0123456789ab/amd64"
DUBLIN = "eu-west-1"


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.01)
    return cloud


@pytest.fixture
def region(cloud: Rehearsal) -> Region:
    return account_of(cloud).region(DUBLIN)


def wanted(cloud: Rehearsal, **fields: Any) -> Registration:
    told: dict[str, Any] = {
        "name": NAME,
        "description": "what it is",
        "arch": Arch.AMD64,
        "snapshot": a_snapshot(cloud, region=DUBLIN).id,
        "size_gb": 40,
        "boot_mode": BootMode.UEFI,
        "tags": {"Name": "host", "bakery:image": "host"},
    }
    return Registration(**{**told, **fields})


def shown(region: Region, image_id: str) -> dict[str, Any]:
    (image,) = region.ec2("describe_images", ImageIds=[image_id])["Images"]
    return dict(image)


@pytest.mark.parametrize(
    ("arch", "boot_mode", "ec2_arch", "tpm"),
    [
        (Arch.AMD64, BootMode.UEFI, "x86_64", "v2.0"),
        (Arch.AMD64, BootMode.UEFI_PREFERRED, "x86_64", None),
        (Arch.AMD64, BootMode.LEGACY_BIOS, "x86_64", None),
        (Arch.ARM64, BootMode.UEFI, "arm64", None),
    ],
)
def test_a_tpm_is_asked_for_only_where_every_machine_that_starts_the_disk_has_one(
    cloud: Rehearsal, region: Region, arch: Arch, boot_mode: BootMode, ec2_arch: str, tpm: str | None
) -> None:
    image = shown(region, register.register(region, wanted(cloud, arch=arch, boot_mode=boot_mode)))
    assert (image["Architecture"], image["BootMode"], image.get("TpmSupport")) == (ec2_arch, boot_mode, tpm)


def test_every_image_has_fast_network_tokens_a_gp3_root_and_its_tags(cloud: Rehearsal, region: Region) -> None:
    order = wanted(cloud)
    image = shown(region, register.register(region, order))
    assert (image["Name"], image["Description"], image["VirtualizationType"]) == (NAME, "what it is", "hvm")
    assert (image["EnaSupport"], image["SriovNetSupport"], image["ImdsSupport"]) == (True, "simple", "v2.0")
    assert {tag["Key"]: tag["Value"] for tag in image["Tags"]} == order.tags
    (disk,) = image["BlockDeviceMappings"]
    assert disk["DeviceName"] == image["RootDeviceName"]
    kept = {name: disk["Ebs"][name] for name in ("SnapshotId", "VolumeSize", "VolumeType", "DeleteOnTermination")}
    assert kept == {
        "SnapshotId": order.snapshot,
        "VolumeSize": 40,
        "VolumeType": "gp3",
        "DeleteOnTermination": True,
    }


def test_an_image_of_the_name_is_left_as_it_is(cloud: Rehearsal, region: Region) -> None:
    there = an_image(cloud, region=DUBLIN, name=NAME)
    assert register.register(region, wanted(cloud)) == there.id
    assert "RegisterImage" not in [call.action for call in cloud.calls]


def test_one_that_was_made_a_moment_ago_and_is_not_listed_yet_is_found(
    cloud: Rehearsal, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, find, answers = an_image(cloud, region=DUBLIN, name=NAME), published.find, [None]
    monkeypatch.setattr(published, "find", lambda *at, **told: answers.pop() if answers else find(*at, **told))
    assert register.register(region, wanted(cloud)) == there.id
    assert [call.action for call in cloud.calls].count("RegisterImage") == 1


def test_another_refusal_is_told_as_it_is(cloud: Rehearsal, region: Region) -> None:
    with pytest.raises(ApiError, match="snap-gone"):
        register.register(region, wanted(cloud, snapshot="snap-gone"))
