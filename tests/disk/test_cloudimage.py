"""Official cloud images are fetched once, resumed when cut off, and believed only when signed or summed right.

The server here is a stand-in for the distributions' download sites: plain files, with the Range requests of RFC 9110.
"""

import dataclasses
import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases
from bakery.definition.bases import Arch, BaseName
from bakery.disk import cloudimage

IMAGE = bytes(range(256)) * 4096


class Site:
    """What the stand-in serves, and the ranges that were asked of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.cut_after: int | None = None


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = served.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            asked = self.headers.get("Range")
            served.ranges.append(asked)
            begin = int(re.findall(r"\d+", asked)[0]) if asked else 0
            if begin >= len(content) and asked:
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            self.wfile.write(content[begin:][: served.cut_after])

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Site(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()


def fetch(site: Site, out: Path, digest: str = hashlib.sha512(IMAGE).hexdigest()) -> None:
    cloudimage.download(f"{site.url}/image", out=out, algorithm="sha512", digest=digest, console=Console())


def test_a_download_that_is_cut_off_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.files["/image"], site.cut_after = IMAGE, 300_000
    with pytest.raises(BakeryError, match=r"/image: ") as caught:
        fetch(site, tmp_path / "disk")
    assert caught.value.exit_code is ExitCode.MISSING
    have = (tmp_path / "disk.part").stat().st_size
    assert not (tmp_path / "disk").exists()
    site.cut_after = None
    fetch(site, tmp_path / "disk")
    assert (tmp_path / "disk").read_bytes() == IMAGE
    assert site.ranges == [None, f"bytes={have}-"]


def test_a_download_that_was_whole_but_not_checked_yet_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    site.files["/image"] = IMAGE
    (tmp_path / "disk.part").write_bytes(IMAGE)
    fetch(site, tmp_path / "disk")
    assert (tmp_path / "disk").read_bytes() == IMAGE


def test_what_does_not_match_its_checksum_is_thrown_away(site: Site, tmp_path: Path) -> None:
    site.files["/image"] = IMAGE[:-1] + b"!"
    with pytest.raises(BakeryError, match="does not match its checksum: sha512") as caught:
        fetch(site, tmp_path / "disk")
    assert caught.value.exit_code is ExitCode.FAILED
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_exit_code_3_with_a_way_out(site: Site, tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match="404") as caught:
        fetch(site, tmp_path / "disk")
    assert caught.value.exit_code is ExitCode.MISSING
    assert "--base-from archive" in caught.value.hint


@pytest.mark.parametrize("line", ["abc123  disk.img", "abc123 *disk.img"])
def test_digests_are_found_in_text_and_binary_form(line: str) -> None:
    assert cloudimage.find_digest(f"fff  other.img\n{line}\n", name="disk.img", url="u") == "abc123"


def test_an_image_that_is_not_listed_is_an_error() -> None:
    with pytest.raises(BakeryError, match=r"does not list disk\.img"):
        cloudimage.find_digest("fff  other.img\n", name="disk.img", url="https://example.net/SHA256SUMS")


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a real OpenPGP key in a keyring of its own and return its fingerprint."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    process.run(["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "Test <test@example.net>", "ed25519", "sign"])
    listed = process.run(["gpg", "--batch", "--with-colons", "--fingerprint"]).output
    yield next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
    process.run(["gpgconf", "--kill", "all"])


UBUNTUS = [row for row in bases.BASES.values() if row.distro is bases.Distro.UBUNTU]


@pytest.mark.parametrize("row", UBUNTUS, ids=lambda row: row.name)
def test_the_key_of_ubuntus_images_is_here_and_no_other(row: bases.Base, tmp_path: Path) -> None:
    """Debian has no package with it: without it no cloud image of Ubuntu could be checked on Debian."""
    shown = process.run(
        [
            "gpg",
            "--homedir",
            str(tmp_path),
            "--no-autostart",
            "--batch",
            "--with-colons",
            "--show-keys",
            str(cloudimage.KEY),
        ]
    )
    keys = [line.split(":")[9] for line in shown.output.splitlines() if line.startswith("fpr")]
    assert keys == [row.cloud_image.signing_key]
    assert str(cloudimage.KEY) in cloudimage.verify_argv(tmp_path / "sums.gpg", text=tmp_path / "sums")


def test_a_missing_signature_leads_to_the_archive(site: Site, tmp_path: Path, signer: str) -> None:
    base = signed_base(site, signer)
    publish(site, tmp_path, base)
    del site.files["/SHA256SUMS.gpg"]
    with pytest.raises(BakeryError, match=r"/SHA256SUMS.gpg: HTTP 404") as caught:
        cloudimage.published_digest(base, Arch.AMD64)
    assert caught.value.hint == "--base-from archive"


def signed_base(site: Site, key: str) -> bases.Base:
    base = bases.base(BaseName.UBUNTU_24_04)
    image = dataclasses.replace(base.cloud_image, folder=site.url, signing_key=key)
    return dataclasses.replace(base, cloud_image=image)


def publish(site: Site, tmp_path: Path, base: bases.Base) -> None:
    name = base.cloud_image.url(Arch.AMD64).rsplit("/", 1)[-1]
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{hashlib.sha256(IMAGE).hexdigest()} *{name}\n")
    process.run(["gpg", "--batch", "--detach-sign", "-o", f"{sums}.gpg", str(sums)])
    site.files |= {"/SHA256SUMS": sums.read_bytes(), "/SHA256SUMS.gpg": Path(f"{sums}.gpg").read_bytes()}


def test_signed_checksums_are_believed(site: Site, tmp_path: Path, signer: str) -> None:
    base = signed_base(site, signer)
    publish(site, tmp_path, base)
    assert cloudimage.published_digest(base, Arch.AMD64) == ("sha256", hashlib.sha256(IMAGE).hexdigest())


def test_checksums_changed_after_signing_are_refused(site: Site, tmp_path: Path, signer: str) -> None:
    base = signed_base(site, signer)
    publish(site, tmp_path, base)
    site.files["/SHA256SUMS"] = site.files["/SHA256SUMS"].replace(b"a", b"b")
    with pytest.raises(BakeryError, match=rf"is not signed by {signer}") as caught:
        cloudimage.published_digest(base, Arch.AMD64)
    assert caught.value.exit_code is ExitCode.MISSING


def test_a_good_signature_of_somebody_else_is_refused(site: Site, tmp_path: Path, signer: str) -> None:
    base = signed_base(site, "0" * 40)
    publish(site, tmp_path, base)
    with pytest.raises(BakeryError, match="is not signed by 0000"):
        cloudimage.published_digest(base, Arch.AMD64)
