"""A real `vagrant up` with libvirt: the box of a baked image runs, can be entered and halted, and leaves no trace."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseName
from bakery.guests import suite
from bakery.guests.suite import Verdict
from bakery.vagrant import machine, vagrantfile
from bakery.vagrant.machine import Address, Request
from tests.slow import libvirt
from tests.slow.conftest import Baked

IMAGE, BASE = "host", BaseName.DEBIAN_12
REQUEST = Request(image=IMAGE, base=BASE, provider="libvirt")


@dataclass(frozen=True, kw_only=True)
class Running:
    """The machine under test, and what libvirt held before it."""

    address: Address
    settings: Path
    """The SSH configuration that Vagrant gives."""
    ssh: Callable[..., process.Finished]
    volumes_before: set[str]


@pytest.fixture(scope="module")
def _own_home(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use the image that this run baked, and a Vagrant home and a libvirt of our own."""
    folder = tmp_path_factory.mktemp("vagrant-up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKERY_BUILD_DIR", baked.environment["BAKERY_BUILD_DIR"])
        patch.setenv("VAGRANT_HOME", str(folder / "home"))
        with libvirt.running(folder):
            yield
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running(_own_home: None) -> Iterator[Running]:
    console = Console()
    before = libvirt.volumes()
    try:
        address = machine.up(REQUEST, console=console)
        settings = machine.write_ssh_settings(IMAGE, BASE, console=console)

        def ssh(*command: str) -> process.Finished:
            return process.run(["ssh", "-F", str(settings), BASE, *command], is_checked=False)

        yield Running(address=address, settings=settings, ssh=ssh, volumes_before=before)
    finally:
        machine.destroy(IMAGE, BASE, console=console)


def test_vagrant_logs_in_as_its_user_with_sudo(running: Running) -> None:
    assert running.ssh("sudo -n id -un; id -un").output.split() == ["root", "vagrant"]


def test_the_insecure_key_was_replaced(running: Running) -> None:
    keys = running.ssh("cat .ssh/authorized_keys").output
    assert keys.count("ssh-") == 1
    assert vagrantfile.INSECURE_PUBLIC_KEY.split()[1] not in keys


def test_first_boot_ended_well_with_vagrants_own_key_there(running: Running) -> None:
    result = json.loads(running.ssh("cat /var/lib/bakery/firstboot.json").output)
    assert result["status"] == "done"
    written = int(running.ssh("stat -c %Y /var/lib/bakery/firstboot.json").output)
    assert written >= int(running.ssh("stat -c %Y .ssh/authorized_keys").output)  # Vagrant ran it again


def test_the_machine_is_named_after_its_image(running: Running) -> None:
    assert running.ssh("hostname").output.startswith(f"{IMAGE}-{BASE}-")


def test_the_root_file_system_fills_its_disk(running: Running) -> None:
    disk, root = map(
        int, running.ssh("lsblk -bno SIZE /dev/vda | head -1; df -B1 --output=size / | tail -1").output.split()
    )
    assert root > 0.9 * disk


def test_the_machine_is_healthy_at_the_address_that_up_prints(running: Running) -> None:
    deadline = time.monotonic() + 120
    while (said := health(running.address.health)) is None:  # until the first probe after the boot
        assert time.monotonic() < deadline
        time.sleep(5)
    assert said["status"] == "healthy"


def health(url: str) -> dict[str, str] | None:
    """Return what the machine says of itself, None while it says that it is not well."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            said: dict[str, str] = json.load(answer)
            return said
    except urllib.error.HTTPError:
        return None


def test_the_machine_says_that_it_runs(running: Running) -> None:
    assert running.ssh("true").exit_code == 0
    assert machine.status(IMAGE, BASE, console=Console()) == "running (libvirt)"


def test_ssh_ends_with_the_exit_code_of_the_command(running: Running) -> None:
    assert running.ssh("true").exit_code == 0
    assert machine.ssh(IMAGE, BASE, command=["exit", "7"], console=Console()) == 7


def judged(running: Running, *options: str, folder: Path) -> Verdict:
    """Ask the machine what `invoke verify --host` asks, reached as Vagrant's own key allows."""
    argv = suite.argv([f"ssh://{BASE}"], report=folder / "report.xml")
    argv += [f"--ssh-config={running.settings}", *options]
    return suite.judge(argv, env={}, console=Console(), log=folder / "log")


def test_the_machine_passes_the_image_tests_for_machines_in_use(running: Running, tmp_path: Path) -> None:
    assert judged(running, folder=tmp_path).total > 30


def test_a_machine_whose_nginx_stopped_is_rejected_with_exit_code_4(running: Running, tmp_path: Path) -> None:
    running.ssh("sudo systemctl stop nginx")
    with pytest.raises(BakeryError, match="the image did not pass") as caught:
        judged(running, "-k", "nginx", folder=tmp_path)
    assert caught.value.exit_code is ExitCode.REJECTED
    running.ssh("sudo systemctl start nginx")


# The two below end the machine: they stay the last ones.


def test_halt_switches_it_off(running: Running) -> None:
    machine.halt(IMAGE, BASE, console=Console())
    assert machine.status(IMAGE, BASE, console=Console()) == "poweroff (libvirt)"
    assert running.ssh("true").exit_code != 0


def test_destroy_leaves_no_trace(running: Running) -> None:
    machine.destroy(IMAGE, BASE, console=Console())
    assert machine.status(IMAGE, BASE, console=Console()) == "not created"
    assert libvirt.volumes() == running.volumes_before
    assert not {name for name in libvirt.domains() if "bakery" in name}
    assert not list(Path(os.environ["VAGRANT_HOME"], "boxes").iterdir())
