from datetime import UTC, datetime

import pytest

from bakery.core.errors import BakeryError
from bakery.sources import release_file

URL = "http://mirror.example/debian/dists/bookworm/InRelease"
SIGNED = """-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Date: Sat, 11 Jan 2025 10:34:00 UTC
Valid-Until: Sat, 18 Jan 2025 10:34:00 +0100
MD5Sum:
 d41d8cd98f00b204e9800998ecf8427e        0 main/binary-amd64/Packages
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        0 main/binary-amd64/Packages
 0000000000000000000000000000000000000000000000000000000000000001       10 main/binary-amd64/Packages.xz
-----BEGIN PGP SIGNATURE-----
"""


def test_a_signed_file_tells_its_dates_in_utc_and_its_lists_by_sha256() -> None:
    found = release_file.parse(SIGNED, url=URL)
    assert found.made_at == datetime(2025, 1, 11, 10, 34, tzinfo=UTC)
    assert found.valid_until == datetime(2025, 1, 18, 9, 34, tzinfo=UTC)
    assert release_file.sums(SIGNED) == {
        "main/binary-amd64/Packages": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "main/binary-amd64/Packages.xz": "0" * 63 + "1",
    }


def test_an_archive_that_tells_no_dates_is_always_fresh() -> None:
    text = f"Suite: any\nSHA256:\n {'0' * 64} 1 main/binary-amd64/Packages.gz\n"
    release_file.require_fresh(release_file.parse(text, url=URL), now=datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "SHA256:\n", "SHA256:\n one two\n", "<html>"])
def test_what_lists_no_file_is_no_release_file(text: str) -> None:
    with pytest.raises(BakeryError, match=f"{URL} is no Release file"):
        release_file.parse(text, url=URL)
