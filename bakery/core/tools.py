"""The programs and files this needs beside Python: tools.tsv, the table that ./inv reads too."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery import ROOT
from bakery.core import process

TABLE = ROOT / "tools.tsv"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One row of the table."""

    name: str
    debian: str
    homebrew: str
    purpose: str
    commands: tuple[str, ...]
    elsewhere: str

    def find(self) -> str | None:
        """Return where it is, None when it is not installed."""
        if "/" not in self.name:
            return shutil.which(self.name, path=process.search_path())
        for place in self.name.split("|"):
            path = Path(os.path.expanduser(place))  # noqa: PTH111  # Path's own raises where there is no home
            if not path.is_absolute():
                continue
            found = next(Path(path.anchor).glob(str(path.relative_to(path.anchor))), None)
            if found is not None:
                return str(found)
        return None

    @property
    def short_name(self) -> str:
        """Return the program's name, or the first place of a file."""
        return self.name.partition("|")[0]


def read(table: Path = TABLE) -> list[Tool]:
    """Return all rows."""
    rows = [line.split("\t") for line in table.read_text().splitlines() if line and not line.startswith("#")]
    return [
        Tool(
            name=name,
            debian=debian,
            homebrew=brew,
            purpose=purpose,
            commands=tuple(commands.split()),
            elsewhere=elsewhere,
        )
        for name, debian, brew, purpose, commands, elsewhere in rows
    ]


def missing_for(command: str, tools: Sequence[Tool]) -> list[Tool]:
    """Return what *command* needs here and is not installed."""
    situations = {command}
    if os.geteuid() != 0:
        situations.add(f"{command}-rootless")
    if shutil.which("VBoxManage") is None:
        situations.add(f"{command}-libvirt")
    return [tool for tool in tools if situations & set(tool.commands) and tool.find() is None]


def install_hint(tools: Sequence[Tool]) -> str:
    """Return the command that installs them on Debian and Ubuntu."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get install --no-install-recommends {' '.join(sorted({tool.debian for tool in tools}))}"
