"""What a catalog says: an image's releases with their id in each place, and which of them `latest` names where."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import Field, field_serializer, model_serializer, model_validator

from bakery.catalog import promotions
from bakery.catalog.promotions import History, Promotion
from bakery.catalog.values import FORMAT, Entry, Fingerprint, ImageId, RegionName, ReleaseName, Time, require_id_of
from bakery.core.errors import did_you_mean, impossible
from bakery.definition.bases import Arch, BaseName
from bakery.definition.place_names import cloud
from bakery.definition.rules import ImageName, wrong

LATEST, NEWEST = "latest", "newest"
"""What may be said instead of a release's name: the promoted one, and the one that was baked last."""


class Placed(Entry):
    """A release in one place."""

    image_id: ImageId
    published_at: Time


class Release(Entry):
    """One release of an image for one architecture."""

    release: ReleaseName
    arch: Arch
    base: BaseName
    fingerprint: Fingerprint
    size_gb: int = Field(ge=1)
    baked_at: Time
    baked_in: RegionName
    """The region it was baked in; copies come from there."""
    verified_at: Time | None = None
    provenance: Fingerprint | None = None
    """The SHA-256 of the statement that says where it comes from, as the image is tagged that was judged."""
    is_import: bool = False
    """Whether it was baked on a machine like this one and sent up: its login user is that of the base there."""
    bad_since: Time | None = None
    """When `latest` was taken off it because it turned out to be bad; a nightly does not promote the like of it."""
    places: dict[RegionName, Placed] = Field(default_factory=dict)

    def origin(self, place: str) -> str:
        """Return where copies in a place are made from: where it was baked, or else where its own cloud had it first.

        Itself where its cloud has none yet: nothing is copied from one cloud to another.
        """
        if cloud(self.baked_in) is cloud(place):
            return self.baked_in
        own = [(placed.published_at, name) for name, placed in self.places.items() if cloud(name) is cloud(place)]
        return min(own)[1] if own else place

    @model_validator(mode="after")
    def _ids_are_of_their_clouds(self) -> Self:
        for place, placed in self.places.items():
            require_id_of(cloud(place), placed.image_id, key=f"places.{place}.image_id")
        return self

    @field_serializer("places", mode="wrap")
    def _sorted(self, places: Mapping[str, Placed], write: Callable[[Any], Any]) -> Any:
        # Regions are done in any order; the file must not tell which.
        return write(dict(sorted(places.items())))

    @model_serializer(mode="wrap")
    def _short(self, write: Callable[[Any], Any]) -> Any:
        # Few are bad or sent up, and old ones have no statement: of what is not so nothing is said.
        unsaid = {"bad_since", "is_import", "provenance"}
        return {name: value for name, value in write(self).items() if value or name not in unsaid}


