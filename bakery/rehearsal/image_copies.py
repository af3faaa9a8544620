"""Images made of other images and of machines: CopyImage and CreateImage, as botocore describes them."""

from dataclasses import replace
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import images, mappings, snapshots, tags
from bakery.rehearsal.mappings import Volume
from bakery.rehearsal.snapshot_calls import SnapshotCopies
from bakery.rehearsal.world import ACCOUNT, Image, Snapshot, new_id


class ImageCopies(SnapshotCopies):
    """The actions that make an image of what is there already."""

    def copy_image(self) -> ActionResult:
        """Copy an image into the region of the call; the same token again is the same copy."""
        self.error_on_dryrun()
        self._refuse("DestinationOutpostArn", "DestinationAvailabilityZone", "DestinationAvailabilityZoneId")
        self._check_duration("SnapshotCopyCompletionDurationMinutes")
        asked = {key: value for key, value in self.params.items() if key not in {"ClientToken", "DryRun"}}
        token = (self.region, "CopyImage", self._text("ClientToken"))
        world = self._world
        with world.lock:
            match world.tokens.get(token):
                case (before, made) if before == asked:
                    return ActionResult({"ImageId": made})
                case (_, _):
                    message = "The request uses the same client token as a previous, but non-identical request."
                    raise EC2ClientError("IdempotentParameterMismatch", message)
            copy = self._image_copy()
            if token[-1]:
                world.tokens[token] = (asked, copy.id)
            return ActionResult({"ImageId": copy.id})

    def _image_copy(self) -> Image:
        world, name = self._world, images.checked_name(self._required("Name"))
        description = images.checked_description(self._text("Description"))
        source = images.named(world, self._required("SourceImageId"), region=self._source_region())
        specified = self._tags("image", "snapshot")
        original = world.snapshots.get(source.snapshot)
        if not images.may_launch(source) or original is None or not snapshots.may_read(original):
            raise EC2ClientError("InvalidRequest", "You do not have permission to access the storage of this ami")
        images.available(world, source)
        # Other accounts' tags are not copied, nor are AWS's own.
        is_tagged_alike = self._is_set("CopyImageTags") and source.owner == ACCOUNT
        copied = {key: value for key, value in source.tags.items() if is_tagged_alike and not tags.is_reserved(key)}
        labels = tags.merged(copied, specified["image"])
        image_id = new_id("ami")
        story = f"Copied for DestinationAmi {image_id} from SourceAmi {source.id} for SourceSnapshot {original.id}."
        snapshot = self._copy_of(original, description=story, labels=specified["snapshot"])
        world.images[image_id] = replace(
            source,
            id=image_id,
            region=self.region,
            name=name,
            created=world.today(),
            snapshot=snapshot.id,
            owner=ACCOUNT,
            owner_alias="",
            description=description,
            is_encrypted=snapshot.is_encrypted,
            source=(source.region, source.id),
            source_instance="",
            tags=labels,
            readers=[],
            ready_at=snapshot.ready_at,
            visible_at=self._visible_at,
            failure=snapshot.failure,
            deprecated_at=None,
            protection="disabled",
            last_launched=None,
            base="",
        )
        return world.images[image_id]

    def create_image(self) -> ActionResult:
        """Make an image of a machine's root device; the disk is asked for when everything else is right."""
        self.error_on_dryrun()
        self._refuse("SnapshotLocation", "BootModeOverride")
        name = images.checked_name(self._required("Name"))
        description = images.checked_description(self._text("Description"))
        specified = self._tags("image", "snapshot")
        instance: Any = self.ec2_backend.get_instance(self._required("InstanceId"))
        if instance.state not in {"running", "stopped"}:
            message = (
                f"The instance '{instance.id}' is not in a state from which you can create an image: {instance.state}"
            )
            raise EC2ClientError("IncorrectInstanceState", message)
        world = self._world
        with world.lock:
            source = self._image_behind(instance)
            images.require_free_name(world, name, region=self.region)
            snapshot, volume = self._root_of(instance, source)
        snapshot.tags, snapshot.disk = specified["snapshot"], self._disk_of_instance(instance.id)
        with world.lock:
            images.require_free_name(world, name, region=self.region)
            image = self._image_of(instance.id, source, snapshot=snapshot, name=name, labels=specified["image"])
            image.description = description
            world.snapshots[snapshot.id] = snapshot
            world.images[image.id] = mappings.with_volume(image, volume)
            return ActionResult({"ImageId": image.id})

    def _root_of(self, instance: Any, source: Image) -> tuple[Snapshot, Volume]:
        """Return a snapshot of a machine's root device, not added yet, and what the image's volume will be like."""
        block = instance.block_device_mapping[source.root_device]
        disk: Any = self.ec2_backend.get_volume(block.volume_id)
        volume = Volume(size_gb=disk.size, type=disk.volume_type, is_deleted_on_termination=block.delete_on_termination)
        ebs = mappings.root(self._list("BlockDeviceMappings"), device=source.root_device)
        snapshot = Snapshot(
            id=new_id("snap"),
            region=self.region,
            size_gb=volume.size_gb,
            started=self._world.today(),
            is_encrypted=bool(disk.encrypted),
            kms_key=self._key_of(disk, source),
            volume=disk.id,
        )
        return snapshot, mappings.of_instance(ebs, volume, is_encrypted=snapshot.is_encrypted)

    def _image_of(
        self, instance_id: str, source: Image, *, snapshot: Snapshot, name: str, labels: dict[str, str]
    ) -> Image:
        image = replace(
            source,
            id=new_id("ami"),
            region=self.region,
            name=name,
            created=self._world.today(),
            snapshot=snapshot.id,
            owner=ACCOUNT,
            owner_alias="",
            is_encrypted=snapshot.is_encrypted,
            source=None,
            source_instance=instance_id,
            tags=labels,
            readers=[],
            ready_at=self._ready_at,
            visible_at=self._visible_at,
            is_disabled=False,
            deprecated_at=None,
            protection="disabled",
            last_launched=None,
            base="",
        )
        snapshot.description = f"Created by CreateImage({instance_id}) for {image.id}"
        snapshot.ready_at, snapshot.visible_at = image.ready_at, image.visible_at
        return image
