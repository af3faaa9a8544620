"""Reads ssh's own words for a login that failed: the machine is not up yet, it refuses us, or this can never work.

Only words that are known to be final end a wait: what is not known may be a machine that is just starting.
"""

import re
from enum import Enum, auto

from bakery.core.process import Finished

NEVER = re.compile(
    r"""bad\ configuration\ option | unsupported\ option | extra\ arguments?\ at\ end | missing\ argument
    | garbage\ at\ end | invalid\ quotes | no\ argument\ after\ keyword | vdollar_percent_expand | percent_expand
    | can't\ open\ user\ config | bad\ owner\ or\ permissions
    | too\ long\ for\ unix\ domain\ socket | controlpath\ .*too\ long | unix_listener: | muxserver_listen
    | unprotected\ private\ key | bad\ permissions | load\ key\ .*: | no\ such\ identity
    | no\ user\ exists\ for\ uid | could\ not\ resolve\ hostname
    | host\ key\ verification\ failed | host\ identification\ has\ changed
    | unable\ to\ negotiate | unknown\ (?:cipher|mac|key\ type)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What ssh says of its configuration, its sockets, its keys and the other side's (openssh-portable: readconf.c, mux.c,
misc.c, authfile.c, sshconnect.c, kex.c)."""

REFUSED = re.compile(r"permission denied|too many authentication failures", re.IGNORECASE)
NOISE = re.compile(r"Warning: Permanently added|^@+$|^\s*$")


class Outcome(Enum):
    """What a login that failed means for the next one."""

    NOT_YET = auto()
    REFUSED = auto()
    """The machine answers and does not let us in: it may not have our key yet."""
    NEVER = auto()


def outcome(tried: Finished) -> Outcome:
    """Return what a run of ssh that ended badly means; ssh itself ends with 255, else the far side's program did."""
    if NEVER.search(tried.output):
        return Outcome.NEVER
    if REFUSED.search(tried.output):
        return Outcome.REFUSED
    return Outcome.NOT_YET


def words(tried: Finished) -> str:
    """Return what ssh said, in one line."""
    said = [line.strip() for line in tried.output.splitlines() if not NOISE.search(line)]
    return "; ".join(said) or f"ssh ended with {tried.exit_code}"
