"""What the pages tell: every release of every image with what it holds and what it brought; values, and no markup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.contents import differences, kept, provenance
from bakery.contents.differences import Differences
from bakery.contents.manifest import Manifest
from bakery.definition import layers
from bakery.definition.bases import Arch, BaseName
from bakery.definition.place_names import city
from bakery.disk import artifact


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A release in one place: where that is, the image's id there, and whether it is `latest` there."""

    name: str
    city: str
    image_id: str
    published: str
    is_latest: bool


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One release, what it holds, and what it brought since the last one before it of which that is known."""

    known: Catalog
    release: Release
    manifest: Manifest | None = None
    found: Differences | None = None
    passed: Mapping[str, int] = field(default_factory=dict)
    """How many tests it passed, by the place or the kind of machine that answered."""

    @property
    def image(self) -> str:
        """The image's name."""
        return self.known.image

    @property
    def stem(self) -> str:
        """What its files are called."""
        return f"{self.release.release}-{self.release.arch}"

    @property
    def page(self) -> str:
        """Its page, from the folder of the whole report."""
        return f"{self.image}/{self.stem}.html"

    @cached_property
    def spots(self) -> list[Spot]:
        """Where it is."""
        where = promotions.everywhere(self.known.history(self.release.arch))
        return [
            Spot(
                name=name,
                city=city(name),
                image_id=placed.image_id,
                published=f"{placed.published_at:%Y-%m-%d %H:%M}",
                is_latest=where.get(name) == self.release.release,
            )
            for name, placed in sorted(self.release.places.items())
        ]

    @cached_property
    def is_latest(self) -> bool:
        """Whether it is `latest` anywhere."""
        return any(spot.is_latest for spot in self.spots)

    @property
    def states(self) -> list[str]:
        """How it stands, in words."""
        found = ["latest"] if self.is_latest else []
        found += ["bad"] if self.release.bad_since else []
        return [*found, "verified" if self.release.verified_at else "not verified"]

    @property
    def way(self) -> tuple[str, str]:
        """What to type to take `latest` off it, or to point it there, and what that does."""
        rehearse = " --rehearse" if self.known.is_rehearsal else ""
        if self.is_latest:
            return f"./inv rollback{rehearse} --image {self.image}", "brings latest back to the release before it"
        command = f"./inv promote{rehearse} --image {self.image} --release {self.release.release}"
        return command, "points latest at this release"


@dataclass(frozen=True, kw_only=True)
class Line:
    """All releases of one image for one architecture, the oldest first."""

    image: str
    description: str
    arch: Arch
    entries: Sequence[Entry]

    @property
    def newest_first(self) -> list[Entry]:
        """The same the other way round."""
        return [*self.entries][::-1]


def lines(names: Sequence[str], *, is_rehearsal: bool) -> list[Line]:
    """Return the releases of images, of all where none is named; an image without a release has no line.

    Raises BakeryError (exit code 2) for an image that there is not, and for a file that cannot be read.
    """
    found = []
    for name in names or layers.names():
        definition = layers.whole(name)
        known = catalog.read(name, is_rehearsal=is_rehearsal)
        for arch in sorted({one.arch for one in known.releases}):
            entries = _entries(known, arch)
            found.append(Line(image=name, description=definition.description, arch=arch, entries=entries))
    return found


def _entries(known: Catalog, arch: Arch) -> list[Entry]:
    found: list[Entry] = []
    last: Manifest | None = None
    for release in sorted(known.having(arch), key=lambda one: one.release):
        path = kept.of_release(known.image, release.release, arch, is_rehearsal=known.is_rehearsal)
        manifest = kept.read(path)
        compared = differences.of(last, manifest) if last and manifest else None
        passed = provenance.passed(kept.provenance_of(path))
        found.append(Entry(known=known, release=release, manifest=manifest, found=compared, passed=passed))
        last = manifest or last
    return found


@dataclass(frozen=True, kw_only=True)
class Here:
    """An image that was baked on this machine."""

    image: str
    base: str
    release: str
    baked_at: str
    disk: str
    megabytes: str
    tests: int
    """How many it passed."""


def here(names: Sequence[str]) -> list[Here]:
    """Return what was baked on this machine of these images, of all where none is named.

    Raises BakeryError (exit code 2) for a record that no bake has written so.
    """
    found = []
    for name in names or layers.names():
        for base in BaseName:
            made = artifact.local(name, base)
            record = made.read_record()
            if record:
                one = Here(
                    image=name,
                    base=base,
                    release=record["release"],
                    baked_at=record["baked_at"].replace("T", " ").removesuffix("+00:00"),
                    disk=str(made.disk),
                    megabytes=differences.megabytes(made.disk.stat().st_size),
                    tests=sum(len(asked) for asked in record.get("answered", {}).values()),
                )
                found.append(one)
    return found
