"""Tells from a disk's first block how EC2 must boot it: bytes in, a word out.

The words: EC2 user guide, "Instance launch behavior with Amazon EC2 boot modes". The tables: UEFI specification,
chapter 5, "GUID Partition Table (GPT) Disk Layout", on disks with sectors of 512 bytes.
"""

import struct
import uuid
from enum import StrEnum

from bakery.core.errors import impossible
from bakery.definition.bases import Arch

SECTOR = 512
MBR_SIGNATURE = b"\x55\xaa"
"""The last two bytes of the first sector, without which no BIOS starts what is in it."""

GPT_SIGNATURE = b"EFI PART"
GPT_ENTRIES, GPT_ENTRIES_AT = struct.Struct("<QII"), 72
"""In the header: the first sector of the entries, their number, the size of each in bytes."""

GPT_ENTRY_BYTES = 128
"""The least that an entry has; its first 16 bytes are the partition's type."""

ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
"""The type of an EFI system partition (UEFI specification, "Defined GPT Partition Entry - Partition Type GUIDs")."""

BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
"""The type of the partition that GRUB for BIOS is in (GRUB manual, "BIOS installation")."""


class BootMode(StrEnum):
    """A boot mode of an AMI, as RegisterImage takes it."""

    UEFI = "uefi"
    UEFI_PREFERRED = "uefi-preferred"
    LEGACY_BIOS = "legacy-bios"


def boot_mode(head: bytes, arch: Arch) -> BootMode:
    """Return the boot mode of a disk from its first bytes (32 KiB at least: the partition table).

    An EFI system partition means UEFI, a BIOS boot partition beside it both, and neither of them BIOS alone. Raises
    BakeryError (exit code 2) for a disk that cannot boot: one without a partition table or with a damaged one, and one
    for arm64, where there is UEFI alone, without an EFI system partition.
    """
    if head[SECTOR - 2 : SECTOR] != MBR_SIGNATURE:
        raise impossible("the disk has no partition table: no machine can boot it")
    types = _partition_types(head)
    if arch is Arch.ARM64:
        if ESP not in types:
            raise impossible("the disk has no EFI system partition: no arm64 machine can boot it")
        return BootMode.UEFI
    if ESP not in types:
        return BootMode.LEGACY_BIOS
    return BootMode.UEFI_PREFERRED if BIOS_BOOT in types else BootMode.UEFI


def _partition_types(head: bytes) -> set[uuid.UUID]:
    """Return the types of the GPT's partitions, none where there is no GPT."""
    header = head[SECTOR : 2 * SECTOR]
    if not header.startswith(GPT_SIGNATURE):
        return set()
    sector, count, size = GPT_ENTRIES.unpack_from(header, GPT_ENTRIES_AT)
    first, end = sector * SECTOR, sector * SECTOR + count * size
    if size < GPT_ENTRY_BYTES or end > len(head):
        raise impossible("the disk's partition table (GPT) is damaged, or not at the beginning of the disk")
    return {uuid.UUID(bytes_le=head[start : start + 16]) for start in range(first, end, size)}
