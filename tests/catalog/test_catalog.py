"""The catalog: nothing is lost, nothing is half written, and nonsense is refused with the path to it."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.catalog.promotions import Promotion
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws_regions import REGIONS
from bakery.definition.bases import Arch, BaseName
from tests.conftest import Golden

BAKED = datetime(2026, 1, 31, 4, 5, 6, tzinfo=UTC)
OLDEST, OLD, NEW = "20260124-0405-00123456789a", "20260131-0405-0123456789ab", "20260207-0405-123456789abc"


def placed(number: int = 1) -> Placed:
    return Placed(image_id=f"ami-{number:017x}", published_at=BAKED)


def release(name: str = OLD, *, arch: Arch = Arch.AMD64, places: dict[str, Placed] | None = None) -> Release:
    return Release(
        release=name,
        arch=arch,
        base=BaseName.DEBIAN_12,
        fingerprint="0123456789ab" + "0" * 52,
        size_gb=40,
        baked_at=BAKED,
        baked_in="eu-west-2",
        places={"eu-west-2": placed()} if places is None else places,
    )


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return tmp_path / "catalog"


def change(edit: Callable[[Catalog], Catalog], *, is_rehearsal: bool = False) -> Catalog:
    return catalog.change("host", edit, is_rehearsal=is_rehearsal, console=Console())


def add(added: Release) -> Catalog:
    return change(lambda known: known.with_release(added))


def latest(known: Catalog, name: str) -> Catalog:
    one = Promotion(release=name, promoted_at=BAKED, regions=("eu-west-2",))
    return known.with_history(Arch.AMD64, (one,))


def complaint(*, is_rehearsal: bool = False) -> tuple[str, str]:
    with pytest.raises(BakeryError) as caught:
        catalog.read("host", is_rehearsal=is_rehearsal)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value.message, caught.value.hint


# What is kept


def test_an_image_that_was_never_baked_has_an_empty_catalog() -> None:
    assert catalog.read("host", is_rehearsal=False) == Catalog(image="host")
    assert catalog.read("host", is_rehearsal=True) == Catalog(image="host", is_rehearsal=True)


def test_what_is_written_is_read_again(folder: Path) -> None:
    written = add(release())
    assert written.releases == (release(),)
    assert catalog.read("host", is_rehearsal=False) == written
    assert catalog.path_of("host", is_rehearsal=False) == folder / "host.json"


def test_the_file_is_the_same_whatever_the_order_of_events(folder: Path, golden: Golden) -> None:
    texts = []
    for order in (1, -1):
        for name in (OLD, NEW)[::order]:
            for arch in list(Arch)[::order]:
                add(release(name, arch=arch, places={}))
                for number, region in list(enumerate(("eu-west-2", "ap-southeast-2"), start=1))[::order]:
                    change(lambda known: with_place(known, name, region, number, arch=arch))  # noqa: B023  # called at once
        for arch in list(Arch)[::order]:
            change(lambda known: promote(known, arch, ("eu-west-2", "ap-southeast-2")[::order]))  # noqa: B023
        texts.append((folder / "host.json").read_text())
        (folder / "host.json").unlink()
    assert texts[0] == texts[1]
    golden("amis/catalog.json", texts[0])


def promote(known: Catalog, arch: Arch, regions: tuple[str, ...]) -> Catalog:
    old = Promotion(release=OLD, promoted_at=BAKED, regions=regions)
    new = Promotion(release=NEW, promoted_at=BAKED, missing=regions, leaving=dict.fromkeys(regions, OLD))
    return known.with_history(arch, (old, new))


def with_place(known: Catalog, name: str, region: str, number: int, *, arch: Arch = Arch.AMD64) -> Catalog:
    found = known.find(name, arch)
    return known.with_release(found.model_copy(update={"places": {**found.places, region: placed(number)}}))


def test_a_change_of_nothing_changes_no_byte(folder: Path) -> None:
    add(release())
    before = (folder / "host.json").read_bytes()
    change(lambda known: known)
    assert (folder / "host.json").read_bytes() == before


def test_times_are_utc_to_the_second_wherever_they_come_from(folder: Path) -> None:
    local = datetime(2026, 1, 31, 5, 35, 6, 999_999, tzinfo=timezone(timedelta(hours=1, minutes=30)))
    add(release().model_copy(update={"verified_at": local, "baked_at": local}))
    entry = json.loads((folder / "host.json").read_text())["releases"][0]
    assert (entry["verified_at"], entry["baked_at"]) == ("2026-01-31T04:05:06Z", "2026-01-31T04:05:06Z")
    assert catalog.read("host", is_rehearsal=False).releases[0].verified_at == BAKED


def test_a_time_is_what_it_will_be_when_it_is_read_again() -> None:
    local = datetime(2026, 1, 31, 5, 35, 6, 999_999, tzinfo=timezone(timedelta(hours=1, minutes=30)))
    kept = Placed(image_id="ami-00000000000000001", published_at=local).published_at
    assert kept.isoformat() == "2026-01-31T04:05:06+00:00"


def test_releases_that_were_moved_by_hand_are_brought_back_into_order(folder: Path) -> None:
    change(lambda known: known.model_copy(update={"releases": (release(NEW), release(OLD))}))
    entries = json.loads((folder / "host.json").read_text())["releases"]
    assert [entry["release"] for entry in entries] == [OLD, NEW]


def test_a_rehearsal_is_kept_apart_and_says_what_it_is(folder: Path, tmp_path: Path) -> None:
    change(lambda known: known.with_release(release()), is_rehearsal=True)
    kept = tmp_path / "build/rehearsal/catalog/host.json"
    assert json.loads(kept.read_text())["is_rehearsal"] is True
    assert not (folder / "host.json").exists()
    assert catalog.read("host", is_rehearsal=False).releases == ()


# What is refused


def broken(folder: Path, edit: Callable[[Any], object]) -> None:
    add(release())
    path = folder / "host.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("edit", "message", "hint"),
    [
        (lambda top: top.update(lastest={}), "lastest: unknown key", "did you mean 'latest'?"),
        (lambda top: top.pop("image"), "image: is missing", ""),
        (lambda top: top.update(image="shop"), "image: is 'shop', and the file's name says 'host'", ""),
        (
            lambda top: top.update(format=6, more=1),
            "format: 6 is newer than what this bakery reads, which is 5",
            "git pull  (in the bakery's checkout)",
        ),
        (lambda top: top.update(format="2"), "format: '2' is none", "known: 1, 2, 3, 4, 5"),
        (lambda top: top.update(format=True), "format: True is none", "known: 1, 2, 3, 4, 5"),
        (lambda top: top.update(is_rehearsal="no"), "is_rehearsal: must be true or false", ""),
        (lambda top: top.update(releases={}), "releases: must be a list", ""),
        (lambda top: top.update(latest=[]), "latest: must be an object: { … }", ""),
        (
            lambda top: top.update(latest={"amd64": [{"release": NEW, "promoted_at": "2026-01-31T04:05:06Z"}]}),
            f"latest.amd64.0: there is no release '{NEW}' for amd64",
            f"did you mean '{OLD}'?",
        ),
        (lambda top: top.update(latest={"amd65": []}), "latest.amd65.[key]: 'amd65' is not possible here", "'amd64'?"),
        (lambda top: top["releases"].append(top["releases"][0]), f"releases: '{OLD}' for amd64 is listed twice", ""),
        (lambda top: top["releases"].append("x"), "releases.1: must be an object: { … }", ""),
    ],
)
def test_nonsense_is_refused_with_its_path(
    edit: Callable[[Any], object], message: str, hint: str, folder: Path
) -> None:
    broken(folder, edit)
    said, hinted = complaint()
    assert said == f"{folder}/host.json: {message}"
    assert hinted.endswith(hint)


@pytest.mark.parametrize(
    ("edit", "message", "hint"),
    [
        (lambda one: one.update(verifed_at=None), "verifed_at: unknown key", "did you mean 'verified_at'?"),
        (lambda one: one.update(release="v1"), "release: 'v1' is no name of a release such as", ""),
        (lambda one: one.update(arch="x86_64"), "arch: 'x86_64' is not possible here", "known: amd64, arm64"),
        (lambda one: one.update(base="debian-21"), "base: 'debian-21' is not possible", "did you mean 'debian-13'?"),
        (lambda one: one.update(fingerprint="abc"), "fingerprint: 'abc' is no fingerprint: 64 hex digits", ""),
        (lambda one: one.update(size_gb="40"), "size_gb: must be a whole number", ""),
        (lambda one: one.update(size_gb=0), "size_gb: 0 is not possible: at least 1", ""),
        (lambda one: one.update(baked_in="London"), "baked_in: 'London' is no region", "known: af-south-1"),
        (lambda one: one.update(baked_at="yesterday"), "baked_at: 'yesterday' is no time such as '2026-01-31T", ""),
        (
            lambda one: one.update(baked_at="2026-01-31T04:05:06"),
            "baked_at: '2026-01-31T04:05:06' does not say its time zone",
            "'2026-01-31T04:05:06Z' is UTC",
        ),
        (lambda one: one.update(baked_at=5), "baked_at: 5 is no time such as '2026-01-31T04:05:06Z'", ""),
        (
            lambda one: one["places"]["eu-west-2"].update(image_id="ami-12"),
            "places.eu-west-2.image_id: 'ami-12' is no id of an image",
            "",
        ),
        (
            lambda one: one["places"]["eu-west-2"].update(image_id="11111111-2222-3333-4444-555555555555"),
            "places.eu-west-2.image_id: '11111111-2222-3333-4444-555555555555' is no id of an AMI",
            "",
        ),
        (
            lambda one: one["places"].update({"fr-par-1": one["places"]["eu-west-2"]}),
            "places.fr-par-1.image_id: 'ami-00000000000000001' is no id of an image of Scaleway's",
            "",
        ),
        (
            lambda one: one["places"]["eu-west-2"].update(imageid="ami-12"),
            "places.eu-west-2.imageid: unknown key",
            "did you mean 'image_id'?",
        ),
        (
            lambda one: one["places"].update({"eu-west2": one["places"]["eu-west-2"]}),
            "places.eu-west2.[key]: 'eu-west2' is no region",
            "did you mean 'eu-west-2'?",
        ),
    ],
)
def test_nonsense_in_a_release_is_refused_with_its_path(
    edit: Callable[[Any], object], message: str, hint: str, folder: Path
) -> None:
    broken(folder, lambda top: edit(top["releases"][0]))
    said, hinted = complaint()
    assert said.startswith(f"{folder}/host.json: releases.0.{message}")
    assert hinted.startswith(hint)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file is empty"),
        (b'{\n  "image": "ho', "line 2: the file ends in the middle"),
        (b'{\n  "image": "host",\n  "latest": {', "line 3: the file ends in the middle"),
        (b'{\n  image: "host"}', "line 2: Expecting property name enclosed in double quotes"),
        (b'{\n<<<<<<< HEAD\n  "image": "host",\n', "line 2: a merge was not finished here: <<<<<<< HEAD"),
        (b'{"image": "host",\r\n=======\r\n}', "line 2: a merge was not finished here: ======="),
        (b'{"image": "host",\n>>>>>>> 1234567 (catalog: Add)\n}', "line 2: a merge was not finished here: >>>>>>> 12"),
        (b'{"image": "\xff"}', "not UTF-8 text"),
        (b'{"image": "host", "image": "host"}', "image: the key is there twice in one object"),
        (b'{"image": "host", "latest": {"amd64": "a", "amd64": "b"}}', "amd64: the key is there twice in one object"),
        (b"[]", "file: must be an object: { … }"),
        pytest.param(b'{"format": %s}' % (b"1" * 5000), "no catalog: Exceeds the limit", id="digits"),
    ],
)
def test_what_is_no_catalog_at_all_is_refused(content: bytes, message: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "host.json").write_bytes(content)
    assert complaint()[0].startswith(f"{folder}/host.json: {message}")


@pytest.mark.parametrize("content", ["", "{", "<<<<<<< HEAD\n"])
def test_a_file_that_is_no_catalog_leads_to_the_last_one_and_to_what_aws_has(
    content: str, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir()
    path = folder / "host.json"
    path.write_text(content)
    again = "./inv catalog --rebuild --image host  (adds what the clouds have)"
    assert complaint()[1] == f"git checkout HEAD {path}, or rm {path}; then {again}"
    kept = tmp_path / "build/rehearsal/catalog/host.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(content)
    assert complaint(is_rehearsal=True)[1] == f"rm {kept}, then ./inv catalog --rebuild --rehearse --image host"


def test_a_file_that_is_no_catalog_is_not_written_over(folder: Path) -> None:
    add(release())
    path = folder / "host.json"
    cut = path.read_bytes()[:-20]
    path.write_bytes(cut)
    with pytest.raises(BakeryError, match="the file ends in the middle"):
        add(release(NEW))
    assert path.read_bytes() == cut


def test_a_catalog_that_cannot_be_read_is_one_line(folder: Path) -> None:
    (folder / "host.json").mkdir(parents=True)
    with pytest.raises(BakeryError, match=r"host.json could not be read: Is a directory") as caught:
        catalog.read("host", is_rehearsal=False)
    assert caught.value.exit_code is ExitCode.FAILED


@pytest.mark.parametrize("method", ["open", "write_bytes", "replace"])
@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_written_to_is_one_line_and_the_old_catalog_stays(
    method: str, number: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(release())
    before = (folder / "host.json").read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, fail)
        with pytest.raises(BakeryError) as caught:
            add(release(NEW))
    assert caught.value.message == f"{folder}/host.json could not be written: {os.strerror(number)}"
    assert "type the same again" in caught.value.hint
    assert (folder / "host.json").read_bytes() == before
    assert [one.release for one in add(release(NEW)).releases] == [OLD, NEW]


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_done(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(BakeryError, match=r"host.json could not be (read|written)"):
        catalog.require_writable("host", is_rehearsal=False, console=Console())


def test_asking_whether_it_can_be_written_makes_no_catalog(folder: Path) -> None:
    catalog.require_writable("host", is_rehearsal=False, console=Console())
    assert sorted(path.name for path in folder.iterdir()) == [".host.lock"]


def test_a_rehearsals_catalog_in_the_real_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    change(lambda known: known.with_release(release()), is_rehearsal=True)
    kept = tmp_path / "build/rehearsal/catalog/host.json"
    folder.mkdir()
    kept.rename(folder / "host.json")
    said, hint = complaint()
    assert said == f"{folder}/host.json: is_rehearsal: true cannot be in this folder"
    assert hint == f"its place is {kept}"


def test_a_real_catalog_among_rehearsals_is_refused(folder: Path, tmp_path: Path) -> None:
    add(release())
    kept = tmp_path / "build/rehearsal/catalog"
    kept.mkdir(parents=True)
    (folder / "host.json").rename(kept / "host.json")
    assert complaint(is_rehearsal=True)[0] == f"{kept}/host.json: is_rehearsal: false cannot be in this folder"


def test_a_change_that_could_not_be_read_again_is_not_written(folder: Path) -> None:
    add(release())
    before = (folder / "host.json").read_bytes()
    with pytest.raises(BakeryError, match=f"latest.amd64.0: there is no release '{NEW}'"):
        change(lambda known: latest(known, NEW))
    assert (folder / "host.json").read_bytes() == before


# Format 1, which knew one `latest` for all regions


def first(folder: Path, *, latest: dict[str, str], promoted: dict[str, str]) -> Path:
    """Write a catalog as it was before, with releases that were promoted at some times."""
    places = {"eu-west-2": {"image_id": "ami-00000000000000001", "published_at": "2026-01-31T04:05:06Z"}}
    releases = [
        {
            "release": name,
            "arch": "amd64",
            "base": "debian-12",
            "fingerprint": "0123456789ab" + "0" * 52,
            "size_gb": 40,
            "baked_at": "2026-01-31T04:05:06Z",
            "baked_in": "eu-west-2",
            "verified_at": "2026-01-31T04:05:06Z",
            "promoted_at": promoted.get(name),
            "places": places | ({"sa-east-1": places["eu-west-2"]} if name == NEW else {}),
        }
        for name in (OLDEST, OLD, NEW)
    ]
    top = {"format": 1, "is_rehearsal": False, "image": "host", "latest": latest, "releases": releases}
    folder.mkdir()
    (folder / "host.json").write_text(json.dumps(top))
    return folder / "host.json"


def test_a_catalog_of_the_first_format_is_read_and_keeps_what_a_rollback_goes_to(folder: Path) -> None:
    promoted = {OLDEST: "2026-02-01T00:00:00Z", OLD: "2026-02-02T00:00:00Z", NEW: "2026-02-03T00:00:00Z"}
    first(folder, latest={"amd64": NEW}, promoted=promoted)
    known = catalog.read("host", is_rehearsal=False)
    assert [(one.release, one.regions) for one in known.history(Arch.AMD64)] == [
        (OLDEST, ("eu-west-2",)),
        (OLD, ("eu-west-2",)),
        (NEW, ("eu-west-2", "sa-east-1")),
    ]
    assert known.find("latest", Arch.AMD64).release == NEW
    assert {to.release for to in known.ways_back(Arch.AMD64).values()} == {OLD}


def test_what_was_promoted_after_latest_in_the_first_format_was_rolled_back_from(folder: Path) -> None:
    promoted = {OLDEST: "2026-02-01T00:00:00Z", OLD: "2026-02-02T00:00:00Z", NEW: "2026-02-03T00:00:00Z"}
    first(folder, latest={"amd64": OLD}, promoted=promoted)
    history = catalog.read("host", is_rehearsal=False).history(Arch.AMD64)
    assert [one.release for one in history] == [OLDEST, OLD]


def test_promotions_of_one_second_in_the_first_format_are_told_apart_by_their_names(folder: Path) -> None:
    first(folder, latest={"amd64": OLD}, promoted=dict.fromkeys((OLDEST, OLD, NEW), "2026-02-01T00:00:00Z"))
    history = catalog.read("host", is_rehearsal=False).history(Arch.AMD64)
    assert [one.release for one in history] == [OLDEST, OLD]


def test_a_change_brings_the_first_format_up_to_the_present_one(folder: Path) -> None:
    path = first(folder, latest={"amd64": NEW}, promoted={NEW: "2026-02-03T00:00:00Z"})
    change(lambda known: known)
    written = json.loads(path.read_text())
    assert written["format"] == 5
    assert written["latest"] == {
        "amd64": [{"release": NEW, "promoted_at": "2026-02-03T00:00:00Z", "regions": ["eu-west-2", "sa-east-1"]}]
    }
    assert [{*one} & {"promoted_at"} for one in written["releases"]] == [set()] * 3


@pytest.mark.parametrize("earlier", [2, 3, 4])
def test_a_catalog_of_an_earlier_format_is_read_and_becomes_one_of_the_present(folder: Path, earlier: int) -> None:
    path = first(folder, latest={"amd64": NEW}, promoted={NEW: "2026-02-03T00:00:00Z"})
    change(lambda known: known)
    present = path.read_text()
    path.write_text(present.replace('"format": 5', f'"format": {earlier}'))
    change(lambda known: known)
    assert path.read_text() == present


def test_of_a_release_that_was_not_sent_up_nothing_is_said(folder: Path) -> None:
    add(release())
    add(release(NEW).model_copy(update={"is_import": True}))
    assert [one.is_import for one in catalog.read("host", is_rehearsal=False).releases] == [False, True]
    assert (folder / "host.json").read_text().count("is_import") == 1


def test_a_release_is_marked_as_bad_once_and_the_mark_can_be_taken_off(folder: Path) -> None:
    path = first(folder, latest={"amd64": NEW}, promoted={NEW: "2026-02-03T00:00:00Z"})
    moment = datetime(2026, 2, 4, 5, 6, 7, tzinfo=UTC)
    change(lambda known: known.with_bad([NEW], Arch.AMD64, since=moment))
    change(lambda known: known.with_bad([NEW], Arch.AMD64, since=moment + timedelta(days=1)))
    marked = {one.release: one.bad_since for one in catalog.read("host", is_rehearsal=False).releases}
    assert marked == {OLDEST: None, OLD: None, NEW: moment}
    assert path.read_text().count("bad_since") == 1
    change(lambda known: known.with_bad([NEW], Arch.AMD64, since=None))
    assert "bad_since" not in path.read_text()


def test_nonsense_in_the_first_format_is_refused_with_its_own_path(folder: Path) -> None:
    path = first(folder, latest={"amd64": "v1"}, promoted={})
    assert complaint()[0] == (
        f"{path}: latest.amd64: 'v1' is no name of a release such as '20260131-0405-0123456789ab'"
    )
    path.unlink()
    folder.rmdir()
    first(folder, latest={"amd64": "20260131-0405-ffffffffffff"}, promoted={})
    assert "there is no release '20260131-0405-ffffffffffff' for amd64" in complaint()[0]


# Many at a time


def test_32_threads_lose_nothing_and_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    add(release(places={}))
    regions = sorted(REGIONS)[:32]
    assert len(regions) == 32
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda region: change(lambda known: with_place(known, OLD, region, 7)), regions))
    assert sorted(catalog.read("host", is_rehearsal=False).releases[0].places) == regions
    assert capsys.readouterr().err == ""


WRITER = """
import sys
from datetime import UTC, datetime
from bakery.catalog import catalog
from bakery.catalog.catalog import Placed
from bakery.core.console import Console

