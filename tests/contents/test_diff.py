"""Two releases are found by what a person calls them, compared, and shown as text, JSON and Markdown."""

import json
import re
from pathlib import Path

import pytest

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.contents import diff, kept, sides
from bakery.contents.diff import Order
from bakery.contents.manifest import CronEntry, Manifest
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseName
from bakery.disk import artifact
from tests.catalog.test_catalog import NEW, OLD, latest, release
from tests.manifests import a_manifest, a_package

LINE = "17 * * * * root a `date`"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    for one, version in ((OLD, "3.0.15-1~deb12u1"), (NEW, "3.0.16-1~deb12u1")):
        put(release(one), a_manifest(release=one, packages=(openssl(version),)))
    return tmp_path


def openssl(version: str) -> object:
    return a_package("openssl", version, suite="bookworm-security")


def put(one: Release, manifest: Manifest | None, *, is_rehearsal: bool = False) -> None:
    catalog.change("host", lambda known: known.with_release(one), is_rehearsal=is_rehearsal, console=Console())
    if manifest:
        kept.write(kept.of_release("host", one.release, one.arch, is_rehearsal=is_rehearsal), manifest)


def shown(old: str, new: str, capsys: pytest.CaptureFixture[str], *, form: str = "table") -> str:
    diff.show(Order(image="host", old=old, new=new, base="debian-12", form=form))
    return capsys.readouterr().out


def complaint(old: str, new: str, *, is_rehearsal: bool = False, form: str = "table") -> tuple[str, str]:
    order = Order(image="host", old=old, new=new, base="debian-12", form=form, is_rehearsal=is_rehearsal)
    with pytest.raises(BakeryError) as caught:
        diff.show(order)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value.message, caught.value.hint


def test_a_table_says_what_became_of_what(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(OLD, NEW, capsys)
    assert said.startswith(f"host for amd64: {OLD} → {NEW}\n")
    assert re.search(r"upgraded +openssl +3\.0\.15-1~deb12u1 +3\.0\.16-1~deb12u1 +security", said)
    assert "packages: 1 upgraded, 1 of them security" in said
    assert "boot  21.5 s on tcg → 21.5 s on tcg" in said


def test_releases_may_be_called_by_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    catalog.change("host", lambda known: latest(known, OLD), is_rehearsal=False, console=Console())
    assert f"{OLD} → {NEW}" in shown("latest", "newest", capsys)
    assert f"{NEW} → {OLD}" in shown(NEW[:8], OLD[:8], capsys)


def test_json_has_every_change_and_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown(OLD, NEW, capsys, form="json"))
    assert (found["image"], found["old"]["release"], found["new"]["release"]) == ("host", OLD, NEW)
    assert found["security"] == 1
    assert found["changes"] == {
        "packages": [
            {
                "kind": "upgraded",
                "name": "openssl",
                "old": "3.0.15-1~deb12u1",
                "new": "3.0.16-1~deb12u1",
                "url": "https://sources.debian.org/src/openssl/3.0.16-1~deb12u1/debian/changelog/",
                "security": True,
            }
        ]
    }


def test_markdown_has_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(OLD, NEW, capsys, form="markdown") == (
        "**Packages**\n\n- upgraded `openssl` `3.0.15-1~deb12u1` → `3.0.16-1~deb12u1` "
        "([changes](https://sources.debian.org/src/openssl/3.0.16-1~deb12u1/debian/changelog/)), **security**\n"
    )


def test_markdown_shows_a_crontab_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    manifest = a_manifest(release=NEW, packages=(openssl("1"),), cron=(CronEntry(file="/etc/crontab", line=LINE),))
    kept.write(kept.of_release("host", NEW, release(NEW).arch, is_rehearsal=False), manifest)
    assert f"- added `` /etc/crontab {LINE} ``\n" in shown(OLD, NEW, capsys, form="markdown")


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_two_that_are_the_same_are_said_to_be(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing differs" in shown(OLD, OLD, capsys, form=form).lower()


def test_what_this_machine_baked_is_local(capsys: pytest.CaptureFixture[str]) -> None:
    made = artifact.local("host", BaseName.DEBIAN_12)
    message, hint = complaint(OLD, "local")
    assert f"{made.manifest} is not there" in message
    assert hint.startswith("./inv bake --image host --base debian-12")
    kept.write(made.manifest, a_manifest(release="20261201-0000-0123456789ab"))
    assert f"{OLD} → 20261201-0000-0123456789ab" in shown(OLD, "local", capsys)


def test_the_release_that_is_meant_is_one_of_an_architecture_that_there_is() -> None:
    assert sides.shelf("host").manifest("newest").release == NEW
    with pytest.raises(BakeryError, match="there is no architecture 'arm'"):
        sides.shelf("host", arch="arm")


def test_a_release_that_there_is_not_is_told_with_the_nearest_name() -> None:
    assert complaint("newset", NEW) == (
        "there is no release 'newset' of host for amd64 in the catalog",
        "did you mean 'newest'?",
    )
    assert complaint(OLD, NEW[:-1] + "d")[1] == f"did you mean {NEW!r}?"


def test_a_beginning_of_several_is_told_with_the_newest() -> None:
    message, hint = complaint("2026", NEW)
    assert message == "2 releases of host begin with '2026'"
    assert hint == f"{NEW} is the newest"


def test_a_release_without_a_manifest_is_told_by_name() -> None:
    put(release("20260208-0405-223456789abc"), None)
    assert complaint(OLD, "newest")[0].startswith(
        "it is not known what host 20260208-0405-223456789abc for amd64 holds"
    )


def test_a_manifest_of_a_newer_bakery_is_told_with_its_file() -> None:
    path = kept.of_release("host", NEW, release(NEW).arch, is_rehearsal=False)
    path.write_text(path.read_text().replace('"format": 1', '"format": 9'))
    message, hint = complaint(OLD, NEW)
    assert f"{NEW}-amd64.json: format: 9 is newer than what this bakery reads" in message
    assert hint.startswith("git pull")


def test_a_rehearsals_releases_are_found_in_a_rehearsal_alone() -> None:
    assert complaint(OLD, NEW, is_rehearsal=True)[0].startswith(f"there is no release {OLD!r} of host")


def test_a_form_that_there_is_not_is_told_before_anything_is_read() -> None:
    assert complaint("nonsense", "nonsense", form="html") == (
        "there is no format 'html'",
        "known: json, markdown, table",
    )
