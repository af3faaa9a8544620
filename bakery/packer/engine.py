"""Packer, seen from outside: which generation is installed, its command lines, and what its output lines mean.

Two generations are served: 1.6 (every builder inside) and 1.7 or newer (plugins, fetched by `packer init`).
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bakery.core import process
from bakery.core.errors import missing

OLDEST = (1, 6, 0)
FIRST_WITH_PLUGINS = (1, 7, 0)
ENVIRONMENT = {"CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"}
"""Packer must not ask HashiCorp whether it is the newest before every bake."""

LOGIN = re.compile(r"://[^\s/'\"]+@")
"""Name and password in an address, such as a proxy's, which a step of somebody's may print and no log shall keep."""
STEP_MARK = re.compile(
    r"BAKERY step (?P<number>\d+)/(?P<total>\d+) (?P<name>[a-z0-9-]+) (?P<event>start|done|failed)(?: (?P<value>\S+))?"
)


@dataclass(frozen=True, kw_only=True)
class Packer:
    """An installed Packer, by its version."""

    version: tuple[int, int, int]

    @property
    def has_plugins(self) -> bool:
        """Whether builders are plugins that a template must ask for (since 1.7)."""
        return self.version >= FIRST_WITH_PLUGINS

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """A step of provision/run began or ended inside the machine."""

    number: int
    total: int
    name: str
    event: str
    value: str


def installed() -> Packer:
    """Return the installed Packer.

    Raises BakeryError (exit code 3) when there is none, or one older than 1.6, or a program of the same name
    (cracklib brings one on Fedora) that is not it.
    """
    output = process.run(["packer", "version"], env=ENVIRONMENT, is_checked=False).output
    return parse_version(output)


def parse_version(output: str) -> Packer:
    """Return the Packer that prints *output* for `packer version`."""
    found = re.search(r"Packer v(\d+)\.(\d+)\.(\d+)", output)
    if found is None:
        said = " ".join(output.split())
        if "tempfile" in said:
            # It begins with a log of its own in TMPDIR, and says nothing of its version where it gets none.
            raise missing(f"packer cannot start: {said}", hint="TMPDIR=/some/folder ./inv …  (one it can write to)")
        raise missing(
            "the program `packer` is not HashiCorp's Packer", hint="apt-get install packer, and put it first in PATH"
        )
    major, minor, patch = (int(part) for part in found.groups())
    packer = Packer(version=(major, minor, patch))
    if packer.version < OLDEST:
        raise missing(f"Packer {packer} is too old, 1.6.0 is the oldest that works", hint="apt-get install packer")
    return packer


def build_argv(folder: Path) -> list[str]:
    """Return the command that bakes from the templates in *folder*; its lines are for `message`."""
    return ["packer", "build", "-machine-readable", "-timestamp-ui", str(folder)]


def init_argv(folder: Path) -> list[str]:
    """Return the command that fetches the plugins which the templates ask for (Packer 1.7 or newer)."""
    return ["packer", "init", str(folder)]


def message(line: str) -> str | None:
    r"""Return the text of one `-machine-readable` line, or None when it is not for people.

    Lines are TIME,TARGET,TYPE,DATA…; in the data a comma is written %!(PACKER_COMMA) and a line end \\n
    (https://developer.hashicorp.com/packer/docs/commands#machine-readable-output).
    """
    fields = line.split(",", 4)
    if len(fields) < 5 or fields[2] != "ui":
        return None
    text = fields[4].replace("%!(PACKER_COMMA)", ",").replace("\\n", "\n").replace("\\r", "")
    text = LOGIN.sub("://…@", text)
    return re.sub(r"^(?:\d{4}-\S+: )?(?:==>\s*)?(?:\s*(?:qemu|amazon-ebs)\.\w+:\s?)?", "", text)


def step_event(text: str) -> StepEvent | None:
    """Return the step event that provision/run announces in *text*, if it does."""
    found = STEP_MARK.search(text)
    if found is None:
        return None
    return StepEvent(
        number=int(found["number"]),
        total=int(found["total"]),
        name=found["name"],
        event=found["event"],
        value=found["value"] or "",
    )


def image_ids(manifest: str) -> dict[str, str]:
    """Return the image's id in each region, from what the last run noted in its manifest.

    The manifest keeps the builds of all runs, and an AMI is REGION:ID, with commas between
    (https://developer.hashicorp.com/packer/docs/post-processors/manifest).
    """
    noted = json.loads(manifest)
    last = [build["artifact_id"] for build in noted["builds"] if build["packer_run_uuid"] == noted["last_run_uuid"]]
    pairs = (pair.partition(":") for artifact in last for pair in artifact.split(","))
    return {region: image for region, _, image in pairs}
