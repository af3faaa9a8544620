"""A folder of ours that one more user may use, tried by users that really are others."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.disk import acl

FRIEND, STRANGER = 100000, 100001

TRY = """
import os, sys
uid, path = int(sys.argv[1]), sys.argv[2]
os.setgroups([]); os.setgid(uid); os.setuid(uid)
for act in (lambda: open(path, "a").write("x"), lambda: open(f"{path}-{uid}", "w").close(), lambda: os.stat(path)):
    try:
        act()
        print("yes")
    except PermissionError:
        print("no")
"""


def may(uid: int, path: Path) -> list[str]:
    # By its real name: others may not be let in to where this checkout is.
    argv = [os.path.realpath(sys.executable), "-I", "-S", "-c", TRY, str(uid), str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody may enter, which pytest's own folders are not for."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_the_one_who_was_let_in_may_do_all_and_others_nothing(open_folder: Path) -> None:
    folder = open_folder / "closed"
    folder.mkdir(mode=0o700)
    disk = folder / "disk.raw"
    disk.touch()
    disk.chmod(0o666)
    assert may(FRIEND, disk) == may(STRANGER, disk) == ["no"] * 3
    acl.let_in(folder, uid=FRIEND)
    assert may(FRIEND, disk) == ["yes"] * 3
    assert may(STRANGER, disk) == ["no"] * 3


def test_where_there_are_no_access_control_lists_it_is_one_line() -> None:
    with pytest.raises(BakeryError, match=r"^/proc cannot be shared with mmdebstrap's user alone: ") as caught:
        acl.let_in(Path("/proc/self"), uid=FRIEND)
    assert caught.value.exit_code is ExitCode.MISSING
    assert "--base-from cloud" in caught.value.hint
