"""A catalog of boxes, read by a real Vagrant out of a folder and from a web server on loopback, and what it refuses."""

import functools
import hashlib
import http.server
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseName
from bakery.disk import artifact
from bakery.disk.artifact import Artifact
from bakery.vagrant import machine
from bakery.vagrant.box_catalog import FORMATS, Shelf
from bakery.vagrant.cli import ENVIRONMENT
from bakery.vagrant.machine import Offer
from tests.records import write_record

MONDAY, TUESDAY = "20260105-0415-0123456789ab", "20260106-0009-0123456789ab"
FIRST, SECOND = "20260105.415.1118481", "20260106.9.2236962"
NAME = "bakery/host-debian-12"


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a build"
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(folder))
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant-home"))
    return folder


def bake(release: str, *, digit: str) -> Artifact:
    """Leave what a bake leaves, with boxes that hold next to nothing, and a disk whose digest is of one digit."""
    made = artifact.local("host", BaseName.DEBIAN_12)
    made.folder.mkdir(parents=True, exist_ok=True)
    made.disk.touch()
    digests = {made.disk.name: digit * 64}
    for form in FORMATS:
        # A bake writes a new file and moves it to its place.
        made.box(form).unlink(missing_ok=True)
        with tarfile.open(made.box(form), "w:gz") as archive:
            for name, content in {
                "metadata.json": json.dumps({"provider": form, "bake": release}),
                "box.img": "",
            }.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content.encode()))
        digests[made.box(form).name] = hashlib.sha256(made.box(form).read_bytes()).hexdigest()
    files = {name: {"bytes": 0, "sha256": digest} for name, digest in digests.items()}
    write_record(made, release=release, files=files)
    return made


def offer(**told: Any) -> Path:
    return machine.offer(Offer(image="host", base="debian-12", **told), console=Console())


