"""What is still to be done for a release in one region: what is wanted held against what was seen, values only.

The same list is what `plan` shows, what `publish` works off and what `validate` complains about.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bakery.cloud import naming
from bakery.cloud.values import Image, ImageState, Snapshot
from bakery.definition.aws import PUBLIC

SOONEST = timedelta(minutes=5)
"""A date nearer than this is not set any more: AWS refuses one that is past."""


class Act(StrEnum):
    """One thing that can be done to a release in a region, in the order in which it must be."""

    COPY = "copy"
    ENABLE = "enable by hand"
    WAIT = "wait"
    TAG_IMAGE = "tag image"
    TAG_SNAPSHOT = "tag snapshot"
    DESCRIBE = "change description"
    REQUIRE_IMDSV2 = "require IMDSv2"
    SHARE_IMAGE = "share image"
    SHARE_SNAPSHOT = "share snapshot"
    DEPRECATE = "set deprecation date"
    PROTECT = "protect from removal"
    RECORD = "write parameter"
    LATEST = "point latest at it"
    LAUNCH = "renew launch template"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A release in one region, as it should be there."""

    region: str
    name: str
    description: str
    source: tuple[str, str]
    """Region and id of the image that a copy is made of; the region itself where it was baked. No id: not baked yet."""
    tags: Mapping[str, str]
    own_tags: Mapping[str, str]
    """The definition's, for what else is made."""
    readers: tuple[str, ...]
    """Accounts and organizations, and `public`."""
    is_encrypted: bool
    kms_key: str
    deprecate_at: datetime
    is_protected: bool
    parameter: str
    latest: str
    """The parameter that this release is to be `latest` in; empty: another one may be."""
    launch_template: str
    """Likewise, the launch template whose default version starts this release."""
    placed: str = ""
    """The id that the catalog has there, empty where it has none."""
    buckets: Mapping[str, str] = field(default_factory=dict)
    """By region, where what is on its way to this place lies meanwhile; empty where the cloud carries it itself."""
    acts: frozenset[Act] = frozenset(Act)
    """What can be done there at all: a cloud that has no such thing is not asked for it."""

    @property
    def is_source(self) -> bool:
        """Return whether the image was baked in this very region."""
        return self.source[0] == self.region

    @property
    def accounts(self) -> frozenset[str]:
        """Return who may make volumes of its snapshot; organizations cannot (ModifySnapshotAttribute)."""
        return frozenset(reader for reader in self.readers if reader == PUBLIC or reader.isdigit())

    def client_token(self, attempt: str) -> str:
        """Return the token of something made here: the same one never makes a second, whoever was killed in between.

        All that a copy is told is in it, since AWS refuses a token that comes back with another request, and *attempt*
        what was seen before, since AWS answers it with what it made the first time, be that deleted meanwhile.
        """
        told = (self.name, self.region, self.description, self.source, sorted(self.tags.items()))
        return hashlib.sha256(f"{told} {self.is_encrypted} {self.kms_key} {attempt}".encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A release in one region as AWS shows it."""

    image: Image | None = None
    """None where there is none of that name."""
    snapshot: Snapshot | None = None
    """Of its root disk; None as long as it is not shown."""
    image_readers: frozenset[str] = frozenset()
    snapshot_readers: frozenset[str] = frozenset()
    parameters: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    """Of the parameters, likewise by name."""
    template_image: str = ""
    """What the default version of the launch template starts."""
    template_version: str = ""
    """Id of the launch template and number of its default version; empty where there is none of that name."""

    @property
    def image_id(self) -> str:
        """The AMI's id, empty where there is none."""
        return self.image.id if self.image else ""

    @property
    def state(self) -> str:
        """AWS's word for the image's state, empty where there is none."""
        return self.image.state if self.image else ""

    @property
    def is_being_removed(self) -> bool:
        """Return whether a prune has begun to remove it."""
        return self.image is not None and naming.REMOVING in self.image.tags


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing to do, and why, in words."""

    act: Act
    why: str


def differences(wanted: Wanted, seen: Seen, *, now: datetime) -> list[Difference]:
    """Return what is to be done, in order; nothing when the release is there as it should be."""
    return [one for one in _every(wanted, seen, now=now) if one.act in wanted.acts]


def _every(wanted: Wanted, seen: Seen, *, now: datetime) -> list[Difference]:
    """Likewise, as if the place's cloud had all that another one has."""
    if seen.image is None or seen.state == ImageState.FAILED:
        why = f"there is no {wanted.name}" if seen.image is None else f"the last copy failed: {seen.image.failure}"
        return [Difference(act=Act.COPY, why=why), *_unseen(wanted)]
    if seen.state == ImageState.DISABLED:
        # Who disables an image takes it out of use: no run that nobody watches brings it back.
        return [Difference(act=Act.ENABLE, why=f"{seen.image_id} is disabled")]
    found: list[Difference] = []

    def need(act: Act, why: str, *, is_needed: bool) -> None:
        if is_needed:
            found.append(Difference(act=act, why=why))

    image, snapshot = seen.image, seen.snapshot
    need(Act.WAIT, f"{seen.image_id} is {seen.state}", is_needed=seen.state == ImageState.PENDING)
    need(Act.TAG_IMAGE, _other_tags(wanted, image.tags), is_needed=bool(_other_tags(wanted, image.tags)))
    lacking = _other_tags(wanted, snapshot.tags) if snapshot else ""
    need(Act.TAG_SNAPSHOT, lacking, is_needed=bool(lacking))
    if seen.state != ImageState.PENDING:
        need(Act.DESCRIBE, f"it is {image.description!r}", is_needed=_is_other_text(wanted, image))
        need(Act.REQUIRE_IMDSV2, "machines would answer without a token", is_needed=not image.is_imdsv2_required)
        readers = frozenset(wanted.readers)
        need(
            Act.SHARE_SNAPSHOT,
            _sets(wanted.accounts, seen.snapshot_readers),
            is_needed=wanted.accounts != seen.snapshot_readers,
        )
        need(Act.SHARE_IMAGE, _sets(readers, seen.image_readers), is_needed=readers != seen.image_readers)
        need(Act.DEPRECATE, f"{wanted.deprecate_at:%Y-%m-%d}", is_needed=_is_date_to_set(wanted, image, now=now))
        is_open = wanted.is_protected and not image.is_protected
        need(Act.PROTECT, "it could be removed by accident", is_needed=is_open)
    found += _records(wanted, seen)
    return found


def _unseen(wanted: Wanted) -> list[Difference]:
    """Return what follows a copy that is yet to be made: tags come with it."""
    acts = [Act.WAIT, Act.REQUIRE_IMDSV2, *([Act.SHARE_SNAPSHOT] if wanted.accounts else [])]
    acts += [Act.SHARE_IMAGE] if wanted.readers else []
    acts += [Act.DEPRECATE, *([Act.PROTECT] if wanted.is_protected else []), Act.RECORD]
    acts += [Act.LATEST] if wanted.latest else []
    acts += [Act.LAUNCH] if wanted.launch_template else []
    return [Difference(act=act, why="of the new copy") for act in acts]


def _records(wanted: Wanted, seen: Seen) -> list[Difference]:
    found = []
    for act, name in ((Act.RECORD, wanted.parameter), (Act.LATEST, wanted.latest)):
        value = seen.parameters.get(name)
        if name and value != seen.image_id:
            found.append(Difference(act=act, why=f"{name} is {value or 'not there'}"))
    if wanted.launch_template and seen.template_image != seen.image_id:
        why = f"{wanted.launch_template} starts {seen.template_image or 'nothing'}"
        found.append(Difference(act=Act.LAUNCH, why=why))
    return found


def _other_tags(wanted: Wanted, having: Mapping[str, str]) -> str:
    return ", ".join(sorted(key for key, value in wanted.tags.items() if having.get(key) != value))


def _is_other_text(wanted: Wanted, image: Image) -> bool:
    """Return whether a description is to be changed; none leaves what is there, since AWS gives copies one itself."""
    return bool(wanted.description) and wanted.description != image.description


def _sets(wanted: frozenset[str], having: frozenset[str]) -> str:
    words = [f"+{reader}" for reader in sorted(wanted - having)] + [f"-{reader}" for reader in sorted(having - wanted)]
    return " ".join(words)


def _is_date_to_set(wanted: Wanted, image: Image, *, now: datetime) -> bool:
    if wanted.deprecate_at < now + SOONEST:
        return False
    return image.deprecate_at != wanted.deprecate_at
