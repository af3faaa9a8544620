"""Asks a machine what it holds, in one call over SSH, and makes a manifest of what it says."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bakery.catalog.record import Made
from bakery.contents.manifest import (
    Boot,
    ContainerImage,
    CronEntry,
    Listening,
    Manifest,
    Package,
    Plugin,
    Privileged,
    Timer,
    User,
)
from bakery.core import process
from bakery.core.errors import BakeryError
from bakery.guests import guest
from bakery.guests.guest import Guest

SCRIPT = Path(__file__).with_name("collect.sh")
LIMIT_S = 1800
"""How long a machine may take to tell: most take seconds, an emulated one minutes, and one that hangs for ever."""
DEEPER = ("/usr", "/var")
"""Directories whose own directories are listed, since nearly all is in them."""
EVERYWHERE = ("0.0.0.0", "[::]", "*")  # noqa: S104  # what ss shows, and nothing is bound
CHOSEN = range(32768, 61000)
"""Ports that Linux gives to who asks for none (ip-sysctl, "ip_local_port_range"): containerd has one on loopback."""
CHANGELOG = re.compile(r"^\S+ \((?P<version>[^)]+)\) (?P<suites>[^;]+);")
"""The first line of a package's changelog (Debian Policy 4.4): it names the suite that the version was made for."""
SETTING = re.compile(r"\{ (?P<name>\w+)=(?P<when>.*?) ;")
"""One time of a timer, as systemctl shows it: `{ OnCalendar=*-*-* 00:00:00 ; next_elapse=… }`."""
MICRO = 1e-6


def of(one: Guest, made: Made, *, machine: str) -> Manifest:
    """Return what a machine holds, which runs the image that was *made*; *machine* says what kind of one it is.

    It is asked before tests are: they leave things behind. Raises BakeryError (exit code 1) when it does not tell.
    """
    command = ("sudo", "timeout", str(LIMIT_S), "bash", "-s")
    said = process.run(guest.ssh_argv(one, *command), stdin=SCRIPT).output
    return manifest(answers(said), made, machine=machine, now=datetime.now(UTC))


def answers(said: str) -> dict[str, list[str]]:
    """Return what `collect.sh` told, as lines by name; what SSH and sudo say before it is nothing of it.

    Raises BakeryError (exit code 1) when it did not come to its end.
    """
    _, *parts = said.split("\0")
    found = {name: text.splitlines() for name, _, text in (part.partition("\n") for part in parts)}
    if "end" not in found:
        tail = " ".join(said.replace("\0", " ").split()[-10:])
        raise BakeryError(f"the machine did not tell all that it holds; its last words: {tail or 'none'}")
    return found


def manifest(told: Mapping[str, list[str]], made: Made, *, machine: str, now: datetime) -> Manifest:
    """Return what a machine's answers come to, in an order that does not change from one machine to the next.

    A container has a boot and a kernel that are not the image's: they count for a machine with its own alone.
    """
    is_container = told["virtualization"][:1] not in ([], ["none"])
    return Manifest(
        image=made.image,
        release=made.release,
        arch=made.arch,
        base=made.base,
        fingerprint=made.fingerprint,
        asked_at=now,
        machine=machine,
        kernel=told["kernel"][0],
        boot=None if is_container else boot(told["boot"]),
        packages=tuple(packages(told["packages"], changelogs=told["suites"])),
        plugins=tuple(plugins(told["plugins"])),
        containers=tuple(containers(told["containers"])),
        units=tuple(unit for unit in sorted(told["units"]) if not unit.endswith(".timer")),
        timers=tuple(timers(told["timers"])),
        cron=tuple(cron(told["cron"])),
        listening=listening(told["listening"]),
        users=tuple(users(told["passwd"], groups=told["groups"])),
        privileged=tuple(privileged(told["privileged"])),
        directories=directories(told["sizes"]),
    )


def packages(lines: Iterable[str], *, changelogs: Iterable[str]) -> Iterator[Package]:
    """Return the packages of dpkg's list, with the suite of those whose changelog is of that very version."""
    suites = {}
    for name, line in _rows(changelogs, 2):
        if found := CHANGELOG.match(line):
            suites[name, found["version"]] = found["suites"].split()[0]
    for name, version, arch, source, revision in sorted(_rows(lines, 5)):
        yield Package(
            name=name,
            version=version,
            arch=arch,
            source_name="" if source == name else source,
            source_revision="" if revision == version else revision,
            suite=suites.get((name, revision), ""),
        )


