"""Nothing half made is ever kept."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folders.cache_dir() == tmp_path / "dokku-bakery"


@pytest.mark.parametrize("told", ["", "relative/cache"])
def test_without_xdg_the_cache_is_in_the_home(told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", told)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folders.cache_dir() == tmp_path / ".cache/dokku-bakery"


def test_a_user_without_a_home_is_told_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(BakeryError, match="HOME is not set, and user") as caught:
        folders.cache_dir()
    assert "XDG_CACHE_HOME" in caught.value.hint


@pytest.mark.parametrize("character", [",", "#", "?", "%", "{", "$", '"', "\\", "[", "\n"])
def test_artifacts_go_to_no_folder_that_a_program_of_a_bake_misreads(
    character: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", f"/srv/a{character}b")
    with pytest.raises(BakeryError, match="artifacts cannot go to") as caught:
        folders.build_dir("host")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert "BAKERY_BUILD_DIR=" in caught.value.hint


def test_artifacts_go_to_a_folder_of_the_home_where_no_shell_has_read_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BAKERY_BUILD_DIR", "~/build")
    assert folders.build_dir("host") == tmp_path / "build/host/local"


@pytest.mark.parametrize("name", ["a b", "o'brien", "ä@home (2)", "x:y;z~&!="])
def test_artifacts_go_to_folders_as_people_call_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", f"/srv/{name}")
    assert folders.build_dir("host") == Path("/srv", name, "host", "local")


def test_a_work_folder_goes_even_when_the_work_fails(tmp_path: Path) -> None:
    def work() -> None:
        with folders.work_dir(tmp_path) as folder:
            (folder / "half").write_text("made")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert list(tmp_path.iterdir()) == []


def test_work_folders_of_killed_runs_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    killed, living = tmp_path / f".work-{dead.pid}-x", tmp_path / f".work-{os.getppid()}-x"
    killed.mkdir()
    living.mkdir()
    with folders.work_dir(tmp_path):
        assert not killed.exists()
        assert living.exists()


def test_a_second_run_says_that_it_waits_and_then_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "lock"
    code = f"""
import time
from pathlib import Path
from bakery.core import folders
from bakery.core.console import Console
with folders.locked(Path({str(lock)!r}), what="x", console=Console()):
    Path({str(tmp_path / "ready")!r}).touch()
    time.sleep(1)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as other:
        while not (tmp_path / "ready").exists():
            time.sleep(0.02)
        began = time.monotonic()
        with folders.locked(lock, what="host-debian-12", console=Console()):
            assert time.monotonic() - began > 0.3
    said = capsys.readouterr().err
    assert f"another run (process {other.pid}) is busy with host-debian-12: waiting for it" in said


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a cache with two files of 8 KiB, which lies on another disk, as does a folder of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for folder in ("cache", "large/lists", "larger"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cache/dokku-bakery").symlink_to(tmp_path / "large")
    (tmp_path / "large/bases").symlink_to(tmp_path / "larger")
    for name in ("large/lists/one", "larger/two.qcow2"):
        (tmp_path / name).write_bytes(bytes(8192))
    return tmp_path / "cache/dokku-bakery"


def test_a_cache_on_other_disks_is_emptied_there(cache: Path) -> None:
    assert folders.clean_cache() == 2 * 8192
    assert [path.name for path in cache.iterdir()] == ["bases"]
    assert list((cache / "bases").iterdir()) == []
    assert folders.clean_cache() == 0


def test_a_cache_that_there_never_was_is_clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert folders.clean_cache() == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_use_is_not_removed(cache: Path) -> None:
    with folders.cache_in_use():
        with folders.cache_in_use():
            pass
        with pytest.raises(BakeryError, match="the cache is in use") as caught:
            folders.clean_cache()
    assert caught.value.exit_code is ExitCode.BUSY
    assert (cache / "lists/one").exists()
    assert folders.clean_cache() == 2 * 8192


def test_a_cache_that_can_only_be_read_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nope")
    with folders.cache_in_use():
        pass


def test_too_little_disk_space_is_one_line_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(
        BakeryError, match=r"no disk space for the image host: /\S+ has [\d.]+ GB free, 1000000000.0 GB are needed"
    ) as caught:
        folders.require_space(tmp_path / "not" / "there", need_gb=1e9, what="the image host")
    assert "./inv clean" in caught.value.hint
    assert caught.value.exit_code is ExitCode.FAILED


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    folders.write_json(tmp_path / "a.json", {"one": 1})
    folders.write_json(tmp_path / "a.json", {"two": 2})
    assert (tmp_path / "a.json").read_text() == '{\n  "two": 2\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_file_of_ours_that_somebody_has_removed_is_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def problem(path: Path) -> OSError:
        with pytest.raises(OSError, match=path.name) as caught:
            path.read_bytes()
        return caught.value

    for path in (tmp_path / "build/host/local/host-debian-12.env", tmp_path / "cache/dokku-bakery/bases/x.json"):
        told = folders.removed(problem(path))
        assert told is not None
        assert told.message == f"{path} is not there any more"
        assert told.hint.startswith("./inv bake --force")
    assert folders.removed(problem(tmp_path / "elsewhere")) is None
    assert folders.removed(OSError(28, "full")) is None


@pytest.mark.parametrize("name", ["BAKERY_BUILD_DIR", "XDG_CACHE_HOME"])
@pytest.mark.parametrize("below", ["", "/deeper"])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has a file system where nothing can be made")
def test_a_folder_that_cannot_be_made_is_not_one_that_was_removed(
    name: str, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"/proc/nope{below}")
    folder = folders.build_dir("host") if name == "BAKERY_BUILD_DIR" else folders.cache_dir()
    with pytest.raises(FileNotFoundError) as caught:
        folder.mkdir(parents=True)
    told = folders.removed(caught.value)
    assert told is not None
    assert told.message == "there is no /proc/nope, and it cannot be made"
    assert name in told.hint
