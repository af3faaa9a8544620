import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseName
from bakery.disk import artifact
from bakery.disk.artifact import Artifact
from bakery.vagrant import libvirt, machine, requirements
from bakery.vagrant.machine import Request
from bakery.vagrant.vagrantfile import Ports, Provider
from tests.records import write_record

DIGEST = "1a2b3c4d" * 8
REQUEST = Request(image="host", base="debian-12", provider="libvirt")
NAME, VERSION = "bakery/host-debian-12", "20260101.415.1715004"


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant-home"))


@pytest.fixture
def baked() -> Artifact:
    """Make what a bake leaves, with empty files for disk and boxes."""
    made = artifact.local("host", BaseName.DEBIAN_12)
    made.folder.mkdir(parents=True)
    for path in (made.disk, made.box("libvirt"), made.box("virtualbox")):
        path.touch()
    made.settings.write_text("BAKERY_IMAGE=host\nBAKERY_HEALTH_PORT=8077\nBAKERY_PACKAGES='curl less'\n")
    write_record(made, digest=DIGEST)
    return made


STAND_IN = """#!{python}
# A stand-in for vagrant: keeps a list of what it was asked and of the signals it got, and makes a machine of a file.
import os, pathlib, signal, sys, time
here = pathlib.Path({folder!r})
def note(text):
    with (here / "asked").open("a") as asked:
        asked.write(text + "\\n")
signal.signal(signal.SIGINT, lambda *_: (note("SIGINT"), (here / "interrupted").touch()))
signal.signal(signal.SIGTERM, lambda *_: note("SIGTERM"))
words = sys.argv[1:]
note(" ".join(words))
machine_id = pathlib.Path(".vagrant/machines/debian-12/libvirt/id")
if words[:2] == ["plugin", "list"]:
    print("1,,plugin-name,vagrant-libvirt\\n1,vagrant-libvirt,plugin-version,0.11.2%!(VAGRANT_COMMA) system")
elif words[0] == "up":
    machine_id.parent.mkdir(parents=True)
    machine_id.write_text("1")
    print("==> debian-12: Starting domain.", flush=True)
    if (here / "slow").exists():
        while not (here / "interrupted").exists():
            time.sleep(0.02)
        time.sleep(0.6)
        note("cleaned up")
        sys.exit(1)
    if (here / "broken").exists():
        sys.exit("the domain would not start")
elif words[0] == "destroy":
    if (here / "slow").exists():
        time.sleep(0.4)
    machine_id.unlink(missing_ok=True)
elif words[0] == "status":
    print("warning: some ruby, is, old", file=sys.stderr)
    state = "running" if machine_id.exists() else "not_created"
    print("1,debian-12,provider-name,libvirt\\n1,debian-12,state," + state)
elif words[0] == "ssh-config":
    print("warning: old ruby\\nHost debian-12\\n  HostName 192.0.2.44\\n  User vagrant\\n  IdentityFile /o'brien/key")
elif words[:2] == ["box", "list"]:
    for name, version in (({name!r}, {version!r}), ({name!r}, "20260101.415.1"), ("somebody/else", {version!r})):
        print(f"1,,box-name,{{name}}\\n1,,box-provider,libvirt\\n1,,box-version,{{version}}")
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in for vagrant first in PATH, let libvirt answer, and return the folder of its notes."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    program = folder / "vagrant"
    program.write_text(STAND_IN.format(python=sys.executable, folder=str(folder), name=NAME, version=VERSION))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    # libvirt's own driver for tests: a host in the client, without a daemon.
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "test:///default")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


def refused(action: Callable[[], object]) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        action()
    return caught.value


def test_a_provider_that_does_not_exist_is_asked_back() -> None:
    error = refused(lambda: requirements.choose_provider("virtualbx"))
    assert (error.message, error.hint) == ("unknown provider 'virtualbx'", "did you mean 'virtualbox'?")
    assert error.exit_code is ExitCode.IMPOSSIBLE


def test_virtualbox_is_first_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert requirements.choose_provider("") is Provider.LIBVIRT
    (tmp_path / "VBoxManage").touch(0o755)
    assert requirements.choose_provider("") is Provider.VIRTUALBOX


def test_up_before_a_bake_says_how_to_bake(console: Console) -> None:
    error = refused(lambda: machine.up(REQUEST, console=console))
    assert error.message == "there is no libvirt box of host on debian-12 yet"
    assert error.hint == "./inv bake --image host --base debian-12"
    assert error.exit_code is ExitCode.IMPOSSIBLE


def test_an_unknown_base_is_asked_back(console: Console) -> None:
    error = refused(lambda: machine.up(Request(image="host", base="debian-21"), console=console))
    assert error.exit_code is ExitCode.IMPOSSIBLE


@pytest.mark.usefixtures("baked")
def test_without_vagrant_the_hint_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(lambda: machine.up(REQUEST, console=console))
    assert error.exit_code is ExitCode.MISSING
    assert "apt-get install vagrant vagrant-libvirt" in error.hint


def test_a_missing_plugin_is_named_with_its_command() -> None:
    error = refused(lambda: requirements.require_provider(Provider.QEMU, plugins={"vagrant-libvirt"}))
    assert (error.message, error.hint) == ("Vagrant has no plugin vagrant-qemu", "vagrant plugin install vagrant-qemu")
    assert error.exit_code is ExitCode.MISSING


def test_virtualbox_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(lambda: requirements.require_provider(Provider.VIRTUALBOX, plugins=set()))
    assert "no VBoxManage" in error.message
    assert error.exit_code is ExitCode.MISSING


def test_libvirt_that_does_not_run_comes_with_the_commands_that_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", f"qemu+unix:///system?socket={tmp_path}/none")
    error = refused(libvirt.require_running)
    assert error.exit_code is ExitCode.MISSING
    assert "No such file or directory" in error.message
    assert "systemctl start libvirtd" in error.hint
    assert "sudo libvirtd -d" in error.hint


@pytest.mark.parametrize("name", ["http", "https", "health"])
def test_a_port_that_is_taken_is_named_with_another(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = {"http": free_port(), "https": free_port(), "health": free_port()}
        error = refused(lambda: requirements.require_free_ports(Ports(**{**free, name: port})))
    assert error.message == f"port {port} of 127.0.0.1 cannot lead to {name}: address already in use"
    assert error.hint == f"--{name}-port {port + 1}"


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_impossible(port: int) -> None:
    error = refused(lambda: requirements.require_free_ports(Ports(http=port)))
    assert error.message == f"--http-port {port}: ports go from 1 to 65535"
    assert error.exit_code is ExitCode.IMPOSSIBLE


def test_a_port_that_just_became_free_is_free() -> None:
    requirements.require_free_ports(Ports(http=free_port(), https=free_port(), health=free_port()))


@pytest.mark.usefixtures("baked")
def test_up_returns_where_the_machine_answers(stand_in: Path, console: Console) -> None:
    address = machine.up(REQUEST, console=console)
    assert str(address) == "http://192.0.2.44\nhttps://192.0.2.44\nhttp://192.0.2.44:8077/health"
    assert "up --provider=libvirt" in asked(stand_in)
    assert machine.status("host", "debian-12", console=console) == "running (libvirt)"


@pytest.mark.usefixtures("stand_in")
def test_what_vagrant_prints_is_kept_in_a_log(baked: Artifact, console: Console) -> None:
    machine.up(REQUEST, console=console)
    assert "Starting domain." in (machine.folder_of(baked) / "vagrant.log").read_text()


@pytest.mark.usefixtures("baked")
def test_a_vagrant_that_fails_shows_its_last_lines_and_its_log(stand_in: Path, console: Console) -> None:
    (stand_in / "broken").touch()
    error = refused(lambda: machine.up(REQUEST, console=console))
    assert error.exit_code is ExitCode.FAILED
    assert error.message.endswith("the domain would not start")
    assert "vagrant.log" in error.hint


@pytest.fixture
def _interruptible() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    process.interrupt_on_sigterm()
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_signals_vagrant_once_waits_for_it_and_removes_the_machine(
    sign: signal.Signals, stand_in: Path, baked: Artifact, console: Console
) -> None:
    (stand_in / "slow").touch()
    sender = os.fork()
    if sender == 0:
        while not (baked.folder / "vagrant-debian-12/.vagrant/machines/debian-12/libvirt/id").exists():
            time.sleep(0.02)
        os.kill(os.getppid(), sign)
        os._exit(0)
    with pytest.raises(KeyboardInterrupt):
        machine.up(REQUEST, console=console)
    os.waitpid(sender, 0)
    story = asked(stand_in)
    assert story[story.index("up --provider=libvirt") :][:4] == [
        "up --provider=libvirt",
        "SIGINT",
        "cleaned up",
        "destroy --force",
    ]
    assert not machine.folder_of(baked).exists()


@pytest.mark.usefixtures("_interruptible")
def test_the_machine_of_an_interrupted_up_is_removed_however_often_ctrl_c_is_pressed(
    stand_in: Path, baked: Artifact, console: Console
) -> None:
    (stand_in / "slow").touch()

    def press() -> None:
        for word in ("up --provider=libvirt", "destroy --force"):
            while not (stand_in / "asked").exists() or word not in asked(stand_in):
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)

    presses = threading.Thread(target=press)
    presses.start()
    with pytest.raises(KeyboardInterrupt):
        machine.up(REQUEST, console=console)
    presses.join()
    assert asked(stand_in).count("SIGINT") == 1
    assert not machine.folder_of(baked).exists()


@pytest.mark.usefixtures("baked")
def test_destroy_removes_the_box_of_the_machine_and_no_others(stand_in: Path, console: Console) -> None:
    machine.up(REQUEST, console=console)
    machine.destroy("host", "debian-12", console=console)
    removed = [line for line in asked(stand_in) if line.startswith("box remove")]
    assert removed == [f"box remove --force --provider libvirt --box-version {VERSION} {NAME}"]
    assert machine.status("host", "debian-12", console=console) == "not created"


def test_destroy_without_a_machine_has_nothing_to_do(stand_in: Path, console: Console) -> None:
    machine.destroy("host", "debian-12", console=console)
    assert not (stand_in / "asked").exists()


@pytest.mark.parametrize("action", [machine.halt, machine.ssh, machine.write_ssh_settings])
def test_what_needs_a_machine_says_how_to_make_one(action: Callable[..., object], console: Console) -> None:
    error = refused(lambda: action("host", "debian-12", console=console))
    assert error.message == "there is no machine of host on debian-12"
    assert error.hint == "./inv up --image host --base debian-12"
    assert error.exit_code is ExitCode.IMPOSSIBLE


@pytest.mark.usefixtures("stand_in")
def test_a_machine_of_an_earlier_bake_is_not_taken_for_the_new_image(baked: Artifact, console: Console) -> None:
    machine.up(REQUEST, console=console)
    write_record(baked, digest="ffff" * 16)
    error = refused(lambda: machine.up(REQUEST, console=console))
    assert "earlier bake" in error.message
    assert error.hint == "./inv destroy --image host --base debian-12"


@pytest.mark.usefixtures("stand_in", "baked")
def test_a_machine_of_another_provider_is_not_started_twice(console: Console) -> None:
    machine.up(REQUEST, console=console)
    other = Request(image="host", base="debian-12", provider="qemu")
    assert "already, with libvirt" in refused(lambda: machine.up(other, console=console)).message


@pytest.mark.usefixtures("stand_in", "baked")
def test_the_ssh_settings_begin_with_the_host(console: Console) -> None:
    machine.up(REQUEST, console=console)
    settings = machine.write_ssh_settings("host", "debian-12", console=console)
    assert settings.read_text().startswith("Host debian-12\n")
    understood = process.run(["ssh", "-G", "-F", str(settings), "debian-12"]).output
    assert "identityfile /o'brien/key" in understood.splitlines()
