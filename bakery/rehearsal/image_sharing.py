"""Who else may launch an image, and its other attributes: ModifyImageAttribute and its kin, as botocore has them."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import images, keys, permissions, refusals
from bakery.rehearsal.image_lifecycle import latest_public
from bakery.rehearsal.permissions import Change
from bakery.rehearsal.strict import Strict
from bakery.rehearsal.world import ACCOUNT, Image

MOST_PUBLIC = 5
"""Public images in a region (EC2 User Guide, "AMI quotas"; it can be raised)."""

BLOCKED = "block-new-sharing"
LAUNCH = "launchPermission"
LISTS = {
    "UserId": "UserIds",
    "Group": "UserGroups",
    "OrganizationArn": "OrganizationArns",
    "OrganizationalUnitArn": "OrganizationalUnitArns",
}

ATTRIBUTES = {
    "bootMode": "BootMode",
    "deregistrationProtection": "DeregistrationProtection",
    "description": "Description",
    "imdsSupport": "ImdsSupport",
    "lastLaunchedTime": "LastLaunchedTime",
    "sriovNetSupport": "SriovNetSupport",
    "tpmSupport": "TpmSupport",
}
"""DescribeImageAttribute in botocore: what it calls an attribute, and its member in ImageAttribute and Image."""
EMPTY = ("kernel", "ramdisk", "uefiData", "productCodes")


class ImageSharing(Strict):
    """Attributes of images, and whether a region lets images be public."""

    def modify_image_attribute(self) -> EmptyResult:
        """Change one attribute: Description, ImdsSupport or LaunchPermission, each in either form of the request."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            image = images.available(world, images.owned(world, self._required("ImageId"), region=self.region))
            attribute = self._attribute()
            if attribute == "description":
                image.description = images.checked_description(self._value("Description"))
            elif attribute == "imdsSupport":
                self._set_imds_support(image)
            else:
                self._share(image, self._launch_change())
        return EmptyResult()

    def reset_image_attribute(self) -> Any:  # moto, which has no such action, says that it returns text
        """Take all launch permissions back."""
        self.error_on_dryrun()
        self._choice("Attribute", choices=(LAUNCH,))
        world = self._world
        with world.lock:
            images.owned(world, self._required("ImageId"), region=self.region).readers.clear()
        return EmptyResult()

    def describe_image_attribute(self) -> ActionResult:
        """Tell one attribute, to the image's owner."""
        self.error_on_dryrun()
        attribute = self._choice("Attribute", choices=(*ATTRIBUTES, *EMPTY, LAUNCH, "blockDeviceMapping"))
        world = self._world
        with world.lock:
            image = images.owned(world, self._required("ImageId"), region=self.region)
            row = images.described(image, now=world.now())
            answer: dict[str, object] = {"ImageId": image.id}
            if attribute == "blockDeviceMapping":  # "Using this attribute returns the Client.AuthFailure error."
                raise EC2ClientError("AuthFailure", "Unauthorized attempt to access restricted resource")
            if attribute == LAUNCH:
                answer["LaunchPermissions"] = [dict(one) for one in image.readers]
            elif attribute in ATTRIBUTES:
                member = ATTRIBUTES[attribute]
                answer[member] = {"Value": row[member]} if member in row else {}
        return ActionResult(answer)

    def get_image_block_public_access_state(self) -> ActionResult:
        """Tell whether images of this region can be made public."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            state = "unblocked" if self.region in world.unblocked else BLOCKED
        return ActionResult({"ImageBlockPublicAccessState": state, "ManagedBy": "account"})

    def enable_image_block_public_access(self) -> ActionResult:
        """Let no more images of this region become public; those that are stay it."""
        self.error_on_dryrun()
        if self._required("ImageBlockPublicAccessState") != BLOCKED:
            raise refusals.bad_value(f"The only value of imageBlockPublicAccessState is {BLOCKED}")
        with self._world.lock:
            self._world.unblocked.discard(self.region)
        return ActionResult({"ImageBlockPublicAccessState": BLOCKED})

    def disable_image_block_public_access(self) -> ActionResult:
        """Let images of this region become public."""
        self.error_on_dryrun()
        with self._world.lock:
            self._world.unblocked.add(self.region)
        return ActionResult({"ImageBlockPublicAccessState": "unblocked"})

    def _attribute(self) -> str:
        """Return which attribute a request changes: "You can specify only one attribute at a time"."""
        given = {"description": "Description", "imdsSupport": "ImdsSupport", LAUNCH: "LaunchPermission"}
        named = {attribute for attribute, name in given.items() if self._get_param(name)}
        chosen = self._choice("Attribute", choices=tuple(given))
        named |= {chosen} if chosen else set()
        if len(named) > 1:
            raise refusals.bad_combination("You can specify only one attribute at a time.")
        if not named:
            raise refusals.no_parameter("LaunchPermission")  # AWS's word to Packer, which had sent UserIds alone
        return named.pop()

    def _value(self, name: str) -> str:
        structure = self._get_param(name)
        return str(structure.get("Value", "") if structure else self._text("Value"))

    def _set_imds_support(self, image: Image) -> None:
        value = self._value("ImdsSupport")
        if value != "v2.0":  # "After you set the value to v2.0, you can't undo it."
            raise refusals.bad_value(f"Value ({value}) for parameter imdsSupport is invalid. Expected: v2.0")
        image.imds_support = value

    def _launch_change(self) -> Change:
        changes = self._get_param("LaunchPermission")
        if changes:
            return permissions.structured(changes)
        lists = {kind: self._list(name) for kind, name in LISTS.items()}
        return permissions.flat(lists, operation=self._required("OperationType"))

    def _share(self, image: Image, change: Change) -> None:
        if change.added:
            self._require_shareable(image)
        if images.EVERYBODY in change.added and not images.is_public(image):
            self._require_publishable(image)
            # "By default, the deprecation date of all public AMIs is set to two years from the AMI creation date"
            # (EC2 User Guide, "Deprecate an AMI"); that a later one is moved there is assumed.
            image.deprecated_at = min(image.deprecated_at or latest_public(image), latest_public(image))
        kept = [one for one in image.readers if one not in change.removed]
        image.readers = kept + [one for one in change.added if one not in kept]

    def _require_shareable(self, image: Image) -> None:
        snapshot = self._world.snapshots.get(image.snapshot)
        if snapshot and snapshot.is_encrypted and keys.is_default(snapshot.kms_key):
            # The words are AWS's own.
            message = "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot."
            raise EC2ClientError("InvalidParameter", message)

    def _require_publishable(self, image: Image) -> None:
        """Raise what AWS raises, in its own words, when an image cannot be made public."""
        if image.is_encrypted:
            message = "Encrypted snapshots can't be shared publicly. Specify another snapshot."
            raise EC2ClientError("UnsupportedOperation", message)
        if self.region not in self._world.unblocked:
            raise refusals.not_permitted(
                "You can't publicly share this image because block public access for AMIs is enabled for this account. "
                "To publicly share the image, you must call the DisableImageBlockPublicAccess API."
            )
        ours = [one for one in self._world.images_in(self.region) if one.owner == ACCOUNT and images.is_public(one)]
        if len(ours) >= MOST_PUBLIC:
            raise EC2ClientError(
                "ResourceLimitExceeded",
                f"You have reached your quota of {MOST_PUBLIC} for the number of public images allowed in this Region. "
                "Deregister unused public images or make them private, or request an increase in your public AMIs "
                "quota.",
            )