class Catalog(Entry):
    """Every release of one image, the oldest first."""

    format: int = FORMAT
    is_rehearsal: bool = False
    """Whether its ids are those of a rehearsal, which no cloud knows."""
    image: ImageName
    latest: dict[Arch, tuple[Promotion, ...]] = Field(default_factory=dict)
    """What `latest` was pointed at, the oldest first."""
    releases: tuple[Release, ...] = ()

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        known = [(release.arch, release.release) for release in self.releases]
        for pair in known:
            if known.count(pair) > 1:
                raise wrong(f"{pair[1]!r} for {pair[0]} is listed twice", key="releases")
        for arch, history in self.latest.items():
            names = [release for of, release in known if of is arch]
            for index, one in enumerate(history):
                for name in (one.release, *one.leaving.values()):
                    if name not in names:
                        problem = f"there is no release {name!r} for {arch}"
                        raise wrong(problem, key=f"latest.{arch}.{index}", hint=did_you_mean(name, names))
        return self

    @field_serializer("latest", mode="wrap")
    def _sorted(self, latest: Mapping[Arch, History], write: Callable[[Any], Any]) -> Any:
        return write({arch: history for arch, history in sorted(latest.items()) if history})

    @field_serializer("releases", mode="wrap")
    def _oldest_first(self, releases: tuple[Release, ...], write: Callable[[Any], Any]) -> Any:
        return write(tuple(sorted(releases, key=_age)))

    def history(self, arch: Arch) -> History:
        """Return what `latest` was pointed at, the oldest first."""
        return self.latest.get(arch, ())

    def having(self, arch: Arch) -> list[Release]:
        """Return the releases for an architecture."""
        return [release for release in self.releases if release.arch is arch]

    @property
    def _first_step(self) -> str:
        rehearse = " --rehearse" if self.is_rehearsal else ""
        bake = f"./inv bake{rehearse} --image {self.image} --region …"
        return f"{bake}, or ./inv catalog --rebuild{rehearse} --image {self.image}  (asks the clouds what there is)"

    def latest_in(self, region: str, arch: Arch) -> Release | None:
        """Return the release that `latest` names in a region, as far as is known; None where there is none."""
        name = promotions.current(self.history(arch), region)
        return self.find(name, arch) if name else None

    def is_latest(self, release: Release, region: str) -> bool:
        """Return whether `latest` is to name a release in a region once all that was asked for is done.

        In a region where nothing was asked for, it is to name what most others have.
        """
        history = self.history(release.arch)
        return (promotions.expected(history, region) or promotions.usual(history)) == release.release

    def latest_releases(self, arch: Arch) -> list[Release]:
        """Return each release that `latest` names in a region, in the places where it does; the one of most is first.

        That one is in all its places where no other is `latest`. Raises BakeryError (exit code 2) when nothing was
        promoted yet.
        """
        first = self.find(LATEST, arch)
        where = promotions.everywhere(self.history(arch))
        found = []
        for name in dict.fromkeys((first.release, *where.values())):
            release = self.find(name, arch)
            own = first.release if name == first.release else ""
            places = {region: kept for region, kept in release.places.items() if where.get(region, own) == name}
            found.append(release.model_copy(update={"places": places}))
        return found

    def find(self, name: str, arch: Arch) -> Release:
        """Return a release; *name* may be the beginning of one, `newest`, or `latest`: the one that most regions have.

        Raises BakeryError (exit code 2) when there is none, or more than one begins so.
        """
        having = self.having(arch)
        if name == NEWEST:
            return self.newest(arch)
        if name == LATEST:
            name = promotions.usual(self.history(arch))
            if not name:
                hint = f"./inv promote --release RELEASE --image {self.image}" if having else self._first_step
                raise impossible(f"no release of {self.image} for {arch} was promoted yet", hint=hint)
        found = [release for release in having if release.release.startswith(name)] if name else []
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise impossible(
                f"{len(found)} releases of {self.image} begin with {name!r}",
                hint=f"{max(found, key=_age).release} is the newest",
            )
        names = [release.release for release in having]
        raise impossible(
            f"there is no release {name!r} of {self.image} for {arch} in the catalog", hint=did_you_mean(name, names)
        )

    def ways_back(self, arch: Arch, regions: Sequence[str] = ()) -> dict[str, Release]:
        """Return the release that a rollback brings each region to, of those asked for or else of the last promotion.

        Raises BakeryError (exit code 2) when a region has none to go back to, and when nothing was promoted yet.
        """
        now, history = self.find(LATEST, arch), self.history(arch)
        ways = promotions.ways_back(history, regions)
        again = f"./inv promote --release RELEASE --image {self.image}"
        for region in regions:
            if not promotions.expected(history, region):
                where = ", ".join(promotions.everywhere(history))
                raise impossible(f"{region}: {self.image} was never promoted there", hint=f"it was in {where}")
            if region not in ways:
                only = f"{region}: {self.image} {promotions.expected(history, region)}"
                raise impossible(f"{only} is the only release that was ever promoted there", hint=again)
        if not ways:
            only = f"{self.image} {now.release} is the only release that was ever promoted"
            raise impossible(f"{only}: nothing to go back to", hint=again)
        return {region: self.find(name, arch) for region, name in ways.items()}

    def newest(self, arch: Arch) -> Release:
        """Return the newest release.

        Raises BakeryError (exit code 2) when none was baked yet.
        """
        having = self.having(arch)
        if not having:
            raise impossible(
                f"{self.image} was never baked for {arch} in a region",
                hint=self._first_step,
            )
        return max(having, key=_age)

    def with_release(self, release: Release) -> "Catalog":
        """Return the catalog with a release added, or in place of the one of its name and architecture."""
        others = [one for one in self.releases if (one.release, one.arch) != (release.release, release.arch)]
        return self.model_copy(update={"releases": tuple(sorted([*others, release], key=_age))})

    def with_bad(self, names: Iterable[str], arch: Arch, *, since: datetime | None) -> "Catalog":
        """Return the catalog with releases marked as bad since then, or with None without that mark."""
        marked = self
        for name in names:
            one = self.find(name, arch)
            if since is None or one.bad_since is None:
                marked = marked.with_release(one.model_copy(update={"bad_since": since}))
        return marked

    def with_history(self, arch: Arch, history: History) -> "Catalog":
        """Return the catalog with another history of what `latest` was pointed at."""
        return self.model_copy(update={"latest": {**self.latest, arch: history}})

    def without(self, release: Release) -> "Catalog":
        """Return the catalog without the release of this name and architecture.

        Raises BakeryError (exit code 2) for one that `latest` points at in any region.
        """
        history = self.history(release.arch)
        if release.release in promotions.held(history):
            raise impossible(
                f"{release.release} is the latest release of {self.image} for {release.arch}",
                hint=f"./inv promote --release ANOTHER --image {self.image}  (first)",
            )
        left = [one for one in self.releases if (one.release, one.arch) != (release.release, release.arch)]
        forgotten = self.with_history(release.arch, promotions.forget(history, release.release))
        return forgotten.model_copy(update={"releases": tuple(left)})


def _age(release: Release) -> tuple[str, str]:
    return release.release, release.arch
