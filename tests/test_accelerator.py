"""Whether guests run with hardware help is found out by running one."""

import os
from pathlib import Path

import pytest

from bakery import accelerator


def test_the_one_sector_guest_really_runs_under_emulation() -> None:
    assert accelerator.is_guest_running("tcg")


def test_a_guest_that_never_answers_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "PROBE_TIMEOUT_S", 0.5)
    monkeypatch.setattr(accelerator, "BOOT_SECTOR", b"\xf4".ljust(510, b"\0") + b"\x55\xaa")  # hlt, for ever
    assert not accelerator.is_guest_running("tcg")


def test_the_boot_sector_is_one_bootable_sector() -> None:
    assert len(accelerator.BOOT_SECTOR) == 512
    assert accelerator.BOOT_SECTOR.endswith(b"\x55\xaa")


def test_the_probe_agrees_with_a_guest_started_here() -> None:
    found = accelerator.probe()
    has_kvm = Path("/dev/kvm").exists() and accelerator.is_guest_running("kvm")
    assert found.name == ("kvm" if has_kvm else "tcg")
    assert found.reason


def test_without_hardware_help_time_limits_stretch_and_the_cpu_is_the_emulators() -> None:
    emulated = accelerator.Accelerator(name="tcg", reason="")
    assert (emulated.cpu, emulated.slowness > 1) == ("qemu64", True)
    assert accelerator.Accelerator(name="kvm", reason="").cpu == "host"


@pytest.mark.parametrize(("here", "name", "expected"), [(2, "tcg", 1), (1, "tcg", 1), (8, "tcg", 2), (2, "kvm", 2)])
def test_two_emulated_guests_have_no_more_processors_than_this_machine(
    here: int, name: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: here)
    assert accelerator.Accelerator(name=name, reason="").cpus == expected
