"""The console of a booting copy: no error of the kernel, no failed unit."""

import re
from pathlib import Path

import pytest

# "soft lockup" and stalls are left out: they tell that this host was busy, not that the image is broken.
KERNEL_ERROR = re.compile(
    r"Kernel panic|\bOops\b|BUG: (?!soft lockup)|Call Trace|general protection|segfault|Out of memory"
    r"|I/O error|EXT4-fs (error|warning)|blocked for more than"
)
KERNEL_LINE = re.compile(r"^\[ *\d+\.\d{6}\] ", flags=re.MULTILINE)
FAILED_UNIT = re.compile(r"FAILED.{0,10}\] (Failed to .*)")


def read(console: Path) -> str:
    text = console.read_text(errors="replace")
    # The kernel's own lines: a cloud keeps the last 64 KiB alone, which may begin after its first one.
    assert KERNEL_LINE.search(text), f"{console} is not the console of a boot"
    return text


@pytest.mark.boot
@pytest.mark.console
def test_the_kernel_reported_no_error(console: Path) -> None:
    assert [line for line in read(console).splitlines() if KERNEL_ERROR.search(line)] == []


@pytest.mark.boot
@pytest.mark.console
def test_no_unit_failed_on_the_console(console: Path) -> None:
    assert FAILED_UNIT.findall(read(console)) == []
