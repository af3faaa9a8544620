"""Who else may make volumes of a snapshot: ModifySnapshotAttribute and its kin, as botocore describes them."""

from collections.abc import Sequence
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from bakery.rehearsal import keys, permissions, refusals, snapshots
from bakery.rehearsal.permissions import Change
from bakery.rehearsal.strict import Strict
from bakery.rehearsal.world import Snapshot

ATTRIBUTE = "createVolumePermission"
MOST_CHANGES = 500
"""Permissions in one call (ModifySnapshotAttribute)."""


class SnapshotSharing(Strict):
    """The permissions of snapshots."""

    def modify_snapshot_attribute(self) -> EmptyResult:
        """Give or take permissions, in either form of the request."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            snapshot = snapshots.owned(world, self._required("SnapshotId"), region=self.region)
            change = self._permission_change()
            if change.added and change.removed:
                raise refusals.bad_combination("You cannot add and remove permissions in a single operation.")
            if len(change.added) + len(change.removed) > MOST_CHANGES:
                raise refusals.bad_value(f"At most {MOST_CHANGES} permissions can be modified in a single operation.")
            require_shareable(snapshot, [_reader(one) for one in change.added])
            snapshot.readers |= {_reader(one) for one in change.added}
            snapshot.readers -= {_reader(one) for one in change.removed}
        return EmptyResult()

    def reset_snapshot_attribute(self) -> Any:  # moto, which has no such action, says that it returns text
        """Take all permissions back."""
        self.error_on_dryrun()
        self._require_attribute()
        world = self._world
        with world.lock:
            snapshots.owned(world, self._required("SnapshotId"), region=self.region).readers.clear()
        return EmptyResult()

    def describe_snapshot_attribute(self) -> ActionResult:
        """List the permissions."""
        self.error_on_dryrun()
        attribute = self._choice("Attribute", choices=(ATTRIBUTE, "productCodes"))
        world = self._world
        with world.lock:
            snapshot = snapshots.owned(world, self._required("SnapshotId"), region=self.region)
            readers = sorted(snapshot.readers) if attribute == ATTRIBUTE else []
        listed = [{"Group": one} if one == snapshots.EVERYBODY else {"UserId": one} for one in readers]
        return ActionResult({"SnapshotId": snapshot.id, "CreateVolumePermissions": listed})

    def _permission_change(self) -> Change:
        changes = self._get_param("CreateVolumePermission")
        if changes:
            return permissions.structured(changes)
        self._require_attribute()
        flat = {"UserId": self._list("UserIds"), "Group": self._list("GroupNames")}
        return permissions.flat(flat, operation=self._required("OperationType"))

    def _require_attribute(self) -> None:
        # "Only volume creation permissions can be modified" and reset.
        if self._required("Attribute") != ATTRIBUTE:
            raise refusals.bad_value(f"Value ({self._text('Attribute')}) for parameter attribute is invalid.")


def require_shareable(snapshot: Snapshot, readers: Sequence[str]) -> None:
    """Raise OperationNotPermitted when a snapshot cannot be shared with these.

    ModifySnapshotAttribute in botocore: encrypted ones never with everybody, with nobody if the key is AWS's own. The
    words for the latter are AWS's, those for the former are assumed.
    """
    if not readers or not snapshot.is_encrypted:
        return
    if keys.is_default(snapshot.kms_key):
        raise refusals.not_permitted("Encrypted snapshots with EBS default key cannot be shared")
    if snapshots.EVERYBODY in readers:
        raise refusals.not_permitted("Encrypted snapshots cannot be made public")


def _reader(permission: dict[str, str]) -> str:
    return permission.get("Group") or permission["UserId"]
