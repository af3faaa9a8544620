"""How EC2 must boot a disk, told from disks that sfdisk partitioned."""

from pathlib import Path

import pytest

from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from bakery.disk.blocks import BLOCK_SIZE
from bakery.disk.boot_mode import boot_mode

ESP, GRUB, ROOT = "size=2M, type=U", "size=1M, type=21686148-6449-6E6F-744E-656564454649", "size=1M, type=L"


def head(folder: Path, *partitions: str, label: str = "gpt") -> bytes:
    """Return the first block of a disk of 8 MiB with these partitions."""
    disk, script = folder / "disk.raw", folder / "script"
    with disk.open("wb") as file:
        file.truncate(8 << 20)
    script.write_text("\n".join([f"label: {label}", *partitions]) + "\n")
    process.run(["sfdisk", "--quiet", str(disk)], stdin=script)
    with disk.open("rb") as file:
        return file.read(BLOCK_SIZE)


@pytest.mark.parametrize(
    ("partitions", "mode"),
    [
        ((ESP, ROOT), "uefi"),
        ((ROOT, ESP), "uefi"),
        ((GRUB, ESP, ROOT), "uefi-preferred"),
        ((GRUB, ROOT), "legacy-bios"),
        ((ROOT,), "legacy-bios"),
    ],
)
def test_an_amd64_disk_boots_as_its_partitions_say(tmp_path: Path, partitions: tuple[str, ...], mode: str) -> None:
    assert boot_mode(head(tmp_path, *partitions), Arch.AMD64) == mode


def test_a_disk_with_an_mbr_alone_boots_by_bios(tmp_path: Path) -> None:
    assert boot_mode(head(tmp_path, "type=83, bootable", label="dos"), Arch.AMD64) == "legacy-bios"


@pytest.mark.parametrize("partitions", [(ESP, ROOT), (GRUB, ESP, ROOT)])
def test_an_arm64_disk_is_always_uefi(tmp_path: Path, partitions: tuple[str, ...]) -> None:
    assert boot_mode(head(tmp_path, *partitions), Arch.ARM64) == "uefi"


@pytest.mark.parametrize(("partitions", "label"), [((GRUB, ROOT), "gpt"), (("type=83",), "dos")])
def test_an_arm64_disk_without_an_efi_partition_is_refused(
    tmp_path: Path, partitions: tuple[str, ...], label: str
) -> None:
    with pytest.raises(BakeryError, match="no EFI system partition") as caught:
        boot_mode(head(tmp_path, *partitions, label=label), Arch.ARM64)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


@pytest.mark.parametrize("content", [b"", bytes(BLOCK_SIZE)])
def test_a_disk_without_a_partition_table_is_refused(content: bytes) -> None:
    with pytest.raises(BakeryError, match="no partition table") as caught:
        boot_mode(content, Arch.AMD64)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


@pytest.mark.parametrize(("place", "value"), [(84, 0), (80, 0xFFFFFFFF), (72, 0xFFFFFFFF)])
def test_a_gpt_whose_header_cannot_be_is_refused(tmp_path: Path, place: int, value: int) -> None:
    whole = head(tmp_path, ESP, ROOT)
    damaged = whole[: 512 + place] + value.to_bytes(4, "little") + whole[512 + place + 4 :]
    with pytest.raises(BakeryError, match="is damaged") as caught:
        boot_mode(damaged, Arch.AMD64)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
