"""What the EBS direct APIs refuse, before anything is done; nothing here changes anything."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import ServiceException

from bakery.rehearsal import keys, tags
from bakery.rehearsal.world import Snapshot

BLOCK_SIZE = 524288
"""Bytes of a block; there is no other size (API reference, "PutSnapshotBlock", DataLength)."""

BLOCKS_PER_GIB = (1 << 30) // BLOCK_SIZE

MAX_SIZE_GB = 65536


class Refused(ServiceException):
    """An error of the EBS direct APIs.

    The API reference lists codes and reasons, and seldom says what has which reason: codes and causes here are AWS's,
    and the reason is the one whose name fits best.
    """

    def __init__(self, code: str, message: str, *, reason: str = "") -> None:
        super().__init__(code, message)
        self.reason = reason


def invalid(message: str, *, reason: str = "INVALID_PARAMETER_VALUE") -> Refused:
    """Return a ValidationException."""
    return Refused("ValidationException", message, reason=reason)


def require_range(name: str, value: int | None, least: int, most: int) -> None:
    """Refuse a number that is given and outside of *least* to *most*."""
    if value is not None and not least <= value <= most:
        raise invalid(f"{name} is {value}: it must be from {least} to {most}")


def check_order(order: Mapping[str, Any], *, region: str) -> None:
    """Refuse what StartSnapshot cannot take, whatever there is already (API reference, "StartSnapshot")."""
    size_gb = order["VolumeSize"]
    if size_gb is None or not 1 <= size_gb <= MAX_SIZE_GB:
        raise invalid(f"VolumeSize is {size_gb}: it must be from 1 to {MAX_SIZE_GB}", reason="INVALID_VOLUME_SIZE")
    require_range("Timeout", order["Timeout"], 10, 4320)
    if len(order["Description"] or "") > 255:
        raise invalid("Description has more than 255 characters")
    # "Up to 64 ASCII characters" (user guide, "Ensure idempotency in StartSnapshot API requests"); the model has 255.
    if not re.fullmatch(r"[!-~]{1,64}", order["ClientToken"] or "none"):
        raise invalid("ClientToken is not 1 to 64 ASCII characters without spaces")
    key = order["KmsKeyArn"]
    if key and (not re.fullmatch(r"arn:aws[a-z-]*:kms:.*:[0-9]{12}:key/.*", key) or keys.problem(key, region=region)):
        raise invalid(f"KmsKeyArn is not the ARN of a key in {region}", reason="INVALID_CUSTOMER_KEY")
    check_tags(order["Tags"] or [])


def check_tags(listed: list[dict[str, str]]) -> None:
    """Refuse what cannot be tags (API reference, "Tag"; EC2 user guide, "Tag restrictions")."""
    pairs = [(tag.get("Key", ""), tag.get("Value", "")) for tag in listed]
    if len(pairs) > tags.MOST or len(dict(pairs)) < len(pairs):
        raise invalid(f"There are more than {tags.MOST} tags, or two of one key", reason="INVALID_TAG")
    for key, value in pairs:
        if not 1 <= len(key) <= 127 or len(value) > 255 or tags.is_reserved(key):
            raise invalid(f"A tag cannot be {key!r} = {value!r}"[:256], reason="INVALID_TAG")


def encryption(order: Mapping[str, Any], *, parent: Snapshot | None, default_key: str, is_default: bool) -> str:
    """Return the key that a snapshot is encrypted with, empty for none.

    *is_default* says whether the account encrypts everything. The user guide's tables ("Encryption outcomes for EBS
    direct APIs") are the rules.
    """
    wanted, key = order["Encrypted"], order["KmsKeyArn"]
    if parent is not None:
        if wanted is not None or key:
            raise invalid("Encrypted and KmsKeyArn cannot be specified together with ParentSnapshotId")
        if is_default and not parent.is_encrypted:
            raise invalid("Encryption by default is enabled, and the parent snapshot is not encrypted")
        return parent.kms_key
    if wanted is False and (key or is_default):
        raise invalid("Encrypted is false, and a key is specified or encryption by default is enabled")
    return key or (default_key if wanted or is_default else "")


def check_block(put: Mapping[str, Any], *, size_gb: int, digest: bytes) -> None:
    """Refuse a block that is not whole, not what its checksum says, or not within the volume ("PutSnapshotBlock")."""
    require_range("Progress", put["Progress"], 0, 100)
    if put["DataLength"] != BLOCK_SIZE:
        raise invalid(f"DataLength is {put['DataLength']}: it must be {BLOCK_SIZE}")
    if len(put["BlockData"] or b"") != BLOCK_SIZE:
        raise invalid("Failed to read block data")
    if not 0 <= put["BlockIndex"] < size_gb * BLOCKS_PER_GIB:
        raise invalid(f"Block {put['BlockIndex']} is not within {size_gb} GiB", reason="INVALID_BLOCK")
    if put["ChecksumAlgorithm"] != "SHA256":
        raise invalid("ChecksumAlgorithm is not SHA256")
    if decoded(put["Checksum"] or "") != digest:
        raise invalid("The checksum is not that of the block data", reason="INVALID_BLOCK")


def decoded(checksum: str) -> bytes:
    """Return what a base64 text says; nothing where it is none."""
    try:
        return base64.b64decode(checksum, validate=True)
    except ValueError:
        return b""
