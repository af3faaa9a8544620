"""What a cloud may show, for tests that ask none."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bakery.cloud import naming
from bakery.cloud.values import Image, Instance, KeyPair, Snapshot

NOW = datetime(2026, 11, 23, 4, 15, tzinfo=UTC)


def tags(**values: str) -> dict[str, str]:
    """Return tags of ours."""
    return {f"bakery:{key}": value for key, value in values.items()}


def image(identity: str = "ami-1", **fields: Any) -> Image:
    """Return an image of `host` that is long there; *fields* take the place of what is in it."""
    told: dict[str, Any] = {"state": "available", "name": "x", "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return Image(id=identity, **told | {"tags": {naming.IMAGE: "host"}} | fields)


def snapshot(identity: str = "snap-1", *, hours: float = 25, **fields: Any) -> Snapshot:
    """Return a snapshot that was made so long before NOW."""
    told: dict[str, Any] = {"state": "completed", "started_at": NOW - timedelta(hours=hours)}
    return Snapshot(id=identity, **told | {"tags": tags(image="host")} | fields)


def instance(identity: str = "i-1", *, hours: float = 7, **fields: Any) -> Instance:
    """Return a machine of a bake that has run for so long at NOW."""
    told: dict[str, Any] = {"image_id": "ami-1", "state": "running", "started_at": NOW - timedelta(hours=hours)}
    return Instance(id=identity, **told | {"tags": tags(run="20260101-0000-0123456789ab")} | fields)


def key_pair(name: str = "packer_1", *, hours: float = 7) -> KeyPair:
    """Return a key pair that was made so long before NOW."""
    return KeyPair(name=name, created_at=NOW - timedelta(hours=hours))
