"""Guests: how they are reached, and that nothing of them is left."""

import time
from pathlib import Path
from typing import Any

import pytest

from bakery.core import ports, process
from bakery.core.errors import BakeryError
from bakery.guests import guest, login, qemu
from bakery.guests.accelerator import Accelerator
from bakery.guests.login import Outcome

TCG = Accelerator(name="tcg", reason="")
KVM = Accelerator(name="kvm", reason="")
ODD = "a b,c#d%e~f'g\"h${HOME}\\i"
"""Every character that ssh, QEMU, apt, mtools or a shell reads as more than a part of a name."""


def site_in(folder: Path) -> guest.Site:
    return guest.Site(folder=folder, disks=folder)


def test_a_guest_is_reached_with_its_own_key_only_and_its_host_key_is_remembered_apart(tmp_path: Path) -> None:
    machine = guest.Machine(name="first", disk=Path("d"), size_gb=40, user="debian")
    lines = guest.ssh_entry(machine.name, user=machine.user, port=2222, site=site_in(tmp_path)).splitlines()
    assert lines[0] == "Host first"
    assert {"  Port 2222", "  User debian", f"  IdentityFile {tmp_path}/key", "  IdentitiesOnly yes"} <= set(lines)
    assert f"  UserKnownHostsFile {tmp_path}/first.known_hosts" in lines


def test_ssh_itself_understands_the_configuration(tmp_path: Path) -> None:
    site = site_in(tmp_path)
    machine = guest.Machine(name="first", disk=Path("d"), size_gb=40, user="debian")
    site.ssh_config.write_text(guest.ssh_entry(machine.name, user=machine.user, port=2222, site=site))
    understood = process.run(["ssh", "-G", "-F", str(site.ssh_config), "first"]).output.splitlines()
    assert {"port 2222", "user debian", "controlpersist 30", "identitiesonly yes"} <= set(understood)
    # A machine that is gone ends what waits for its answer; no answer of TCP's would.
    assert {"serveraliveinterval 30", "serveralivecountmax 10"} <= set(understood)


def test_a_sites_folder_goes_with_it_and_its_sockets_fit(tmp_path: Path) -> None:
    with guest.site() as site:
        assert site.key.stat().st_mode & 0o777 == 0o600
        # A Unix socket's path has room for 104 bytes on macOS and 108 on Linux; ssh adds 17 while it makes one.
        assert len(str(site.folder / "second.sock")) + 17 < 104
    assert not site.folder.exists()


@pytest.mark.parametrize("name", [ODD, "long" * 40])
def test_no_temporary_folder_keeps_ssh_and_qemu_from_a_guest(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / name
    odd.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    machine = guest.Machine(name="first", disk=disk(odd), size_gb=1, user="debian")
    with guest.site() as site, guest.booted(machine, site=site, accelerator=TCG) as running:
        assert site.disks.parent == odd
        tried = process.run(
            ["ssh", "-v", "-o", "ConnectTimeout=1", *guest.ssh_argv(running, "true")[1:]], is_checked=False
        )
        assert login.outcome(tried) is Outcome.NOT_YET
        assert f"identity file {site.key} type 3" in tried.output  # it was read, and is an Ed25519 key
    assert list(odd.iterdir()) == [odd / "empty.qcow2"]


def disk(folder: Path) -> Path:
    path = folder / "empty.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1M"])
    return path


def test_a_guest_runs_only_while_the_body_does(tmp_path: Path) -> None:
    machine = guest.Machine(name="first", disk=disk(tmp_path), size_gb=1, user="debian")
    with guest.site() as site:
        with guest.booted(machine, site=site, accelerator=TCG) as running:
            assert f"{site.disks}/first.qcow2" in qemu_processes()
            assert running.ssh_config.read_text().startswith("Host first\n")
        assert f"{site.disks}/first.qcow2" not in qemu_processes()


def qemu_processes() -> str:
    return process.run(["ps", "-ewwo", "args"]).output


def test_a_port_that_is_taken_meanwhile_is_changed_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    machine = guest.Machine(name="first", disk=disk(tmp_path), size_gb=1, user="debian")
    free = ports.free_port()
    with socket.create_server(("127.0.0.1", 0)) as other, guest.site() as site:
        given = iter([other.getsockname()[1], free])
        monkeypatch.setattr(ports, "free_port", lambda: next(given))
        with guest.booted(machine, site=site, accelerator=TCG):
            assert f"Port {free}" in site.ssh_config.read_text()


def test_a_disk_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "text.qcow2").write_text("not a disk")
    machine = guest.Machine(name="first", disk=tmp_path / "text.qcow2", size_gb=1, user="debian")
    with (
        guest.site() as site,
        pytest.raises(BakeryError, match="Image is not in qcow2 format"),
        guest.booted(machine, site=site, accelerator=TCG),
    ):
        pass


def waiting(folder: Path, *, config: str = "", console: str = "", **more: Any) -> guest.Guest:
    (folder / "console").write_text(console)
    (folder / "log").write_text("qemu-system-x86_64: it was too much\n")
    text = config or f"Host *\n  HostName 127.0.0.1\n  Port {ports.free_port()}\n"
    (folder / "config").write_text(text)
    return guest.Guest(
        name="first", ssh_config=folder / "config", console=folder / "console", log=folder / "log", **more
    )


