"""Temporary folders: plain and short by name whatever TMPDIR is called, and gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakery.core import scratch
from bakery.core.errors import BakeryError, ExitCode


@pytest.fixture
def plain() -> Iterator[Path]:
    """Give a folder whose name is short, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="b", dir="/tmp") as name:
        yield Path(name)


def tmpdir_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.mkdir(exist_ok=True)
    monkeypatch.setattr(tempfile, "tempdir", str(path))


@pytest.mark.parametrize("character", " \"'#%,:;?*[]{}$\\~@=&!()|<>\t\né")
def test_a_character_that_some_program_reads_as_more_is_in_no_folders_name(
    character: str, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmpdir_is(plain / f"a{character}b", monkeypatch)
    with scratch.small() as small, scratch.large() as large:
        assert character not in f"{small}{large}"


def test_a_plain_tmpdir_is_used(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmpdir_is(plain, monkeypatch)
    with scratch.small() as small, scratch.large("tree-") as large:
        assert (small.parent, large.parent) == (plain, plain)
        assert large.name.startswith("tree-")
        assert small.stat().st_mode & 0o777 == 0o700
    assert list(plain.iterdir()) == []


def test_a_long_tmpdir_serves_for_disks_and_not_for_sockets(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmpdir_is(plain / ("x" * 100), monkeypatch)
    with scratch.small() as small, scratch.large() as large:
        # A hash of 40 letters, and 17 that ssh adds while it makes a socket, must fit into 104 bytes with the end.
        assert len(str(small)) + 1 + 40 + 17 < 104
        assert large.parent == plain / ("x" * 100)


def test_a_folder_that_is_asked_for_comes_first(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmpdir_is(plain / "t", monkeypatch)
    (plain / "memory").mkdir()
    with scratch.large(first=plain / "memory") as large:
        assert large.parent == plain / "memory"


def test_nowhere_to_write_is_one_line_and_names_every_folder(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmpdir_is(plain / "gone", monkeypatch)
    shutil.rmtree(plain / "gone")
    monkeypatch.setattr(scratch, "OTHERS", (f"{plain}/odd name", f"{plain}/not-there"))
    with pytest.raises(
        BakeryError, match=r"no folder for temporary files: .*gone: No such file.*; .*odd name has a"
    ) as e:
        scratch.make_small()
    assert e.value.exit_code is ExitCode.MISSING
    assert "TMPDIR=" in e.value.hint
