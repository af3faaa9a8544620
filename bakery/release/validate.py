"""The story of validating: what AWS has, held against the catalog and the definitions; it only reads."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bakery.catalog import catalog
from bakery.catalog.catalog import Release
from bakery.cloud.reconcile import Seen, differences
from bakery.cloud.values import ImageState
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError
from bakery.core.parallel import everywhere
from bakery.definition import layers
from bakery.places.account import Account
from bakery.places.place import Place
from bakery.release import retention
from bakery.release.findings import Finding, State, Subject, of_release, silence, stranger

PATIENCE_S = 20.0
"""A look is worth less waiting than a bake."""
MOST_WAYS = 3
"""Hints that are told at once."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings, by image, region and release."""

    findings: Sequence[Finding]

    def show(self) -> None:
        """Print the table, on stdout: it is the result."""
        columns = ("image", "region", "release", "arch", "id", "state", "why")
        table("the clouds against the catalog", columns, [_cells(one) for one in self.findings], to_stdout=True)

    def as_json(self) -> str:
        """Return a list with an object for each finding."""
        return json.dumps([asdict(one) for one in self.findings], indent=2, ensure_ascii=False)

    def require_correct(self) -> None:
        """Raise BakeryError (exit code 1) unless all is as the catalog says."""
        bad = [one for one in self.findings if one.state is not State.CORRECT]
        if not bad:
            return
        counts = {state: sum(one.state is state for one in bad) for state in State}
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        ways = dict.fromkeys(one.hint for one in bad if one.hint)
        more = f"; and {len(ways) - MOST_WAYS} more" if len(ways) > MOST_WAYS else ""
        hint = "; ".join([*ways][:MOST_WAYS]) + more
        raise BakeryError(f"{len(bad)} of {len(self.findings)} are not as they should be: {told}", hint=hint)


def validate(names: Sequence[str], *, regions: Sequence[str], account: Account, console: Console) -> Report:
    """Return how the images (empty: all there are) are in the regions (empty: theirs), all asked at the same time.

    Raises BakeryError (exit code 2) for an unknown image or region.
    """
    is_rehearsal = account.is_rehearsal
    subjects = [
        Subject(definition=layers.whole(name), known=catalog.read(name, is_rehearsal=is_rehearsal))
        for name in names or layers.names()
    ]
    account.be_brief(PATIENCE_S)
    wanted = {name for subject in subjects for name in subject.regions}
    if not regions and not wanted:
        console.say("nothing was baked in a region yet, and no definition names one")
        return Report(findings=())
    closed = {} if regions else account.closed(wanted)
    asked = account.require(regions or sorted(wanted - {*closed}))
    with console.phase("look"):
        answers = everywhere(asked, lambda place: _in_place(place, subjects))
    found = [one for answer in answers.values() if isinstance(answer, list) for one in answer]
    for name, answer in answers.items():
        if isinstance(answer, BakeryError):
            found += silence(name, subjects, why=answer.within(name))
    for name, why in sorted(closed.items()):
        found += silence(name, subjects, why=why.within(name))
    return Report(findings=sorted(found, key=lambda one: (one.image, one.region, one.release, one.arch)))


def _in_place(place: Place, subjects: Sequence[Subject]) -> list[Finding]:
    return [
        finding
        for subject in subjects
        for finding in (*_releases(place, subject), *_strangers(place, subject), *_stray_latest(place, subject))
    ]


def _releases(place: Place, subject: Subject) -> Iterator[Finding]:
    known = subject.known
    for release in known.releases:
        if place.name in release.places:
            yield _placed(place, subject, release)
        elif subject.is_unfinished(release, place.name):
            why = subject.begun(release, place.name)
            yield of_release(place.name, subject, release, state=State.MISSING, why=why)
        elif known.is_latest(release, place.name) and place.name in subject.definition.places:
            why = "the definition wants it here, and it was never published here"
            yield of_release(place.name, subject, release, state=State.MISSING, why=why)


def _placed(place: Place, subject: Subject, release: Release) -> Finding:
    is_latest = subject.known.is_latest(release, place.name)
    wanted = place.wanted(release, subject.definition, is_latest=is_latest)
    seen = place.look(wanted)
    if seen.image is None or seen.state == ImageState.FAILED:
        why = f"there is no {wanted.name}" if seen.image is None else f"it failed: {seen.image.failure}"
        return of_release(place.name, subject, release, state=State.MISSING, why=why)
    problems = [*_problems(seen, subject, release, region=place.name)]
    problems += [f"{one.act}: {one.why}" for one in differences(wanted, seen, now=datetime.now(UTC))]
    state = State.WRONG if problems else State.CORRECT
    return of_release(place.name, subject, release, state=state, why="; ".join(problems))


def _problems(seen: Seen, subject: Subject, release: Release, *, region: str) -> Iterator[str]:
    """Give what publishing again would not set right."""
    placed = release.places[region].image_id
    if subject.is_unfinished(release, region):
        yield subject.begun(release, region)
    if seen.image_id != placed:
        yield f"the catalog says {placed}, and {seen.image_id} is there"
    if seen.is_being_removed:
        yield "it is being removed"
    if subject.known.is_latest(release, region) and release.verified_at is None:
        yield "it is latest, and was never verified"


def _strangers(place: Place, subject: Subject) -> Iterator[Finding]:
    listed = place.releases_of(subject.definition.name)
    there = {image.id for image in listed}
    for image in listed:
        if image.id not in subject.ids:
            yield stranger(place.name, subject, image, there=there)


def _stray_latest(place: Place, subject: Subject) -> Iterator[Finding]:
    """Give the parameters that say `latest` where no promoted release is; elsewhere they are a release's own."""
    known = subject.known
    for arch in sorted({subject.definition.arch, *(release.arch for release in known.releases)}):
        having = [one for one in known.releases if one.arch is arch and known.is_latest(one, place.name)]
        if any(place.name in one.places or subject.is_unfinished(one, place.name) for one in having):
            continue
        name = retention.latest_pointer(subject.definition, arch)
        found = place.pointers([name]).get(name)
        if found:
            yield Finding(
                image=subject.definition.name,
                region=place.name,
                state=State.UNEXPECTED,
                arch=arch,
                image_id=found.image_id,
                why=f"{name} names it, and the catalog has no latest release here",
                hint=subject.hint("catalog --rebuild"),
            )


def _cells(one: Finding) -> tuple[str, ...]:
    release = f"{one.release} (latest)" if one.is_latest else one.release
    return one.image, one.region, release, one.arch, one.image_id, one.state.value, one.why
