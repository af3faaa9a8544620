"""The machine behind an instance as QEMU is told of it."""

import re
from pathlib import Path

from bakery.core import process
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal import hardware, nitro
from bakery.rehearsal.hardware import Hardware

INSTANCE = "i-0123456789abcdef0"
HARDWARE = Hardware(
    type="t3.micro",
    cpus=2,
    memory_mb=1024,
    mac="02:00:00:11:22:33",
    volume="vol-0a1b2c3d4e5f60718",
    address="127.66.0.9",
)


def argv(folder: Path, made: Hardware = HARDWARE, *, accelerator: str = "tcg") -> list[str]:
    return hardware.machine_argv(
        INSTANCE,
        made,
        accelerator=Accelerator(name=accelerator, reason="a test"),
        overlay=folder / f"{INSTANCE}.qcow2",
        sockets=folder,
        platform=nitro.argv(INSTANCE, made, service_port=4711),
    )


def test_a_guest_takes_itself_for_an_instance_of_ec2(tmp_path: Path) -> None:
    # What cloud-init 22.4 looks at: the UUID begins with ec2, and the serial number is the same.
    told = next(option for option in argv(tmp_path) if option.startswith("type=1,"))
    serial = nitro.serial_number(INSTANCE)
    assert re.fullmatch(r"ec2[0-9a-f]{5}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", serial)
    assert f"serial={serial},uuid={serial}" in told
    assert f"type=2,manufacturer=Amazon EC2,asset={INSTANCE}" in argv(tmp_path)


def test_two_instances_have_two_serial_numbers() -> None:
    assert nitro.serial_number("i-1") != nitro.serial_number("i-2")


def test_the_root_volume_is_an_nvme_disk_with_the_volume_s_id(tmp_path: Path) -> None:
    assert "nvme,drive=root,serial=vol0a1b2c3d4e5f60718" in argv(tmp_path)


def test_the_metadata_service_is_where_ec2_has_it(tmp_path: Path) -> None:
    (nic,) = (option for option in argv(tmp_path) if option.startswith("user,"))
    assert "net=169.254.169.0/24," in nic
    assert re.search(r"guestfwd=tcp:169\.254\.169\.254:80-cmd:\S+ -I -S \S+relay\.py 4711(,|$)", nic)


def test_without_an_address_nobody_reaches_a_machine(tmp_path: Path) -> None:
    open_ports = Hardware(**{**vars(HARDWARE), "ports": (22, 80)})
    reached = [option for option in argv(tmp_path, open_ports) if "hostfwd" in option]
    assert ["hostfwd=tcp:127.66.0.9:2222-:22,hostfwd=tcp:127.66.0.9:8080-:80" in option for option in reached] == [True]
    alone = Hardware(**{**vars(open_ports), "address": ""})
    assert not [option for option in argv(tmp_path, alone) if "hostfwd" in option]


def test_a_comma_in_a_path_is_part_of_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "one,two"
    assert any(f"{tmp_path}/one,,two/{INSTANCE}.qcow2," in option for option in argv(folder))


def test_what_the_console_said_is_kept_over_a_restart(tmp_path: Path) -> None:
    assert f"file,id=console,path={tmp_path}/{INSTANCE}.console,append=on" in argv(tmp_path)


def test_hardware_help_is_used_where_there_is_some(tmp_path: Path) -> None:
    assert {"kvm", "host"} <= set(argv(tmp_path, accelerator="kvm"))
    assert {"tcg,thread=multi", "qemu64"} <= set(argv(tmp_path))


def test_an_overlay_lies_on_a_raw_or_a_qcow2_disk(tmp_path: Path) -> None:
    for form in ("raw", "qcow2"):
        disk, out = tmp_path / f"disk.{form}", tmp_path / f"over-{form}.qcow2"
        process.run(["qemu-img", "create", "-q", "-f", form, str(disk), "1G"])
        process.run(hardware.overlay_argv(disk, out=out, size=3 * 2**30))
        told = process.run(["qemu-img", "info", str(out)]).output
        assert f"backing file format: {form}" in told
        assert "virtual size: 3 GiB" in told
