"""Works off what a release lacks in one AWS region, until it lacks nothing; what cannot be done stops nothing else."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bakery import ami
from bakery.ami import Wanted
from bakery.clouds import lateness, published
from bakery.clouds.acts import ACTS
from bakery.clouds.aws import ApiError, Region
from bakery.differences import Act, Difference, Seen, differences, tags_of
from bakery.errors import BakeryError, ExitCode, impossible

LAST = frozenset({Act.LATEST, Act.LAUNCH})
"""What moves others to a release, and is done only when all else is."""
TAGGING = {
    Act.REQUIRE_IMDSV2: Act.TAG_IMAGE,
    Act.SHARE_IMAGE: Act.TAG_IMAGE,
    Act.DEPRECATE: Act.TAG_IMAGE,
    Act.PROTECT: Act.TAG_IMAGE,
    Act.SHARE_SNAPSHOT: Act.TAG_SNAPSHOT,
}
"""What our policies in docs/iam allow for nothing but what is tagged as ours, and what tags it."""
QUOTA_USED_UP = "ResourceLimitExceeded"
"""Of copies, that is: other copies to that region end some time."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One release in one region, and what of it AWS has refused for good."""

    region: Region
    wanted: Wanted
    say: Say
    refused: dict[Act, ApiError] = field(default_factory=dict)

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
            if self._is_kept_back(difference.act, seen):
                continue
            self.say(f"{difference.act} ({difference.why})")
            try:
                ACTS[difference.act](self.region, self.wanted, seen)
            except ApiError as error:
                if _is_passing(difference.act, error):
                    self.say(f"waits: {error.message}")
                    return
                if difference.act is Act.COPY or not error.is_of_one_call:
                    raise
                self.say(f"refused: {error.message}")
                self.refused[difference.act] = error
            if difference.act is Act.COPY:
                return

    def _is_kept_back(self, act: Act, seen: Seen) -> bool:
        """Return whether an act needs one that was refused."""
        thing = seen.snapshot if act is Act.SHARE_SNAPSHOT else seen.image or {}
        is_untagged = TAGGING.get(act) in self.refused and ami.IMAGE not in tags_of(thing)
        return is_untagged or (act in LAST and bool(self.refused))


def converge(region: Region, wanted: Wanted, *, say: Say, deadline_s: float = published.DEADLINE_S) -> Seen:
    """Do what is missing until nothing is, and return what is there then.

    Raises BakeryError: exit code 2 when the image that a copy would be made of is gone or is being removed, 1 when AWS
    refuses a part, after all other parts are done, or when there is still something to do after *deadline_s*; the next
    run goes on from there.
    """
    ends, pause_s = time.monotonic() + deadline_s, published.FIRST_PAUSE_S
    work = _Work(region=region, wanted=wanted, say=say)
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
        if seen.state == "failed" and seen.image_id != began_with.image_id:
            raise BakeryError(f"{region.name}: {left[0].why}", hint="what it says, then run it again")
        work.do(possible, seen)
        region.account.pause(pause_s)
        pause_s = min(pause_s * 1.5, published.LONGEST_PAUSE_S)
        seen = _look(region, wanted)
    return seen


def _look(region: Region, wanted: Wanted) -> Seen:
    # The snapshot of an image may be known later than the image.
    return lateness.known(region, lambda: published.look(region, wanted), codes=published.PASSING)


def _is_passing(act: Act, error: ApiError) -> bool:
    return error.code in published.PASSING or (act is Act.COPY and error.code == QUOTA_USED_UP)


def _together(refused: Mapping[Act, ApiError]) -> BakeryError:
    """Return one error of all that was refused; its exit code is theirs when they agree, else 1."""
    first, *others = refused.values()
    if not others:
        return first
    codes = {error.exit_code for error in refused.values()}
    hints = dict.fromkeys(error.hint for error in refused.values() if error.hint)
    told = "; ".join(dict.fromkeys(error.message for error in refused.values()))
    return BakeryError(told, hint="; ".join(hints), exit_code=first.exit_code if len(codes) == 1 else ExitCode.FAILED)
