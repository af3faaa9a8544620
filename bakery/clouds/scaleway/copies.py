"""Brings an image to another zone. Scaleway copies nothing: a snapshot is written into a bucket and read from it again.

A region's zones read the same file. Of another region it is fetched and sent on from here, as no bucket is in two. The
file is gone before the image is there, so that where all images are there nothing is left, whoever was killed when.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bakery.cloud import naming
from bakery.cloud.place import gone
from bakery.cloud.reconcile import Wanted
from bakery.cloud.values import Image
from bakery.clouds.scaleway import buckets, images, snapshots, upload
from bakery.clouds.scaleway.account import Zone
from bakery.clouds.scaleway.buckets import PREFIX, Bucket
from bakery.clouds.scaleway.snapshots import DEADLINE_S, Arrival
from bakery.core.errors import BakeryError, impossible
from bakery.definition.bases import Arch
from bakery.definition.scaleway import Volume
from bakery.definition.scaleway_zones import is_zone

IDLE_S = 120.0
"""How long nobody may be seen to write a file that is not there, from when it was asked for."""


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """The image that a copy is made of."""

    zone: Zone
    image: Image
    volume: Volume


def copy(zone: Zone, wanted: Wanted) -> str:
    """Make a copy of the image that was made first, and return its id; everything in between is found again.

    Raises BakeryError: exit code 2 where the image was made itself, or in another cloud; ApiError as Scaleway refuses.
    """
    if wanted.is_source:
        raise gone(wanted)
    there = snapshots.find(zone, wanted.name)
    if there is None:
        snapshot = _bring(zone, wanted)
    else:
        # An earlier run has begun it, and may have left the file.
        snapshot = there.id
        with borrowed(zone, wanted, _key(wanted.source[1])):
            snapshots.wait_completed(zone, snapshot)
    arch = Arch(wanted.tags[naming.ARCH])
    return images.make(zone, wanted.name, snapshot=snapshot, arch=arch, tags=wanted.tags)


def _key(image_id: str) -> str:
    """Return the name of the file of what an image holds, which never changes."""
    return f"{PREFIX}{image_id}.qcow2"


def _bring(zone: Zone, wanted: Wanted) -> str:
    """Return the id of a snapshot that holds what the origin's does."""
    origin = _origin(zone, wanted)
    key = _key(origin.image.id)
    buckets.require(_bucket(zone, wanted))
    with borrowed(zone, wanted, key):
        _write(origin, zone, wanted)
        arrival = Arrival(
            name=wanted.name,
            bucket=_bucket(zone, wanted).name,
            key=key,
            volume=origin.volume if zone.has_blocks else Volume.LOCAL,
            tags=wanted.tags,
        )
        snapshot = snapshots.read_in(zone, arrival)
        snapshots.wait_completed(zone, snapshot)
    return snapshot


def _bucket(zone: Zone, wanted: Wanted) -> Bucket:
    return buckets.of(zone, wanted.buckets, image=wanted.tags[naming.IMAGE])


@contextmanager
def borrowed(zone: Zone, wanted: Wanted, key: str) -> Iterator[None]:
    """Let a zone read a file while the body runs; whoever is the last of them removes it, whatever happens."""
    bucket = _bucket(zone, wanted)
    account, name = bucket.account, f"{bucket.region}/{bucket.name}/{key}"
    with account.lock:
        account.borrowed[name] = account.borrowed.get(name, 0) + 1
    try:
        yield
    finally:
        with account.lock:
            account.borrowed[name] -= 1
            is_last = not account.borrowed[name]
        if is_last:
            buckets.forget(bucket, key)


def _origin(zone: Zone, wanted: Wanted) -> _Origin:
    name, image_id = wanted.source
    if not is_zone(name):
        said = f"{zone.name}: {image_id} is in {name}, and an image of another cloud is not copied"
        raise impossible(
            said, hint=f"./inv publish --from local --image {wanted.tags[naming.IMAGE]} --region {zone.name}"
        )
    home = zone.account.zone(name)
    image = images.find(home, wanted.name)
    if image is None or not image.root_snapshot:
        raise gone(wanted)
    return _Origin(zone=home, image=image, volume=snapshots.volume_of(home, image.root_snapshot))


def _write(origin: _Origin, zone: Zone, wanted: Wanted) -> None:
    """See to it that the origin is a file in a zone's bucket: by way of one over there, where that is far."""
    bucket, key = _bucket(zone, wanted), _key(origin.image.id)
    with zone.account.turn(f"{bucket.region}/{key}"):
        if bucket.region == origin.zone.region:
            _export(origin, bucket, key)
            return
        # Also where it has come already: a run that was killed then has left the one over there.
        with borrowed(origin.zone, wanted, key):
            if bucket.size(key) is None:
                _write(origin, origin.zone, wanted)
                over_there = _bucket(origin.zone, wanted)
                size = over_there.size(key) or 0
                upload.send(bucket, key, upload.of_bucket(over_there, key, size=size))


def _export(origin: _Origin, bucket: Bucket, key: str) -> None:
    """Let Scaleway write a snapshot into a bucket, and wait until it has. Raises BakeryError when it does not."""
    zone, snapshot = origin.zone, origin.image.root_snapshot
    if not snapshots.is_being_written(zone, snapshot):
        if bucket.size(key) is not None:
            return
        snapshots.write_out(zone, snapshot, bucket=bucket.name, key=key)
    ends = time.monotonic() + IDLE_S

    def look() -> bool | None:
        """Return whether the file is whole, None when nobody writes it any more."""
        nonlocal ends
        if snapshots.is_being_written(zone, snapshot):
            ends = time.monotonic() + IDLE_S
            return False
        return True if bucket.size(key) is not None else None if time.monotonic() > ends else False

    if not zone.account.until(look, is_enough=lambda seen: seen is not False, deadline_s=DEADLINE_S):
        said = f"{zone.name}: the snapshot {snapshot} did not come into the bucket {bucket.name}"
        raise BakeryError(said, hint="run it again")
