"""A cloud that is only in memory: its place says what it was asked, and can refuse, be slow, or let a run be killed."""

# ruff: noqa: ARG002  # a place is asked more than this one needs to know

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bakery.cloud.place import RefusedError, Sequel, gone
from bakery.cloud.reconcile import Act, Seen, Wanted
from bakery.cloud.values import Image, ImageState, Snapshot, SnapshotState
from bakery.core.errors import BakeryError

MADE_AT = datetime(2026, 11, 23, 4, 15, tzinfo=UTC)


class RefusedHereError(RefusedError):
    """What it refuses, with what follows from that."""

    def __init__(self, message: str, *, sequel: Sequel) -> None:
        super().__init__(message)
        self._sequel = sequel

    @property
    def sequel(self) -> Sequel:
        """What follows from it."""
        return self._sequel


@dataclass(kw_only=True)
class MemoryPlace:
    """One place; *state* is what is there."""

    name: str = "fr-par-1"
    state: Seen = field(default_factory=Seen)
    origin: Image | None = None
    """What copies are made of."""
    refusals: dict[Act, list[Sequel]] = field(default_factory=dict)
    """What each act is refused with, one after the other."""
    pending_looks: int = 2
    """How often a new copy is seen before it is ready."""
    kill_after: int = 0
    """After so many acts the run is killed; 0: never."""
    overtaken_by: str = ""
    """The id that another command points `latest` at as soon as this one has."""
    asked: list[Act] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    pauses_s: tuple[float, float] = (0.0, 0.0)
    settled_s: float = 0.0
    is_written: bool = False

    def look(self, wanted: Wanted) -> Seen:
        """Return what is there; a copy gets on with each look."""
        image = self.state.image
        if image is not None and image.state == ImageState.PENDING:
            self.pending_looks -= 1
            if self.pending_looks <= 0:
                self.state = replace(self.state, image=replace(image, state=ImageState.AVAILABLE))
        return self.state

    def copy(self, wanted: Wanted, *, attempt: str) -> str:
        """Begin a copy; the same token brings back the same one."""
        if wanted.is_source:
            raise gone(wanted)
        self._answer(Act.COPY)
        known = self.tokens.setdefault(wanted.client_token(attempt), f"image-{len(self.tokens) + 1}")
        snapshot = Snapshot(id=f"of-{known}", state=SnapshotState.COMPLETED, started_at=MADE_AT, tags=dict(wanted.tags))
        made = Image(id=known, name=wanted.name, state=ImageState.PENDING, created_at=MADE_AT, tags=snapshot.tags)
        made = replace(made, description=wanted.description)
        self.state = replace(self.state, image=made, snapshot=snapshot)
        self._kill()
        return known

    def do(self, act: Act, wanted: Wanted, seen: Seen) -> None:
        """Do one thing, unless it is refused."""
        self._answer(act)
        image, snapshot, state = self.state.image, self.state.snapshot, self.state
        assert image
        assert snapshot
        changed = {
            Act.TAG_IMAGE: replace(image, tags={**image.tags, **wanted.tags}),
            Act.DESCRIBE: replace(image, description=wanted.description),
            Act.REQUIRE_IMDSV2: replace(image, is_imdsv2_required=True),
            Act.DEPRECATE: replace(image, deprecate_at=wanted.deprecate_at),
            Act.PROTECT: replace(image, is_protected=True),
        }
        latest = self.overtaken_by or seen.image_id
        other = {
            Act.TAG_SNAPSHOT: replace(state, snapshot=replace(snapshot, tags={**snapshot.tags, **wanted.tags})),
            Act.SHARE_IMAGE: replace(state, image_readers=frozenset(wanted.readers)),
            Act.SHARE_SNAPSHOT: replace(state, snapshot_readers=wanted.accounts),
            Act.RECORD: replace(state, parameters={**state.parameters, wanted.parameter: seen.image_id}),
            Act.LATEST: replace(state, parameters={**state.parameters, wanted.latest: latest}),
            Act.LAUNCH: replace(state, template_image=seen.image_id),
        }
        self.state = replace(state, image=changed[act]) if act in changed else other[act]
        self.is_written |= act is Act.LATEST
        self._kill()

    def source(self, wanted: Wanted) -> Image | None:
        """Return what copies are made of."""
        return self.origin

    def disabled(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of a disabled image."""
        return BakeryError(f"{image_id} is disabled")

    def begin(self, wanted: Wanted) -> None:
        """Forget what was written."""
        self.is_written = False

    def is_overtaken(self, wanted: Wanted, seen: Seen) -> bool:
        """Return whether another command has written `latest` since."""
        return self.is_written and seen.parameters.get(wanted.latest) != seen.image_id

    def overtaken(self, wanted: Wanted, image_id: str) -> BakeryError:
        """Return the error of that."""
        return BakeryError(f"{self.name}: latest is {image_id}")

    def pause(self, seconds: float) -> None:
        """Wait for nothing."""

    def _answer(self, act: Act) -> None:
        self.asked.append(act)
        if left := self.refusals.get(act):
            raise RefusedHereError(f"{self.name}: {act} is refused", sequel=left.pop(0))

    def _kill(self) -> None:
        self.kill_after -= 1
        if self.kill_after == 0:
            raise KeyboardInterrupt
