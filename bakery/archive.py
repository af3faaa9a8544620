"""A base disk out of the package archive that this machine already trusts: no download site, no root, no loop devices.

mmdebstrap unpacks the packages; mke2fs, mtools and sfdisk put the tree on a GPT disk that boots by UEFI.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bakery import ROOT, process, qemu
from bakery.bases import Arch, Base
from bakery.console import Console

EARLY_SCRIPT = ROOT / "provision/base/early.sh"
TREE_SCRIPT = ROOT / "provision/base/tree.sh"
DISK_MB = 6144
ESP_MB = 64
LABEL_MB = 1
"""GPT at the start, and its copy at the end, each within the first and the last MiB."""

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

GRUB_MODULES = (
    *("part_gpt", "fat", "ext2", "gzio"),
    *("search", "search_label", "configfile", "normal", "linux", "echo", "test"),
    *("all_video", "efi_gop", "serial"),
)
GRUB_CONFIG = """\
search --no-floppy --label root --set=root
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""


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
            *GRUB_MODULES,
            GRUB_CONFIG,
            f"{DISK_MB} {ESP_MB}",
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
            process.run(mmdebstrap_argv(recipe, tree=tree), on_line=_narrate(console))
            console.update("assembling the disk")
            make_esp(esp, work=work)
            make_disk(raw, tree=tree, esp=esp)
        finally:
            process.run([*_namespace(), "rm", "-rf", "--one-file-system", str(tree)], is_checked=False)
        process.run(qemu.to_qcow2_argv(raw, source_format="raw", out=out, is_compressed=False))


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


def sfdisk_script() -> str:
    """Return the partition table: the EFI system partition, then the root file system up to the end."""
    return f"label: gpt\nstart={LABEL_MB}MiB, size={ESP_MB}MiB, type=uefi, name=esp\ntype=linux, name=root\n"


def mke2fs_argv(disk: Path, *, tree: Path) -> list[str]:
    """Return the command that writes *tree* as a file system straight into its place on *disk*."""
    start_mb = LABEL_MB + ESP_MB
    return [
        *_namespace(),
        "mke2fs",
        *("-q", "-t", "ext4", "-L", "root"),
        *("-d", str(tree)),
        *("-E", f"offset={start_mb * 2**20},lazy_itable_init=1,root_owner=0:0"),
        str(disk),
        f"{DISK_MB - start_mb - LABEL_MB}M",
    ]


def _namespace() -> Sequence[str]:
    """Without root the tree belongs to mmdebstrap's user namespace, so whatever reads it must run in there."""
    return () if os.geteuid() == 0 else ("mmdebstrap", "--unshare-helper")


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder that mmdebstrap's user can reach, in memory where that is allowed and plentiful."""
    with tempfile.TemporaryDirectory(prefix="bakery-base-", dir=RAM_DISK if _is_ram_disk_fit() else None) as folder:
        work = Path(folder)
        if os.geteuid() != 0:
            work.chmod(0o777)
        yield work


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


def make_esp(esp: Path, *, work: Path) -> None:
    """Make the EFI system partition *esp*: a boot loader that finds the root file system by its label."""
    config, loader = work / "early.cfg", work / "BOOTX64.EFI"
    config.write_text(GRUB_CONFIG)
    process.run(
        ["grub-mkimage", "-O", "x86_64-efi", "-p", "/boot/grub", "-c", str(config), "-o", str(loader), *GRUB_MODULES]
    )
    with esp.open("wb") as file:
        file.truncate(ESP_MB * 2**20)
    process.run(["mkfs.vfat", "-n", "ESP", str(esp)])
    process.run(["mmd", "-i", str(esp), "::EFI", "::EFI/BOOT"])
    process.run(["mcopy", "-i", str(esp), str(loader), "::EFI/BOOT/BOOTX64.EFI"])


def make_disk(raw: Path, *, tree: Path, esp: Path) -> None:
    """Make the disk *raw* out of both partitions; holes stay holes."""
    with raw.open("wb") as file:
        file.truncate(DISK_MB * 2**20)
    if os.geteuid() != 0:
        raw.chmod(0o666)
    script = raw.with_suffix(".sfdisk")
    script.write_text(sfdisk_script())
    process.run(["sfdisk", "-q", str(raw)], stdin=script)
    process.run(mke2fs_argv(raw, tree=tree))
    process.run(["dd", f"if={esp}", f"of={raw}", "bs=1M", f"seek={LABEL_MB}", "conv=notrunc,sparse", "status=none"])
