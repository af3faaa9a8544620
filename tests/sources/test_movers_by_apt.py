"""What would move, judged by apt itself: with a root of its own, no network and the preferences that steps write."""

import os
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bakery.core import process
from bakery.definition.bases import BaseFrom, base
from bakery.definition.model import Definition
from bakery.sources import movers
from bakery.sources.apt import AptSource, Mirrors, Origin
from bakery.sources.movers import Installed
from bakery.sources.preflight import Demand
from tests.loopback import Loopback, serving

pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None and "CI" not in os.environ, reason="a laptop need not have apt, CI has to"
)

SUITES = ("bookworm", "bookworm-updates", "bookworm-security")
DEBIAN, DOCKER = "debian.example", "docker.example"
PINNED = ("nginx", "nginx-common", "nginx-core", *(f"libnginx-mod-{number}" for number in range(12)))
OF_DOCKER = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin")
PLAIN = tuple(f"package-{number}" for number in range(40))
VERSIONS = ("1.22.1-9", "1.22.1-9+deb12u1", "1.22.1-10", "1.24.0-1", "2:0.9-1", "1.22.1~rc1-1")
PREFERENCES = f"""\
Package: nginx nginx-common nginx-core libnginx-mod-*
Pin: version 1.22.*
Pin-Priority: 1001

Package: *
Pin: origin "{DOCKER}"
Pin-Priority: 100
""" + "".join(f'\nPackage: {name}\nPin: origin "{DOCKER}"\nPin-Priority: 1001\n' for name in OF_DOCKER)
"""As provision/40-nginx.sh and `prefer_vendor` in provision/vendor.sh write them."""


@dataclass(kw_only=True)
class Case:
    """What is installed, and what the archives have, by suite; the vendor's is one of them."""

    installed: dict[str, str] = field(default_factory=dict)
    archives: dict[str, dict[str, list[str]]] = field(default_factory=dict)


def case(seed: int) -> Case:
    chance = random.Random(seed)
    made = Case(archives={suite: {} for suite in (*SUITES, "docker")})
    for name in (*PINNED, *OF_DOCKER, *PLAIN):
        made.installed[name] = chance.choice(VERSIONS)
        for shelf in made.archives.values():
            if chance.random() < 0.5:
                shelf[name] = sorted(chance.sample(VERSIONS, chance.choice((1, 1, 2))))
    for shelf in made.archives.values():
        shelf["anything"] = ["1"]  # an archive without packages is another case
    return made


def by_apt(asked: Case, root: Path) -> dict[str, str]:
    """Return the upgrades that apt would do, by package."""
    for folder in ("lists/partial", "cache", "etc/apt.conf.d", "etc/preferences.d"):
        (root / folder).mkdir(parents=True)
    sources = []
    for suite, shelf in asked.archives.items():
        host, name = (DOCKER, "bookworm") if suite == "docker" else (DEBIAN, suite)
        stem = root / f"lists/{host}_debian_dists_{name}"
        Path(f"{stem}_Release").write_text(f"Suite: {name}\nCodename: {name}\nArchitectures: amd64\nComponents: main\n")
        Path(f"{stem}_main_binary-amd64_Packages").write_text(stanzas(shelf))
        sources.append(f"deb [trusted=yes] http://{host}/debian {name} main\n")
    (root / "etc/sources.list").write_text("".join(sources))
    (root / "etc/preferences").write_text(PREFERENCES)
    status = {name: [version] for name, version in asked.installed.items()}
    (root / "status").write_text(stanzas(status, more="Status: install ok installed\n"))
    (root / "conf").write_text(
        f'Dir "{root}/"; Dir::State "{root}/"; Dir::State::status "{root}/status"; Dir::Cache "{root}/cache/";'
        f'Dir::Etc "{root}/etc/"; APT::Architecture "amd64"; APT::Architectures {{ "amd64"; }};\n'
    )
    argv = ["apt-get", "--simulate", "-qq", "--allow-downgrades", "upgrade", "--with-new-pkgs"]
    said = process.run(argv, env={"APT_CONFIG": str(root / "conf")}).output
    return dict(re.findall(r"^Inst (\S+) \[\S+\] \((\S+) ", said, re.MULTILINE))


def stanzas(shelf: Mapping[str, list[str]], *, more: str = "") -> str:
    return "".join(
        f"Package: {name}\n{more}Version: {version}\nArchitecture: amd64\nMaintainer: x\n"
        f"Filename: {name}_{version}.deb\nSize: 1\nSHA256: {'0' * 64}\nDescription: x\n\n"
        for name, versions in shelf.items()
        for version in versions
    )


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving() as loopback:
        yield loopback


def by_us(asked: Case, archive: Loopback) -> dict[str, str]:
    for suite in SUITES:
        archive.add_suite("/debian", suite, asked.archives[suite])
    archive.add_suite("/linux/debian", "bookworm", asked.archives["docker"], component="stable")
    docker = {"source": "docker.com", "archive": archive.url}
    layer = Definition.model_validate(
        {"name": "shop", "steps": ["docker", "nginx"], "nginx": {"version": "1.22.*"}, "docker": docker}
    )
    own = tuple(AptSource(uri=f"{archive.url}/debian", suite=suite, components=("main",)) for suite in SUITES)
    demand = Demand(
        layers=[layer],
        base=base("debian-12"),
        base_from=BaseFrom.ARCHIVE,
        mirrors=Mirrors(origin=Origin.HOST, sources=own),
    )
    installed = [Installed(name=name, version=version) for name, version in asked.installed.items()]
    return {move.name: move.now for move in movers.find(installed, demand, answers=movers.ask([demand]))}


@pytest.mark.parametrize("seed", range(4))
def test_what_would_move_is_what_apt_would_upgrade(seed: int, archive: Loopback, tmp_path: Path) -> None:
    asked = case(seed)
    theirs = by_apt(asked, tmp_path / "root")
    # A pin above 1000 may take a version back, which no night is baked for.
    newer = {name: at for name, at in theirs.items() if is_newer(at, asked.installed[name])}
    assert newer, "nothing is compared"
    assert by_us(asked, archive) == newer


def is_newer(one: str, other: str) -> bool:
    return process.run(["dpkg", "--compare-versions", one, "gt", other], is_checked=False).exit_code == 0
