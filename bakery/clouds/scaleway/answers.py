"""What Scaleway answers, made into values: nothing else knows what it calls the parts and states of a thing.

Sizes are whole GB of 10^9 bytes there, and GiB in the values.
"""

import re
from datetime import UTC, datetime
from typing import Any

from bakery.cloud.inventory import Kind, Loose
from bakery.cloud.values import Group, Image, ImageState, Instance, InstanceState, Snapshot, SnapshotState
from bakery.clouds.scaleway.tags import tags_of
from bakery.definition.bases import Arch

GB, GIB = 10**9, 2**30
ARCHES = {Arch.AMD64: "x86_64", Arch.ARM64: "arm64"}
_IMAGE_STATES = {
    "creating": ImageState.PENDING,
    "available": ImageState.AVAILABLE,
    "error": ImageState.FAILED,
}
_PENDING_SNAPSHOTS = {"creating", "snapshotting", "importing"}
_WHOLE_SNAPSHOTS = {"available", "in_use", "exporting"}
_INSTANCE_STATES = {
    "starting": InstanceState.PENDING,
    "running": InstanceState.RUNNING,
    "stopping": InstanceState.ENDING,
}
IPV4, IPV6 = "inet", "inet6"
MADE_AT = "bakery:made"
"""The tag of when a thing was made that Scaleway shows no time of."""
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
"""For what tells no time: what is taken to be younger than it is would never be removed, and this only by its tags."""


def bytes_of(size_gb: int) -> int:
    """Return a size in GiB as Scaleway takes it: in bytes, whole GB, and never less."""
    return -(-size_gb * GIB // GB) * GB


def image(found: Any) -> Image:
    """Return an image as the Instance API shows it."""
    root = found.root_volume
    others = [volume.id for volume in found.extra_volumes.values()]
    return Image(
        id=str(found.id),
        name=str(found.name),
        state=_IMAGE_STATES.get(_text(found.state), _text(found.state)),
        created_at=found.creation_date or _LONG_AGO,
        owner=str(found.project),
        tags=tags_of(found.tags),
        failure="Scaleway does not say why" if _text(found.state) == "error" else "",
        architecture=_text(found.arch),
        root_size_gb=root.size // GIB if root else 0,
        root_snapshot=str(root.id) if root else "",
        snapshots=tuple(str(one) for one in [*([root.id] if root else []), *others]),
        size_gb=root.size // GIB if root else 0,
        is_public=bool(found.public),
    )


def is_local(found: Any) -> bool:
    """Return whether an image starts from a disk of the machine itself."""
    return found.root_volume is not None and _text(found.root_volume.volume_type) == "l_ssd"


def snapshot(found: Any) -> Snapshot:
    """Return a snapshot as either API shows it; its name is its description."""
    state = _text(getattr(found, "status", None) or getattr(found, "state", ""))
    known = {
        **dict.fromkeys(_PENDING_SNAPSHOTS, SnapshotState.PENDING),
        **dict.fromkeys(_WHOLE_SNAPSHOTS, SnapshotState.COMPLETED),
    }
    made = getattr(found, "created_at", None) or getattr(found, "creation_date", None)
    return Snapshot(
        id=str(found.id),
        state=known.get(state, state),
        started_at=made or _LONG_AGO,
        tags=tags_of(found.tags),
        description=str(found.name),
        size_gb=int(found.size or 0) // GIB,
    )


def instance(found: Any) -> Instance:
    """Return a server as the Instance API shows it."""
    state = _text(found.state)
    addresses = {_text(one.family): str(one.address) for one in found.public_ips}
    return Instance(
        id=str(found.id),
        image_id=str(found.image.id) if found.image else "",
        state=_INSTANCE_STATES.get(state, state),
        started_at=found.modification_date or found.creation_date or _LONG_AGO,
        tags=tags_of(found.tags),
        reason=str(found.state_detail),
        groups=(str(found.security_group.id),) if found.security_group else (),
        public_address=addresses.get(IPV4, ""),
        private_address=str(found.private_ip or ""),
        ipv6_address=addresses.get(IPV6, ""),
    )


def group(found: Any) -> Group:
    """Return a security group as the Instance API shows it."""
    return Group(id=str(found.id), name=str(found.name))


def volume(found: Any) -> Loose:
    """Return a disk as either API shows it."""
    made = getattr(found, "created_at", None) or getattr(found, "creation_date", None)
    what = f"{found.name}, {int(found.size or 0) // GB} GB"
    return Loose(kind=Kind.VOLUME, id=str(found.id), what=what, made_at=made or _LONG_AGO)


def address(found: Any) -> Loose:
    """Return an address as the Instance API shows it, which does not say since when it is there: our own tag does."""
    told = tags_of(found.tags).get(MADE_AT, "")
    made = datetime.fromisoformat(told) if re.fullmatch(_TIME, told) else _LONG_AGO
    return Loose(kind=Kind.ADDRESS, id=str(found.id), what=str(found.address), made_at=made)


def _text(word: Any) -> str:
    """Return one of the SDK's words, which is an enum unless it is newer than the SDK."""
    return str(getattr(word, "value", word) or "")
