"""What an archive's signed Release file says of itself: when it was made, until when it may be believed, its lists.

apt refuses one that is too old or from the future, so that a bake would fail minutes later: it is told here.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bakery.core.errors import BakeryError, missing

CLOCKS_DIFFER = timedelta(minutes=10)
"""How far an archive's clock may be before ours; apt itself allows 10 s (apt.conf(5), Acquire::Max-FutureTime)."""
BROKEN = "the archive is broken: another mirror"
SOMEBODY_ELSE = "the archive is broken, or a proxy or a network that wants a login answers for it"
CLOCK = "date -u  (shows this machine's clock), and `timedatectl` whether it is set by the network"


@dataclass(frozen=True, kw_only=True)
class ReleaseFile:
    """One suite of one archive at one time."""

    url: str
    text: str
    made_at: datetime | None
    valid_until: datetime | None


def parse(text: str, *, url: str) -> ReleaseFile:
    """Return what a Release file says (DebianRepository/Format, wiki.debian.org).

    Raises BakeryError (exit code 3) for what is none, such as the page of a network that wants a login.
    """
    if not sums(text):
        raise missing(
            f"{url} is no Release file: it lists no packages",
            hint=SOMEBODY_ELSE,
        )
    return ReleaseFile(
        url=url,
        text=text,
        made_at=_moment(text, "Date", url=url),
        valid_until=_moment(text, "Valid-Until", url=url),
    )


def sums(text: str) -> dict[str, str]:
    """Return the SHA-256 of each file that a Release file lists, by its path; nothing where it lists none."""
    section = re.search(r"^SHA256:\n((?: .*\n?)+)", text, re.MULTILINE)
    rows = [line.split() for line in section[1].splitlines()] if section else []
    return {row[2]: row[0] for row in rows if len(row) == 3}


def require_fresh(release: ReleaseFile, *, now: datetime) -> None:
    """Raise BakeryError (exit code 3) for one that apt would refuse by its dates: stale, or from the future."""
    if release.made_at is not None and release.made_at - now > CLOCKS_DIFFER:
        raise _wrong(release, f"was made on {release.made_at:%Y-%m-%d %H:%M} UTC, which is still to come", now=now)
    if release.valid_until is not None and release.valid_until < now:
        said = f"was valid until {release.valid_until:%Y-%m-%d %H:%M} UTC"
        raise _wrong(release, f"{said}: the archive or its mirror has stood still since", now=now)


def _wrong(release: ReleaseFile, said: str, *, now: datetime) -> BakeryError:
    return missing(f"{release.url} {said} (here it is {now:%Y-%m-%d %H:%M} UTC)", hint=f"another mirror; or {CLOCK}")


def _moment(text: str, field: str, *, url: str) -> datetime | None:
    found = re.search(rf"^{field}: *(.+)$", text, re.MULTILINE)
    if found is None:
        return None
    try:
        moment = parsedate_to_datetime(found[1].strip())
    except ValueError as error:
        raise missing(
            f"{url}: {field}: {found[1]!r} is no date", hint="the archive is broken: another mirror"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
