"""What a new release can be sent as a difference to: an earlier one whose blocks are known, and still in the region."""

from collections.abc import Sequence
from dataclasses import dataclass

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.catalog.record import Made
from bakery.cloud.values import Snapshot, SnapshotState
from bakery.clouds.aws import answers, images
from bakery.clouds.aws.account import Region
from bakery.definition import layers
from bakery.disk import digests
from bakery.disk.digests import Digests

MOST = 3
"""Of an image's releases that are looked at, the newest first."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A release whose blocks are known here."""

    image: str
    release: Release
    digests: Digests


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A snapshot that the new one differs from, and what it holds."""

    snapshot: str
    what: str
    digests: Digests


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """How a snapshot is to be encrypted: with a key of ours (its ARN), with AWS's (no key), or not at all."""

    is_on: bool
    kms_key: str = ""


def candidates(made: Made, *, is_rehearsal: bool) -> list[Candidate]:
    """Return what a release may differ from, the likeliest first: its image's own releases, then the layers below."""
    found = []
    for layer in reversed(layers.chain(made.image)):
        known = catalog.read(layer.name, is_rehearsal=is_rehearsal)
        earlier = [one for one in known.releases if one.arch is made.arch and one.release != made.release]
        for release in sorted(earlier, key=lambda one: one.release, reverse=True)[:MOST]:
            path = catalog.digests_of(layer.name, release.release, release.arch, is_rehearsal=is_rehearsal)
            blocks = digests.read(path)
            if blocks is not None:
                found.append(Candidate(image=layer.name, release=release, digests=blocks))
    return found


def find(
    region: Region, among: Sequence[Candidate], *, encryption: Encryption, size_gb: int
) -> tuple[Parent | None, str]:
    """Return the first that is in a region as it must be, or why everything has to be sent."""
    why = "no earlier release was sent from here"
    for candidate in among:
        what = f"{candidate.image} {candidate.release.release}"
        placed = candidate.release.places.get(region.name)
        snapshot = _snapshot(region, placed.image_id) if placed else None
        if snapshot is None:
            why = f"{what} is not there"
        elif problem := _problem(snapshot, encryption=encryption, size_gb=size_gb):
            why = f"{what} {problem}"
        else:
            return Parent(snapshot=snapshot.id, what=what, digests=candidate.digests), ""
    return None, why


def _snapshot(region: Region, image_id: str) -> Snapshot | None:
    """Return the root snapshot of an image; None when either is gone."""
    image = next(images.listed(region, {"image-id": [image_id]}), None)
    if image is None or not image.root_snapshot:
        return None
    filters = [{"Name": "snapshot-id", "Values": [image.root_snapshot]}]
    found = region.ec2("describe_snapshots", OwnerIds=["self"], Filters=filters)["Snapshots"]
    return answers.snapshot(found[0]) if found else None


def _problem(snapshot: Snapshot, *, encryption: Encryption, size_gb: int) -> str:
    """Return why a snapshot cannot be a parent, in words; a child is encrypted just as its parent (StartSnapshot)."""
    if snapshot.state != SnapshotState.COMPLETED:
        return f"is {snapshot.state}"
    if snapshot.is_encrypted != encryption.is_on:
        return "is encrypted and this is not to be" if snapshot.is_encrypted else "is not encrypted and this is to be"
    if encryption.kms_key and snapshot.key != encryption.kms_key:
        return "is encrypted with another key"
    return f"is larger than {size_gb} GiB" if snapshot.size_gb > size_gb else ""
