"""Tags of images and snapshots; those of everything else are moto's, and one call may mean both."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses.tags import TagResponse

from bakery.rehearsal import images, listing, refusals, snapshots, tags
from bakery.rehearsal.strict import Strict
from bakery.rehearsal.world import ACCOUNT, Image, Snapshot

OURS = {"ami-": "image", "snap-": "snapshot"}
"""How ids of our resources begin, and what EC2 calls their type."""

FILTERS = {"key": "Key", "resource-id": "ResourceId", "resource-type": "ResourceType", "value": "Value"}
"""DescribeTags in botocore, Filters, and where each looks."""


class TagActions(Strict, TagResponse):
    """All actions for tags; for EC2's class before moto's."""

    def create_tags(self) -> ActionResult:
        """Add tags or change their values; nothing is tagged when one of the resources cannot be."""
        self.error_on_dryrun()
        new = tags.read(self._required_list("Tags"))
        world = self._world
        with world.lock:
            ours = [(thing, tags.merged(thing.tags, new)) for thing in self._our_things()]
            self._leave_to_moto(super().create_tags)
            for thing, labels in ours:
                thing.tags = labels
        return EmptyResult()

    def delete_tags(self) -> ActionResult:
        """Delete tags."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            ours = [(thing, tags.without(thing.tags, self._list("Tags"))) for thing in self._our_things()]
            self._leave_to_moto(super().delete_tags)
            for thing, labels in ours:
                thing.tags = labels
        return EmptyResult()

    def describe_tags(self) -> ActionResult:
        """List the tags of our resources and of moto's."""
        self.error_on_dryrun()
        world = self._world
        with world.lock:
            now = world.now()
            ours: list[Image | Snapshot] = [
                *(image for image in world.images_in(self.region) if image.visible_at <= now),
                *(snapshot for snapshot in world.snapshots_in(self.region) if snapshot.visible_at <= now),
            ]
            rows = [
                _described(thing.id, tag) for thing in ours if thing.owner == ACCOUNT for tag in tags.listed(thing.tags)
            ]
        for row in self.ec2_backend.describe_tags():
            kind = {"ResourceType": row["resource_type"]}
            rows.append({"Key": row["key"], "ResourceId": row["resource_id"], "Value": row["value"], **kind})
        # A filter such as tag:Owner looks for a tag among a thing's tags; here each thing is one tag.
        things = [{**row, "Tags": [row]} for row in rows]
        kept = listing.kept(things, filters=self._filters_from_querystring(), known=FILTERS)
        rows = [thing["Tags"][0] for thing in kept]
        return self._page(rows, key="Tags")

    def _our_things(self) -> list[Image | Snapshot]:
        """Return the images and snapshots that a request names.

        Raises what `images.named` and `snapshots.named` raise, UnsupportedOperation for what other accounts own: on AWS
        each account has its own tags on it.
        """
        things: list[Image | Snapshot] = []
        for one in self._required_list("Resources"):
            kind = _kind(one)
            if kind == "image":
                things.append(images.named(self._world, one, region=self.region))
            elif kind == "snapshot":
                things.append(snapshots.named(self._world, one, region=self.region))
        for thing in things:
            if thing.owner != ACCOUNT:
                raise refusals.not_rehearsed("tags on other accounts' resources")
        return things

    def _leave_to_moto(self, action: Any) -> None:
        others = [one for one in self._list("Resources") if not _kind(one)]
        if others:
            self.params = {**self.params, "Resources": others}
            action()

    def _required_list(self, name: str) -> list[Any]:
        found = self._list(name)
        if not found:
            raise refusals.no_parameter(name)
        return found


def _kind(resource: str) -> str:
    return next((kind for start, kind in OURS.items() if resource.startswith(start)), "")


def _described(resource: str, tag: dict[str, str]) -> dict[str, str]:
    return {**tag, "ResourceId": resource, "ResourceType": _kind(resource)}
