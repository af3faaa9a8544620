"""What a cloud gives in one of its places: what there is, machines, what Packer bakes there, and its removal.

To bring a release there is `bakery.cloud.place`, which is a part of this.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bakery.catalog.model import Release
from bakery.cloud import place
from bakery.cloud.inventory import Inventory, Kind, Question
from bakery.cloud.reconcile import Seen, Wanted
from bakery.cloud.values import BaseImage, Image, Instance, Pointer
from bakery.core.console import Console
from bakery.core.errors import BakeryError
from bakery.definition.bases import Arch, Base
from bakery.definition.model import Definition
from bakery.guests.accelerator import Accelerator
from bakery.places.baking import Baking
from bakery.places.sketch import Sketch


@dataclass(frozen=True, kw_only=True)
class Start:
    """What machines to start; `token` makes a second call of the same start nothing new."""

    image: Image
    definition: Definition
    """Whose networks and tags they get, and whose way of logging in."""
    group: str
    """The name of the group that says who reaches them: it is found, or made."""
    instance_type: str
    token: str
    ports: tuple[int, ...] = ()
    """Beside the one for SSH."""
    user_data: bytes = b""
    key_name: str = ""
    """Of a key of the cloud's own that may log in, empty: none."""
    size_gb: int = 0
    """Of the root disk, in GiB; 0 leaves it as the image says."""
    count: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)
    """Beside the definition's."""
    is_ending: bool = False
    """Whether a machine is gone when it shuts itself down."""


class Images(Protocol):
    """The images of a place."""

    def newest_base(self, base: Base, arch: Arch) -> BaseImage:
        """Return a base's newest image. Raises BakeryError (exit code 3) when there is none or nobody answers."""

    def find(self, name: str, *, is_newest: bool = False) -> Image | None:
        """Return this account's image of that name (a glob), or None.

        Of two alike the older counts unless *is_newest*; disabled and failed ones only when there is no other.
        """

    def image(self, image_id: str) -> Image | None:
        """Return the image of that id, whosoever; None when the place has none."""

    def releases_of(self, image: str) -> list[Image]:
        """Return the images whose tag says that they are releases of an image, but for disabled ones."""

    def ours(self) -> list[Image]:
        """Return all images with our tag, disabled ones among them."""

    def pointers(self, names: Collection[str]) -> Mapping[str, Pointer]:
        """Return what well-known names lead to (`naming.pointer`), by name, as far as they are there."""

    def wait_available(self, name: str) -> Image:
        """Return this account's newest image of that name as soon as machines can be started from it.

        Raises BakeryError: exit code 2 when it is disabled, 1 when it failed or is not available after an hour.
        """

    def mark(self, image: Image, tags: Mapping[str, str]) -> Image:
        """Return the image with more tags, its snapshots likewise."""

    def is_for(self, image: Image, arch: Arch) -> bool:
        """Return whether machines of an architecture start from an image."""


class Publishing(Protocol):
    """What a release should be there; bringing it there is `bakery.cloud.place.Place`."""

    def wanted(self, release: Release, definition: Definition, *, is_latest: bool = False) -> Wanted:
        """Return what a release should be there, in the cloud's own form."""

    def require_readable(self, definition: Definition) -> None:
        """Raise BakeryError (exit code 2) where the definition's readers could not read an image."""

    def moved(self, wanted: Wanted, seen: Seen) -> BakeryError | None:
        """Return the error of a `latest` that another command has moved since it was seen; None: it was not."""

    def headroom(self, definition: Definition) -> str:
        """Return how much of the cloud's quotas is left, in words."""


class Machines(Protocol):
    """The machines of a place: started once however often it is asked, and ended for sure."""

    def instance_type(self, arch: Arch, wanted: str = "") -> str:
        """Return a type that the place has. Raises BakeryError (exit code 2) when it does not have the *wanted* one."""

    def named_type(self, definition: Definition) -> str:
        """Return the type that a definition names for this cloud, empty where it names none."""

    def usual_type(self, arch: Arch) -> str:
        """Return the type that is tried first where none is named; nobody is asked."""

    def login_user(self, base: Base, *, is_import: bool) -> str:
        """Return who the platform's keys are for on a machine of a base, from an image baked there or an import."""

    def require_login(self, definition: Definition) -> None:
        """Raise BakeryError where a login cannot be: exit code 3 where a program is missing, else 2."""

    @property
    def has_named_keys(self) -> bool:
        """Whether a machine lets in a key of the cloud's own that its start names; else all of the account's do."""

    def is_tunnelled(self, definition: Definition) -> bool:
        """Return whether a machine is reached through a tunnel alone."""

    def tunnel(self, instance_id: str, *, port: int, log: Path) -> AbstractContextManager[tuple[str, int]]:
        """Forward a port of this machine to a machine's while the body runs, and give its address and number."""

    def start(self, start: Start) -> list[str]:
        """Start machines and return their ids. Raises BakeryError (exit code 2) when the key is not there."""

    def wait_running(self, ids: Sequence[str]) -> list[Instance]:
        """Return the machines as soon as all run. Raises BakeryError when one ends instead, or after ten minutes."""

    def end(self, ids: Sequence[str]) -> None:
        """End machines, even when the command was interrupted; those that are gone already are no mistake."""

    def address(self, instance: Instance, definition: Definition, *, is_any: bool = False) -> str:
        """Return where a machine is reached from here, or *is_any* of its addresses.

        Raises BakeryError (exit code 2) where it has no such address.
        """

    def port(self, number: int) -> int:
        """Return where a machine's port is reached at that address."""

    def way(
        self, instance: Instance, definition: Definition, *, port: int, log: Path
    ) -> AbstractContextManager[tuple[str, int]]:
        """Give the address and port at which a machine's port answers while the body runs."""

    def console_text(self, instance_id: str) -> str:
        """Return what the machine's serial console shows, empty where the cloud has nothing."""

    def hint_console(self, instance_id: str) -> str:
        """Return what to type to see what a machine says."""

    def hint_end(self, ids: Sequence[str]) -> str:
        """Return what to type to end machines."""

    def hint_login(self, instance_id: str) -> str:
        """Return what to type to log in through a tunnel."""


class Removal(Protocol):
    """What there is of ours, and its end: every act may be done twice, and what is gone already is no mistake."""

    def inventory(self, question: Question) -> Inventory:
        """Return what there is of ours, and what of it is in use."""

    def remove_image(self, image: Image, *, pointer: str) -> str:
        """Remove an image, its snapshots and the pointer that leads to it.

        Return the time until which it is protected and cannot be removed; empty when it is gone.
        """

    def forget(self, pointer: str, *, image_id: str) -> None:
        """Remove a pointer if there is one that leads to this image."""

    def remove(self, kind: Kind, thing_id: str) -> None:
        """Remove what is no image."""


class Place(place.Place, Images, Publishing, Machines, Removal, Protocol):
    """One place of an account; see the parts for what it gives."""

    @property
    def cloud(self) -> str:
        """The name of its cloud: boots of machines of different ones do not compare."""

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is none of a cloud."""

    @property
    def hardware(self) -> Accelerator:
        """How its machines run, which says how patient one is with them and what can be asked of them."""

    @property
    def sketch(self) -> Sketch:
        """What can be written down of it without asking anybody."""

    def stop(self) -> None:
        """End every wait of the account, now and later: the command was interrupted."""

    def bake(self, baking: Baking, *, console: Console) -> str:
        """Let Packer make an image and return its id; what it left of its work in the folder is removed.

        Raises BakeryError with the exit codes of `packer.build`.
        """
