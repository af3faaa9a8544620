"""What works here and what does not, and why: looked at, never changed."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery import accelerator, process, store, tools
from bakery.apt import mirrors_for
from bakery.ask import Answer, Source, ask
from bakery.bases import BASES, BaseName
from bakery.console import table
from bakery.definition import Definition
from bakery.errors import missing
from bakery.tools import Tool
from bakery.vendors import docker, dokku, nginx

COMMANDS = ("bake", "verify", "up", "test")
NEEDED_GB = 10
"""A bake's largest moment: the base, Packer's copy of it, the compressed image and two boxes."""
NEEDED_MEMORY_GB = 3
"""One guest of 2 GiB, and what runs beside it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at; *verdict* is empty when all is well."""

    subject: str
    found: str
    verdict: str = ""

    @property
    def row(self) -> tuple[str, str, str]:
        """Return it as a row of a table."""
        return self.subject, self.found, self.verdict or "ok"


def report() -> None:
    """Print tools, machine, sources and commands as tables on stdout.

    Raises BakeryError (exit code 3) when a bake is not possible here.
    """
    known = tools.read()
    machine, sources = look_at_machine(), look_at_sources()
    table("Tools", ("tool", "version", "what for"), tool_rows(known), to_stdout=True)
    table("Machine", ("what", "found", "verdict"), [finding.row for finding in machine], to_stdout=True)
    table("Sources", ("base", "from", "answer"), [finding.row for finding in sources], to_stdout=True)
    obstacles = {command: obstacles_to(command, known=known, machine=machine, sources=sources) for command in COMMANDS}
    rows = [(command, "; ".join(found) or "works") for command, found in obstacles.items()]
    table("Commands", ("command", "here"), rows, to_stdout=True)
    if obstacles["bake"]:
        absent = tools.missing_for("bake", known)
        raise missing("bake does not work here", hint=tools.install_hint(absent) if absent else obstacles["bake"][0])


def tool_rows(known: Sequence[Tool]) -> list[tuple[str, str, str]]:
    """Return a row for each tool; the version is that of the package it came with."""
    versions = package_versions([tool.debian for tool in known])
    return [
        (tool.short_name, versions.get(tool.debian, "there") if tool.find() else "missing", tool.purpose)
        for tool in known
    ]


def package_versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of installed Debian packages; nothing where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return {}
    # It fails when one of them is not installed, and still names the others.
    asked = process.run(["dpkg-query", "-W", "-f", "${Package}\t${Version}\n", *packages], is_checked=False)
    pairs = (line.split("\t") for line in asked.output.splitlines() if line.count("\t") == 1)
    return {package: version for package, version in pairs if version}


def look_at_machine() -> list[Finding]:
    """Return how guests run here, and how much room there is."""
    return [_acceleration(), _room("cache", store.cache_dir()), _room("build", store.build_dir("any")), _memory()]


def look_at_sources() -> list[Finding]:
    """Return for every base whether its package archive and its cloud image answer; asked all at once."""
    places: list[tuple[str, str, Source | None]] = []
    for base in BASES.values():
        mirrors = mirrors_for(base)
        origin = mirrors.origin.value if mirrors else "archive"
        archive = Source(name="archive", url=mirrors.sources[0].release_url, needed_for=base.name) if mirrors else None
        cloud = Source(name="cloud", url=base.cloud_image.sums_url, needed_for=base.name)
        places += [(base.name.value, origin, archive), (base.name.value, "cloud image", cloud)]
    # One release stands for all: these vendors' archives answer as a whole or not at all.
    example = BASES[BaseName.DEBIAN_12]
    anything = Definition(name="any")
    for vendor in (docker(anything, example), nginx(anything, example), dokku(anything, example)):
        places.append(("any", vendor.name, Source(name=vendor.name, url=vendor.source.release_url, needed_for="")))
    asked = [source for _, _, source in places if source is not None]
    answers = dict(zip(asked, ask(asked), strict=True))
    return [
        Finding(subject=base, found=origin, verdict=_answer(answers.get(source) if source else None))
        for base, origin, source in places
    ]


def obstacles_to(
    command: str, *, known: Sequence[Tool], machine: Sequence[Finding], sources: Sequence[Finding]
) -> list[str]:
    """Return what keeps a command from working, in a person's words; nothing when it works."""
    absent = tools.missing_for(command, known)
    found = [f"missing: {', '.join(tool.short_name for tool in absent)}"] if absent else []
    found += [f"{finding.subject}: {finding.verdict}" for finding in machine if finding.verdict]
    if command in {"bake", "test"} and not any(not finding.verdict and finding.subject in BASES for finding in sources):
        found.append("no base's source answers")
    return found


def _acceleration() -> Finding:
    if shutil.which("qemu-system-x86_64") is None:
        return Finding(subject="guests", found="not tried: there is no QEMU")
    machine = accelerator.probe()
    return Finding(subject="guests", found=f"{machine.name.upper()}: {machine.reason}")


def _room(subject: str, folder: Path) -> Finding:
    # The folder may not have been made yet: ask about the nearest that is there.
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    verdict = "" if free_gb >= NEEDED_GB else f"needs {NEEDED_GB} GB free"
    return Finding(subject=f"{subject} disk", found=f"{free_gb:.0f} GB free at {there}", verdict=verdict)


def _memory() -> Finding:
    total_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    verdict = "" if total_gb >= NEEDED_MEMORY_GB else f"needs {NEEDED_MEMORY_GB} GiB"
    return Finding(subject="memory", found=f"{total_gb:.0f} GiB, {os.cpu_count()} processors", verdict=verdict)


def _answer(answer: Answer | None) -> str:
    return answer.problem if answer else "this machine's apt sources do not name it"