def edit(known):
    found = known.releases[0]
    placed = Placed(image_id=f"ami-{number:017x}", published_at=datetime.now(UTC))
    places = {**found.places, f"xx-{sys.argv[1]}-{number}": placed}
    return known.with_release(found.model_copy(update={"places": places}))

for number in range(1, int(sys.argv[2]) + 1):
    catalog.change("host", edit, is_rehearsal=False, console=Console())
"""


def writer(name: str, *, times: int, folder: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "BAKERY_IMAGES_DIR": str(folder.parent)}
    argv = [sys.executable, "-c", WRITER, name, str(times)]
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def test_4_processes_lose_nothing(folder: Path) -> None:
    add(release(places={}))
    running = [writer(name, times=25, folder=folder) for name in "abcd"]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    expected = {f"xx-{name}-{number}" for name in "abcd" for number in range(1, 26)}
    assert set(catalog.read("host", is_rehearsal=False).releases[0].places) == expected


def test_a_reader_sees_whole_files_while_a_writer_works_and_after_it_is_killed(folder: Path) -> None:
    # Large, so that a write that is not one step takes long enough to be seen.
    names = [f"202601{day:02}-{hour:02}00-0123456789ab" for day in range(1, 31) for hour in range(8)]
    places = dict.fromkeys(sorted(REGIONS), placed())
    releases = tuple(release(name, places=places) for name in names)
    change(lambda known: known.model_copy(update={"releases": releases}))
    before = (folder / "host.json").stat().st_ino
    seen: set[int] = set()
    with writer("a", times=99, folder=folder) as process:
        deadline = time.monotonic() + 30
        while len(seen) < 4 and time.monotonic() < deadline:
            json.loads((folder / "host.json").read_bytes())
            seen.add((folder / "host.json").stat().st_ino)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert seen > {before}
    assert len(catalog.read("host", is_rehearsal=False).releases) == len(names)


def test_a_run_that_is_killed_in_the_middle_of_a_write_leaves_the_old_file_and_the_next_removes_its_draft(
    folder: Path,
) -> None:
    add(release(places={}))
    before = (folder / "host.json").read_bytes()
    killed = """
