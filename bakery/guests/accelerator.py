"""Finds out how machines run here, by running one: with hardware help, natively, or emulated.

/dev/kvm alone proves nothing: on some nested hosts it opens, creates machines, and every guest hangs; and a guest of
five instructions proves little more, since KVM itself emulates those where the processor does not help, a thousand
times slower.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from bakery.core import process, scratch
from bakery.core.errors import impossible, missing
from bakery.guests import native_probe

AUTO, NATIVE = "auto", "native"
CHOICES = (AUTO, "kvm", NATIVE, "tcg")

PROBE_TIMEOUT_S = 5
MOST_CPUS = 2
GUEST_ANSWER = 0x20
EXPECTED_EXIT = GUEST_ANSWER << 1 | 1
"""QEMU's isa-debug-exit device ends QEMU with (value << 1) | 1 (qemu hw/misc/debugexit.c)."""

COUNT = (0x66, 0xB9, 0, 0, 0, 1, 0x67, 0xE2, 0xFD)
"""`mov ecx, 0x1000000; l: loop l`: milliseconds for a processor, many times PROBE_TIMEOUT_S for KVM's own emulator."""
BOOT_SECTOR = bytes((*COUNT, 0xB0, GUEST_ANSWER, 0xE6, 0xF4, 0xF4)).ljust(510, b"\0") + b"\x55\xaa"
"""A small guest: count, then `mov al, GUEST_ANSWER; out 0xf4, al; hlt`, in a bootable sector."""


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """How machines run here, and why: QEMU's name for it, or `native` for machines without QEMU (native.py)."""

    name: str
    reason: str
    guests: int = 2
    """How many run at the same time."""

    @property
    def is_native(self) -> bool:
        """Whether machines run on this machine's own kernel."""
        return self.name == NATIVE

    @property
    def line(self) -> str:
        """What a person is told of it."""
        if self.is_native:
            return f"machines run natively, by systemd-nspawn: {self.reason}"
        return f"guests run with {self.name.upper()}: {self.reason}"

    @property
    def cpu(self) -> str:
        """The CPU model to ask QEMU for: under emulation the plainest, since newer instructions cost more there."""
        return "host" if self.name == "kvm" else "qemu64"

    @property
    def cpus(self) -> int:
        """How many processors a guest gets: where they are emulated, as many as all guests can keep busy here.

        An emulator pays for each moment in which one processor of a guest waits for another.
        """
        return MOST_CPUS if self.name == "kvm" else max(1, min(MOST_CPUS, (os.cpu_count() or 1) // self.guests))

    @property
    def slowness(self) -> int:
        """By how much to stretch time limits that suit hardware virtualisation."""
        return 6 if self.name == "tcg" else 1


IN_A_CLOUD = Accelerator(name="kvm", reason="a machine of a cloud")


def in_a_cloud() -> Accelerator:
    """Return how a cloud's own machines run."""
    return IN_A_CLOUD


def require_choice(wanted: str) -> None:
    """Raise BakeryError (exit code 2) for what is no way to run machines, whether or not it works here."""
    if wanted not in CHOICES:
        raise impossible(f"--accelerator {wanted} is not known", hint=f"one of {', '.join(CHOICES)}")


def choose(wanted: str) -> Accelerator:
    """Return how to bake and verify here: as *wanted*, or for `auto` with KVM, else natively, else emulated.

    Raises BakeryError: exit code 2 when *wanted* is none of CHOICES, 3 when it does not work here.
    """
    require_choice(wanted)
    if wanted == "tcg":
        return Accelerator(name="tcg", reason="it was asked for")
    reasons = {}
    for name, reason_against in (("kvm", _reason_against_kvm), (NATIVE, native_probe.reason_against)):
        if wanted in (AUTO, name):
            reasons[name] = reason_against()
            if not reasons[name]:
                against = "".join(f"; {other}: {why}" for other, why in reasons.items() if why)
                return Accelerator(name=name, reason=f"a test machine ran{against}")
    if wanted != AUTO:
        raise missing(f"--accelerator {wanted} does not work here: {reasons[wanted]}", hint="--accelerator auto")
    return Accelerator(name="tcg", reason="; ".join(f"{name}: {why}" for name, why in reasons.items()))


def probe() -> Accelerator:
    """Return how QEMU runs guests: with KVM when one really runs within five seconds, otherwise TCG and the reason."""
    reason = _reason_against_kvm()
    if reason:
        return Accelerator(name="tcg", reason=reason)
    return Accelerator(name="kvm", reason="a test guest ran with KVM")


def _reason_against_kvm() -> str:
    device = Path("/dev/kvm")
    if not device.exists():
        return "there is no /dev/kvm"
    if not os.access(device, os.R_OK | os.W_OK):
        return "/dev/kvm is not open to this user (add it to the group kvm)"
    flags = Path("/proc/cpuinfo").read_text()
    if "vmx" not in flags and "svm" not in flags:
        return "the processor shows neither vmx nor svm, guests hang in /dev/kvm here"
    if not is_guest_running("kvm"):
        return f"/dev/kvm opens, but a test guest did not run in {PROBE_TIMEOUT_S} s"
    return ""


def is_guest_running(accelerator: str) -> bool:
    """Return whether a one-sector guest runs to its end under *accelerator*."""
    process.find("qemu-system-x86_64")
    with scratch.small() as folder:
        disk = folder / "probe.img"
        disk.write_bytes(BOOT_SECTOR)
        argv = probe_argv(accelerator, disk)
        with process.background(argv, log=Path(os.devnull)) as guest:
            return process.wait(guest, timeout_s=PROBE_TIMEOUT_S) == EXPECTED_EXIT


def probe_argv(accelerator: str, disk: Path) -> list[str]:
    """Return the QEMU command that boots *disk* and ends when the guest says so."""
    return [
        "qemu-system-x86_64",
        *("-accel", accelerator),
        *("-cpu", Accelerator(name=accelerator, reason="").cpu),
        *("-m", "16"),
        *("-nodefaults", "-no-reboot"),
        *("-display", "none"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
        *("-drive", f"file={disk},format=raw,if=ide"),
    ]
