"""What our actions of EC2 share: the rehearsal that they act on, and how they read a request.

moto answers a call with the method of its name, so only actions have public names here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.responses._base_response import EC2BaseResponse

from bakery.rehearsal import listing, refusals, tags
from bakery.rehearsal.listing import Described
from bakery.rehearsal.world import Image, World

if TYPE_CHECKING:
    from bakery.rehearsal.stage import Rehearsal


class Strict(EC2BaseResponse):
    """The base of our mixins for EC2."""

    rehearsal: "Rehearsal"

    @property
    def _world(self) -> World:
        return self.rehearsal.world

    @property
    def _ready_at(self) -> float:
        return self._world.now() + self.rehearsal.faults.pending_s

    @property
    def _visible_at(self) -> float:
        return self._world.now() + self.rehearsal.faults.hidden_s

    def _text(self, name: str) -> str:
        return str(self._get_param(name) or "")

    def _required(self, name: str) -> str:
        text = self._text(name)
        if not text:
            raise refusals.no_parameter(name)
        return text

    def _choice(self, name: str, *, choices: tuple[str, ...], default: str = "") -> str:
        text = self._text(name) or default
        if text and text not in choices:
            raise refusals.bad_value(f"Value ({text}) for parameter {name} is invalid. Expected: {', '.join(choices)}")
        return text

    def _is_set(self, name: str) -> bool:
        return self._get_bool_param(name, if_none=False) is True

    def _list(self, name: str) -> list[Any]:
        return list(self._get_param(name) or [])

    def _tags(self, *kinds: str) -> dict[str, dict[str, str]]:
        return tags.specified(self._list("TagSpecifications"), kinds=kinds)

    def _page(self, rows: Sequence[Described], *, key: str) -> ActionResult:
        return ActionResult(
            listing.page(rows, key=key, size=self._get_int_param("MaxResults"), token=self._get_param("NextToken"))
        )

    def _refuse(self, *names: str) -> None:
        for name in names:
            if self._get_param(name) is not None:
                raise refusals.not_rehearsed(name)

    def _image_behind(self, instance: Any) -> Image:
        """Return the image that moto's instance was launched from, deregistered or not."""
        world = self._world
        image = world.images.get(instance.image_id) or world.deregistered.get(instance.image_id)
        if image is None:
            raise refusals.no_image(instance.image_id)
        return image

    def _key_of(self, volume: Any, image: Image | None) -> str:
        """Return the key of moto's volume, made of this image if any; empty for none and for AWS's own.

        moto gives AWS's own an ARN like any other, and does not know the keys of our snapshots.
        """
        if not volume.encrypted:
            return ""
        if volume.kms_key_id != self.ec2_backend.default_kms_key_id:
            return str(volume.kms_key_id)
        original = self._world.snapshots.get(image.snapshot) if image else None
        return original.kms_key if original else ""

    def _disk_of_instance(self, instance_id: str) -> Path | None:
        """Return a disk that is never written to again with what is on a machine's; none where no machine runs.

        It may take long: the world's lock must not be held.
        """
        ask = self.rehearsal.disk_of_instance
        return ask(instance_id) if ask else None