import os, pathlib, signal
def half(self, data, **_):
    with self.open("wb") as file:
        file.write(data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
pathlib.Path.write_bytes = half
"""
    environment = {**os.environ, "BAKERY_IMAGES_DIR": str(folder.parent)}
    argv = [sys.executable, "-c", killed + WRITER, "a", "1"]
    done = subprocess.run(argv, cwd=ROOT, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (folder / "host.json").read_bytes() == before
    assert len(list(folder.glob(".host.json.*"))) == 1
    add(release(NEW))
    assert sorted(path.name for path in folder.iterdir()) == [".host.lock", "host.json"]


# Which release


def known_both() -> Catalog:
    return Catalog(image="host").with_release(release(NEW)).with_release(release(OLD))


def test_a_release_is_found_by_its_beginning() -> None:
    assert known_both().find("20260131", Arch.AMD64).release == OLD
    assert known_both().find(NEW, Arch.AMD64).release == NEW


def test_latest_is_the_promoted_one_and_newest_the_one_baked_last() -> None:
    known = latest(known_both(), OLD)
    assert known.find("latest", Arch.AMD64).release == OLD
    assert known.find("newest", Arch.AMD64).release == NEW


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("2026", "2 releases of host begin with '2026'", f"{NEW} is the newest"),
        ("20260207-0505", "there is no release '20260207-0505' of host for amd64 in", f"did you mean '{NEW}'?"),
        ("", "there is no release '' of host", f"known: {OLD}, {NEW}"),
        ("latest", "no release of host for amd64 was promoted yet", "./inv promote --release RELEASE --image host"),
    ],
)
def test_a_release_that_is_not_there_is_refused(name: str, message: str, hint: str) -> None:
    with pytest.raises(BakeryError, match=message) as caught:
        known_both().find(name, Arch.AMD64)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == hint


@pytest.mark.parametrize("name", ["latest", "newest"])
def test_an_image_that_was_never_baked_leads_to_bake(name: str) -> None:
    with pytest.raises(BakeryError) as caught:
        known_both().find(name, Arch.ARM64)
    assert caught.value.hint == (
        "./inv bake --image host --region …, or ./inv catalog --rebuild --image host  (asks the clouds what there is)"
    )


def test_a_release_takes_the_place_of_the_one_of_its_name() -> None:
    known = known_both().with_release(release(OLD, places={}))
    assert [one.release for one in known.releases] == [OLD, NEW]
    assert known.releases[0].places == {}


def test_a_release_is_removed_by_its_name() -> None:
    known = known_both().without(release(OLD, places={}))
    assert [one.release for one in known.releases] == [NEW]


def test_with_a_release_goes_what_was_said_of_its_promotion() -> None:
    both = promote(known_both(), Arch.AMD64, ()).with_history(
        Arch.AMD64,
        (
            Promotion(release=OLD, promoted_at=BAKED, regions=("eu-west-2",)),
            Promotion(release=NEW, promoted_at=BAKED, regions=("eu-west-2",)),
        ),
    )
    left = both.without(release(OLD))
    assert [one.release for one in left.history(Arch.AMD64)] == [NEW]


def test_a_release_that_is_to_be_latest_somewhere_cannot_be_removed() -> None:
    asked = (Promotion(release=OLD, promoted_at=BAKED, missing=("eu-west-2",)),)
    with pytest.raises(BakeryError, match=f"{OLD} is the latest release"):
        known_both().with_history(Arch.AMD64, asked).without(release(OLD))


def test_the_latest_release_cannot_be_removed() -> None:
    with pytest.raises(BakeryError, match=f"{OLD} is the latest release of host for amd64") as caught:
        latest(known_both(), OLD).without(release(OLD))
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
