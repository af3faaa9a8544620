"""./inv in a copy of its own: an invented table, stand-ins for apt-get, sudo and brew, and once the real pip."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pip
import pytest

from bakery import ROOT

TABLE = """\
# a comment
oven\toven-deb\toven-brew\tbakes\tbake\t-
tray\toven-deb\t-\tholds the dough\tbake\t-
/no/where/flour|~/pantry/flour-*\tflour-deb\tflour-brew\tmakes dough\tbake\thttps://mill.example
newtin\ttin-deb\t-\tbakes without root\tbake-rootless\t-
van\tvan-deb\t-\tbrings it\tup-libvirt\t-
"""
TASKS = """\
import os, sys
from invoke import task

@task(default=True)
def bake(c, text=""):
    print("baked", repr(text), os.getcwd())

@task()
def up(c):
    sys.exit(4)
"""
NEEDED = (
    "bash",
    "cat",
    "cmp",
    "cp",
    "cut",
    "dirname",
    "env",
    "mkdir",
    "paste",
    "readlink",
    "rm",
    "sed",
    "sort",
    "touch",
)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A checkout with ./inv, and the only folder of programs it sees."""

    root: Path
    programs: Path

    def program(self, name: str, script: str = ":") -> Path:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)
        return path

    def run(
        self,
        *arguments: str,
        cwd: Path | None = None,
        inv: Path | None = None,
        user: str | None = None,
        has_home: bool = True,
    ) -> "Ran":
        env = {"PATH": str(self.programs), "LC_ALL": "C", **({"HOME": str(self.root)} if has_home else {})}
        ended = subprocess.run(
            [str(inv or self.root / "inv"), *arguments],
            cwd=cwd or self.root,
            env=env,
            user=user,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(exit_code=ended.returncode, out=ended.stdout, err=ended.stderr)

    def log(self) -> list[str]:
        path = self.root / "log"
        return path.read_text().splitlines() if path.exists() else []


@dataclass(frozen=True, kw_only=True)
class Ran:
    exit_code: int
    out: str
    err: str


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Give a folder that everybody may enter; pytest closes its own to others each time that one starts anywhere."""
    with tempfile.TemporaryDirectory(prefix="bakery-inv-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    root, programs = tmp_path / "check out", tmp_path / "programs"
    programs.mkdir()
    (root / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "inv", root / "inv")
    (root / "bakery").symlink_to(ROOT / "bakery")
    (root / "tasks.py").write_text(TASKS)
    (root / "tools.tsv").write_text(TABLE)
    for name in ("requirements.lock", ".venv/installed.lock"):
        (root / name).write_text("# a lock\n")
    for name in NEEDED:
        (programs / name).symlink_to(shutil.which(name) or pytest.fail(f"{name} is not installed"))
    python = root / ".venv/bin/python"
    python.write_text(f'#!/usr/bin/env bash\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return Copy(root=root, programs=programs)


@pytest.fixture
def stocked(copy: Copy) -> Copy:
    """A copy where nothing is missing."""
    for name in ("oven", "tray", "newtin", "van"):
        copy.program(name)
    (copy.root / "pantry").mkdir()
    (copy.root / "pantry/flour-550").touch()
    return copy


@pytest.fixture
def debian(copy: Copy) -> Copy:
    """A copy with a stand-in for apt: it notes what it was asked, and its archive lacks flour."""
    note = f'printf "%s\\n" "${{0##*/}} DEBIAN_FRONTEND=$DEBIAN_FRONTEND $*" >>"{copy.root}/log"'
    copy.program("apt-get", note)
    copy.program("apt-cache", '[ "$2" != flour-deb ]')
    return copy


def test_arguments_arrive_as_they_were_typed(stocked: Copy) -> None:
    ran = stocked.run("bake", "--text", "two words 'quoted' $HOME *")
    assert ran.out.startswith("baked " + repr("two words 'quoted' $HOME *"))


def test_the_command_runs_where_the_person_stands(stocked: Copy, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    ran = stocked.run("bake", cwd=elsewhere)
    assert ran.out == f"baked '' {elsewhere}\n"


def test_a_link_to_it_works_too(stocked: Copy, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "bakery").symlink_to("../check out/inv")
    assert stocked.run("bake", cwd=tmp_path, inv=links / "bakery").exit_code == 0


def test_modules_where_the_person_stands_stay_out_of_the_way(stocked: Copy, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    assert stocked.run("bake", cwd=tmp_path).exit_code == 0


def test_the_exit_code_is_the_commands(stocked: Copy) -> None:
    assert stocked.run("up").exit_code == 4


def test_nothing_is_said_when_nothing_is_missing(stocked: Copy) -> None:
    ran = stocked.run("bake")
    assert (ran.exit_code, ran.err) == (0, "")


def test_missing_tools_are_named_with_purpose_and_command_and_the_command_still_runs(debian: Copy) -> None:
    ran = debian.run("bake")
    assert ran.out.startswith("baked")
    assert re.search(r"^  oven +bakes$", ran.err, re.MULTILINE)
    assert re.search(r"^  /no/where/flour +makes dough$", ran.err, re.MULTILINE)
    assert "./inv -y bake installs it" in ran.err
    assert re.search(
        r"^  (sudo )?apt-get install --no-install-recommends flour-deb oven-deb( tin-deb)?$", ran.err, re.MULTILINE
    )
    assert debian.log() == []


def test_only_what_the_command_needs_is_checked(debian: Copy) -> None:
    assert "oven" not in debian.run("up").err
    assert "van" in debian.run("up").err
    assert debian.run("--list").err == ""
    assert debian.run("--help", "bake").err == ""


def test_libvirt_is_not_needed_where_virtualbox_is(debian: Copy) -> None:
    debian.program("VBoxManage")
    assert debian.run("up").err == ""


def test_one_of_a_files_places_is_enough(debian: Copy) -> None:
    for name in ("oven", "tray", "newtin"):
        debian.program(name)
    assert "flour" in debian.run("bake").err
    (debian.root / "pantry").mkdir()
    (debian.root / "pantry/flour-405").touch()
    assert debian.run("bake").err == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="without root sudo would be asked")
def test_yes_installs_what_the_archive_has_and_says_where_the_rest_is(debian: Copy) -> None:
    ran = debian.run("-y", "bake")
    assert ran.out.startswith("baked")
    updated, installed = debian.log()
    options = "-q -o DPkg::Lock::Timeout=120"
    assert updated == f"apt-get DEBIAN_FRONTEND=noninteractive {options} update"
    assert installed == f"apt-get DEBIAN_FRONTEND=noninteractive {options} install -y --no-install-recommends oven-deb"
    assert "no package flour-deb: see https://mill.example" in ran.err


@pytest.mark.skipif(os.geteuid() != 0, reason="without root sudo would be asked")
def test_yes_alone_means_the_tools_of_a_bake(debian: Copy) -> None:
    debian.run("-y")
    assert "oven-deb" in debian.log()[-1]


@pytest.mark.skipif(os.geteuid() != 0, reason="without root sudo would be asked")
def test_packages_that_cannot_be_installed_end_with_three(debian: Copy) -> None:
    debian.program("apt-get", "[[ $* != *install* ]]")
    ran = debian.run("-y", "bake")
    assert ran.exit_code == 3
    assert ran.err.splitlines()[-1] == "inv: apt-get could not install: oven-deb"
    assert ran.out == ""


@pytest.fixture
def as_nobody(debian: Copy) -> Copy:
    """Be somebody who is not root, in a copy that is theirs."""
    if os.geteuid() != 0:
        return debian
    (debian.root / ".venv/bin/python").write_text('#!/usr/bin/env bash\necho "ran as $EUID"\n')
    (debian.root / "log").touch(mode=0o666)
    (debian.root / "log").chmod(0o666)
    return debian


def run_as_nobody(copy: Copy, *arguments: str) -> Ran:
    return copy.run(*arguments, user="nobody" if os.geteuid() == 0 else None)


def test_somebody_else_than_root_installs_with_sudo(as_nobody: Copy) -> None:
    as_nobody.program("sudo", f'printf "%s\\n" "sudo $*" >>"{as_nobody.root}/log"')
    ran = run_as_nobody(as_nobody, "-y", "bake")
    assert ran.exit_code == 0, ran.err
    assert as_nobody.log()[-1].startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get")
    assert as_nobody.log()[-1].endswith("oven-deb tin-deb")


def test_without_root_and_sudo_the_command_for_root_is_said(as_nobody: Copy) -> None:
    ran = run_as_nobody(as_nobody, "-y", "bake")
    assert ran.exit_code == 3
    assert "there is no sudo: run as root: env DEBIAN_FRONTEND=noninteractive apt-get" in ran.err


def test_homebrew_gets_its_own_names(copy: Copy) -> None:
    copy.program("brew")
    ran = copy.run("-y", "bake")
    assert "  brew install flour-brew oven-brew\n" in ran.err
    assert ran.out.startswith("baked")


def test_another_system_is_told_debians_names(copy: Copy) -> None:
    assert re.search(r"Debian's names are: flour-deb oven-deb( tin-deb)?$", copy.run("bake").err, re.MULTILINE)


# --- the environment: a stand-in for Python, and once the real one ----------------------------------------------------


def stand_in_python(copy: Copy, *, is_old: bool = False, has_venv: bool = True, is_killed: bool = False) -> None:
    """Put a python3 there that answers as told; `-m venv` copies the environment that the fixture made."""
    ready = copy.root / "ready-python"
    if not ready.exists():
        shutil.move(copy.root / ".venv/bin/python", ready)
    note = f'if [[ $* == *"-m pip"* ]]; then echo "$@" >>"{copy.root}/log"; exit; fi'
    ready.write_text(f'#!/usr/bin/env bash\n{note}\nexec {sys.executable} "$@"\n')
    copy.program(
        "python3",
        f"""
        case "$*" in
            *version_info*) exit {int(is_old)} ;;
            *ensurepip*) exit {int(not has_venv)} ;;
            "-m venv "*) mkdir -p "$3/bin"; cp "{ready}" "$3/bin/python"; {"kill -9 $PPID" if is_killed else ""} ;;
        esac
        """,
    )


def test_an_environment_is_made_once(stocked: Copy) -> None:
    stand_in_python(stocked)
    shutil.rmtree(stocked.root / ".venv")
    assert "making .venv" in stocked.run("bake").err
    assert len(stocked.log()) == 1
    assert "--require-hashes" in stocked.log()[0]
    assert stocked.run("bake").err == ""
    assert len(stocked.log()) == 1


def test_a_changed_lock_makes_it_again(stocked: Copy) -> None:
    stand_in_python(stocked)
    stocked.run("bake")
    (stocked.root / ".venv/left-over").touch()
    (stocked.root / "requirements.lock").write_text("# another lock\n")
    assert stocked.run("bake").exit_code == 0
    assert len(stocked.log()) == 2
    assert not (stocked.root / ".venv/left-over").exists()


def test_an_environment_that_was_killed_half_made_is_made_again(stocked: Copy) -> None:
    stand_in_python(stocked, is_killed=True)
    assert stocked.run("bake").exit_code == -9
    assert (stocked.root / ".venv/bin/python").exists()
    stand_in_python(stocked)
    ran = stocked.run("bake")
    assert "making .venv" in ran.err
    assert ran.out.startswith("baked")


def test_an_environment_whose_python_is_gone_is_made_again(stocked: Copy) -> None:
    stand_in_python(stocked)
    (stocked.root / ".venv/bin/python").symlink_to("/usr/bin/python-that-was-upgraded-away")
    assert stocked.run("bake").exit_code == 0


def made_at(copy: Copy, *, place: Path, version: str = "") -> None:
    """Say in .venv what Python's venv module says of it."""
    version = version or ".".join(map(str, sys.version_info[:3]))
    told = f"home = /usr/bin\nversion = {version}\ncommand = /usr/bin/python3 -m venv {place}/.venv\n"
    (copy.root / ".venv/pyvenv.cfg").write_text(told)


