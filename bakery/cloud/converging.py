"""Works off what a release lacks in one place, until it lacks nothing; what cannot be done stops nothing else."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bakery.cloud import naming
from bakery.cloud.place import Place, RefusedError, Sequel, gone
from bakery.cloud.reconcile import Act, Difference, Seen, Wanted, differences
from bakery.cloud.values import ImageState
from bakery.core.errors import BakeryError, ExitCode, impossible
from bakery.core.waiting import Patience

LAST = frozenset({Act.LATEST, Act.LAUNCH})
"""What moves others to a release, and is done only when all else is."""
TAGGING = {
    Act.DESCRIBE: Act.TAG_IMAGE,
    Act.REQUIRE_IMDSV2: Act.TAG_IMAGE,
    Act.SHARE_IMAGE: Act.TAG_IMAGE,
    Act.DEPRECATE: Act.TAG_IMAGE,
    Act.PROTECT: Act.TAG_IMAGE,
    Act.SHARE_SNAPSHOT: Act.TAG_SNAPSHOT,
}
"""What our policies in docs/iam allow for nothing but what is tagged as ours, and what tags it."""
DEADLINE_S = 3600.0
"""Of one place: copies of large images to far regions take half an hour."""

Say = Callable[[str], None]


@dataclass(kw_only=True)
class Work:
    """One release in one place, what of it was refused there for good, and the copy that it has named last."""

    place: Place
    wanted: Wanted
    say: Say
    refused: dict[Act, RefusedError] = field(default_factory=dict)
    copied: str = ""
    overtaken_at: float = 0.0
    """Since when, on the monotonic clock, `latest` is seen to be another command's; 0 where it is not."""

    def possible(self, left: Sequence[Difference], seen: Seen) -> list[Difference]:
        """Return what of the list is worth doing; nothing when all that is left was refused or needs what was."""
        for act in {*self.refused} - {one.act for one in left}:
            # What others have set right meanwhile is no failure any more.
            del self.refused[act]
        return [one for one in left if one.act not in self.refused and not self._is_kept_back(one.act, seen)]

    def do(self, left: Sequence[Difference], seen: Seen) -> None:
        """Do what is left in order, as far as it can be done now."""
        if seen.is_being_removed:
            raise impossible(
                f"{self.place.name}: {seen.image_id} is being removed", hint="./inv prune  (finishes that)"
            )
        for difference in left:
            if difference.act is Act.WAIT:
                return
            if difference.act is Act.ENABLE:
                raise self.place.disabled(self.wanted, seen.image_id)
            if difference.act is Act.COPY:
                self._copy(seen, why=difference.why)
                return
            if difference.act is Act.LATEST and self._is_overtaken(seen):
                return
            if not self._is_kept_back(difference.act, seen) and not self._try(difference, seen):
                return

    def _is_overtaken(self, seen: Seen) -> bool:
        """Return whether another command has moved `latest` after us: both would write for ever if we did it again.

        Raises BakeryError when it stays so.
        """
        if not self.place.is_overtaken(self.wanted, seen):
            self.overtaken_at = 0.0
            return False
        self.overtaken_at = self.overtaken_at or time.monotonic()
        if time.monotonic() - self.overtaken_at > self.place.settled_s:
            raise self.place.overtaken(self.wanted, seen.parameters[self.wanted.latest])
        return True

    def _try(self, difference: Difference, seen: Seen) -> bool:
        """Do one thing; return whether anything else can be tried now. What is refused for good is remembered."""
        self.say(f"{difference.act} ({difference.why})")
        try:
            self.place.do(difference.act, self.wanted, seen)
        except RefusedError as error:
            if error.sequel in {Sequel.PASSES, Sequel.MADE}:
                self.say(f"waits: {error.within(self.place.name)}")
                return False
            if error.sequel is Sequel.SILENT:
                raise
            self.say(f"refused: {error.within(self.place.name)}")
            self.refused[difference.act] = error
        return True

    def _copy(self, seen: Seen, *, why: str) -> None:
        """Begin a copy; the next look waits for it, unless it is one that was begun long ago and is gone."""
        self.say(f"{Act.COPY} ({f'{self.copied} was deregistered' if self.copied else why})")
        try:
            # A copy that was waited for in vain is the one that was there before.
            self.copied = self.place.copy(self.wanted, attempt=self.copied or seen.image_id or self.wanted.placed)
        except RefusedError as error:
            if error.sequel is Sequel.PASSES:
                self._require_source()
            elif error.sequel not in {Sequel.FULL, Sequel.MADE}:
                raise
            self.say(f"waits: {error.within(self.place.name)}")

    def _require_source(self) -> None:
        """Raise BakeryError (exit code 2) when nothing can be copied of the image that was made first any more."""
        image = self.place.source(self.wanted)
        if image is None:
            raise gone(self.wanted)
        if image.state == ImageState.DISABLED:
            raise self.place.disabled(self.wanted, self.wanted.source[1])

    def _is_kept_back(self, act: Act, seen: Seen) -> bool:
        """Return whether an act needs one that was refused."""
        thing = seen.snapshot if act is Act.SHARE_SNAPSHOT else seen.image
        is_untagged = TAGGING.get(act) in self.refused and not (thing and naming.IMAGE in thing.tags)
        return is_untagged or (act in LAST and bool(self.refused))


def converge(place: Place, wanted: Wanted, *, say: Say, deadline_s: float = DEADLINE_S) -> Seen:
    """Do what is missing until nothing is, and return what is there then.

    Raises BakeryError: exit code 2 when the image that a copy would be made of is gone or is being removed, 1 when a
    part is refused, after all other parts are done, when another command moves `latest` after us, or when there is
    still something to do after *deadline_s*; the next run goes on from there.
    """
    patience = Patience(deadline_s=deadline_s, pauses_s=place.pauses_s, pause=place.pause)
    place.begin(wanted)
    work = Work(place=place, wanted=wanted, say=say)
    began_with = place.look(wanted)
    seen = began_with
    while left := differences(wanted, seen, now=datetime.now(UTC)):
        possible = work.possible(left, seen)
        if not possible:
            raise _together(work.refused)
        if patience.is_over:
            todo = "; ".join(f"{difference.act}: {difference.why}" for difference in left)
            text = f"{place.name}: not done after {deadline_s:.0f} s: {todo}"
            raise BakeryError(text, hint="run it again: it goes on")
        if seen.state == ImageState.FAILED and seen.image_id != began_with.image_id:
            raise BakeryError(f"{place.name}: {left[0].why}", hint="what it says, then run it again")
        work.do(possible, seen)
        patience.pause()
        seen = place.look(wanted)
    return seen


def _together(refused: Mapping[Act, RefusedError]) -> BakeryError:
    """Return one error of all that was refused; its exit code is theirs when they agree, else 1."""
    first, *others = refused.values()
    if not others:
        return first
    codes = {error.exit_code for error in refused.values()}
    hints = dict.fromkeys(error.hint for error in refused.values() if error.hint)
    told = "; ".join(dict.fromkeys(error.message for error in refused.values()))
    return BakeryError(told, hint="; ".join(hints), exit_code=first.exit_code if len(codes) == 1 else ExitCode.FAILED)
