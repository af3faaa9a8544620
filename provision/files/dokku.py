"""Runs dokku, and tells of its words only what may be told."""

import re

from files import at
from node_task import InputError
from programs import run

# What may be otherwise the next time, in dokku's words or in those of what it runs.
PASSING = (
    r"(?i)no space left|the disk (is|became) full|panic: |command not found|cannot allocate|access denied|refused"
    # Not a time-out alone, which settings have in their names; sshcommand's error says nothing of why.
    r"|docker daemon|timed out|(i/o|handshake) timeout|deadline exceeded|sshcommand returned"
    r"|temporarily unavailable|read-only file system|input/output error"
)
PLUGINS = at("/var/lib/dokku/plugins/enabled")


def dokku_argv(*words: str) -> tuple[str, ...]:
    """Return the command that runs dokku, as root where it insists on that, else as the user dokku.

    Root's other calls would go through sudo, and sudo writes every argument, secrets too, into the journal.
    """
    if words[0] == "ssh-keys:add":
        return ("dokku", *words)
    return ("setpriv", "--reuid=dokku", "--regid=dokku", "--init-groups", "env", "HOME=/home/dokku", "dokku", *words)


def hide(words: str, values: tuple[str, ...]) -> str:
    """Return dokku's words without the values; nothing where a piece of one is left, whatever dokku made of it."""
    for value in filter(None, values):
        words = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", words)
    pieces = [piece for value in values for piece in re.findall(r"[^\s,:;=/]{4,}", value.lower())]
    return "" if any(piece in words.lower() for piece in pieces) else words


def dokku(*argv: str, given: bytes | None = None, secrets: tuple[str, ...] | None = None) -> str:
    """Return what dokku prints. Raises InputError for what it refuses, else ChildProcessError.

    Of its words nothing is told that has a secret in it; without knowing which those are (None) all may be told.
    """
    code, out, err = run(*dokku_argv(*argv), given=given, timeout_s=300)
    if not code:
        return out
    refusals = re.findall(r"^ !\s+(\S.*)$", err + out, flags=re.MULTILINE)
    words = refusals[0] if refusals else (err.strip() or out.strip()).rpartition("\n")[2]
    said = hide(words, secrets or ())
    said = f": {said}" if said else ""
    # Settings are refused by programs of plugins, too, without dokku's mark.
    is_refused = bool(refusals) or argv[0].endswith(":set")
    if is_refused and 0 < code < 64 and not re.search(PASSING, err + out):
        raise InputError(f"is refused by dokku {argv[0]}{said}")
    raise ChildProcessError(f"dokku {argv[0]} failed with exit code {code}{said}")
