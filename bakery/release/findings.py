"""What may be found of one image in one region, and what to type about it; nothing here asks anybody.

Only what is nobody's work is ever said to be removable: what a command left half done is to be finished.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bakery.catalog import promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.cloud import naming
from bakery.cloud.values import Image
from bakery.definition.model import Definition


class State(StrEnum):
    """How a release is in a region."""

    CORRECT = "correct"
    MISSING = "missing"
    WRONG = "wrong"
    UNEXPECTED = "unexpected"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One release in one region, or what stands in its way."""

    image: str
    region: str
    state: State
    release: str = ""
    arch: str = ""
    is_latest: bool = False
    image_id: str = ""
    why: str = ""
    hint: str = ""
    """What to type to set it right, empty where a person has to look."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One image as its definition and its catalog say it should be."""

    definition: Definition
    known: Catalog

    @property
    def regions(self) -> set[str]:
        """Where it is, or is to be."""
        asked = (name for history in self.known.latest.values() for one in history for name in one.touched)
        placed = (name for release in self.known.releases for name in release.places)
        return {*self.definition.places, *placed, *asked}

    @property
    def ids(self) -> set[str]:
        """Every image of it."""
        return {placed.image_id for release in self.known.releases for placed in release.places.values()}

    def hint(self, command: str, *, release: str = "") -> str:
        """Return a command for this image."""
        rehearse = " --rehearse" if self.known.is_rehearsal else ""
        return f"./inv {command}{rehearse}{f' --release {release}' if release else ''} --image {self.definition.name}"

    def promote_hint(self, release: Release, region: str) -> str:
        """Return what makes a release `latest` in a region, or what finishes or undoes that where it was begun."""
        for one in self.known.history(release.arch):
            if region in one.leaving:
                return f"{self.hint('rollback')}  (goes on)"
            if region in one.missing:
                return f"{self.hint('promote', release=one.release)}, or {self.hint('rollback')}"
        return self.hint("promote", release=release.release)

    def is_unfinished(self, release: Release, region: str) -> bool:
        """Return whether `latest` was to be pointed at a release in a region, or back at it, and is not known to be."""
        history = self.known.history(release.arch)
        is_begun = any(region in one.missing or region in one.leaving for one in history)
        return is_begun and promotions.expected(history, region) == release.release

    def begun(self, release: Release, region: str) -> str:
        """Return what is not known to be finished, in words."""
        is_back = any(region in one.leaving for one in self.known.history(release.arch))
        return f"a {'rollback to' if is_back else 'promote of'} it was not finished here"


def silence(region: str, subjects: Sequence[Subject], *, why: str) -> list[Finding]:
    """Return what is told of a region that nothing can be learned from."""
    found = []
    for subject in subjects:
        begun = [one for one in subject.known.releases if subject.is_unfinished(one, region)]
        hint = subject.promote_hint(begun[0], region) if begun else ""
        found.append(
            Finding(
                image=subject.definition.name,
                region=region,
                state=State.UNREACHABLE,
                release=begun[0].release if begun else "",
                arch=begun[0].arch if begun else "",
                why=f"{why}; {subject.begun(begun[0], region)}" if begun else why,
                hint=hint,
            )
        )
    return found


def of_release(region: str, subject: Subject, release: Release, *, state: State, why: str) -> Finding:
    """Return what is told of a release in a region."""
    placed, is_latest = release.places.get(region), subject.known.is_latest(release, region)
    hint = subject.hint("publish", release=release.release)
    if is_latest:
        hint = subject.promote_hint(release, region)
    return Finding(
        image=subject.definition.name,
        region=region,
        state=state,
        release=release.release,
        arch=release.arch,
        is_latest=is_latest,
        image_id=placed.image_id if placed else "",
        why=why,
        hint="" if state is State.CORRECT else hint,
    )


def stranger(region: str, subject: Subject, image: Image, *, there: Collection[str]) -> Finding:
    """Return what is told of an image that the catalog does not have; *there* are the ids of all that are."""
    return Finding(
        image=subject.definition.name,
        region=region,
        state=State.UNEXPECTED,
        release=naming.release_of(image.name),
        arch=image.tags.get(naming.ARCH, ""),
        image_id=image.id,
        why=f"no catalog has {image.name} ({image.state})",
        hint=_stranger_hint(region, subject, image, there=there),
    )


def _stranger_hint(region: str, subject: Subject, image: Image, *, there: Collection[str]) -> str:
    for release in subject.known.releases:
        if image.name != naming.name(subject.definition.name, release.release, release.arch):
            continue
        placed = release.places.get(region)
        if placed is not None and placed.image_id in there:
            break  # the one that the catalog has is there, too: this is a double
        if subject.is_unfinished(release, region):
            return subject.promote_hint(release, region)
        return subject.hint("publish", release=release.release)
    else:
        told = {naming.RELEASE, naming.ARCH, naming.BASE, naming.FINGERPRINT}
        if naming.release_of(image.name) and told <= {*image.tags}:
            return subject.hint("catalog --rebuild")
    return f"{subject.hint('prune')} --unknown --dry-run"
