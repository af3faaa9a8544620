import re

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BASES, Arch, Base, BaseName, Distro, Pocket, base


@pytest.fixture(params=list(BaseName))
def row(request: pytest.FixtureRequest) -> Base:
    return BASES[request.param]


def test_the_table_has_every_base_once() -> None:
    assert list(BASES) == list(BaseName)


def test_a_base_is_named_after_its_distribution_and_version(row: Base) -> None:
    assert row.name == f"{row.distro}-{row.version}"


def test_every_architecture_has_a_kernel_and_images(row: Base) -> None:
    for arch in Arch:
        assert "{" not in row.kernel(arch) + row.cloud_image.url(arch) + row.aws.parameter(arch) + row.aws.pattern(arch)
        assert arch in row.cloud_image.url(arch)


def test_a_signature_and_its_key_come_together(row: Base) -> None:
    image = row.cloud_image
    assert (image.signature_url is None) == (image.signing_key is None)
    assert image.signing_key is None or re.fullmatch(r"[0-9A-F]{40}", image.signing_key)


def test_debians_mirror_is_written_nowhere() -> None:
    for row in BASES.values():
        assert (row.archive is None) == (row.distro is Distro.DEBIAN)


def test_suites_are_named_after_the_codename() -> None:
    assert base("debian-12").suites == ("bookworm", "bookworm-updates", "bookworm-security")
    assert base("ubuntu-24.04").suite(Pocket.SECURITY) == "noble-security"


def test_aws_parameters_are_those_of_the_vendors_pages() -> None:
    assert base("debian-13").aws.parameter(Arch.ARM64) == "/aws/service/debian/release/13/latest/arm64"
    assert base("ubuntu-22.04").aws.parameter(Arch.AMD64) == (
        "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
    )
    assert base("ubuntu-24.04").aws.pattern(Arch.AMD64) == (
        "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
    )
    assert base("ubuntu-26.04").aws.parameter(Arch.ARM64) == (
        "/aws/service/canonical/ubuntu/server/26.04/stable/current/arm64/hvm/ebs-gp3/ami-id"
    )
    assert base("ubuntu-26.04").aws.pattern(Arch.AMD64) == (
        "ubuntu/images/hvm-ssd-gp3/ubuntu-resolute-26.04-amd64-server-*"
    )


def test_cloud_images_are_at_the_vendors_addresses() -> None:
    assert base("debian-12").cloud_image.url(Arch.AMD64) == (
        "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2"
    )
    assert base("ubuntu-24.04").cloud_image.url(Arch.ARM64) == (
        "https://cloud-images.ubuntu.com/releases/noble/release/ubuntu-24.04-server-cloudimg-arm64.img"
    )
    assert base("ubuntu-26.04").cloud_image.url(Arch.AMD64) == (
        "https://cloud-images.ubuntu.com/releases/resolute/release/ubuntu-26.04-server-cloudimg-amd64.img"
    )


def test_an_unknown_base_is_answered_with_the_nearest() -> None:
    with pytest.raises(BakeryError) as caught:
        base("ubuntu-24.10")
    assert (caught.value.message, caught.value.hint) == (
        "there is no base 'ubuntu-24.10'",
        "did you mean 'ubuntu-24.04'?",
    )
    assert caught.value.exit_code == ExitCode.IMPOSSIBLE
