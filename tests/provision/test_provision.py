"""The house rules of provision/, and its runner with steps that do nothing."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.definition import house_rules

PROVISION = ROOT / "provision"
STEPS = sorted(PROVISION.glob("[0-9][0-9]-*.sh"))
SOURCED = [PROVISION / name for name in ("lib.sh", "apt.sh", "vendor.sh")] + sorted(PROVISION.glob("files/*.sh"))
# Some guest programs are Python, each with a test file of its own.
PYTHON = {PROVISION / "files" / name for name in ("bakery-apps", "bakery-firstboot", "bakery-restore")}
GUEST = sorted(path for path in PROVISION.glob("files/bakery-*") if not path.suffix and path not in PYTHON)
PROGRAMS = [PROVISION / "run", *STEPS, *GUEST]
SCRIPTS = [*PROGRAMS, *SOURCED]


def each_script(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("script", paths, ids=[str(path.relative_to(PROVISION)) for path in paths])


def test_no_program_escapes_these_rules() -> None:
    found = {path for path in PROVISION.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!")}
    # base/ runs on the baking machine, inside mmdebstrap, which has sh alone.
    assert {path for path in found if path.parent.name != "base"} == {*SCRIPTS, *PYTHON}
    assert len(STEPS) >= 9
    assert len(GUEST) >= 4


@each_script(SCRIPTS)
def test_a_script_keeps_the_house_rules(script: Path) -> None:
    assert list(house_rules.broken_by(script.read_text())) == []


@each_script(PROGRAMS)
def test_a_program_stops_at_the_first_failure_and_can_be_started(script: Path) -> None:
    assert list(house_rules.broken_by_program(script.read_text(), is_program=os.access(script, os.X_OK))) == []


def test_what_a_program_of_ours_starts_may_be_started_as_often_as_it_takes() -> None:
    """Else systemd calls a unit `failed` that was asked for six times in ten seconds, be it a timer."""
    files = [path for path in PROVISION.glob("files/*") if path.is_file()]
    asked = r"systemctl (?:--no-block )?(?:re)?start ([\w-]+)\.(service|timer)"
    found = {unit for path in files for unit in re.findall(asked, path.read_text())}
    assert len(found) >= 4
    for name, kind in found:
        # Of a unit that is not ours there is what we add to it.
        unit = next(path for path in files if path.name in {f"{name}.{kind}", f"{name}.conf"})
        assert "\nStartLimitIntervalSec=0\n" in unit.read_text().partition(f"[{kind.title()}]")[0], unit.name


@each_script(SCRIPTS)
def test_a_script_has_one_subject(script: Path) -> None:
    assert 10 <= len(script.read_text().splitlines()) <= 80


def test_every_promise_has_its_test_and_every_test_its_promise() -> None:
    promised = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/image.md").read_text()))
    files = [path.read_text() for path in (ROOT / "tests/image").glob("test_*.py")]
    tests = {name for text in files for name in re.findall(r"^def (test_\w+)", text, flags=re.MULTILINE)}
    assert promised
    assert promised - tests == set()
    assert tests - promised - {"test_the_garbage_was_there"} == set()  # which asks the test itself


Runner = Callable[..., subprocess.CompletedProcess[str]]


def as_root(argv: list[str]) -> list[str]:
    """Return the command as root: of this machine, or of a user namespace of one's own."""
    return argv if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", *argv]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A folder with the real `run` and steps that say hello; call it with steps' names and scripts."""
    folder = tmp_path / "provision"
    folder.mkdir()
    shutil.copy(PROVISION / "run", folder)
    (folder / "provision-settings.env").write_text("BAKERY_STEPS='one two'\nBAKERY_WORD='two  words'\n")

    def start(*arguments: str, **scripts: str) -> subprocess.CompletedProcess[str]:
        for number, (name, script) in enumerate({"one": "echo 1", "two": "echo 2", **scripts}.items()):
            (folder / f"{number}0-{name}.sh").write_text(f"set -euo pipefail\n{script}\n")
        env = {"PATH": os.environ["PATH"], "BAKERY_RUN_DIR": str(tmp_path)}
        argv = as_root(["bash", str(folder / "run"), *arguments])
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    return start


def test_run_starts_the_settings_steps_in_order_with_markers_and_a_table(runner: Runner) -> None:
    done = runner()
    assert done.returncode == 0
    text = re.sub(r"\d+\.\d", "S", done.stdout)
    assert text.splitlines()[:6] == [
        *("BAKERY step 1/2 one start", "1", "BAKERY step 1/2 one done S"),
        *("BAKERY step 2/2 two start", "2", "BAKERY step 2/2 two done S"),
    ]
    assert [line.split() for line in text.splitlines()[6:]] == [
        ["step", "seconds", "result"],
        ["one", "S", "done"],
        ["two", "S", "done"],
    ]