def plugins(lines: Iterable[str]) -> Iterator[Plugin]:
    """Return dokku's plugins by name."""
    for name, commit, url, version in sorted(_rows(lines, 4)):
        yield Plugin(name=name, commit=commit, url=url, version=version)


def containers(lines: Iterable[str]) -> Iterator[ContainerImage]:
    """Return Docker's images by name; what has no digest was made there."""
    for name, id_, digest in sorted(_rows(lines, 3)):
        yield ContainerImage(name=name, id=id_, digest="" if digest == "<none>" else digest)


def timers(lines: Iterable[str]) -> Iterator[Timer]:
    """Return timers with their times, out of the blocks that systemctl shows."""
    due: dict[str, list[str]] = {}
    blocks = "\n".join(lines).split("\n\n")
    for block in filter(None, blocks):
        (unit,) = re.findall(r"^Id=(.+)$", block, re.MULTILINE)
        due[unit] = sorted(f"{found['name']}={found['when']}" for found in SETTING.finditer(block))
    for unit, times in sorted(due.items()):
        yield Timer(unit=unit, due=tuple(times))


def cron(lines: Iterable[str]) -> Iterator[CronEntry]:
    """Return what cron starts; between the fields of a line of its own tables there are tabs, too."""
    for file, tab, line in sorted(line.partition("\t") for line in lines):
        if tab:
            yield CronEntry(file=file, line=" ".join(line.split()))


def listening(lines: Iterable[str]) -> tuple[Listening, ...]:
    """Return the ports that ss shows, each once."""
    found = set()
    for line in lines:
        protocol, _, _, _, local, *rest = line.split()
        address, _, port = local.rpartition(":")
        programs = re.findall(r'\("([^"]+)"', " ".join(rest))
        where = _where(address)
        number = 0 if int(port) in CHOSEN and where not in {*EVERYWHERE, "own"} else int(port)
        found.add((protocol, where, number, programs[0] if programs else ""))
    return tuple(
        Listening(protocol=protocol, address=address, port=port, program=program)
        for protocol, address, port, program in sorted(found)
    )


def _where(address: str) -> str:
    plain = address.partition("%")[0]
    is_fixed = plain in EVERYWHERE or plain.startswith("127.") or plain == "[::1]"
    return plain if is_fixed else "own"


def users(lines: Iterable[str], *, groups: Iterable[str]) -> Iterator[User]:
    """Return the users of passwd, with the groups that list them."""
    members = [(name, people.split(",")) for name, _, _, people in (line.split(":") for line in groups)]
    for name, _, uid, _, _, _, shell in (line.split(":") for line in sorted(lines)):
        inside = sorted(group for group, people in members if name in people)
        yield User(name=name, uid=int(uid), shell=shell, groups=tuple(inside))


def privileged(lines: Iterable[str]) -> Iterator[Privileged]:
    """Return setuid and setgid programs by path."""
    for mode, owner, path in sorted(_rows(lines, 3), key=lambda row: row[2]):
        yield Privileged(path=path, mode=f"{mode:0>4}", owner=owner)


def directories(lines: Iterable[str]) -> dict[str, int]:
    """Return bytes by directory out of du's list, which counts what is below: each is less what is listed below it."""
    found = {path: int(size) for size, path in _rows(lines, 2)}
    kept = {path: size for path, size in found.items() if path.count("/") == 1 or _parent(path) in DEEPER}
    own = {path: size - sum(kept[below] for below in kept if _parent(below) == path) for path, size in kept.items()}
    return {path: size for path, size in sorted(own.items()) if size > 0}


def _parent(path: str) -> str:
    return "" if path == "/" else path.rpartition("/")[0] or "/"


def boot(lines: Iterable[str]) -> Boot | None:
    """Return how long a boot took (org.freedesktop.systemd1, "Manager": microseconds since the kernel's start)."""
    told = {name: int(value) for name, _, value in (line.partition("=") for line in lines) if value.isdigit()}
    finish = told.get("FinishTimestampMonotonic", 0)
    if not finish:
        return None
    initrd, userspace = told.get("InitRDTimestampMonotonic", 0), told.get("UserspaceTimestampMonotonic", 0)
    return Boot(
        total_s=round(finish * MICRO, 1),
        kernel_s=round((initrd or userspace) * MICRO, 1),
        initrd_s=round((userspace - initrd) * MICRO, 1) if initrd else 0.0,
    )


def _rows(lines: Iterable[str], columns: int) -> Iterator[tuple[str, ...]]:
    """Return lines of so many values between tabs; others are a program's words, not what was asked."""
    for line in lines:
        row = tuple(line.split("\t"))
        if len(row) == columns:
            yield row