def test_an_environment_that_was_made_here_stays(stocked: Copy) -> None:
    stand_in_python(stocked)
    stocked.run("bake")
    made_at(stocked, place=stocked.root)
    (stocked.root / ".venv/kept").touch()
    assert stocked.run("bake").err == ""
    assert (stocked.root / ".venv/kept").exists()


def test_a_checkout_that_was_moved_gets_a_new_environment(stocked: Copy) -> None:
    stand_in_python(stocked)
    made_at(stocked, place=Path("/where/it/was"))
    ran = stocked.run("bake")
    assert "making .venv" in ran.err
    assert ran.out.startswith("baked")
    assert not (stocked.root / ".venv/pyvenv.cfg").exists()


def test_an_environment_that_is_a_link_may_be_elsewhere(stocked: Copy, tmp_path: Path) -> None:
    made_at(stocked, place=tmp_path / "shared")
    (stocked.root / ".venv").rename(tmp_path / "shared")
    (stocked.root / ".venv").symlink_to(tmp_path / "shared")
    assert stocked.run("bake").err == ""


def test_an_upgrade_of_the_systems_python_makes_a_new_environment(stocked: Copy) -> None:
    stand_in_python(stocked)
    made_at(stocked, place=stocked.root, version="3.1.4")
    assert "making .venv" in stocked.run("bake").err


