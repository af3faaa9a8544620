"""`./inv amis`: the result alone on stdout, and a way out for whatever is not there."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.catalog import catalog, ids, promotions
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.catalog.formats import Form
from bakery.catalog.ids import Order
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.bases import Arch, BaseName
from tests.releases import promoted

BAKED = datetime(2026, 1, 31, 4, 5, 6, tzinfo=UTC)
OLD, NEW = "20260131-0405-0123456789ab", "20260207-0405-123456789abc"
REGIONS = ("ap-southeast-2", "eu-west-2")
PUBLISH = f"./inv publish --image host --release {OLD}"


def release(name: str, *, arch: Arch = Arch.AMD64, regions: tuple[str, ...] = REGIONS) -> Release:
    return Release(
        release=name,
        arch=arch,
        base=BaseName.DEBIAN_12,
        fingerprint="0123456789ab" + "0" * 52,
        size_gb=40,
        baked_at=BAKED,
        baked_in="eu-west-2",
        places={region: Placed(image_id=f"ami-{name[3:8]}{'0' * 12}", published_at=BAKED) for region in regions},
    )


def keep(*releases: Release, latest: str = "", is_rehearsal: bool = False) -> None:
    def edit(known: Catalog) -> Catalog:
        kept = known.model_copy(update={"releases": releases})
        return promoted(kept, kept.find(latest, Arch.AMD64), at=BAKED) if latest else kept

    catalog.change("host", edit, is_rehearsal=is_rehearsal, console=Console())


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return tmp_path


def show(**asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ids.show(Order(**{"image": "host", "form": "json", **asked}), console=Console()))
    return found


def refusal(**asked: Any) -> tuple[str, str]:
    with pytest.raises(BakeryError) as caught:
        show(**asked)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value.message, caught.value.hint


def test_what_was_promoted_is_shown_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    keep(release(OLD), release(NEW), latest=OLD)
    assert show()["release"] == OLD
    assert capsys.readouterr().err == ""


def test_the_newest_is_shown_with_a_note_where_nothing_was_promoted(capsys: pytest.CaptureFixture[str]) -> None:
    keep(release(OLD), release(NEW))
    assert show()["release"] == NEW
    note = f"nothing of host was promoted for amd64: this is the newest, {NEW} (not verified)"
    assert note in capsys.readouterr().err


def test_the_note_says_whether_the_newest_was_verified(capsys: pytest.CaptureFixture[str]) -> None:
    keep(release(OLD).model_copy(update={"verified_at": BAKED}))
    show()
    assert f"{OLD} (verified)" in capsys.readouterr().err


def test_regions_that_differ_in_what_is_latest_show_their_own_with_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    keep(release(OLD), release(NEW), latest=OLD)

    def promote_in_london(known: Catalog) -> Catalog:
        history = promotions.begin(known.history(Arch.AMD64), NEW, REGIONS, now=BAKED)
        return known.with_history(Arch.AMD64, promotions.finish(history, NEW, "eu-west-2"))

    catalog.change("host", promote_in_london, is_rehearsal=False, console=Console())
    for asked in ("", "latest"):
        found = show(release=asked)
        assert found["releases"] == {"ap-southeast-2": OLD, "eu-west-2": NEW}
        assert found["amis"] == {"ap-southeast-2": "ami-60131000000000000", "eu-west-2": "ami-60207000000000000"}
        note = f"latest is not the same everywhere: {NEW} in eu-west-2; {OLD} in ap-southeast-2"
        assert note in capsys.readouterr().err
    assert show(regions=("ap-southeast-2",))["release"] == OLD
    assert show(release=NEW)["releases"] == dict.fromkeys(REGIONS, NEW)
    assert capsys.readouterr().err == ""


def test_a_promotion_that_reached_nothing_shows_the_newest() -> None:
    keep(release(OLD), release(NEW))

    def begin(known: Catalog) -> Catalog:
        return known.with_history(Arch.AMD64, promotions.begin((), OLD, REGIONS, now=BAKED))

    catalog.change("host", begin, is_rehearsal=False, console=Console())
    assert show()["release"] == NEW


@pytest.mark.parametrize(("asked", "expected"), [("latest", OLD), ("newest", NEW), ("20260207", NEW), (OLD, OLD)])
def test_a_release_is_asked_for_by_name_beginning_or_state(asked: str, expected: str) -> None:
    keep(release(OLD), release(NEW), latest=OLD)
    assert show(release=asked)["release"] == expected


def test_latest_is_not_the_newest_when_it_is_asked_for() -> None:
    keep(release(OLD), release(NEW))
    assert refusal(release="latest")[0] == "no release of host for amd64 was promoted yet"


def test_the_architecture_is_the_definitions() -> None:
    assert layers.load("host").arch is Arch.AMD64
    keep(release(OLD), release(NEW, arch=Arch.ARM64))
    assert show()["arch"] == "amd64"
    assert show(arch="arm64")["release"] == NEW


def test_an_unknown_architecture_is_refused() -> None:
    assert refusal(arch="arm46") == ("there is no architecture 'arm46'", "did you mean 'arm64'?")


def test_only_the_regions_that_were_asked_for_are_shown() -> None:
    keep(release(OLD), latest=OLD)
    assert list(show()["amis"]) == list(REGIONS)
    assert show(regions=("eu-west-2", "eu-west-2"))["amis"] == {"eu-west-2": "ami-60131000000000000"}


def test_a_region_that_the_release_is_not_in_leads_to_those_it_is_in() -> None:
    keep(release(OLD), latest=OLD)
    assert refusal(regions=("eu-west-2", "eu-west-3", "sa-east-1")) == (
        f"host {OLD} is not in eu-west-3, sa-east-1",
        f"it is in ap-southeast-2, eu-west-2; or {PUBLISH} --region eu-west-3 --region sa-east-1",
    )


def test_a_release_that_is_nowhere_yet_leads_to_publish() -> None:
    keep(release(OLD, regions=()))
    assert refusal() == (f"host {OLD} is in no region yet", "./inv publish --image host")


def test_an_unknown_image_or_format_is_refused() -> None:
    assert refusal(image="hots") == ("there is no image 'hots' in images/", "did you mean 'host'?")
    assert refusal(form="jsno") == ("there is no format 'jsno'", "did you mean 'json'?")


def test_an_image_that_was_never_baked_leads_to_bake() -> None:
    assert refusal() == (
        "host was never baked for amd64 in a region",
        "./inv bake --image host --region …, or ./inv catalog --rebuild --image host  (asks the clouds what there is)",
    )


def test_a_rehearsals_ids_are_shown_only_when_asked_for() -> None:
    keep(release(OLD), is_rehearsal=True)
    keep(release(NEW))
    assert (show()["release"], show()["is_rehearsal"]) == (NEW, False)
    assert (show(is_rehearsal=True)["release"], show(is_rehearsal=True)["is_rehearsal"]) == (OLD, True)


# The command


def invoke(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    for path in (ROOT / "images").glob("*.toml"):
        shutil.copy(path, folder)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "BAKERY_IMAGES_DIR": str(folder)}
    environment["BAKERY_BUILD_DIR"] = str(folder / "build")
    argv = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), "amis", "--image", "host", *words]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("form", Form)
def test_the_command_prints_the_result_and_nothing_else(form: Form, folder: Path) -> None:
    keep(release(OLD))
    done = invoke("--format", form, folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ids.show(Order(image="host", form=form), console=Console())
    assert len(done.stderr.splitlines()) == 1
    assert "this is the newest" in done.stderr


def test_the_command_takes_every_option(folder: Path) -> None:
    keep(release(OLD, arch=Arch.ARM64), is_rehearsal=True)
    words = ["--arch", "arm64", "--release", "2026", "--format", "json", "--rehearse"]
    done = invoke(*words, "--region", "eu-west-2", "--region", "ap-southeast-2", folder=folder)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert (found["release"], list(found["amis"]), found["is_rehearsal"]) == (OLD, list(REGIONS), True)


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["--format", "tabel"], "there is no format 'tabel'", "did you mean 'table'?"),
        (["--region", "eu-west-22"], "there is no region 'eu-west-22'", "did you mean 'eu-west-2'?"),
        (["--region", "london"], "there is no region 'london'", "known: ap-southeast-2, eu-west-2"),
    ],
)
def test_a_mistake_is_one_line_a_hint_and_exit_code_2(words: list[str], error: str, hint: str, folder: Path) -> None:
    keep(release(OLD), latest=OLD)
    done = invoke(*words, folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"error: {error}", f"hint:  {hint}"]


def test_a_region_typed_wrong_is_told_before_that_nothing_was_baked(folder: Path) -> None:
    done = invoke("--region", "eu-west-22", folder=folder)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: there is no region 'eu-west-22'", "hint:  did you mean 'eu-west-2'?"]


def test_a_catalog_that_was_edited_into_nonsense_is_exit_code_2(folder: Path) -> None:
    keep(release(OLD), latest=OLD)
    path = folder / "catalog/host.json"
    path.write_text(path.read_text().replace("verified_at", "verifed_at"))
    done = invoke(folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"error: {path}: releases.0.verifed_at: unknown key",
        "hint:  did you mean 'verified_at'?",
    ]
