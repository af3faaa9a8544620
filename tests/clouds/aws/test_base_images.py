"""Where a base is in a region: its public parameter says it, or its owner and its name do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from bakery.clouds.aws import base_images
from bakery.clouds.aws.account import Account, ApiError, rehearse
from bakery.clouds.aws.base_images import FoundBy
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BASES, Arch, Base, BaseName, base
from bakery.rehearsal import seeds
from bakery.rehearsal.answers import refused
from bakery.rehearsal.server import Rehearsal, serving
from tests.aws_account import account_of, forget_aws, policed, scripted, xml

KEYS = ("AKIAABCDEFGHIJKLMNOP", "secret")
NO_PARAMETER = refused("ssm", status=HTTPStatus.BAD_REQUEST, code="ParameterNotFound", message="")
NO_IMAGES = xml("<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_aws(monkeypatch, home=tmp_path)


@pytest.fixture
def cloud() -> Iterator[Rehearsal]:
    with serving() as rehearsal:
        yield rehearsal


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def led_elsewhere(known: Base, path: str) -> Base:
    """Return a base whose parameter is another one."""
    return replace(known, aws=replace(known.aws, ssm_path=path))


@pytest.mark.parametrize("arch", Arch)
@pytest.mark.parametrize("name", BASES)
def test_the_newest_is_found_with_two_calls(name: BaseName, arch: Arch, cloud: Rehearsal, account: Account) -> None:
    found = base_images.newest(account.region("eu-west-2"), base(name), arch)
    expected = [image for image in cloud.world.images_in("eu-west-2") if image.base == f"{name}-{arch}"][-1]
    assert (found.id, found.name, found.owner) == (expected.id, expected.name, expected.owner)
    assert (found.created, found.size_gb, found.found_by) == (seeds.CREATED[-1], 8, FoundBy.SSM)
    assert (found.root_device, found.boot_mode) == (expected.root_device, expected.boot_mode)
    assert [(call.service, call.action) for call in cloud.calls] == [
        ("ssm", "GetParameter"),
        ("ec2", "DescribeImages"),
    ]


@pytest.mark.parametrize("arch", Arch)
@pytest.mark.parametrize("name", BASES)
def test_without_its_parameter_owner_and_name_lead_to_the_same_image(
    name: BaseName, arch: Arch, account: Account
) -> None:
    region = account.region("eu-west-2")
    found = base_images.newest(region, led_elsewhere(base(name), "/aws/service/canonical/none/{arch}"), arch)
    assert found == replace(base_images.newest(region, base(name), arch), found_by=FoundBy.DESCRIBE)


def test_each_region_has_ids_of_its_own(account: Account) -> None:
    ids = {base_images.newest(account.region(name), base("debian-12"), Arch.AMD64).id for name in account.usable}
    assert len(ids) == 17


def test_a_parameter_that_may_not_be_read_is_as_if_there_were_none() -> None:
    denied = refused("ssm", status=HTTPStatus.BAD_REQUEST, code="AccessDeniedException", message="not authorized")
    with scripted(denied, NO_IMAGES) as server:
        account = rehearse(endpoint=server.url, keys=KEYS)
        with pytest.raises(BakeryError, match="there is no image of debian-12"):
            base_images.newest(account.home, base("debian-12"), Arch.AMD64)
        assert parse_qs(server.asked[1])["Owner.1"] == [base("debian-12").aws.owner]


def test_a_parameter_store_that_does_not_answer_is_no_reason_to_look_elsewhere() -> None:
    broken = refused("ssm", status=HTTPStatus.SERVICE_UNAVAILABLE, code="ServiceUnavailable", message="later")
    with scripted(broken, NO_IMAGES) as server:
        account = rehearse(endpoint=server.url, keys=KEYS)
        account.patience_s = 0
        with pytest.raises(ApiError, match="ssm:GetParameter: later"):
            base_images.newest(account.home, base("debian-12"), Arch.AMD64)


def test_whoever_may_not_see_images_either_is_told_so(cloud: Rehearsal) -> None:
    with policed(cloud, "ssm:GetParameter") as account, pytest.raises(ApiError, match="ec2:DescribeImages is not allo"):
        base_images.newest(account.home, base("debian-12"), Arch.AMD64)


def test_a_parameter_that_leads_nowhere_is_as_if_there_were_none(account: Account) -> None:
    account.home.ssm("put_parameter", Name="/old/amd64", Value="ami-0123456789abcdef0", Type="String")
    found = base_images.newest(account.home, led_elsewhere(base("debian-12"), "/old/{arch}"), Arch.AMD64)
    assert found.found_by is FoundBy.DESCRIBE


def test_a_region_without_the_base_is_exit_code_3(cloud: Rehearsal, account: Account) -> None:
    cloud.world.images.clear()
    with pytest.raises(BakeryError) as caught:
        base_images.newest(account.home, base("debian-12"), Arch.ARM64)
    assert caught.value.message == "us-east-1: there is no image of debian-12 for arm64 (debian-12-arm64-*)"
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.hint == "./inv regions --base debian-12  (shows where there is one)"


@pytest.mark.parametrize(("region", "owner"), [("cn-north-1", "837727238323"), ("us-gov-west-1", "513442679011")])
def test_canonical_has_another_account_in_each_partition(region: str, owner: str) -> None:
    with scripted(NO_PARAMETER, NO_IMAGES) as server:
        account = rehearse(endpoint=server.url, keys=KEYS)
        with pytest.raises(BakeryError, match=f"{region}: there is no image of ubuntu-24.04"):
            base_images.newest(account.region(region), base("ubuntu-24.04"), Arch.ARM64)
    asked = parse_qs(server.asked[1])
    assert asked["Owner.1"] == [owner]
    filters = {asked[f"Filter.{number}.Name"][0]: asked[f"Filter.{number}.Value.1"] for number in (1, 2, 3)}
    assert filters == {
        "name": ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-*"],
        "architecture": ["arm64"],
        "state": ["available"],
    }


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_where_debians_account_is_not_known_nobody_elses_image_is_taken(region: str) -> None:
    with scripted(NO_PARAMETER) as server:
        account = rehearse(endpoint=server.url, keys=KEYS)
        with pytest.raises(BakeryError, match="it is not known who publishes debian-12 in aws-") as caught:
            base_images.newest(account.region(region), base("debian-12"), Arch.AMD64)
        assert len(server.asked) == 1
    assert caught.value.exit_code is ExitCode.MISSING


def test_an_image_that_is_named_is_read_as_it_is(account: Account) -> None:
    newest = base_images.newest(account.home, base("ubuntu-24.04"), Arch.AMD64)
    assert base_images.at(account.home, newest.id) == replace(newest, found_by=FoundBy.DESCRIBE)
    assert newest.created == datetime(2026, 10, 19, 22, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize("image_id", ["ami-0123456789abcdef0", "ami-1", "debian-12"])
def test_an_image_that_is_not_in_the_region_is_exit_code_2(image_id: str, account: Account) -> None:
    with pytest.raises(BakeryError) as caught:
        base_images.at(account.home, image_id)
    assert caught.value.message == f"us-east-1: there is no image '{image_id}'"
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_an_image_without_an_ebs_disk_is_no_base() -> None:
    image = "<item><imageId>ami-1</imageId><name>old</name><rootDeviceType>instance-store</rootDeviceType>"
    image += "<creationDate>2026-11-23T04:15:00.000Z</creationDate></item>"
    answer = xml(f"<DescribeImagesResponse><imagesSet>{image}</imagesSet></DescribeImagesResponse>")
    with scripted(answer) as server, pytest.raises(BakeryError, match=r"ami-1 \(old\) has no EBS disk") as caught:
        base_images.at(rehearse(endpoint=server.url, keys=KEYS).home, "ami-1")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
