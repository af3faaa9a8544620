"""Records as a bake leaves them, for tests that bake nothing."""

import json
from typing import Any

from bakery.disk.artifact import Artifact


def a_record(made: Artifact, *, digest: str = "0" * 64, **values: Any) -> dict[str, Any]:
    """Return the record of an artifact; *values* take the place of what is in it."""
    return {
        "image": made.image,
        "base": str(made.base),
        "arch": "amd64",
        "fingerprint": "0" * 64,
        "release": "20260101-0415-000000000000",
        "baked_at": "2026-01-01T04:15:00+00:00",
        "accelerator": "tcg",
        "seconds": {},
        "files": {
            path.name: {"bytes": 0, "sha256": digest if path == made.disk else "0" * 64}
            for path in (made.disk, made.box("libvirt"), made.box("virtualbox"))
        },
        **values,
    }


def write_record(made: Artifact, *, digest: str = "0" * 64, **values: Any) -> None:
    """Write it to its place."""
    made.record.write_text(json.dumps(a_record(made, digest=digest, **values)))
