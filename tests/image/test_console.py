"""The console of a booting copy: no error of the kernel, no failed unit."""

import re
from pathlib import Path

import pytest

from tests.image import kernel

FAILED_UNIT = re.compile(r"FAILED.{0,10}\] (Failed to .*)")


def read(console: Path) -> str:
    text = console.read_text(errors="replace")
    # The kernel's own lines: a cloud keeps the last 64 KiB alone, which may begin after its first one.
    assert kernel.LINE.search(text), f"{console} is not the console of a boot"
    return text


@pytest.mark.boot
@pytest.mark.console
def test_the_kernel_reported_no_error(console: Path) -> None:
    assert kernel.errors(read(console)) == []


@pytest.mark.boot
@pytest.mark.console
def test_no_unit_failed_on_the_console(console: Path) -> None:
    assert FAILED_UNIT.findall(read(console)) == []