def test_run_takes_steps_by_name(runner: Runner) -> None:
    assert "BAKERY step 1/1 two start\n2\n" in runner("two").stdout
    assert "step 1/1 one" not in runner("two").stdout


def test_a_step_gets_the_settings_and_no_question_can_wait_for_an_answer(runner: Runner) -> None:
    done = runner("one", one='echo "$BAKERY_WORD"; read -r answer || echo "no answer"')
    assert "two  words\nno answer\n" in done.stdout


def test_run_stops_at_the_step_that_fails_names_it_and_keeps_its_code(runner: Runner) -> None:
    done = runner(one="false; echo 'still here'")
    assert done.returncode == 1
    done = runner(one="exit 42")
    assert done.returncode == 42
    assert "BAKERY step 1/2 one failed 42\n" in done.stdout
    assert re.search(r"^one +\d\.\d  failed \(42\)$", done.stdout, flags=re.MULTILINE)
    assert "two" not in done.stdout
    assert "still here" not in done.stdout


def test_a_failure_inside_a_function_stops_the_step(runner: Runner) -> None:
    done = runner(one="f() { false; echo went on; }\nf")
    assert done.returncode == 1
    assert "went on" not in done.stdout


def test_an_unknown_step_is_one_line_and_nothing_is_started(runner: Runner) -> None:
    done = runner("one", "tow")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "provision/run: unknown step 'tow'; there are: one two\n"


def test_run_without_settings_says_where_it_looked(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "provision/provision-settings.env").unlink()
    done = runner()
    assert done.returncode == 2
    assert done.stderr.startswith(f"provision/run: no settings at {tmp_path}")


