"""Files that are written whole or not at all, on disks that are really full and folders that are really read-only.

CI is root, for whom a folder's mode means nothing: each case has mounts of its own in a namespace of its own.
"""

import errno
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core import files
from bakery.core.errors import ExitCode


def test_what_is_private_is_so_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    def watched(draft: Path, data: bytes) -> int:
        with draft.open("wb") as file:
            modes.append(draft.stat().st_mode & 0o777)
            return file.write(data)

    monkeypatch.setattr(Path, "write_bytes", watched)
    files.write_whole(tmp_path / "a", "text", is_private=True)
    assert (tmp_path / "a").read_text() == "text"
    assert modes == [0o600]


OURS = ("--image", "host", "--base", "debian-12")
ROOM = "make room (./inv clean removes the cache)"
CLOSED = "let this user write there"
ELSEWHERE = "BAKERY_BUILD_DIR, XDG_CACHE_HOME and TMPDIR say where else files go"


def in_namespace(script: str, *, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script that may mount what it likes: nobody else sees it."""
    argv = ["unshare", "--mount", "--map-root-user", "bash", "-euc", script]
    plain = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", **(env or {})}
    return subprocess.run(argv, capture_output=True, text=True, env=plain, cwd=ROOT, timeout=120, check=False)


def small(folder: Path, *, kib: int) -> str:
    folder.mkdir(exist_ok=True)
    return f"mount -t tmpfs -o size={kib}k none {shlex.quote(str(folder))}\n"


def read_only(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    name = shlex.quote(str(folder))
    return f"mount --bind {name} {name}; mount -o remount,bind,ro {name}\n"


RUN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from bakery.commands import program;"
    " sys.exit(program.main(sys.argv[1:]))"
)


def inv(*words: str) -> str:
    return f"{shlex.join([sys.executable, '-c', RUN, str(ROOT), *words])}\n"


def python(text: str, *words: object) -> str:
    return f"{shlex.join([sys.executable, '-c', text, *map(str, words)])}\n"


def files_in(folder: Path) -> str:
    """Return the line that lists what is in a folder, but for the ballast."""
    return f"find {shlex.quote(str(folder))} -type f ! -name ballast\n"


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    """Return where things go in these tests, each in a folder of its own."""
    return {"BAKERY_BUILD_DIR": str(tmp_path / "build"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_file_that_cannot_be_written_stays_as_it_was_and_is_named(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    path = disk / "file"
    imports = "from pathlib import Path; from bakery.core.files import write_whole"
    text = f"{imports}; write_whole(Path({str(path)!r}), 'y' * 99999)"
    script = f"{small(disk, kib=64)}echo before >{path}\n{python(text)}"
    done = in_namespace(f"{script.strip()} || ls -A {disk}; cat {path}", env={"PYTHONPATH": str(ROOT)})
    assert f"No space left on device: '{path}'" in done.stderr
    assert done.stdout.splitlines() == ["file", "before"]


def test_an_error_that_has_a_name_keeps_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, files.named(tmp_path / "other"):
        (tmp_path / "none").read_text()
    assert caught.value.filename == str(tmp_path / "none")
    with pytest.raises(OSError, match="full") as full, files.named(tmp_path):
        raise OSError(errno.ENOSPC, "full")
    assert full.value.filename == str(tmp_path)


# What a person meets


@pytest.mark.parametrize("kib", [4, 16, 64, 300])
def test_rendering_on_a_full_disk_names_it_and_leaves_nothing_half_written(
    kib: int, tmp_path: Path, told: dict[str, str]
) -> None:
    disk = tmp_path / "build"
    script = (
        f"{small(disk, kib=kib)}{inv('render', *OURS).strip()} || code=$?\n{files_in(disk).strip()} -empty; exit $code"
    )
    done = in_namespace(script, env=told)
    assert done.returncode == ExitCode.FAILED
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)
    assert str(disk) in done.stderr
    assert f"hint:  {ROOM}; {ELSEWHERE}" in done.stderr


@pytest.mark.parametrize("place", ["build", "cache"])
def test_a_folder_that_is_read_only_is_named_with_what_to_do(place: str, tmp_path: Path, told: dict[str, str]) -> None:
    words = {"build": ("render", *OURS), "cache": ("clean",)}[place]
    (tmp_path / place / "dokku-bakery").mkdir(parents=True)
    (tmp_path / place / "dokku-bakery" / "base").write_bytes(bytes(8192))
    done = in_namespace(read_only(tmp_path / place) + inv(*words), env=told)
    assert done.returncode == ExitCode.FAILED
    first, hint = done.stderr.splitlines()[-2:]
    assert first.startswith(f"error: {tmp_path / place}/")
    assert first.endswith(": Read-only file system")
    assert hint == f"hint:  {CLOSED}; {ELSEWHERE}"


def test_a_checkout_that_is_read_only_serves_where_things_go_elsewhere(tmp_path: Path, told: dict[str, str]) -> None:
    ours = read_only(ROOT)
    for words in (("--list",), ("plan", "--region", "eu-west-2", "-h"), ("bake", *OURS, "--dry-run"), ("catalog",)):
        done = in_namespace(ours + inv(*words), env=told)
        assert (done.returncode, "rror" in done.stderr) == (ExitCode.DONE, False), done.stderr
    done = in_namespace(ours + inv("render", *OURS), env=told)
    assert done.returncode == ExitCode.DONE
    done = in_namespace(ours + inv("render", *OURS), env={"XDG_CACHE_HOME": told["XDG_CACHE_HOME"]})
    assert f"error: {ROOT / 'build'}" in done.stderr
    assert done.returncode == ExitCode.FAILED


def test_a_folder_for_temporary_files_that_packer_cannot_use_is_said(tmp_path: Path, told: dict[str, str]) -> None:
    env = {**told, "TMPDIR": str(tmp_path / "tmp")}
    done = in_namespace(read_only(tmp_path / "tmp") + inv("render", *OURS), env=env)
    assert done.returncode == ExitCode.MISSING
    assert "error: packer cannot start: Couldn't setup logging tempfile" in done.stderr
    assert "hint:  TMPDIR=/some/folder ./inv" in done.stderr


# What is kept


CHANGE = """
import sys
from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.core.console import Console
from bakery.core.errors import BakeryError
told = dict(arch="amd64", base="debian-12", fingerprint="0" * 64, size_gb=8, baked_at="2026-01-01T00:00:00Z",
            baked_in="eu-west-2")
def edit(known):
    for number in range(int(sys.argv[1])):
        release = Release.model_validate({"release": f"20260101-{number:04}-{0:012}", **told}, strict=False)
        known = known.with_release(release)
    return known
try:
    catalog.change("host", edit, is_rehearsal=True, console=Console())
except BakeryError as error:
    print(error.message, error.hint, sep="; ")
"""


def in_catalog(tmp_path: Path) -> Path:
    return tmp_path / "build" / "rehearsal" / "catalog" / "host.json"


def test_a_catalog_on_a_full_disk_stays_as_it_was(tmp_path: Path, told: dict[str, str]) -> None:
    path, env = in_catalog(tmp_path), {**told, "PYTHONPATH": str(ROOT)}
    steps = [small(tmp_path / "build", kib=128), python(CHANGE, 1), f"cp {path} {tmp_path}/before\n"]
    steps += [python(CHANGE, 2000), f"cmp {path} {tmp_path}/before\n", f"ls -A {path.parent}\n"]
    done = in_namespace("".join(steps), env=env)
    assert done.returncode == 0, done.stderr
    said, *there = done.stdout.splitlines()
    assert said.startswith(f"{path} could not be written: No space left on device; when that is mended, type the same")
    assert sorted(there) == [".host.lock", "host.json"]


def test_a_catalog_in_a_read_only_folder_is_refused_before_anything_is_done(
    tmp_path: Path, told: dict[str, str]
) -> None:
    path, env = in_catalog(tmp_path), {**told, "PYTHONPATH": str(ROOT)}
    asked = CHANGE.replace('catalog.change("host", edit,', 'catalog.require_writable("host",')
    path.parent.mkdir(parents=True)
    done = in_namespace(read_only(path.parent) + python(asked, 0), env=env)
    assert done.stdout.startswith(f"{path} could not be written: Read-only file system; ")


JOURNAL = """
import sys
from pathlib import Path
from bakery.clouds.aws.sent_blocks import Journal
path = Path(sys.argv[1])
journal = Journal(path)
for index in range(5000):
    journal.add(index)
journal.close()
print(path.stat().st_size % 4, len(Journal(path).arrived) == path.stat().st_size // 4, path.stat().st_size < 20000)
"""


def test_a_journal_on_a_full_disk_has_no_half_notes(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "snap"
    script = small(tmp_path / "disk", kib=8) + python(JOURNAL, path)
    assert in_namespace(script, env={"PYTHONPATH": str(ROOT)}).stdout == "0 True True\n"


def test_digests_on_a_full_disk_say_so_and_leave_nothing(tmp_path: Path) -> None:
    text = """
import sys
from pathlib import Path
from bakery.disk import digests
from bakery.core.errors import BakeryError
found = digests.Digests(disk_sha256="0" * 64, size_gb=8, blocks={index: bytes(32) for index in range(4000)})
try:
    digests.write(Path(sys.argv[1]), found)
except BakeryError as error:
    print(error.message)
"""
    path = tmp_path / "disk" / "blocks.tsv"
    script = small(tmp_path / "disk", kib=16) + python(text, path) + files_in(tmp_path / "disk")
    done = in_namespace(script, env={"PYTHONPATH": str(ROOT)})
    assert done.stdout == f"{path} could not be written: No space left on device\n"
