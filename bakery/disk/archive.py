"""A base disk out of the package archive that this machine already trusts: no download site, no root, no loop devices.

mmdebstrap unpacks the packages, and nothing in what comes of it tells when, or on which machine, that was.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bakery import ROOT
from bakery.core import process, scratch
from bakery.core.console import Console
from bakery.core.errors import missing
from bakery.definition.bases import Arch, Base
from bakery.disk import acl, efi, padding, qemu_img

EARLY_SCRIPT = ROOT / "provision/base/early.sh"
TREE_SCRIPT = ROOT / "provision/base/tree.sh"
RAM_DISK = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
RAM_DISK_NEED_BYTES = 5 * 2**30

ESSENTIALS = (
    "apparmor",
    "ca-certificates",
    "cloud-guest-utils",
    "cloud-init",
    "curl",
    "dbus",
    "e2fsprogs",
    "fdisk",
    "initramfs-tools",
    "iproute2",
    "iputils-ping",
    "less",
    "libpam-systemd",
    "logrotate",
    "netbase",
    "openssh-server",
    "python3",
    "sudo",
    "systemd",
    "systemd-resolved",
    "systemd-sysv",
    "systemd-timesyncd",
    "udev",
    "unattended-upgrades",
    "zstd",
)
"""What a machine needs to boot in any cloud, be reached by SSH and keep itself patched."""
UNDATED = {"SOURCE_DATE_EPOCH": ""}
"""A date here would have Python's modules compiled so that each start compares their text (py_compile.py)."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what is in a base disk made from an archive."""

    base: Base
    arch: Arch
    sources: tuple[str, ...]
    packages: tuple[str, ...]

    def ingredients(self) -> list[str]:
        """Return what to hash: two recipes with equal ingredients and equal archives make equal disks."""
        return [
            *self.sources,
            *self.all_packages(),
            EARLY_SCRIPT.read_text(),
            TREE_SCRIPT.read_text(),
            *efi.layout(),
            f"room {padding.SHARE} {padding.FILE_BLOCKS_MIN}",
        ]

    def uris(self) -> list[str]:
        """Return the addresses of its archives (sources.list(5): the first word after the options)."""
        return [source.rpartition("] ")[2].removeprefix("deb ").split()[0] for source in self.sources]

    def all_packages(self) -> list[str]:
        """Return the essentials, the kernel and what the image's steps would ask for, sorted."""
        return sorted({*ESSENTIALS, self.base.kernel(self.arch), *self.packages})


def build(recipe: Recipe, *, out: Path, console: Console) -> None:
    """Make the base disk *out* (qcow2).

    Raises BakeryError (exit code 1) with the last lines of the program that failed.
    """
    with _scratch() as work:
        tree, raw, esp = work / "tree", work / "disk.raw", work / "esp.img"
        console.update("unpacking packages (mmdebstrap)")
        try:
            process.run(mmdebstrap_argv(recipe, tree=tree), env=UNDATED, on_line=_narrate(console))
            console.update("assembling the disk")
            spacers = padding.plan(process.run([*_namespace(), *padding.list_argv(tree)]).output)
            padding.put(tree, spacers, work=work, inside=_namespace())
            identity = efi.Identity(seed="\n".join(recipe.ingredients()), epoch_s=newest_package_s(tree))
            process.run([*_namespace(), *date_tree_argv(tree, epoch_s=identity.epoch_s)])
            efi.make_esp(esp, work=work, identity=identity)
            efi.make_disk(raw, tree=tree, esp=esp, identity=identity, inside=_namespace())
            efi.remove(raw, [spacer.path for spacer in spacers], identity=identity)
        finally:
            process.run([*_namespace(), "rm", "-rf", "--one-file-system", str(tree)], is_checked=False)
        process.run(qemu_img.to_qcow2_argv(raw, source_format="raw", out=out, is_compressed=False))


def mmdebstrap_argv(recipe: Recipe, *, tree: Path) -> list[str]:
    """Return the command that unpacks and configures the packages in *tree*.

    The scripts go along as text: without root, mmdebstrap's user may not read this checkout.
    """
    return [
        "mmdebstrap",
        "--variant=minbase",
        f"--mode={'root' if os.geteuid() == 0 else 'unshare'}",
        "--format=directory",
        f"--include={','.join(recipe.all_packages())}",
        f"--essential-hook={EARLY_SCRIPT.read_text()}",
        f"--customize-hook={TREE_SCRIPT.read_text()}",
        recipe.base.codename,
        str(tree),
        *recipe.sources,
    ]


def newest_package_s(tree: Path) -> int:
    """Return when the newest package in *tree* was made (seconds since 1970): the time of dpkg's file of its checksums.

    dpkg-deb lets no file in a package be newer than the package's last change (dpkg-deb(1), SOURCE_DATE_EPOCH).
    """
    return max(int(sums.stat().st_mtime) for sums in (tree / "var/lib/dpkg/info").glob("*.md5sums"))


def date_tree_argv(tree: Path, *, epoch_s: int) -> list[str]:
    """Return the command that gives everything in *tree* that was made just now the date *epoch_s*."""
    date = f"@{epoch_s}"
    touch = ["touch", "--no-dereference", f"--date={date}", "{}", "+"]
    return ["find", str(tree), "-xdev", "-newermt", date, "-exec", *touch]


def _namespace() -> Sequence[str]:
    """Without root the tree belongs to mmdebstrap's user namespace, so whatever reads it must run in there."""
    return () if os.geteuid() == 0 else ("mmdebstrap", "--unshare-helper")


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder that we and mmdebstrap's user alone can reach, in memory where that is allowed and plentiful."""
    with scratch.large("bakery-base-", first=RAM_DISK if _is_ram_disk_fit() else None) as work:
        if os.geteuid() != 0:
            acl.let_in(work, uid=_root_of_namespace())
        yield work


def _root_of_namespace() -> int:
    """Return which user root of mmdebstrap's namespace is out here (user_namespaces(7): inside, outside, how many)."""
    said = process.run([*_namespace(), "cat", "/proc/self/uid_map"]).output
    found = re.search(r"^ *0 +(\d+) +\d+$", said, re.MULTILINE)
    if found is None:
        raise missing(f"mmdebstrap's namespace has no root: {said}", hint="--base-from cloud, or as root")
    return int(found[1])


def _is_ram_disk_fit() -> bool:
    """Return whether packages can be unpacked and run in memory; many hosts mount it without devices or programs."""
    if not RAM_DISK.is_dir():
        return False
    stat = os.statvfs(RAM_DISK)
    is_allowed = not stat.f_flag & (os.ST_NODEV | os.ST_NOEXEC)
    return is_allowed and min(stat.f_bavail * stat.f_frsize, _available_bytes()) > RAM_DISK_NEED_BYTES


def _available_bytes() -> int:
    """Return the memory that new work may take (MemAvailable of /proc/meminfo is in KiB), 0 where it is not told."""
    meminfo = Path("/proc/meminfo")
    lines = meminfo.read_text().splitlines() if meminfo.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def _narrate(console: Console) -> Callable[[str], None]:
    def narrate(line: str) -> None:
        if line.startswith("I: ") and "hook" not in line:
            console.update(line.removeprefix("I: "))

    return narrate
