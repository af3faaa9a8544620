"""A manifest's file: what is written is read again, git shows a line for each change, and nonsense is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.contents import kept
from bakery.contents.manifest import Listening, Manifest, Plugin, Timer, User
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from tests.catalog.test_catalog import release
from tests.manifests import RELEASE, a_manifest, a_package

FULL = a_manifest(
    packages=(
        a_package("libssl3", "3.0.15-1~deb12u1", source_name="openssl", suite="bookworm-security"),
        a_package("bash", "5.2.15-2+b8", source_revision="5.2.15-2"),
    ),
    plugins=(Plugin(name="letsencrypt", commit="c0ffee12" * 5),),
    units=("ssh.service",),
    timers=(Timer(unit="apt-daily.timer", due=("OnCalendar=*-*-* 06:00:00",)),),
    listening=(Listening(protocol="tcp", address="own", port=22, program="sshd"),),
    users=(User(name="root", uid=0), User(name="dokku", uid=1001, groups=("docker",))),
)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return tmp_path


def complaint(path: Path, content: str) -> BakeryError:
    path.write_text(content)
    with pytest.raises(BakeryError) as caught:
        kept.read(path)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    return caught.value


def changed(**values: Any) -> str:
    return json.dumps({**json.loads(kept.text(FULL)), **values})


@pytest.mark.parametrize("manifest", [FULL, a_manifest(), a_manifest(packages=(), boot=None, directories={})])
def test_what_is_written_is_read_again(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "new" / "manifest.json"
    kept.write(path, manifest)
    assert kept.read(path) == manifest


def test_each_thing_has_a_line_and_what_is_as_usual_is_left_out() -> None:
    lines = kept.text(FULL).splitlines()
    assert '    {"name": "root", "uid": 0},' in lines
    assert '    {"name": "bash", "version": "5.2.15-2+b8", "arch": "amd64", "source_revision": "5.2.15-2"}' in lines
    assert '    "/etc": 4096,' in lines


def test_a_new_version_of_a_package_is_one_line_of_a_diff() -> None:
    old, new = (
        kept.text(a_manifest(packages=(a_package("bash"), a_package("curl", version), a_package("tar"))))
        for version in ("1", "2")
    )
    assert len(set(old.splitlines()) ^ set(new.splitlines())) == 2


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert kept.read(tmp_path / "none.json") is None


def test_a_manifest_of_a_newer_bakery_is_not_misread(tmp_path: Path) -> None:
    error = complaint(tmp_path / "m.json", changed(format=2, colour="blue"))
    assert "format: 2 is newer than what this bakery reads, which is 1" in error.message
    assert error.hint.startswith("git pull")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kernal": "6.1"}, "kernal: unknown key"),
        ({"packages": [{"name": "bash", "version": "1"}]}, "packages.0.arch: is missing"),
        ({"packages": [{"name": "a", "version": "1", "arch": "all"}] * 2}, "packages: 'a' for all is listed twice"),
        (
            {"listening": [{"protocol": "tcp", "address": "*", "port": 70000}]},
            "listening.0.port: 70000 is not possible",
        ),
        ({"users": [{"name": "a\nb", "uid": 1}]}, "users.0.name: 'a\\nb' is no name"),
        ({"privileged": [{"path": "/x", "mode": "9", "owner": "root:root"}]}, "privileged.0.mode"),
        ({"plugins": [{"name": "x", "commit": "main"}]}, "plugins.0.commit: 'main' is no commit"),
    ],
)
def test_what_cannot_be_is_refused_with_the_path_to_it(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in complaint(tmp_path / "m.json", changed(**values)).message


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"', "null"])
def test_what_is_no_manifest_at_all_is_refused(content: str, tmp_path: Path) -> None:
    assert "m.json" in complaint(tmp_path / "m.json", content).message


def test_the_manifests_of_a_rehearsal_are_not_among_the_real_ones(tmp_path: Path) -> None:
    real, rehearsed = (kept.of_release("host", RELEASE, Arch.AMD64, is_rehearsal=one) for one in (False, True))
    assert real == tmp_path / "catalog" / "contents" / "host" / f"{RELEASE}-amd64.json"
    assert rehearsed.is_relative_to(tmp_path / "build" / "rehearsal")


def test_a_release_without_one_is_told_of() -> None:
    with pytest.raises(BakeryError, match="it has no manifest") as caught:
        kept.require("host", release(), is_rehearsal=False)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_it_is_found_by_its_release_and_can_be_removed_twice() -> None:
    made = release()
    path = kept.of_release("host", made.release, made.arch, is_rehearsal=False)
    kept.write(path, FULL)
    assert kept.require("host", made, is_rehearsal=False) == FULL
    kept.remove(path)
    kept.remove(path)
    assert kept.read(path) is None


def test_a_folder_that_cannot_be_written_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BakeryError, match=r"file/m\.json could not be written"):
        kept.write(tmp_path / "file" / "m.json", FULL)
