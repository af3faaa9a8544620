"""Builds the stand-in packages: trees from packages/, and from a table those that need only be there and answer."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

PACKAGES = Path(__file__).parent / "packages"
DOKKU_VERSION = "0.38.27"


@dataclass(frozen=True, kw_only=True)
class Helper:
    """A package whose only file is a command that says its version."""

    name: str
    version: str
    path: str = ""
    other_files: Mapping[str, str] = field(default_factory=dict)
    """What else is in it, by path."""

    @property
    def file(self) -> str:
        return self.path or f"usr/bin/{self.name}"

    def control(self) -> str:
        return (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: amd64\nSection: web\nPriority: optional\n"
            f"Maintainer: Dokku Bakery tests <root@localhost>\n"
            f"Description: stand-in for {self.name}, for the tests of Dokku Bakery\n"
        )


HELPERS = (
    Helper(name="gliderlabs-sigil", version="0.12.1", path="usr/bin/sigil"),
    Helper(name="netrc", version="0.11.1"),
    Helper(name="procfile-util", version="0.20.8"),
    Helper(name="lambda-builder", version="0.9.4"),
    Helper(name="docker-image-labeler", version="0.10.0"),
    Helper(name="docker-container-healthchecker", version="0.16.0"),
    Helper(name="dokku-update", version="0.10.0"),
)
DOCKER_PLUGINS = (
    Helper(name="docker-buildx-plugin", version="0.16.2", path="usr/libexec/docker/cli-plugins/docker-buildx"),
    Helper(name="docker-compose-plugin", version="2.29.2", path="usr/libexec/docker/cli-plugins/docker-compose"),
)
_BUILDX, _COMPOSE = DOCKER_PLUGINS
NEWER_BUILDX, BAD_BUILDX = "0.16.3", "0.16.4"
LATER_PLUGINS = {
    "newer": (replace(_BUILDX, version=NEWER_BUILDX), _COMPOSE),
    "bad": (
        # sshd takes the first value that it reads of each setting (man sshd_config), and this comes before ours.
        replace(
            _BUILDX,
            version=BAD_BUILDX,
            other_files={"etc/ssh/sshd_config.d/00-any-password.conf": "PasswordAuthentication yes\n"},
        ),
        _COMPOSE,
    ),
}
"""The same later: with one upgrade, and with one that opens SSH to passwords, which an image must not do."""


def build_dokku_debs(folder: Path) -> list[Path]:
    """Build everything that dokku's archive offers, and return the files."""
    debs = [_build(_staged_tree(tree, folder), folder) for tree in sorted(PACKAGES.iterdir())]
    return debs + [_build(_staged_helper(helper, folder), folder) for helper in HELPERS]


def build_docker_debs(folder: Path, plugins: Sequence[Helper] = DOCKER_PLUGINS) -> list[Path]:
    """Build the two plug-ins of docker's own archive that Debian 12 does not have, and return the files."""
    return [_build(_staged_helper(helper, folder), folder) for helper in plugins]


def _staged_tree(tree: Path, folder: Path) -> Path:
    staged = folder / "staged" / tree.name
    shutil.copytree(tree, staged)
    for plugin in staged.glob("var/lib/dokku/core-plugins/available/*"):
        toml = f'[plugin]\ndescription = "dokku core {plugin.name} plugin (stand-in)"\nversion = "{DOKKU_VERSION}"\n'
        (plugin / "plugin.toml").write_text(f"{toml}[plugin.config]\n")
    return staged


def _staged_helper(helper: Helper, folder: Path) -> Path:
    staged = folder / "staged" / helper.name
    (staged / "DEBIAN").mkdir(parents=True)
    (staged / "DEBIAN/control").write_text(helper.control())
    command = staged / helper.file
    command.parent.mkdir(parents=True)
    # docker asks its plug-ins who they are before it shows them.
    metadata = f'{{"SchemaVersion":"0.1.0","Vendor":"stand-in","Version":"v{helper.version}"}}'
    command.write_text(
        f"#!/bin/sh\n# A stand-in: it only says its version.\n"
        f'[ "$1" = docker-cli-plugin-metadata ] && echo \'{metadata}\' || echo "{command.name} {helper.version}"\n'
    )
    for name, text in helper.other_files.items():
        (staged / name).parent.mkdir(parents=True)
        (staged / name).write_text(text)
    return staged


def _build(staged: Path, folder: Path) -> Path:
    for path in [staged, *staged.rglob("*")]:
        is_program = path.is_file() and path.read_bytes().startswith(b"#!")
        path.chmod(0o755 if path.is_dir() or is_program else 0o644)
    fields = dict(
        line.split(": ", 1) for line in (staged / "DEBIAN/control").read_text().splitlines() if not line.startswith(" ")
    )
    deb = folder / f"{fields['Package']}_{fields['Version']}_{fields['Architecture']}.deb"
    # Nobody keeps these files, so the quick compression is the right one.
    argv = ["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1", str(staged), str(deb)]
    subprocess.run(argv, check=True, capture_output=True)
    return deb
