"""Which snapshot a disk's blocks go to: one that an earlier run has begun or completed, or else a new one."""

from dataclasses import dataclass, replace

from bakery.cloud import naming
from bakery.cloud.values import SnapshotState
from bakery.clouds.aws import ebs, removal
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.ebs import Beginning
from bakery.clouds.aws.parents import Encryption, Parent
from bakery.clouds.aws.sent_blocks import Journal
from bakery.core import folders
from bakery.core.console import Console
from bakery.disk import digests
from bakery.disk.digests import Digests
from bakery.local.find import LocalImage

REFUSED_PARENT = ebs.INVALID
"""Where the account encrypts everything and the parent is not ("Encryption outcomes for EBS direct APIs")."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A region that a disk goes to, and what it goes there as a difference to (None: everything is sent)."""

    region: Region
    parent: Parent | None
    encryption: Encryption

    def to_send(self, known: Digests) -> list[int]:
        """Return the indexes of the blocks that make this disk of the parent's, or of nothing."""
        return digests.changed(known.blocks, self.parent.digests.blocks if self.parent else {})


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A snapshot that takes blocks, or took them all: then there is no journal."""

    target: Target
    snapshot: str
    journal: Journal | None


def begin(image: LocalImage, known: Digests, target: Target, *, console: Console) -> Destination:
    """Return the snapshot to send to, or one that is complete already; those that AWS has given up are removed.

    One that is pending may be another run's at this moment: it is gone on with where nothing is missing from what is
    known of it, and else left alone.
    """
    region, parent = target.region, target.parent.snapshot if target.parent else ""
    found = ebs.find(region, {naming.DISK: image.disk_sha256, naming.RELEASE: image.made.release})
    usable = [one for one in found if one.is_encrypted == target.encryption.is_on]
    complete = [one.id for one in usable if one.state == SnapshotState.COMPLETED]
    pending = [one for one in usable if one.state == SnapshotState.PENDING]
    going_on = [one.id for one in pending if one.tags.get(naming.PARENT, "") == parent]
    if not complete and not going_on and any(naming.PARENT not in one.tags for one in pending):
        return begin(image, known, replace(target, parent=None), console=console)
    removed = [one.id for one in found if one.state not in {*SnapshotState}]
    for one in removed:
        console.say(f"{region.name}: removes {one}, which will not be finished")
        removal.remove_snapshot(region, one)
    if complete:
        return Destination(target=target, snapshot=complete[0], journal=None)
    try:
        beginning = _beginning(image, known, target)
        snapshot = going_on[0] if going_on else ebs.start(region, beginning, attempt=" ".join(removed))
    except ApiError as error:
        if target.parent is None or error.code != REFUSED_PARENT:
            raise
        console.say(f"{region.name}: everything is sent, because AWS takes no difference: {error.within(region.name)}")
        return begin(image, known, replace(target, parent=None), console=console)
    journal = Journal(folders.build_dir(image.made.image, "uploads") / f"{snapshot}.sent")
    what = f"what differs from {target.parent.what}" if target.parent else "the whole disk"
    there = f", {len(journal.arrived)} blocks are there already" if journal.arrived else ""
    console.say(f"{region.name}: {snapshot} takes {what}{there}")
    return Destination(target=target, snapshot=snapshot, journal=journal)


def _beginning(image: LocalImage, known: Digests, target: Target) -> Beginning:
    made, parent = image.made, target.parent.snapshot if target.parent else ""
    tags = {
        **image.definition.aws.tags,
        naming.TITLE: f"{made.image} {made.release}",
        naming.IMAGE: made.image,
        naming.RELEASE: made.release,
        naming.ARCH: made.arch,
        naming.DISK: image.disk_sha256,
        **({naming.PARENT: parent} if parent else {}),
    }
    return Beginning(
        size_gb=known.size_gb,
        description=made.name,
        tags=tags,
        parent=parent,
        is_encrypted=target.encryption.is_on,
        kms_key=target.encryption.kms_key,
    )
