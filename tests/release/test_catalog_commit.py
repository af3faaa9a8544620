"""What a night commits and pushes, in repositories made for the test."""

import subprocess
from pathlib import Path

import pytest

from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.release import catalog_commit
from bakery.release.night import Night, State
from bakery.sources.movers import Move

NIGHT = Night(
    image="host",
    place="eu-west-2",
    state=State.BAKED,
    release="20261127-0415-0123456789ab",
    why=("1 package would move",),
    moves=(Move(name="openssl", before="3.0.15", now="3.0.17", is_security=True),),
)


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clone with definitions; its origin is a bare repository beside it."""
    for name, value in (("CONFIG_GLOBAL", "/dev/null"), ("CONFIG_SYSTEM", "/dev/null")):
        monkeypatch.setenv(f"GIT_{name}", value)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", "origin.git")
    return clone(tmp_path, "home", monkeypatch)


def clone(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(folder, "clone", "--quiet", "origin.git", name)
    home = folder / name
    for key in ("name", "email"):
        git(home, "config", f"user.{key}", f"{name}@example.com")
    git(home, "checkout", "--quiet", "-B", "main")
    (home / "images").mkdir(exist_ok=True)
    if not (home / "images/host.toml").exists():
        (home / "images/host.toml").touch()
        git(home, "add", "--all")
        git(home, "commit", "--quiet", "--message", "begin")
        git(home, "push", "--quiet", "--set-upstream", "origin", "main")
    monkeypatch.setattr(catalog_commit, "FOLDER", home / "images")
    return home


def put(home: Path, text: str, *, name: str = "host.json") -> None:
    path = home / "images/catalog" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_the_catalog_alone_is_committed_and_the_message_says_what_moved(home: Path) -> None:
    put(home, "{}")
    put(home, "4711", name=".host.lock")
    (home / "images/host.toml").write_text("# being edited\n")
    (home / "other").touch()
    git(home, "add", "other")
    catalog_commit.commit([NIGHT], is_pushed=False, console=Console())
    assert git(home, "show", "--name-only", "--format=", "HEAD") == "images/catalog/host.json"
    assert git(home, "log", "-1", "--format=%B").splitlines() == [
        "images: Bake host",
        "",
        "host 20261127-0415-0123456789ab: 1 package would move",
        "  openssl 3.0.15 → 3.0.17 (security)",
    ]
    assert git(home, "status", "--porcelain").splitlines() == [
        "M images/host.toml",
        "A  other",
        "?? images/catalog/.host.lock",
    ]


def test_a_quiet_night_commits_nothing(home: Path) -> None:
    put(home, "{}")
    catalog_commit.commit([NIGHT], is_pushed=False, console=Console())
    before = git(home, "rev-parse", "HEAD")
    catalog_commit.commit([Night(image="host", place="eu-west-2")], is_pushed=True, console=Console())
    assert git(home, "rev-parse", "HEAD") == before == git(home, "rev-parse", "origin/main")


def test_what_another_runner_has_pushed_meanwhile_is_taken_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = clone(home.parent, "other", monkeypatch)
    put(other, "{}", name="shop.json")
    catalog_commit.commit([NIGHT], is_pushed=True, console=Console())
    monkeypatch.setattr(catalog_commit, "FOLDER", home / "images")
    put(home, "{}")
    (home / "images/host.toml").write_text("# being edited\n")
    catalog_commit.commit([NIGHT], is_pushed=True, console=Console())
    assert git(home, "status", "--porcelain") == "M images/host.toml"
    assert git(home, "rev-parse", "HEAD") == git(home, "rev-parse", "origin/main")
    assert {path.name for path in (home / "images/catalog").iterdir()} == {"host.json", "shop.json"}


def test_a_push_that_stays_refused_keeps_the_commit_and_says_so(home: Path) -> None:
    hook = home.parent / "origin.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'this branch is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    put(home, "{}")
    with pytest.raises(BakeryError, match="the catalog is committed here, and could not be pushed") as caught:
        catalog_commit.commit([NIGHT], is_pushed=True, console=Console())
    assert caught.value.exit_code is ExitCode.FAILED
    assert git(home, "log", "-1", "--format=%s") == "images: Bake host"
    assert git(home, "status", "--porcelain") == ""


def test_two_that_wrote_the_same_file_differently_end_without_a_half_merge(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = clone(home.parent, "other", monkeypatch)
    put(other, "theirs")
    catalog_commit.commit([NIGHT], is_pushed=True, console=Console())
    monkeypatch.setattr(catalog_commit, "FOLDER", home / "images")
    put(home, "ours")
    with pytest.raises(BakeryError, match="could not be pushed"):
        catalog_commit.commit([NIGHT], is_pushed=True, console=Console())
    assert (home / "images/catalog/host.json").read_text() == "ours"
    assert git(home, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("is_rehearsal", "is_checkout", "said"),
    [
        (True, True, "--commit is for real releases"),
        (False, False, "is in no git checkout"),
        (False, True, "git does not know who commits here"),
    ],
)
def test_what_could_not_be_committed_is_refused_before_the_night(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_rehearsal: bool, is_checkout: bool, said: str
) -> None:
    catalog_commit.require_possible(is_rehearsal=False)
    git(home, "config", "--unset", "user.email")
    (tmp_path / "plain").mkdir()
    monkeypatch.setattr(catalog_commit, "FOLDER", home / "images" if is_checkout else tmp_path / "plain")
    with pytest.raises(BakeryError, match=said) as caught:
        catalog_commit.require_possible(is_rehearsal=is_rehearsal)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