def test_a_step_may_delete_the_upload_and_the_next_one_still_runs(runner: Runner, tmp_path: Path) -> None:
    done = runner(one=f"rm -rf {tmp_path / 'provision'}")
    assert "BAKERY step 2/2 two done" in done.stdout
    assert list(tmp_path.glob("bakery-provision.*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_run_refuses_to_start_as_anybody_but_root(tmp_path: Path) -> None:
    shutil.copy(PROVISION / "run", "/tmp/bakery-run-test")
    argv = ["setpriv", "--reuid=65534", "--clear-groups", "bash", "/tmp/bakery-run-test"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    Path("/tmp/bakery-run-test").unlink()
    assert done.returncode == 2
    assert "run them as root" in done.stderr


def library(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    start = "set -euo pipefail\n" + "".join(f"source {PROVISION}/{name}.sh\n" for name in ("lib", "apt", "vendor"))
    told = {"PATH": os.environ["PATH"], "RETRY_PAUSE_S": "0", **env}
    return subprocess.run(["bash", "-c", start + script], env=told, capture_output=True, text=True, check=False)


def test_put_writes_a_whole_file_once(tmp_path: Path) -> None:
    path = tmp_path / "a/b/file"
    write = f"put {path} 0640 <<<'one line'\n"
    done = library(f"{write}{write}echo changes=$changes")
    assert done.stdout == f"  wrote {path}\nchanges=1\n"
    assert path.read_text() == "one line\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_put_leaves_an_equal_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "file"
    library(f"put {path} 0644 <<<same")
    before = path.stat()
    library(f"put {path} 0644 <<<same")
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_ctime_ns == before.st_ctime_ns


@pytest.mark.parametrize("change", ["put {path} 0644 <<<other", "put {path} 0600 <<<same"])
def test_put_replaces_a_file_with_other_content_or_mode(tmp_path: Path, change: str) -> None:
    path = tmp_path / "file"
    library(f"put {path} 0644 <<<same")
    assert "wrote" in library(change.format(path=path)).stdout


def test_retry_keeps_the_exit_code_of_the_last_try(tmp_path: Path) -> None:
    done = library(f"try() {{ echo x >>{tmp_path}/tries; return 100; }}; retry 3 try")
    assert done.returncode == 100
    assert (tmp_path / "tries").read_text() == "x\n" * 3


def test_retry_stops_at_the_first_success(tmp_path: Path) -> None:
    done = library(f"try() {{ echo x >>{tmp_path}/tries; test $(wc -l <{tmp_path}/tries) -eq 2; }}; retry 5 try")
    assert done.returncode == 0
    assert (tmp_path / "tries").read_text() == "x\n" * 2


@pytest.fixture
def fake_apt(tmp_path: Path) -> dict[str, str]:
    """A PATH on which nginx 1.22.1-9 is installed and apt-get writes down how it was called, then fails with 100."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in {
        "dpkg-query": 'case "$*" in *" nginx") echo "ii 1.22.1-9" ;; *" gone") echo "rc 1.0" ;; *) exit 1 ;; esac',
        "apt-get": f'echo "$*" >>{tmp_path}/apt; [[ "$*" != *install* ]] || exit 100',
    }.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "BAKERY_RUN_DIR": str(tmp_path)}


@pytest.mark.parametrize("asked", ["nginx", "nginx=1.22.*", "nginx=1.22.1-9"])
def test_apt_is_left_alone_when_all_is_there(asked: str, fake_apt: dict[str, str], tmp_path: Path) -> None:
    done = library(f"apt_install '{asked}'", **fake_apt)
    assert (done.returncode, done.stdout) == (0, "")
    assert not (tmp_path / "apt").exists()


@pytest.mark.parametrize("asked", ["nginx=1.24.*", "gone", "missing"])
def test_apt_fetches_lists_once_and_its_exit_code_is_kept(asked: str, fake_apt: dict[str, str], tmp_path: Path) -> None:
    done = library(f"fetch_lists; apt_install nginx '{asked}'", **fake_apt)
    assert done.returncode == 100
    calls = (tmp_path / "apt").read_text().splitlines()
    assert [" update " in f" {call} " for call in calls] == [True, False, False, False]
    assert all(call.endswith(f"install {asked}") for call in calls[1:])
    assert "--no-install-recommends" in calls[1]


@pytest.fixture
def vendor(fake_apt: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Calls add_source with a fingerprint, or with the word `first`; curl is a stand-in that brings two keys."""
    home = tmp_path / "gpg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--quiet", "--batch", "--passphrase", ""]
    for name in ("first", "second"):
        subprocess.run(
            [*gpg, "--quick-generate-key", name, "ed25519", "sign", "never"], check=True, capture_output=True
        )
    subprocess.run([*gpg, "--armor", "--output", str(tmp_path / "keys"), "--export"], check=True)
    listed = subprocess.run([*gpg, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True).stdout
    fingerprints = re.findall(r"^fpr:+(\w+):", listed, flags=re.MULTILINE)
    tools = Path(fake_apt["PATH"].partition(":")[0])
    for name, body in {
        "dpkg-query": 'echo "ii 1"',
        "curl": f'while [[ $1 != --output ]]; do shift; done; cp {tmp_path}/keys "$2"',
        "dpkg": "echo amd64",
    }.items():
        (tools / name).write_text(f"#!/bin/bash\n{body}\n")
        (tools / name).chmod(0o755)

    def add(fingerprint: str) -> subprocess.CompletedProcess[str]:
        wanted = fingerprints[0] if fingerprint == "first" else fingerprint
        # Its files go to /etc/apt: a namespace has one of its own.
        script = f"""set -euo pipefail; mount -t tmpfs none /etc/apt
        source {PROVISION}/lib.sh; source {PROVISION}/apt.sh; source {PROVISION}/vendor.sh
        add_source vendor https://vendor.example/key {wanted} 'https://vendor.example/debian stable main'
        cat /etc/apt/sources.list.d/vendor.list
        gpg --homedir {home} --with-colons --show-keys /etc/apt/keyrings/vendor.gpg"""
        namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
        env = {"RETRY_PAUSE_S": "0", **fake_apt}
        return subprocess.run([*namespace, "bash", "-c", script], env=env, capture_output=True, text=True, check=False)

    yield add
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def test_a_vendor_is_trusted_for_its_one_key_alone(
    vendor: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = vendor("first")
    assert done.returncode == 0, done.stderr
    signed = "deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/debian stable main"
    assert signed in done.stdout.splitlines()
    assert re.findall(r"^uid.*:(\w+):+\d*:$", done.stdout, flags=re.MULTILINE) == ["first"]
    (update,) = (tmp_path / "apt").read_text().splitlines()
    assert "Dir::Etc::SourceList=/etc/apt/sources.list.d/vendor.list" in update


def test_another_key_than_the_vendors_is_refused(vendor: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    done = vendor("573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62")
    assert done.returncode == 1
    assert "does not hold the key 573BFD6B3D8FBC641079A6ABABF5BD827BD9BF62" in done.stderr
