from datetime import UTC, datetime

import pytest

from bakery.cloud import naming
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch

RELEASE = "20261123-0415-0123456789ab"


def test_a_name_tells_image_release_and_architecture() -> None:
    name = naming.name("dokku", RELEASE, Arch.ARM64)
    assert name == f"dokku-bakery/dokku/{RELEASE}/arm64"
    assert naming.release_of(name) == RELEASE


def test_a_name_that_is_not_ours_tells_no_release() -> None:
    assert naming.release_of("debian-12-amd64-20261019-2204") == ""


def test_a_name_longer_than_aws_takes_is_refused() -> None:
    with pytest.raises(BakeryError, match="longer than 128 characters") as caught:
        naming.name("a" * 90, RELEASE, Arch.AMD64)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_deprecation_date_is_to_the_minute() -> None:
    # AWS keeps no seconds of it (EnableImageDeprecation, "DeprecateAt").
    assert naming.deprecation(datetime(2026, 11, 23, 4, 15, 59, 7, tzinfo=UTC), days=2) == datetime(
        2026, 11, 25, 4, 15, tzinfo=UTC
    )
