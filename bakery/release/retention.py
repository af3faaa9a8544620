"""Which images stay, and why: values in, verdicts out; what nobody answers for is a reason to stay."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bakery.catalog import promotions
from bakery.catalog.catalog import LATEST, Catalog, Release
from bakery.cloud import naming
from bakery.cloud.inventory import Inventory
from bakery.cloud.values import Image, ImageState
from bakery.core.errors import BakeryError
from bakery.definition.bases import Arch
from bakery.definition.model import Definition

YOUNG = timedelta(days=1)
LAUNCHED_LATELY = timedelta(days=14)
"""Since the last launch, by whichever account; AWS shows it a day late (Image, "LastLaunchedTime")."""
MOST_NAMED = 2
"""Instances that are named; more are counted."""

Answers = Mapping[str, Inventory | BakeryError]
"""What every region that was asked has said, by its name."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One image as the catalog and its definition know it."""

    definition: Definition
    known: Catalog
    keep: int
    """How many of the newest releases stay, for each architecture."""

    @property
    def arches(self) -> list[Arch]:
        """The architectures that there may be images for."""
        return sorted({self.definition.arch, *(release.arch for release in self.known.releases)})


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An image of ours in one region, and why it stays; without a reason it goes."""

    image: str
    release: str
    arch: str
    region: str
    image_id: str
    reasons: tuple[str, ...] = ()
    found: Image | None = None
    """None where there is none of that id."""
    pointer: str = ""
    """The name that leads to it."""
    is_source: bool = False
    """Whether the copies in other regions were made of it."""
    is_known: bool = True
    """Whether this catalog has it."""

    @property
    def is_begun(self) -> bool:
        """Return whether a run that was killed has begun to remove it."""
        return self.found is not None and naming.REMOVING in self.found.tags

    @property
    def stays(self) -> bool:
        """Return whether it is left alone."""
        return bool(self.reasons)


def latest_pointer(definition: Definition, arch: Arch) -> str:
    """Return the name of the pointer that says which image is `latest`."""
    return naming.pointer(definition, LATEST, arch)


def verdicts(subject: Subject, answers: Answers, *, now: datetime) -> Iterator[Verdict]:
    """Give every place of an image's releases in the regions that were asked, the oldest release first."""
    general = _release_reasons(subject, answers, now=now)
    for release in subject.known.releases:
        found = [
            _place(
                subject, release, answers[name], region=name, reasons=general[release.release, release.arch], now=now
            )
            for name in release.places
            if name in answers
        ]
        yield from _with_source(release, found)


def unknown(
    answers: Answers, *, known_ids: frozenset[str], names: Iterable[str], is_removed: bool, now: datetime
) -> Iterator[Verdict]:
    """Give the images with our tag or name, of *names* or of any, that are in no catalog of ours.

    They stay: another checkout may own them. *is_removed*: only what is young or in use stays.
    """
    wanted = frozenset(names)
    for region, answer in answers.items():
        if isinstance(answer, BakeryError):
            continue
        for image in answer.images.values():
            verdict = _stranger(image, region=region)
            is_leftover = image.state == ImageState.FAILED and naming.is_ours(image.tags)
            if image.id in known_ids or (wanted and verdict.image not in wanted) or is_leftover:
                continue
            reasons = _stranger_reasons(verdict, image, answer, is_removed=is_removed, now=now)
            yield verdict if verdict.is_begun else replace(verdict, reasons=tuple(reasons))


def _release_reasons(subject: Subject, answers: Answers, *, now: datetime) -> dict[tuple[str, Arch], list[str]]:
    """Return why releases stay wherever they are, by name and architecture."""
    known = subject.known
    found: dict[tuple[str, Arch], list[str]] = {(one.release, one.arch): [] for one in known.releases}
    for arch in Arch:
        having = sorted(one.release for one in known.releases if one.arch is arch)
        history = known.history(arch)
        pointed = promotions.everywhere(history)
        for name in promotions.held(history):
            where = [region for region, release in pointed.items() if release == name]
            told = "latest" if where == [*pointed] else f"latest in {', '.join(where)}"
            found[name, arch].append(told if where else "to be latest")
        for name in {to for regions in ((), [*pointed]) for to in promotions.ways_back(history, regions).values()}:
            found[name, arch].append("a rollback goes to it")
        for name in having[-subject.keep :]:
            found[name, arch].append(f"one of the newest {subject.keep}")
    for release in known.releases:
        reasons = found[release.release, release.arch]
        if now - release.baked_at < YOUNG:
            reasons.append("younger than a day")
        pointing = _pointing_regions(subject, release, answers)
        if pointing and not any(reason.startswith("latest") for reason in reasons):
            reasons.append(f"latest in {', '.join(pointing)}")
    return found