def ssh_that_says(text: str, *, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for ssh first in PATH: a real refusal would take a server."""
    (folder / "ssh").write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{text}\nEND\nexit 255\n")
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_guest_that_never_answers_is_an_error_with_its_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "BOOT_TIMEOUT_S", 0.1)
    running = waiting(tmp_path, console="UEFI Interactive Shell\n")
    with pytest.raises(BakeryError, match="first did not answer to SSH in") as caught:
        guest.wait_for_ssh([running], accelerator=KVM)
    assert "UEFI Interactive Shell" in caught.value.message
    assert "Connection refused" in caught.value.message


def test_a_console_that_cannot_be_had_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch() -> None:
        raise BakeryError("GetConsoleOutput was refused")

    monkeypatch.setattr(guest, "BOOT_TIMEOUT_S", 0.1)
    with pytest.raises(BakeryError, match=r"first did not answer to SSH .*; nothing is known of its console"):
        guest.wait_for_ssh([waiting(tmp_path, fetch_console=fetch)], accelerator=KVM)


def test_a_login_that_can_never_work_ends_at_once_with_sshs_own_words(tmp_path: Path) -> None:
    running = waiting(tmp_path, config="Host *\n  IdentityFile /tmp/a b/key\n")
    began = time.monotonic()
    with pytest.raises(BakeryError, match=r"ssh can never log in to first: .*extra arguments at end of line"):
        guest.wait_for_ssh([running], accelerator=TCG)
    assert time.monotonic() - began < 5


def test_a_machine_that_was_switched_off_is_not_waited_for(tmp_path: Path) -> None:
    running = waiting(tmp_path, is_on=lambda: False)
    with pytest.raises(BakeryError, match=r"its program ended \(qemu-system-x86_64: it was too much\)"):
        guest.wait_for_ssh([running], accelerator=TCG)


def test_a_machine_that_has_booted_and_refuses_us_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_that_says("debian@127.0.0.1: Permission denied (publickey).", folder=tmp_path, monkeypatch=monkeypatch)
    monkeypatch.setattr(guest, "PATIENCE_S", 0.2)
    running = waiting(tmp_path, console="[   20.1] cloud-init[700]: Cloud-init v. 22.4.2 finished at Thu, 26 Nov\n")
    with pytest.raises(BakeryError, match=r"first answers and does not let us in: .*Permission denied \(publickey\)"):
        guest.wait_for_ssh([running], accelerator=KVM)


def test_a_machine_that_is_still_booting_may_refuse_us_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_that_says("debian@127.0.0.1: Permission denied (publickey).", folder=tmp_path, monkeypatch=monkeypatch)
    monkeypatch.setattr(guest, "PATIENCE_S", 0.2)
    monkeypatch.setattr(guest, "REFUSAL_TIMEOUT_S", 2)
    began = time.monotonic()
    with pytest.raises(BakeryError, match="does not let us in"):
        guest.wait_for_ssh([waiting(tmp_path, console="Booting")], accelerator=KVM)
    assert time.monotonic() - began > 2


def ssh_that_runs_it_here(folder: Path, monkeypatch: pytest.MonkeyPatch, *, cloud_init: str) -> None:
    """Put stand-ins first in PATH: for ssh one that runs the command on this machine, and for cloud-init a script."""
    for name, script in (("ssh", 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'), ("cloud-init", cloud_init)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_first_boot_that_does_not_end_is_an_error_with_its_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_that_runs_it_here(tmp_path, monkeypatch, cloud_init="sleep 60")
    monkeypatch.setattr(guest, "FIRST_BOOT_TIMEOUT_S", 1)
    began = time.monotonic()
    with pytest.raises(BakeryError, match="first did not finish its first boot in 1 s") as caught:
        guest.wait_for_ssh([waiting(tmp_path, console="cloud-init waits for a network\n")], accelerator=KVM)
    assert time.monotonic() - began < 20
    assert "cloud-init waits for a network" in caught.value.message


def test_a_first_boot_that_went_badly_is_for_the_image_tests_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_that_runs_it_here(tmp_path, monkeypatch, cloud_init="exit 1")
    assert guest.wait_for_ssh([waiting(tmp_path)], accelerator=KVM) < 20


def test_a_comma_in_a_disks_name_is_not_an_options_end() -> None:
    argv = qemu.guest_argv(
        [qemu.Disk(path=Path("/a,b/c"), format="raw")], accelerator=TCG, ssh_port=2222, console=Path("console")
    )
    assert "file=/a,,b/c,if=virtio,format=raw,cache=unsafe,discard=unmap" in argv


def test_disks_are_virtio_and_seeds_are_never_written(tmp_path: Path) -> None:
    disks = [qemu.Disk(path=Path("a"), format="qcow2"), qemu.Disk(path=Path("b"), format="raw", is_readonly=True)]
    argv = qemu.guest_argv(disks, accelerator=TCG, ssh_port=2222, console=tmp_path / "console")
    drives = [argv[index + 1] for index, word in enumerate(argv) if word == "-drive"]
    assert drives == [
        "file=a,if=virtio,format=qcow2,cache=unsafe,discard=unmap",
        "file=b,if=virtio,format=raw,readonly=on",
    ]
    assert "tcg,thread=multi" in argv