def catalog(index: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(index.read_text())
    return found


def versions(index: Path) -> list[str]:
    return [one["version"] for one in catalog(index)["versions"]]


def vagrant(*words: str, folder: Path) -> str:
    return process.run(["vagrant", *words], cwd=folder, env=ENVIRONMENT).output


@pytest.fixture
def served(build: Path) -> Iterator[str]:
    """Serve the folder of the catalog, and give its address."""
    folder = build / "host/boxes"
    folder.mkdir(parents=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_box_has_its_version_its_providers_and_their_checksums() -> None:
    made = bake(MONDAY, digit="1")
    found = catalog(offer())
    assert (found["name"], [one["version"] for one in found["versions"]]) == (NAME, [FIRST])
    assert found["description"]
    for one in found["versions"][0]["providers"]:
        box = made.box(one["name"]).read_bytes()
        assert (one["checksum_type"], one["checksum"]) == ("sha256", hashlib.sha256(box).hexdigest())
    assert {one["name"] for one in found["versions"][0]["providers"]} == {"libvirt", "virtualbox"}


def test_the_same_bake_twice_is_one_version_and_its_boxes_take_no_more_room() -> None:
    made = bake(MONDAY, digit="1")
    index = offer()
    before = index.read_text()
    assert offer().read_text() == before
    shelf = machine.shelf_of(made)
    assert all(shelf.box(FIRST, form).samefile(made.box(form)) for form in FORMATS)


def test_another_bake_leaves_the_boxes_of_the_one_before_as_they_were() -> None:
    shelf = machine.shelf_of(bake(MONDAY, digit="1"))
    offer()
    before = shelf.box(FIRST, "libvirt").read_bytes()
    bake(TUESDAY, digit="2")
    assert versions(offer()) == [FIRST, SECOND]
    assert shelf.box(FIRST, "libvirt").read_bytes() == before != shelf.box(SECOND, "libvirt").read_bytes()


def test_bakes_of_one_minute_are_two_versions() -> None:
    bake(MONDAY, digit="1")
    offer()
    bake(MONDAY, digit="2")
    assert len(versions(offer())) == 2


def test_versions_are_ordered_by_their_time_and_the_oldest_goes_with_its_boxes(build: Path) -> None:
    releases = [f"202601{day:02}-{hour:02}00-0123456789ab" for day, hour in ((9, 23), (10, 1), (10, 10), (10, 9))]
    for digit, release in enumerate(releases, start=1):
        bake(release, digit=str(digit))
        index = offer(keep=2)
    assert [one.split(".")[:2] for one in versions(index)] == [["20260110", "900"], ["20260110", "1000"]]
    assert {path.name for path in (build / "host/boxes/host-debian-12").iterdir()} == {*versions(index)}


def test_what_others_wrote_into_the_catalog_stays() -> None:
    bake(MONDAY, digit="1")
    index = offer()
    told = catalog(index)
    told["short_description"] = "ours"
    told["versions"][0]["status"] = "active"
    told["versions"][0]["providers"].append(
        {"name": "parallels", "url": "https://boxes.example.com/p.box", "checksum_type": "md5", "checksum": "x"}
    )
    index.write_text(json.dumps(told))
    bake(TUESDAY, digit="2")
    after = catalog(offer())
    assert (after["short_description"], after["versions"][0]) == ("ours", told["versions"][0])


def test_every_box_is_where_the_catalog_is_read_now() -> None:
    bake(MONDAY, digit="1")
    offer()
    bake(TUESDAY, digit="2")
    told = catalog(offer(url="https://boxes.example.com/bakery/"))
    urls = {one["url"] for version in told["versions"] for one in version["providers"]}
    begin = "https://boxes.example.com/bakery/host-debian-12"
    assert urls == {f"{begin}/{version}/{form}.box" for version in (FIRST, SECOND) for form in FORMATS}


def test_vagrant_adds_the_box_of_a_folder_and_updates_it(tmp_path: Path) -> None:
    bake(MONDAY, digit="1")
    index = offer()
    vagrant("box", "add", str(index), "--provider", "libvirt", folder=tmp_path)
    assert re.search(rf"{NAME} +\(libvirt, {re.escape(FIRST)}\)", vagrant("box", "list", folder=tmp_path))
    bake(TUESDAY, digit="2")
    offer()
    assert SECOND in vagrant("box", "update", "--box", NAME, "--provider", "libvirt", folder=tmp_path)
    listed = vagrant("box", "list", folder=tmp_path)
    assert FIRST in listed
    assert SECOND in listed


def test_vagrant_adds_the_box_of_a_web_server_and_updates_it(tmp_path: Path, served: str) -> None:
    bake(MONDAY, digit="1")
    offer(url=served)
    vagrant("box", "add", f"{served}/host-debian-12.json", "--provider", "virtualbox", folder=tmp_path)
    bake(TUESDAY, digit="2")
    offer(url=served)
    vagrant("box", "update", "--box", NAME, "--provider", "virtualbox", folder=tmp_path)
    assert f"(virtualbox, {SECOND})" in vagrant("box", "list", folder=tmp_path)


def test_vagrant_refuses_a_box_that_is_not_the_one_of_the_catalog(tmp_path: Path, build: Path) -> None:
    bake(MONDAY, digit="1")
    index = offer()
    box = build / "host/boxes/host-debian-12" / FIRST / "libvirt.box"
    content = box.read_bytes()
    box.unlink()
    box.write_bytes(content + b"x")
    with pytest.raises(BakeryError, match="checksum"):
        vagrant("box", "add", str(index), "--provider", "libvirt", folder=tmp_path)


def test_a_copy_is_made_where_a_file_can_have_no_second_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    made = bake(MONDAY, digit="1")
    offer()
    box = machine.shelf_of(made).box(FIRST, "libvirt")
    assert not box.samefile(made.box("libvirt"))
    assert box.read_bytes() == made.box("libvirt").read_bytes()


def refused(**told: Any) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        offer(**told)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value


def test_a_box_before_a_bake_says_how_to_bake() -> None:
    assert refused().hint == "./inv bake --image host --base debian-12"


@pytest.mark.parametrize("url", ["boxes.example.com", "ftp://example.com", "https://a b"])
def test_an_address_that_vagrant_does_not_read_is_refused(url: str) -> None:
    bake(MONDAY, digit="1")
    assert refused(url=url).message == f"--url {url}: no address that Vagrant reads"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no catalog of boxes"),
        ("[]", "is no catalog of boxes"),
        ('{"name": "bakery/host-debian-12", "versions": [{"version": "v1"}]}', "versions.0.version: numbers with dots"),
        ('{"name": "somebody/else"}', "is the catalog of somebody/else"),
    ],
)
def test_a_file_that_is_none_of_ours_is_left_as_it_is(content: str, said: str, tmp_path: Path) -> None:
    bake(MONDAY, digit="1")
    index = tmp_path / "host-debian-12.json"
    index.write_text(content)
    assert said in refused(folder=str(tmp_path)).message
    assert index.read_text() == content
    assert sorted(tmp_path.glob("host-debian-12/*")) == []


def test_the_boxes_of_an_image_have_a_folder_of_their_own() -> None:
    made = Shelf(image="host", base="debian-12", folder=Path("/srv/boxes"), url="https://example.com/")
    assert made.url_of(made.box("1.2.3", "libvirt")) == "https://example.com/host-debian-12/1.2.3/libvirt.box"
    assert made.url_of(made.index) == "https://example.com/host-debian-12.json"