def test_no_home_is_needed(debian: Copy) -> None:
    ran = debian.run("bake", has_home=False)
    assert ran.out.startswith("baked")
    assert "unbound" not in ran.err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_ends_nothing(closed: str, debian: Copy) -> None:
    script = f'exec "{debian.root}/inv" bake {closed}'
    env = {"PATH": str(debian.programs), "HOME": str(debian.root)}
    assert subprocess.run(["bash", "-c", script], env=env, capture_output=True, check=False).returncode == 0


def test_a_checkout_by_a_git_that_converts_line_ends_has_none(tmp_path: Path) -> None:
    where = tmp_path / "c"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    where.mkdir()
    git = ["git", "-C", str(where), "-c", "core.autocrlf=true", "-c", "core.safecrlf=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    for name in ("inv", "provision/run", "tools.tsv", "images/dokku.toml", ".gitattributes"):
        assert name in files.stdout.split("\0")
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, where / name)
    subprocess.run([*git, "add", "."], check=True)
    shutil.rmtree(where / "provision")
    (where / "inv").unlink()
    subprocess.run([*git, "checkout", "-q", "."], check=True)
    assert b"\r" not in (where / "inv").read_bytes() + (where / "provision/run").read_bytes()


def test_an_old_python_is_one_clear_line(stocked: Copy) -> None:
    stand_in_python(stocked, is_old=True)
    ran = stocked.run("bake")
    assert (ran.exit_code, ran.err) == (3, "inv: Python 3.11 or newer is needed, and none is installed as python3\n")


