"""Who made a package, and where it says what changed in it: from names and versions alone, nobody is asked."""

import re
from urllib.parse import quote

from bakery.contents.manifest import Package, Plugin
from bakery.definition import bases
from bakery.definition.bases import BaseName, Distro

DOKKU = frozenset(
    {
        *("dokku", "dokku-event-listener", "dokku-update", "docker-container-healthchecker", "docker-image-labeler"),
        *("gliderlabs-sigil", "herokuish", "lambda-builder", "netrc", "nixpacks", "pack", "plugn", "procfile-util"),
        *("railpack", "sshcommand"),
    }
)
"""What is in dokku's own archive (packagecloud.io/dokku/dokku)."""
OF_A_VENDOR = re.compile(r"~(bookworm|trixie|jammy|noble|resolute)\d*$")
"""How Docker's and nginx's own packages end: `5:27.3.1-1~debian.12~bookworm`, `1.28.0-1~bookworm`."""
GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?")


def vendor(package: Package) -> str:
    """Return who made a package: `docker`, `nginx` or `dokku`, empty where it was Debian or Ubuntu."""
    if package.name in DOKKU:
        return "dokku"
    if OF_A_VENDOR.search(package.version):
        return "nginx" if package.source.startswith("nginx") else "docker"
    return ""


def changes_url(package: Package, base: BaseName) -> str:
    """Return the page that says what changed in a package's version, empty where there is none for a single version.

    sources.debian.org and Launchpad have the changelog of every version by its source package, whatever part of the
    archive it is in; dokku's releases are on GitHub.
    """
    if package.name == "dokku":
        return f"https://github.com/dokku/dokku/releases/tag/v{quote(package.version)}"
    if vendor(package):
        return ""
    source, version = quote(package.source), quote(package.source_version, safe=":~+")
    if bases.base(base).distro is Distro.DEBIAN:
        return f"https://sources.debian.org/src/{source}/{version}/debian/changelog/"
    return f"https://launchpad.net/ubuntu/+source/{source}/{version}"


def commits_url(old: Plugin, new: Plugin) -> str:
    """Return the page with the commits between two of a plugin, empty where it is not on GitHub."""
    found = GITHUB.fullmatch(new.url)
    return f"https://github.com/{found[1]}/compare/{old.commit}...{new.commit}" if found else ""
