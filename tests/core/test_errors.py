"""What the system says of a file, as something a person can act on."""

import errno
from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode, of_system


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_how_to_make_room(number: int) -> None:
    known = of_system(OSError(number, "x", "/build/disk.qcow2"))
    assert known is not None
    assert known.message.startswith("/build/disk.qcow2: ")
    assert "./inv clean" in known.hint
    assert known.exit_code is ExitCode.FAILED


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_cannot_be_written_to_says_where_else_files_go(number: int) -> None:
    known = of_system(OSError(number, "x", "/build"))
    assert known is not None
    assert "BAKERY_BUILD_DIR" in known.hint


def test_a_file_in_the_place_of_a_folder_is_to_be_moved_away(tmp_path: Path) -> None:
    (tmp_path / "build").touch()
    with pytest.raises(FileExistsError) as caught:
        (tmp_path / "build").mkdir(exist_ok=True)
    known = of_system(caught.value)
    assert known is not None
    assert (known.message, "move it away" in known.hint) == (f"{tmp_path}/build: File exists", True)


def test_a_place_that_was_said_already_is_not_said_again() -> None:
    assert BakeryError("eu-west-2: no answer").within("eu-west-2") == "no answer"
    assert BakeryError("eu-west-2 has no default VPC").within("eu-west-2") == "eu-west-2 has no default VPC"
    assert BakeryError("fr-par-1: no answer").within("eu-west-2") == "fr-par-1: no answer"


def test_a_file_without_a_name_is_called_by_its_purpose() -> None:
    known = of_system(OSError(errno.ENOSPC, "x"), what="the result")
    assert known is not None
    assert known.message == "the result: No space left on device"


def test_what_may_be_our_own_mistake_is_not_hidden() -> None:
    assert of_system(FileNotFoundError(errno.ENOENT, "x", "/gone")) is None
