"""Lets one more user into a folder of ours, and nobody else, as setfacl(1) would, which is not installed everywhere."""

import os
import struct
from pathlib import Path

from bakery.core.errors import missing

ATTRIBUTE = "system.posix_acl_access"
VERSION = struct.pack("<I", 2)
ENTRY = struct.Struct("<HHI")
"""Who (one of the tags below), what (as in a mode), and the user's id where one is named (posix_acl_xattr.h)."""
OWNER, USER, GROUP, MASK, OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
ALL, NONE = 0o7, 0o0
UNNAMED = 0xFFFFFFFF


def let_in(folder: Path, *, uid: int) -> None:
    """Let a user do in a folder all that we may, and let nobody else into it.

    Raises BakeryError (exit code 3) where its file system knows no access control lists.
    """
    entries = ((OWNER, ALL, UNNAMED), (USER, ALL, uid), *((who, NONE, UNNAMED) for who in (GROUP, OTHERS)))
    mask = (MASK, ALL, UNNAMED)
    try:
        os.setxattr(folder, ATTRIBUTE, VERSION + b"".join(ENTRY.pack(*one) for one in sorted((*entries, mask))))
    except OSError as error:
        raise missing(
            f"{folder.parent} cannot be shared with mmdebstrap's user alone: {os.strerror(error.errno or 0)}",
            hint="TMPDIR=/some/folder ./inv …  (on a file system with access control lists), or --base-from cloud",
        ) from error
