"""What works here and what does not, and why: looked at, never changed."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bakery.core import folders, process, tools
from bakery.core.console import table
from bakery.core.errors import BakeryError, missing
from bakery.core.http import Source, ask
from bakery.core.tools import Tool
from bakery.definition import arch, layers
from bakery.definition.bases import BASES, Base, BaseFrom
from bakery.guests import accelerator
from bakery.sources.apt import mirrors_for
from bakery.sources.preflight import Demand, beside_base, problem_of, sources_of

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


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Which sources answer, and what that means for each image."""

    sources: Sequence[Finding]
    images: Sequence[Finding]


def report() -> None:
    """Print tools, machine, sources, images and commands as tables on stdout.

    Raises BakeryError (exit code 3) when a bake is not possible here.
    """
    known = tools.read()
    machine, answers = look_at_machine(), look_at_sources()
    table("Tools", ("tool", "version", "what for"), tool_rows(known), to_stdout=True)
    table("Machine", ("what", "found", "verdict"), [finding.row for finding in machine], to_stdout=True)
    table("Sources", ("for", "from", "answer"), [finding.row for finding in answers.sources], to_stdout=True)
    told = [(finding.subject, finding.verdict or finding.found) for finding in answers.images]
    table("Images", ("image", "here"), told, to_stdout=True)
    obstacles = {
        command: obstacles_to(command, known=known, machine=machine, images=answers.images) for command in COMMANDS
    }
    not_for = ", ".join(finding.subject for finding in answers.images if finding.verdict)
    works = {"bake": f"works, but not for {not_for}" if not_for else "works"}
    rows = [(command, "; ".join(found) or works.get(command, "works")) for command, found in obstacles.items()]
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
    return [_acceleration(), _room("cache", folders.cache_dir()), _room("build", folders.build_dir("any")), _memory()]


def look_at_sources() -> Answers:
    """Ask at the same time for every base, and for all that each image would be baked from, and judge by that.

    Nothing but whether they answer, and no web page does in their place, is asked for, so that it takes one deadline at
    most, and mostly a second.
    """
    bases = [place for base in BASES.values() for place in _of_base(base)]
    wanted = {name: _demands(name) for name in layers.every(layers.FOLDER)}
    vendors = {source.url: (name, source) for name in wanted for source in _beside(wanted[name])}
    sources = [source for _, _, source in bases if source] + [source for _, source in vendors.values()]
    sources += [source for found in wanted.values() for demand in found.demands for source in sources_of(demand)]
    once = list({source.url: source for source in sources}.values())
    problems = {answer.source.url: problem_of(answer) for answer in ask(once, is_body_wanted=False)}
    rows = [
        Finding(subject=base, found=origin, verdict=problems[source.url] if source else "not in this machine's sources")
        for base, origin, source in bases
    ]
    beside: dict[tuple[str, str], str] = {}
    for name, source in vendors.values():
        place = (name, f"{source.name} ({urlsplit(source.url).hostname})")
        beside[place] = beside.get(place, "") or problems[source.url]
    rows += [Finding(subject=name, found=found, verdict=problem) for (name, found), problem in beside.items()]
    return Answers(sources=rows, images=[_judge(name, found, problems=problems) for name, found in wanted.items()])


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an image could be baked from here, its own base first; or why it cannot be at all."""

    demands: Sequence[Demand] = ()
    mistake: str = ""


def _of_base(base: Base) -> list[tuple[str, str, Source | None]]:
    mirrors = mirrors_for(base)
    origin = mirrors.origin.value if mirrors else "archive"
    archive = Source(name="archive", url=mirrors.sources[0].release_url, needed_for=base.name) if mirrors else None
    cloud = Source(name="cloud", url=base.cloud_image.sums_url, needed_for=base.name)
    return [(base.name.value, origin, archive), (base.name.value, "cloud image", cloud)]


def _demands(name: str) -> Wanted:
    try:
        chain = layers.chain(name, folder=layers.FOLDER)
        arch.require_bakeable(chain[-1].arch)
    except BakeryError as error:
        return Wanted(mistake=error.message)
    own = BASES[layers.effective(chain).base]
    found = []
    for base in (own, *(base for base in BASES.values() if base is not own)):
        mirrors = mirrors_for(base)
        is_from_archive = mirrors is not None and mirrors.is_own_release
        if base is own or is_from_archive:
            source = BaseFrom.ARCHIVE if is_from_archive else BaseFrom.CLOUD
            found.append(Demand(layers=chain, base=base, base_from=source, mirrors=mirrors, arch=chain[-1].arch))
    return Wanted(demands=found)


def _beside(wanted: Wanted) -> list[Source]:
    """Return what an image is baked from beside its base: vendors' archives and plugins' repositories."""
    return beside_base(wanted.demands[0]) if wanted.demands else []


def _judge(name: str, wanted: Wanted, *, problems: Mapping[str, str]) -> Finding:
    """Return whether an image can be baked here, and if not the first reason."""
    if wanted.mistake:
        return Finding(subject=name, found="", verdict=f"no: {wanted.mistake}")
    silent = {
        demand.base.name: [f"{one.name}: {problems[one.url]}" for one in sources_of(demand) if problems[one.url]]
        for demand in wanted.demands
    }
    own, *others = silent
    if not silent[own]:
        return Finding(subject=name, found=f"can be baked, on {own}")
    another = next((base for base in others if not silent[base]), "")
    if another:
        return Finding(subject=name, found=f"only with --base {another} ({own}: {silent[own][0]})")
    return Finding(subject=name, found="", verdict=f"no: {silent[own][0]}")


def obstacles_to(
    command: str, *, known: Sequence[Tool], machine: Sequence[Finding], images: Sequence[Finding]
) -> list[str]:
    """Return what keeps a command from working, in a person's words; nothing when it works."""
    absent = tools.missing_for(command, known)
    found = [f"missing: {', '.join(tool.short_name for tool in absent)}"] if absent else []
    found += [f"{finding.subject}: {finding.verdict}" for finding in machine if finding.verdict]
    if command in {"bake", "test"} and images and all(finding.verdict for finding in images):
        found.append(f"no image can be baked: {images[0].verdict.removeprefix('no: ')}")
    return found


def _acceleration() -> Finding:
    if shutil.which("qemu-system-x86_64") is None:
        return Finding(subject="guests", found="not tried: there is no QEMU")
    return Finding(subject="guests", found=accelerator.choose(accelerator.AUTO).line)


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
