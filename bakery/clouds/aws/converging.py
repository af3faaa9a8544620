"""Works off what a release lacks in one AWS region, until it lacks nothing; what cannot be done stops nothing else."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bakery.cloud import naming
from bakery.cloud.reconcile import Act, Difference, Seen, Wanted, differences
from bakery.cloud.values import ImageState
from bakery.clouds.aws import lateness, overtaking, published
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.acts import ACTS, copy, gone
from bakery.core.errors import BakeryError, ExitCode, impossible

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
QUOTA_USED_UP = "ResourceLimitExceeded"
"""Of copies, that is: other copies to that region end some time."""
MADE_BY_ANOTHER = frozenset({"InvalidAMIName.Duplicate", "InvalidLaunchTemplateName.AlreadyExistsException"})
"""What is answered when another run has made the same a moment ago: the next look finds it."""

Say = Callable[[str], None]


@dataclass(kw_only=True)
class Work:
    """One release in one region, what of it AWS has refused for good, and the copy that it has named last."""

    region: Region
    wanted: Wanted
    say: Say
    refused: dict[Act, ApiError] = field(default_factory=dict)
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
                f"{self.region.name}: {seen.image_id} is being removed", hint="./inv prune  (finishes that)"
            )
        for difference in left:
            if difference.act is Act.WAIT:
                return
            if difference.act is Act.ENABLE:
                raise published.disabled(self.region.name, seen.image_id)
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
        if not overtaking.is_later(self.region, self.wanted, seen):
            self.overtaken_at = 0.0
            return False
        self.overtaken_at = self.overtaken_at or time.monotonic()
        if time.monotonic() - self.overtaken_at > overtaking.SETTLED_S:
            raise overtaking.error(self.region, self.wanted, seen.parameters[self.wanted.latest])
        return True

    def _try(self, difference: Difference, seen: Seen) -> bool:
        """Do one thing; return whether anything else can be tried now. What AWS refuses for good is remembered."""
        self.say(f"{difference.act} ({difference.why})")
        try:
            ACTS[difference.act](self.region, self.wanted, seen)
        except ApiError as error:
            if error.code in published.PASSING | MADE_BY_ANOTHER:
                self.say(f"waits: {error.message}")
                return False
            if not error.is_of_one_call:
                raise
            self.say(f"refused: {error.message}")
            self.refused[difference.act] = error
        return True

    def _copy(self, seen: Seen, *, why: str) -> None:
        """Begin a copy; the next look waits for it, unless it is one that was begun long ago and is gone."""
        self.say(f"{Act.COPY} ({f'{self.copied} was deregistered' if self.copied else why})")
        try:
            # A copy that was waited for in vain is the one that was there before.
            self.copied = copy(self.region, self.wanted, attempt=self.copied or seen.image_id or self.wanted.placed)
        except ApiError as error:
            if error.code in published.PASSING:
                self._require_source()
            elif error.code not in {QUOTA_USED_UP, *MADE_BY_ANOTHER}:
                raise
            self.say(f"waits: {error.message}")
            return
        lateness.remember(self.region, self.wanted.name, image_id=self.copied)

    def _require_source(self) -> None:
        """Raise BakeryError (exit code 2) when nothing can be copied of the image that was made first any more."""
        region, image_id = self.wanted.source
        image = published.find(self.region.account.region(region), name=self.wanted.name)
        if image is None:
            raise gone(self.wanted)
        if image.state == ImageState.DISABLED:
            raise published.disabled(region, image_id)

    def _is_kept_back(self, act: Act, seen: Seen) -> bool:
        """Return whether an act needs one that was refused."""
        thing = seen.snapshot if act is Act.SHARE_SNAPSHOT else seen.image
        is_untagged = TAGGING.get(act) in self.refused and not (thing and naming.IMAGE in thing.tags)
        return is_untagged or (act in LAST and bool(self.refused))


def converge(region: Region, wanted: Wanted, *, say: Say, deadline_s: float = published.DEADLINE_S) -> Seen:
    """Do what is missing until nothing is, and return what is there then.

    Raises BakeryError: exit code 2 when the image that a copy would be made of is gone or is being removed, 1 when AWS
    refuses a part, after all other parts are done, when another command moves `latest` after us, or when there is still
    something to do after *deadline_s*; the next run goes on from there.
    """
    ends, pause_s = time.monotonic() + deadline_s, published.FIRST_PAUSE_S
    region.written.pop(wanted.latest, None)
    work = Work(region=region, wanted=wanted, say=say)
    began_with = _look(region, wanted)
    seen = began_with
    while left := differences(wanted, seen, now=datetime.now(UTC)):
        possible = work.possible(left, seen)
        if not possible:
            raise _together(work.refused)
        if time.monotonic() > ends:
            todo = "; ".join(f"{difference.act}: {difference.why}" for difference in left)
            text = f"{region.name}: not done after {deadline_s:.0f} s: {todo}"
            raise BakeryError(text, hint="run it again: it goes on")
        if seen.state == ImageState.FAILED and seen.image_id != began_with.image_id:
            raise BakeryError(f"{region.name}: {left[0].why}", hint="what it says, then run it again")
        work.do(possible, seen)
        region.account.pause(pause_s)
        pause_s = min(pause_s * 1.5, published.LONGEST_PAUSE_S)
        seen = _look(region, wanted)
    return seen


def _look(region: Region, wanted: Wanted) -> Seen:
    # The snapshot of an image may be known later than the image.
    return lateness.known(region, lambda: published.look(region, wanted), codes=published.PASSING)


def _together(refused: Mapping[Act, ApiError]) -> BakeryError:
    """Return one error of all that was refused; its exit code is theirs when they agree, else 1."""
    first, *others = refused.values()
    if not others:
        return first
    codes = {error.exit_code for error in refused.values()}
    hints = dict.fromkeys(error.hint for error in refused.values() if error.hint)
    told = "; ".join(dict.fromkeys(error.message for error in refused.values()))
    return BakeryError(told, hint="; ".join(hints), exit_code=first.exit_code if len(codes) == 1 else ExitCode.FAILED)
