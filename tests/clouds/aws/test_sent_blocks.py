"""The journal of an upload: what has arrived is known after a kill, and what was half written is not believed."""

import os
from pathlib import Path

import pytest

from bakery.clouds.aws.sent_blocks import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "host" / "uploads" / "snap-1.sent"


def write(path: Path, *indexes: int) -> None:
    journal = Journal(path)
    for index in indexes:
        journal.add(index)
    journal.close()


def arrived(path: Path) -> set[int]:
    journal = Journal(path)
    journal.close()
    return journal.arrived


def test_it_begins_empty_and_makes_its_folder(path: Path) -> None:
    assert arrived(path) == set()
    assert path.exists()


def test_what_was_noted_is_known_to_the_next_run_which_notes_more(path: Path) -> None:
    # The largest volume has 65536 GiB of 2048 blocks each.
    write(path, 0, 81919, 65536 * 2048 - 1)
    write(path, 7)
    assert arrived(path) == {0, 7, 81919, 65536 * 2048 - 1}


def test_a_block_is_on_disk_as_soon_as_it_is_noted(path: Path) -> None:
    journal = Journal(path)
    journal.add(3)
    assert arrived(path) == {3}
    journal.close()


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_of_a_file_that_was_cut_the_whole_entries_count_and_new_ones_are_read_rightly(path: Path, lost: int) -> None:
    write(path, 1, 2, 0x01020304)
    os.truncate(path, path.stat().st_size - lost)
    write(path, 5)
    assert arrived(path) == {1, 2, 5}


def test_a_full_disk_costs_the_note_and_not_the_upload(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    journal = Journal(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        journal.add(1)
    journal.add(2)
    journal.close()
    assert arrived(path) == {2}


@pytest.mark.parametrize("written", [1, 2, 3])
def test_a_note_that_is_cut_by_a_full_disk_does_not_garble_those_that_follow(
    path: Path, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, journal = os.write, Journal(path)
    journal.add(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: whole(file, data[:written]))
        journal.add(2)
    journal.add(0x01020304)
    journal.close()
    assert arrived(path) == {1, 0x01020304}


@pytest.mark.parametrize("call", ["open", "truncate"])
def test_where_no_journal_can_be_kept_the_upload_goes_on_without(
    call: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    write(path, 1, 2)
    os.truncate(path, path.stat().st_size - 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        journal = Journal(path)
        assert journal.arrived == {1}
        journal.add(2)
        journal.close()
        journal.forget()
    assert arrived(path) == set()


def test_a_folder_that_cannot_be_made_costs_the_notes_alone(path: Path) -> None:
    path.parent.parent.write_text("no folder")
    journal = Journal(path)
    journal.add(1)
    journal.close()
    journal.forget()
    assert journal.arrived == set()


def test_it_is_gone_when_the_snapshot_is_complete(path: Path) -> None:
    journal = Journal(path)
    journal.add(1)
    journal.close()
    journal.forget()
    journal.forget()
    assert not path.exists()