def _pointing_regions(subject: Subject, release: Release, answers: Answers) -> list[str]:
    pointer = latest_pointer(subject.definition, release.arch)
    return [
        name
        for name, placed in release.places.items()
        if isinstance(answer := answers.get(name), Inventory) and answer.pointers.get(pointer) == placed.image_id
    ]


def _place(
    subject: Subject,
    release: Release,
    answer: Inventory | BakeryError,
    *,
    region: str,
    reasons: Sequence[str],
    now: datetime,
) -> Verdict:
    image_id = release.places[region].image_id
    silent = ["the region does not answer"] if isinstance(answer, BakeryError) else []
    found = answer.images.get(image_id) if isinstance(answer, Inventory) else None
    use = _uses(found, answer, now=now) if found is not None and isinstance(answer, Inventory) else []
    verdict = Verdict(
        image=subject.definition.name,
        release=release.release,
        arch=release.arch,
        region=region,
        image_id=image_id,
        found=found,
        pointer=naming.pointer(subject.definition, release.release, release.arch),
        is_source=region == release.origin(region),
    )
    return verdict if verdict.is_begun else replace(verdict, reasons=(*reasons, *use, *silent))


def _with_source(release: Release, places: Sequence[Verdict]) -> list[Verdict]:
    """Let the image that copies are made of stay as long as one of them does."""
    going = {place.region for place in places if not place.stays}
    left = [name for name in release.places if name not in going]

    def judged(place: Verdict) -> Verdict:
        copies = [name for name in left if name != place.region and release.origin(name) == place.region]
        if not place.is_source or place.stays or not copies:
            return place
        return replace(place, reasons=(f"copied to {', '.join(copies)}",))

    return [judged(place) for place in places]


def _uses(image: Image, answer: Inventory, *, now: datetime) -> list[str]:
    """Return why an image cannot go whatever its release: it is not ours, or somebody uses it."""
    reasons = []
    if not naming.is_ours(image.tags):
        reasons.append("it does not carry our tag")
    running = [one.id for one in answer.instances if one.image_id == image.id]
    if running:
        named = ", ".join(running[:MOST_NAMED])
        more = f" and {len(running) - MOST_NAMED} more" if len(running) > MOST_NAMED else ""
        reasons.append(f"{named}{more} started from it")
    if image.id in answer.templates:
        reasons.append(f"launch template {answer.templates[image.id]} starts it")
    last = image.last_launched_at
    if last and now - last < LAUNCHED_LATELY:
        reasons.append(f"last launched {last:%Y-%m-%d}")
    return reasons


def _stranger(image: Image, *, region: str) -> Verdict:
    """Return an image as its tags name it, or else as its own name does: owner, image, release, architecture."""
    tags, parts = image.tags, [*image.name.split("/"), "", "", ""]
    name, release = tags.get(naming.IMAGE, parts[1]), tags.get(naming.RELEASE, parts[2])
    arch = tags.get(naming.ARCH, parts[3])
    return Verdict(
        image=name,
        release=release,
        arch=arch,
        region=region,
        image_id=image.id,
        found=image,
        pointer=naming.usual_pointer(name, release, arch),
        is_known=False,
    )


def _stranger_reasons(
    verdict: Verdict, image: Image, answer: Inventory, *, is_removed: bool, now: datetime
) -> Iterator[str]:
    if not is_removed:
        yield "not in this catalog"
    if verdict.image_id in answer.pointers.values():
        yield "latest"
    if image.state == ImageState.PENDING:
        yield "still being made"
    if now - image.created_at < YOUNG:
        yield "younger than a day"
    yield from _uses(image, answer, now=now)