def test_a_python_without_venv_names_its_package(stocked: Copy) -> None:
    stand_in_python(stocked, has_venv=False)
    ran = stocked.run("bake")
    assert ran.exit_code == 3
    assert "apt-get install python3-venv" in ran.err


def one_package_lock() -> str:
    """Return the part of the real lock that installs invoke alone."""
    lock = (ROOT / "requirements.lock").read_text()
    block = re.search(r"^invoke==.*(?:\n    --hash.*)+", lock, re.MULTILINE)
    assert block
    return f"{block[0]}\n"


def test_the_real_pip_refuses_a_file_that_the_lock_does_not_know(stocked: Copy) -> None:
    # That it takes those that the lock knows is what every fresh checkout shows before it can run this test; so is that
    # a new environment has a pip, for which Python takes seconds: this one is lent ours.
    ours = Path(pip.__file__).parent
    stocked.program(
        "python3",
        f"""
        case "$*" in
            "-m venv "*)
                {sys.executable} -m venv --without-pip "$3"
                {shutil.which("ln")} -s {ours} "$3"/lib/python*/site-packages
                ;;
            *) exec {sys.executable} "$@" ;;
        esac
        """,
    )
    shutil.rmtree(stocked.root / ".venv")
    other = re.sub(r"sha256:\w+", f"sha256:{hashlib.sha256().hexdigest()}", one_package_lock())
    (stocked.root / "requirements.lock").write_text(other)
    ran = stocked.run("bake")
    assert ran.exit_code == 3
    assert "DO NOT MATCH THE HASHES" in ran.err
    assert ran.err.splitlines()[-1] == "inv: pip could not install requirements.lock (see above)"
    assert not (stocked.root / ".venv/installed.lock").exists()


def test_the_lock_holds_every_package_by_hash_and_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"^(?=\w[\w.-]*==)", lock, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert not re.search(r"https?:|index-url|find-links|file:", re.sub(r"--no-emit-\S+", "", lock))


def test_the_lock_holds_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {*project["dependencies"], *project["optional-dependencies"]["checks"]}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert wanted <= locked
