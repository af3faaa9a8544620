"""Commits what a night has written beside the definitions, and nothing else; pushes it where that is asked for."""

from collections.abc import Sequence
from pathlib import Path

from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, impossible
from bakery.core.process import Finished
from bakery.definition.layers import FOLDER
from bakery.release.night import Night, State

KEPT = "catalog"
"""The folder beside the definitions with everything that is to be committed."""
TRIES = 5
"""Other runners push to the same branch: as many times theirs is taken in before ours is given up."""


def require_possible(*, is_rehearsal: bool) -> None:
    """Raise BakeryError (exit code 2) where nothing could be committed, before hours go into a night."""
    if is_rehearsal:
        raise impossible("--commit is for real releases: no cloud knows those of a rehearsal", hint="leave it out")
    if _git("rev-parse", "--is-inside-work-tree", is_checked=False).output != "true":
        raise impossible(f"--commit: {FOLDER} is in no git checkout", hint="leave it out, or git clone")
    if not _git("config", "user.email", is_checked=False).output:
        way = 'git config user.name "nightly" && git config user.email nightly@example.com'
        raise impossible("--commit: git does not know who commits here", hint=way)


def commit(nights: Sequence[Night], *, is_pushed: bool, console: Console) -> None:
    """Commit the catalog if it has changed, and push it.

    Raises BakeryError (exit code 1) when git refuses; what was committed stays, and the next night pushes it.
    """
    if Path(FOLDER, KEPT).is_dir():
        _git("add", "--all", "--", KEPT, f":(exclude,glob){KEPT}/.*")
    if _git("diff", "--cached", "--quiet", "--", KEPT, is_checked=False).exit_code:
        _git("commit", "--quiet", "--message", message(nights), "--", KEPT)
        console.say(f"committed: {_git('log', '-1', '--format=%h %s').output}")
    if is_pushed:
        _push(console=console)


def message(nights: Sequence[Night]) -> str:
    """Return what the commit says: what was baked, and a line for each image."""
    baked = [night.image for night in nights if night.state is State.BAKED]
    title = f"images: Bake {', '.join(baked)}" if baked else "images: Record what a nightly has done"
    moves = [f"\n{night.image} {night.release}: {night.story}" for night in nights if night.state is State.BAKED]
    listed = [f"  {move.line}" for night in nights if night.state is State.BAKED for move in night.moves]
    return "\n".join([title, *moves, *listed])


def _push(*, console: Console) -> None:
    said = ""
    for _ in range(TRIES):
        pushed = _git("push", "--quiet", is_checked=False)
        if pushed.exit_code == 0:
            return
        said = pushed.output
        console.say(f"the push was refused, so what others have pushed is taken in first: {_last(said)}")
        taken = _git("pull", "--quiet", "--rebase", "--autostash", is_checked=False)
        if taken.exit_code:
            _git("rebase", "--abort", is_checked=False)
            said = taken.output
            break
    raise BakeryError(
        f"the catalog is committed here, and could not be pushed: {_last(said)}",
        hint="git pull --rebase && git push  (in this checkout); or ./inv catalog --rebuild in another one",
    )


def _last(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("hint:")]
    return lines[-1].strip() if lines else "git says nothing"


def _git(*words: str, is_checked: bool = True) -> Finished:
    # Nobody sits there to be asked for a password.
    return process.run(["git", "-C", str(FOLDER), *words], env={"GIT_TERMINAL_PROMPT": "0"}, is_checked=is_checked)
