"""One commit has one fingerprint, however it was checked out; what git has of a file is what counts."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bakery.core import checkout
from bakery.definition import layers
from bakery.packer import fingerprint

HOST, DOKKU = layers.chain("dokku")
IDENTITY = ["-c", "user.name=t", "-c", "user.email=t@example.com"]


def git(*words: str, folder: Path, umask: int = 0o022) -> None:
    # An umask of its own, and none of the settings of whoever runs the tests.
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *IDENTITY, *words], cwd=folder, env=env, umask=umask, check=True, capture_output=True)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with our provision/ in it, one commit."""
    folder = tmp_path_factory.mktemp("origin")
    shutil.copytree(fingerprint.PROVISION, folder / "provision")
    git("init", "--quiet", folder=folder)
    git("add", ".", folder=folder)
    git("commit", "--quiet", "--message", "all", folder=folder)
    return folder


def printed(folder: Path) -> list[str]:
    provision = folder / "provision"
    return [fingerprint.fingerprint(layer, beneath=("x",), provision=provision) for layer in (HOST, DOKKU)]


def clone(origin: Path, into: Path, *, umask: int = 0o022, config: str = "core.autocrlf=false") -> Path:
    git("clone", "--quiet", "--config", config, str(origin), str(into), folder=origin, umask=umask)
    return into


def exported(origin: Path, into: Path, *, umask: int) -> Path:
    into.mkdir()
    git("archive", "--output", str(into / "all.tar"), "HEAD", folder=origin)
    subprocess.run(["tar", "--no-same-permissions", "-xf", "all.tar"], cwd=into, umask=umask, check=True)
    return into


def without_run_bits(origin: Path, into: Path) -> Path:
    """Clone as onto a disk that knows none, such as a USB stick's or a shared folder's."""
    clone(origin, into, config="core.fileMode=false")
    for path in into.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return into


def with_all_run_bits(origin: Path, into: Path) -> Path:
    clone(origin, into, config="core.fileMode=false")
    for path in (into / "provision").rglob("*"):
        path.chmod(0o777)
    return into


WAYS: dict[str, Callable[[Path, Path], Path]] = {
    "umask 077": lambda origin, into: clone(origin, into, umask=0o077),
    "umask 002": lambda origin, into: clone(origin, into, umask=0o002),
    "no run bits": without_run_bits,
    "all run bits": with_all_run_bits,
    "autocrlf": lambda origin, into: clone(origin, into, config="core.autocrlf=true"),
    "a tarball": lambda origin, into: exported(origin, into, umask=0o022),
    "a tarball, umask 077": lambda origin, into: exported(origin, into, umask=0o077),
}


@pytest.mark.parametrize("way", WAYS)
def test_one_commit_has_one_fingerprint_however_it_was_checked_out(way: str, origin: Path, tmp_path: Path) -> None:
    there = WAYS[way](origin, tmp_path / "there")
    assert printed(there) == printed(clone(origin, tmp_path / "plain"))


def test_autocrlf_really_wrote_other_line_ends(origin: Path, tmp_path: Path) -> None:
    there = clone(origin, tmp_path / "there", config="core.autocrlf=true")
    assert b"\r\n" in (there / "provision/run").read_bytes()
    content = checkout.contents([there / "provision/run"], folder=there / "provision")
    assert content[there / "provision/run"].data == (fingerprint.PROVISION / "run").read_bytes()


def test_the_run_bit_that_git_has_belongs_to_it(origin: Path, tmp_path: Path) -> None:
    there = clone(origin, tmp_path / "there")
    before = printed(there)
    git("update-index", "--chmod=-x", "provision/run", folder=there)
    after = printed(there)
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_without_git_the_owners_run_bit_belongs_to_it_and_the_others_do_not(origin: Path, tmp_path: Path) -> None:
    there = exported(origin, tmp_path / "there", umask=0o022)
    run = there / "provision/run"
    before = printed(there)
    run.chmod(0o700)
    assert printed(there) == before
    run.chmod(0o655)
    assert printed(there) != before


def test_what_is_changed_and_not_committed_belongs_to_it(origin: Path, tmp_path: Path) -> None:
    there = clone(origin, tmp_path / "there")
    before = printed(there)
    with (there / "provision/lib.sh").open("a") as file:
        file.write("# more\n")
    assert printed(there) != before


def test_a_file_that_git_has_with_such_line_ends_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "windows.txt"
    path.write_bytes(b"one\r\n")
    git("init", "--quiet", folder=tmp_path)
    git("add", ".", folder=tmp_path)
    assert checkout.contents([path], folder=tmp_path)[path].data == b"one\r\n"


def test_without_git_a_script_has_the_line_ends_it_can_run_with_and_other_files_have_their_own(tmp_path: Path) -> None:
    script, other = tmp_path / "script", tmp_path / "other"
    script.write_bytes(b"#!/bin/sh\r\ntrue\r\n")
    other.write_bytes(b"one\r\n")
    found = checkout.contents([script, other], folder=tmp_path)
    assert found[script].data == b"#!/bin/sh\ntrue\n"
    assert found[other].data == b"one\r\n"


def test_it_works_where_there_is_no_git(monkeypatch: pytest.MonkeyPatch, origin: Path) -> None:
    with_git = printed(origin)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert printed(origin) == with_git


def test_what_changed_since_a_commit_is_told_where_git_knows_it(origin: Path, tmp_path: Path) -> None:
    own = clone(origin, tmp_path / "own")
    run, step = own / "provision/run", own / "provision/40-nginx.sh"
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=own, check=True, capture_output=True, text=True).stdout
    assert checkout.changed_since(head.strip(), [run, step], folder=own) == []
    step.write_text("#!/bin/sh\n")
    assert checkout.changed_since(head.strip(), [run, step], folder=own) == [step]
    assert checkout.changed_since(head.strip(), [run], folder=own) == []


@pytest.mark.parametrize("what", ["no such commit", "a path beside it", "no checkout"])
def test_what_git_does_not_know_is_not_taken_for_unchanged(origin: Path, tmp_path: Path, what: str) -> None:
    own = clone(origin, tmp_path / "own")
    commit = "0" * 40 if what == "no such commit" else "HEAD"
    paths = [tmp_path / "host.toml"] if what == "a path beside it" else [own / "provision/run"]
    folder = tmp_path if what == "no checkout" else own
    assert checkout.changed_since(commit, paths, folder=folder) is None
