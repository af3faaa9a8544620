"""What EC2 does with snapshots; of volumes moto's are used, and the disks that machines really run from."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import images, keys, listing, refusals, regions, snapshots, tags
from bakery.rehearsal.snapshot_sharing import SnapshotSharing
from bakery.rehearsal.strict import Strict
from bakery.rehearsal.world import ACCOUNT, Snapshot, new_id


class SnapshotCopies(Strict):
    """Copies of snapshots, as CopySnapshot and CopyImage make them."""

    def copy_snapshot(self) -> ActionResult:
        """Copy a snapshot into the region of the call."""
        self.error_on_dryrun()
        self._refuse("DestinationOutpostArn", "DestinationAvailabilityZone")
        self._check_duration("CompletionDurationMinutes")
        specified = self._tags("snapshot")
        if self._get_bool_param("Encrypted") is False:
            raise refusals.bad_value("You cannot set this parameter to false.")  # its text in botocore
        world = self._world
        with world.lock:
            source = snapshots.named(world, self._required("SourceSnapshotId"), region=self._source_region())
            if not snapshots.may_read(source):
                raise refusals.no_snapshot(source.id)
            copy = self._copy_of(
                snapshots.completed(world, source),
                description=self._text("Description"),
                labels=specified["snapshot"],
            )
            return ActionResult({"SnapshotId": copy.id, "Tags": tags.listed(copy.tags)})

    def _source_region(self) -> str:
        region = self._required("SourceRegion")
        if not regions.is_open(region, self._world):
            raise refusals.bad_value(f"Invalid region provided: {region}")
        return region

    def _check_duration(self, name: str) -> None:
        # EBS User Guide, "Time-based copies": in steps of 15 minutes, up to 48 hours.
        minutes = self._get_int_param(name)
        if minutes is not None and (minutes % 15 or not 15 <= minutes <= 48 * 60):
            raise refusals.bad_value(f"Value ({minutes}) for parameter {name} is invalid.")

    def _copy_of(self, source: Snapshot, *, description: str, labels: dict[str, str]) -> Snapshot:
        """Add a copy, encrypted as the request says; one whose key cannot be used fails when its time has come."""
        world, region, key = self._world, self.region, self._text("KmsKeyId")
        wants_encryption = self._is_set("Encrypted")
        if key and not wants_encryption:
            # "You must also set the encrypted state to true" (botocore); the code is CreateVolume's.
            message = "The parameter KmsKeyId requires the parameter Encrypted to be set."
            raise EC2ClientError("InvalidParameterDependency", message)
        snapshots.require_room_for_a_copy(world, region=region)
        is_encrypted = wants_encryption or source.is_encrypted
        used = keys.arn(key, region=region) if key else keys.default(region)
        copy = Snapshot(
            id=new_id("snap"),
            region=region,
            size_gb=source.size_gb,
            started=world.today(),
            description=description,
            disk=source.disk,
            tags=labels,
            is_encrypted=is_encrypted,
            kms_key=used if is_encrypted else "",
            ready_at=self._ready_at,
            visible_at=self._visible_at,
            failure=keys.problem(used, region=region) if is_encrypted else "",
            is_copy=True,
        )
        world.snapshots[copy.id] = copy
        return copy


class SnapshotActions(SnapshotCopies, SnapshotSharing):
    """All actions for snapshots; for EC2's class before moto's."""

    def describe_snapshots(self) -> ActionResult:
        """List what is ours, public or shared with us, as DescribeSnapshots in botocore says."""
        self.error_on_dryrun()
        ids, owners, readers = self._list("SnapshotIds"), self._list("OwnerIds"), self._list("RestorableByUserIds")
        world = self._world
        with world.lock:
            now = world.now()
            found = [snapshots.named(world, one, region=self.region) for one in ids] or [
                one for one in world.snapshots_in(self.region) if one.visible_at <= now
            ]
            rows = [
                snapshots.described(one, now=now)
                for one in found
                if snapshots.may_read(one)
                and (not owners or one.owner in {ACCOUNT if owner == "self" else owner for owner in owners})
                and (not readers or _is_restorable(one, readers))
            ]
        rows = listing.kept(rows, filters=self._filters_from_querystring(), known=snapshots.FILTERS)
        return self._page(rows, key="Snapshots")

    def create_snapshot(self) -> ActionResult:
        """Make a snapshot of a volume; of a machine's root device with the disk that the machine runs from."""
        self.error_on_dryrun()
        self._refuse("OutpostArn", "Location")
        specified = self._tags("snapshot")
        volume: Any = self.ec2_backend.get_volume(self._required("VolumeId"))
        at = volume.attachment
        image = self._image_behind(at.instance) if at else None
        is_root = image is not None and at.device == image.root_device
        disk = self._disk_of_instance(at.instance.id) if is_root else None
        world = self._world
        with world.lock:
            snapshot = Snapshot(
                id=new_id("snap"),
                region=self.region,
                size_gb=volume.size,
                started=world.today(),
                description=self._text("Description"),
                disk=disk,
                tags=specified["snapshot"],
                is_encrypted=bool(volume.encrypted),
                kms_key=self._key_of(volume, image if is_root else None),
                ready_at=self._ready_at,
                visible_at=self._visible_at,
                volume=volume.id,
            )
            world.snapshots[snapshot.id] = snapshot
            return ActionResult(snapshots.described(snapshot, now=world.now()))

    def delete_snapshot(self) -> EmptyResult:
        """Delete a snapshot that no image needs."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            snapshot = snapshots.owned(world, self._required("SnapshotId"), region=self.region)
            for image in images.users_of(world, snapshot.id):
                message = f"The snapshot {snapshot.id} is currently in use by {image.id}"
                raise EC2ClientError("InvalidSnapshot.InUse", message)
            del world.snapshots[snapshot.id]
        return EmptyResult()


def _is_restorable(snapshot: Snapshot, readers: list[str]) -> bool:
    # "self for snapshots for which you own or have explicit permissions, or all for public snapshots"
    mine = snapshot.owner == ACCOUNT or ACCOUNT in snapshot.readers
    return any(mine if reader in {"self", ACCOUNT} else reader in snapshot.readers for reader in readers)
