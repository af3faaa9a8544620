"""Guests: how they are reached, and that nothing of them is left."""

from pathlib import Path

import pytest

from bakery import guest, process, qemu
from bakery.accelerator import Accelerator
from bakery.errors import BakeryError

TCG = Accelerator(name="tcg", reason="")


def test_a_guest_is_reached_with_its_own_key_only_and_its_host_key_is_remembered_apart(tmp_path: Path) -> None:
    machine = guest.Machine(name="first", disk=Path("d"), size_gb=40, user="debian")
    lines = guest.ssh_entry(machine.name, user=machine.user, port=2222, site=guest.Site(folder=tmp_path)).splitlines()
    assert lines[0] == "Host first"
    assert {"  Port 2222", "  User debian", f"  IdentityFile {tmp_path}/key", "  IdentitiesOnly yes"} <= set(lines)
    assert f"  UserKnownHostsFile {tmp_path}/first.known_hosts" in lines


def test_ssh_itself_understands_the_configuration(tmp_path: Path) -> None:
    site = guest.Site(folder=tmp_path)
    machine = guest.Machine(name="first", disk=Path("d"), size_gb=40, user="debian")
    site.ssh_config.write_text(guest.ssh_entry(machine.name, user=machine.user, port=2222, site=site))
    understood = process.run(["ssh", "-G", "-F", str(site.ssh_config), "first"]).output.splitlines()
    assert {"port 2222", "user debian", "controlpersist 30", "identitiesonly yes"} <= set(understood)


def test_a_sites_folder_goes_with_it_and_its_sockets_fit(tmp_path: Path) -> None:
    with guest.site() as site:
        assert site.key.stat().st_mode & 0o777 == 0o600
        # A Unix socket's path has room for 104 bytes on macOS and 108 on Linux; ssh adds 17 while it makes one.
        assert len(str(site.folder / "second.sock")) + 17 < 104
    assert not site.folder.exists()


def disk(folder: Path) -> Path:
    path = folder / "empty.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1M"])
    return path


def test_a_guest_runs_only_while_the_body_does(tmp_path: Path) -> None:
    machine = guest.Machine(name="first", disk=disk(tmp_path), size_gb=1, user="debian")
    with guest.site() as site:
        with guest.booted(machine, site=site, accelerator=TCG) as running:
            assert f"{site.folder}/first.qcow2" in qemu_processes()
            assert running.ssh_config.read_text().startswith("Host first\n")
        assert f"{site.folder}/first.qcow2" not in qemu_processes()


def qemu_processes() -> str:
    return process.run(["ps", "-ewwo", "args"]).output


def test_a_port_that_is_taken_meanwhile_is_changed_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    machine = guest.Machine(name="first", disk=disk(tmp_path), size_gb=1, user="debian")
    free = guest.free_port()
    with socket.create_server(("127.0.0.1", 0)) as other, guest.site() as site:
        ports = iter([other.getsockname()[1], free])
        monkeypatch.setattr(guest, "free_port", lambda: next(ports))
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


def test_a_guest_that_never_answers_is_an_error_with_its_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "BOOT_TIMEOUT_S", 0.1)
    console = tmp_path / "console"
    console.write_text("UEFI Interactive Shell\n")
    config = tmp_path / "config"
    config.write_text(f"Host *\n  HostName 127.0.0.1\n  Port {guest.free_port()}\n")
    running = guest.Guest(name="first", ssh_config=config, console=console, log=tmp_path / "log")
    with pytest.raises(BakeryError, match="first did not answer to SSH in") as caught:
        guest.wait_for_ssh([running], accelerator=Accelerator(name="kvm", reason=""))
    assert "UEFI Interactive Shell" in caught.value.message


def test_disks_are_virtio_and_seeds_are_never_written(tmp_path: Path) -> None:
    disks = [qemu.Disk(path=Path("a"), format="qcow2"), qemu.Disk(path=Path("b"), format="raw", is_readonly=True)]
    argv = qemu.guest_argv(disks, accelerator=TCG, ssh_port=2222, console=tmp_path / "console")
    drives = [argv[index + 1] for index, word in enumerate(argv) if word == "-drive"]
    assert drives == [
        "file=a,if=virtio,format=qcow2,cache=unsafe,discard=unmap",
        "file=b,if=virtio,format=raw,readonly=on",
    ]
    assert "tcg,thread=multi" in argv
