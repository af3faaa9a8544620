"""Whether guests run with hardware help, and machines natively, is found out by running one."""

import os

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.guests import accelerator, native_probe


def test_the_one_sector_guest_really_runs_under_emulation() -> None:
    assert accelerator.is_guest_running("tcg")


def test_a_guest_that_never_answers_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "PROBE_TIMEOUT_S", 0.5)
    monkeypatch.setattr(accelerator, "BOOT_SECTOR", b"\xf4".ljust(510, b"\0") + b"\x55\xaa")  # hlt, for ever
    assert not accelerator.is_guest_running("tcg")


def test_the_boot_sector_is_one_bootable_sector() -> None:
    assert len(accelerator.BOOT_SECTOR) == 512
    assert accelerator.BOOT_SECTOR.endswith(b"\x55\xaa")


def test_kvm_is_taken_only_where_a_guest_runs_with_it() -> None:
    # Not the other way round: nested without its flags, KVM runs one sector now and then, and never a kernel.
    found = accelerator.probe()
    assert found.name == "tcg" or accelerator.is_guest_running("kvm")
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


def here(monkeypatch: pytest.MonkeyPatch, *, kvm: str, native: str) -> None:
    """Let this be a host with these reasons against KVM and against native machines; no reason means that it works."""
    monkeypatch.setattr(accelerator, "_reason_against_kvm", lambda: kvm)
    monkeypatch.setattr(native_probe, "reason_against", lambda: native)


@pytest.mark.parametrize(
    ("kvm", "native", "expected", "words"),
    [
        ("", "", "kvm", []),
        ("no device", "", "native", ["kvm: no device"]),
        ("no device", "no root", "tcg", ["kvm: no device", "native: no root"]),
    ],
)
def test_the_fastest_that_works_is_chosen_and_why_not_the_others_is_said(
    kvm: str, native: str, expected: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, kvm=kvm, native=native)
    found = accelerator.choose("auto")
    assert found.name == expected
    assert [word for word in words if word not in found.line] == []


@pytest.mark.parametrize("wanted", ["kvm", "native", "tcg"])
def test_what_was_asked_for_is_taken_where_it_works(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, kvm="", native="")
    assert accelerator.choose(wanted).name == wanted


@pytest.mark.parametrize("wanted", ["kvm", "native"])
def test_what_was_asked_for_and_does_not_work_is_refused(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, kvm="no device", native="no root")
    with pytest.raises(BakeryError, match=f"--accelerator {wanted} does not work here: no (device|root)") as caught:
        accelerator.choose(wanted)
    assert caught.value.exit_code is ExitCode.MISSING


def test_an_accelerator_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BakeryError, match="--accelerator hvf is not known") as caught:
        accelerator.choose("hvf")
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.IMPOSSIBLE, "one of auto, kvm, native, tcg")


def test_a_guest_that_is_alone_gets_every_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert accelerator.Accelerator(name="tcg", reason="", guests=1).cpus == 2
