"""Finds what a person means by a release: a name or its beginning, `latest`, `newest`, or `local`, this machine's."""

from dataclasses import dataclass
from pathlib import Path

from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog
from bakery.contents import kept
from bakery.contents.foreseen import PLAN
from bakery.contents.manifest import Manifest
from bakery.core.errors import did_you_mean, impossible
from bakery.definition import bases, layers
from bakery.definition.bases import Arch
from bakery.disk import artifact

LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Where releases of one image are looked for: a catalog, and this machine's own bake of it on a base."""

    image: str
    arch: Arch
    base: str
    known: Catalog

    def manifest(self, name: str) -> Manifest:
        """Return what a release holds.

        Raises BakeryError (exit code 2) for one that there is not, and for one of which that is not known.
        """
        return self._local() if name == LOCAL else self._released(name)

    def _released(self, name: str) -> Manifest:
        having = [one.release for one in self.known.having(self.arch)]
        words = [*having, catalog.LATEST, catalog.NEWEST, LOCAL, PLAN]
        if name == PLAN:
            raise impossible(
                "what a bake now would make is no release yet: a release can be held against it",
                hint=f"./inv diff RELEASE {PLAN} --image {self.image}",
            )
        if name not in words and not any(one.startswith(name) for one in having):
            problem = f"there is no release {name!r} of {self.image} for {self.arch} in the catalog"
            raise impossible(problem, hint=did_you_mean(name, words, most=12) or f"{having[-1]} is the newest")
        release = self.known.find(name, self.arch)
        return kept.require(self.image, release, is_rehearsal=self.known.is_rehearsal)

    def provenance_path(self, name: str) -> Path:
        """Return where the statement would be that says where a release comes from; raises like `manifest`."""
        if name == LOCAL:
            return artifact.local(self.image, bases.base(self.base).name).provenance
        release = self.known.find(name, self.arch)
        manifest = kept.of_release(self.image, release.release, release.arch, is_rehearsal=self.known.is_rehearsal)
        return kept.provenance_of(manifest)

    def _local(self) -> Manifest:
        path = self._local_path()
        found = kept.read(path)
        if found is None:
            asked = f"--image {self.image} --base {self.base}"
            raise impossible(
                f"{path} is not there: nothing told what is in {self.image} of this machine",
                hint=f"./inv bake {asked}, or for one that is baked already ./inv verify {asked}",
            )
        return found

    def _local_path(self) -> Path:
        return artifact.local(self.image, bases.base(self.base).name).manifest


def shelf(image: str, *, arch: str = "", base: str = "", is_rehearsal: bool = False) -> Shelf:
    """Return where the releases of an image are looked for; empty texts leave the choice to its definition.

    Raises BakeryError (exit code 2) for an image, an architecture or a base that there is not.
    """
    definition = layers.whole(image)
    if arch and arch not in list(Arch):
        raise impossible(f"there is no architecture {arch!r}", hint=did_you_mean(arch, Arch))
    return Shelf(
        image=image,
        arch=Arch(arch) if arch else definition.arch,
        base=bases.base(base or definition.base).name,
        known=catalog.read(image, is_rehearsal=is_rehearsal),
    )
