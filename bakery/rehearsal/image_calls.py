"""All that EC2 does with images: which there are, and how one comes from a snapshot; the rest is beside this module."""

import re
from dataclasses import dataclass

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import images, listing, mappings, refusals, snapshots
from bakery.rehearsal.image_copies import ImageCopies
from bakery.rehearsal.image_lifecycle import ImageLifecycle
from bakery.rehearsal.image_sharing import ImageSharing
from bakery.rehearsal.world import ACCOUNT, Image, World, new_id

ALIASES = ("self", "amazon", "aws-marketplace", "aws-backup-vault")

ARCHITECTURES = ("i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which images a DescribeImages asks for, before its filters."""

    region: str
    ids: list[str]
    owners: list[str]
    users: list[str]
    is_deprecated_too: bool
    is_disabled_too: bool


class ImageActions(ImageCopies, ImageSharing, ImageLifecycle):
    """All actions for images; for EC2's class before moto's."""

    def describe_images(self) -> ActionResult:
        """List what we may launch, as DescribeImages in botocore says."""
        self.error_on_dryrun()
        wanted = Wanted(
            region=self.region,
            ids=self._list("ImageIds"),
            owners=self._list("Owners"),
            users=self._list("ExecutableUsers"),
            is_deprecated_too=self._is_set("IncludeDeprecated"),
            is_disabled_too=self._is_set("IncludeDisabled"),
        )
        world = self._world
        with world.lock:
            now = world.now()
            rows = [images.described(image, now=now) for image in _found(world, wanted)]
        rows = listing.kept(rows, filters=self._filters_from_querystring(), known=images.FILTERS)
        return self._page(rows, key="Images")

    def register_image(self) -> ActionResult:
        """Make an image of a snapshot, as RegisterImage in botocore says."""
        self.error_on_dryrun()
        self._refuse("ImageLocation", "KernelId", "RamdiskId", "BillingProducts", "UefiData")
        name = images.checked_name(self._required("Name"))
        description = images.checked_description(self._text("Description"))
        # "The value for ResourceType must be image. If you specify another value … the request fails."
        labels = self._tags("image")["image"]
        device = self._required("RootDeviceName")
        ebs = mappings.root(self._list("BlockDeviceMappings"), device=device)
        if not ebs.get("SnapshotId"):
            raise refusals.bad_mapping(f"Either snapshot ID or volume size must be provided for: {device}")
        world = self._world
        with world.lock:
            snapshot = snapshots.completed(world, snapshots.owned(world, ebs["SnapshotId"], region=self.region))
            images.require_free_name(world, name, region=self.region)
            image = self._platform_of(
                Image(
                    id=new_id("ami"),
                    region=self.region,
                    name=name,
                    created=world.today(),
                    snapshot=snapshot.id,
                    size_gb=snapshot.size_gb,
                    description=description,
                    root_device=device,
                    is_encrypted=snapshot.is_encrypted,
                    tags=labels,
                    ready_at=self._ready_at,
                    visible_at=self._visible_at,
                )
            )
            world.images[image.id] = mappings.with_volume(image, mappings.of_snapshot(ebs, snapshot))
            return ActionResult({"ImageId": image.id})

    def _platform_of(self, image: Image) -> Image:
        """Set what kind of machine an image is for; AWS's defaults are those of 2006."""
        image.arch = self._choice("Architecture", choices=ARCHITECTURES, default="i386")
        image.virtualization = self._choice("VirtualizationType", choices=("hvm", "paravirtual"), default="paravirtual")
        image.boot_mode = self._choice("BootMode", choices=("legacy-bios", "uefi", "uefi-preferred"))
        image.imds_support = self._choice("ImdsSupport", choices=("v2.0",))
        image.tpm_support = self._choice("TpmSupport", choices=("v2.0",))
        image.sriov = self._choice("SriovNetSupport", choices=("simple",))
        image.is_ena = self._is_set("EnaSupport")
        if image.tpm_support and image.boot_mode != "uefi":
            # EC2 User Guide, "Requirements for using NitroTPM"; the code is assumed.
            raise refusals.bad_combination("TpmSupport v2.0 requires BootMode uefi.")
        return image


def _found(world: World, wanted: Wanted) -> list[Image]:
    for owner in wanted.owners:
        if owner not in ALIASES and not re.fullmatch(r"\d{12}", owner):
            raise EC2ClientError("InvalidUserID.Malformed", f'Invalid user id: "{owner}"')
    now, today = world.now(), world.today()
    found = [images.named(world, one, region=wanted.region) for one in wanted.ids] or [
        image for image in world.images_in(wanted.region) if image.visible_at <= now
    ]
    return [
        image
        for image in found
        if images.may_launch(image)
        and (not wanted.owners or _is_owned_by(image, wanted.owners))
        and (not wanted.users or _is_for(image, wanted.users))
        and (wanted.is_disabled_too or not image.is_disabled)
        # EC2 User Guide, "Deprecate an AMI": its owner still sees it, and so does whoever gives its id.
        and (
            wanted.is_deprecated_too
            or bool(wanted.ids)
            or image.owner == ACCOUNT
            or image.deprecated_at is None
            or image.deprecated_at > today
        )
    ]


def _is_owned_by(image: Image, owners: list[str]) -> bool:
    names = {image.owner, image.owner_alias} | ({"self"} if image.owner == ACCOUNT else set())
    return bool(names & set(owners))


def _is_for(image: Image, users: list[str]) -> bool:
    return any(
        images.is_public(image) if user == "all" else images.is_shared_with(image, ACCOUNT if user == "self" else user)
        for user in users
    )
