"""Snapshots of a zone: of block storage, or of disks of machines themselves, which an API of its own knows.

Both are read from a bucket of the zone's region, and written into one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakery.cloud import naming
from bakery.cloud.values import Snapshot, SnapshotState
from bakery.clouds.scaleway import answers, deletion
from bakery.clouds.scaleway.account import ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.clouds.scaleway.tags import tag_list, tags_of
from bakery.core.errors import BakeryError
from bakery.definition.scaleway import Volume

DEADLINE_S = 3600.0
"""Of one snapshot: an import or an export of a large one takes a while."""
USED_DEADLINE_S = 120.0
"""How long a snapshot may be held by an image that is gone."""


def own(zone: Zone) -> list[Snapshot]:
    """Return this project's snapshots of both kinds."""
    local = zone.all(zone.instances.list_snapshots, "snapshots", project=zone.project)
    found = [answers.snapshot(one) for one in local]
    if zone.has_blocks:
        asked = {"project_id": zone.project, "include_deleted": False}
        blocks = zone.all(zone.blocks.list_snapshots, "snapshots", **asked)
        found += [answers.snapshot(one) for one in blocks]
    return found


def at(zone: Zone, snapshot: str) -> Snapshot | None:
    """Return the snapshot of that id, None when the zone has none."""
    try:
        return answers.snapshot(_read(zone, snapshot)[1])
    except ApiError as error:
        if error.code is not Code.NOT_FOUND:
            raise
        return None


def find(zone: Zone, name: str) -> Snapshot | None:
    """Return this project's snapshot of that name that is whole or will be; of two alike the older."""
    states = {SnapshotState.PENDING, SnapshotState.COMPLETED}
    found = [one for one in own(zone) if one.description == name and one.state in states]
    found = [one for one in found if naming.REMOVING not in one.tags]
    return min(found, key=lambda one: (one.started_at, one.id), default=None)


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A snapshot to make of a qcow2 file in a bucket."""

    name: str
    bucket: str
    key: str
    volume: Volume
    tags: Mapping[str, str]
    size_gb: int = 0
    """In GiB; 0 leaves it as the file says."""


def volume_of(zone: Zone, snapshot: str) -> Volume:
    """Return what kind of disk a snapshot is of."""
    return Volume.LOCAL if _read(zone, snapshot)[0] else Volume.BLOCK


def read_in(zone: Zone, arrival: Arrival) -> str:
    """Let Scaleway make a snapshot of a file, unless there is one of that name; return its id.

    Raises ApiError when it is refused.
    """
    name = arrival.name
    if (known := find(zone, name)) is not None:
        return known.id
    told: dict[str, Any] = {"name": name, "bucket": arrival.bucket, "key": arrival.key}
    told["tags"] = tag_list(arrival.tags)
    if arrival.size_gb:
        told["size"] = answers.bytes_of(arrival.size_gb)
    if arrival.volume is Volume.LOCAL:
        told |= {"volume_type": Volume.LOCAL.value, "project": zone.project}
        made = zone.make(zone.instances.create_snapshot, find=lambda: find(zone, name), **told)
        return str(made.id if isinstance(made, Snapshot) else made.snapshot.id)
    method = zone.blocks.import_snapshot_from_object_storage
    return str(zone.make(method, find=lambda: find(zone, name), project_id=zone.project, **told).id)


def write_out(zone: Zone, snapshot: str, *, bucket: str, key: str) -> None:
    """Let Scaleway begin to write a snapshot into a bucket as a qcow2 file."""
    is_local, _ = _read(zone, snapshot)
    if is_local:
        zone.call(zone.instances.export_snapshot, snapshot_id=snapshot, bucket=bucket, key=key)
    else:
        zone.call(zone.blocks.export_snapshot_to_object_storage, snapshot_id=snapshot, bucket=bucket, key=key)


def is_being_written(zone: Zone, snapshot: str) -> bool:
    """Return whether a snapshot is on its way into a bucket."""
    _, found = _read(zone, snapshot)
    word = getattr(found, "status", None) or getattr(found, "state", "")
    return str(getattr(word, "value", word)) == "exporting"


def wait_completed(zone: Zone, snapshot: str) -> None:
    """Wait until machines can start from what a snapshot holds.

    Raises BakeryError (exit code 1) when it failed, which it is removed for, or is not ready after an hour.
    """
    found = zone.account.until(
        lambda: at(zone, snapshot),
        is_enough=lambda one: one is None or one.state != SnapshotState.PENDING,
        deadline_s=DEADLINE_S,
    )
    if found is not None and found.state == SnapshotState.COMPLETED:
        return
    if found is not None and found.state == SnapshotState.PENDING:
        said = f"{zone.name}: the snapshot {snapshot} is not ready after {DEADLINE_S:.0f} s"
        raise BakeryError(said, hint="run it again: it goes on")
    if found is not None:
        remove(zone, snapshot)
    state = "gone" if found is None else f"{found.state} (is the file a qcow2 without a backing file?)"
    raise BakeryError(f"{zone.name}: the snapshot {snapshot} is {state}", hint="run it again")


def retag(zone: Zone, snapshot: str, *, add: Mapping[str, str]) -> None:
    """Add tags to a snapshot; one that is gone is no mistake."""
    try:
        is_local, found = _read(zone, snapshot)
        having = tags_of(found.tags)
        if {**having, **add} != having:
            method = zone.instances.update_snapshot if is_local else zone.blocks.update_snapshot
            zone.call(method, snapshot_id=snapshot, tags=tag_list({**having, **add}))
    except ApiError as error:
        if error.code is not Code.NOT_FOUND:
            raise


def remove(zone: Zone, snapshot: str, *, is_freed: bool = False) -> None:
    """Delete a snapshot; where its image was deleted a moment ago (*is_freed*) it is waited for until that shows."""

    def delete() -> None:
        is_local, _ = _read(zone, snapshot)
        method = zone.instances.delete_snapshot if is_local else zone.blocks.delete_snapshot
        zone.call(method, snapshot_id=snapshot)

    held = deletion.HELD if is_freed else {Code.BUSY}
    deletion.until_let_go(zone, delete, deadline_s=USED_DEADLINE_S, held=held)


def _read(zone: Zone, snapshot: str) -> tuple[bool, Any]:
    """Return a snapshot as its API shows it, and whether that is the one of machines' own disks."""
    if zone.has_blocks:
        try:
            return False, zone.call(zone.blocks.get_snapshot, snapshot_id=snapshot)
        except ApiError as error:
            if error.code is not Code.NOT_FOUND:
                raise
    return True, zone.call(zone.instances.get_snapshot, snapshot_id=snapshot).snapshot
