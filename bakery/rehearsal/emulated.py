"""Machines of a rehearsed cloud in QEMU: with firmware, boot loader and kernel of their own, emulated or with KVM."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakery.core import process
from bakery.rehearsal import hardware

SUFFIX = ".qcow2"
MONITOR_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Running:
    """A guest that runs."""

    child: Any
    log: Path
    """What QEMU itself says."""
    monitor: Path

    def press_power_button(self) -> None:
        """Ask it to shut down, through QEMU's monitor (qemu docs/interop/qmp-spec.txt); it may have ended by now."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(MONITOR_TIMEOUT_S)
            connection.connect(str(self.monitor))
            with connection.makefile("rw", encoding="utf-8") as talk:
                talk.readline()
                for command in ("qmp_capabilities", "system_powerdown"):
                    talk.write(json.dumps({"execute": command}) + "\n")
                    talk.flush()
                    talk.readline()


def make_disk(disk: Path, *, out: Path, size: int) -> None:
    """Make what a guest writes to: *out*, of *size* bytes, over *disk*."""
    process.run(hardware.overlay_argv(disk, out=out, size=size))
