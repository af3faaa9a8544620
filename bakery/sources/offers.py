"""The archives that an image's packages come from, and what is preferred among them: as the steps tell apt."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bakery.definition.bases import Base, BaseFrom, Pocket
from bakery.definition.choices import DockerSource
from bakery.definition.model import Definition
from bakery.sources.apt import AptSource, vendor_mirrors
from bakery.sources.packages import (
    NGINX_RELATIVES,
    docker_packages,
    docker_plugins,
    dokku_packages,
    nginx_packages,
)
from bakery.sources.preflight import Demand
from bakery.sources.vendors import DOCKER, DOKKU, NGINX


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One suite that packages come from."""

    name: str
    """For people: the suite, or whose archive it is."""
    source: AptSource
    is_security: bool = False
    own: tuple[str, ...] | None = None
    """The packages that are taken from this vendor before all others; None for the distribution's own archives."""

    @property
    def is_vendor(self) -> bool:
        """Return whether it is beside the distribution's archives, giving what is its own and what nobody else has."""
        return self.own is not None


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Packages, by globs of their names, of which only versions that match a glob are taken."""

    packages: tuple[str, ...]
    version: str

    def holds(self, package: str) -> bool:
        """Return whether it is about a package."""
        return any(fnmatchcase(package, glob) for glob in self.packages)


def archives_of(demand: Demand) -> list[Archive]:
    """Return the archives that a bake takes packages from; of the distribution's, none where no address is known.

    A cloud image of Debian brings mirrors of its own; what this machine's mirror has is the same.
    """
    base = demand.base
    mirrors = (vendor_mirrors(base) if demand.base_from is BaseFrom.CLOUD else None) or demand.mirrors
    own = mirrors.sources if mirrors else ()
    security = base.suite(Pocket.SECURITY)
    found = [Archive(name=one.suite, source=one, is_security=one.suite == security) for one in own]
    for name, vendor in demand.vendors.items():
        found.append(Archive(name=name, source=vendor.source, own=tuple(_of_vendor(name, demand.image, base))))
    return found


def pins_of(image: Definition, base: Base) -> list[Pin]:
    """Return which versions the definition holds packages at."""
    pinned = [*docker_packages(image, base), *nginx_packages(image, base), *dokku_packages(image)]
    found = []
    for package in pinned:
        name, is_pinned, version = package.partition("=")
        if is_pinned:
            relatives = NGINX_RELATIVES if name == "nginx" else ()
            found.append(Pin(packages=(name, *relatives), version=version))
    return found


def _of_vendor(name: str, image: Definition, base: Base) -> Iterator[str]:
    packages: Iterable[str] = {
        DOCKER: docker_packages(image, base) if image.docker.source is DockerSource.DOCKER_COM else (),
        NGINX: nginx_packages(image, base),
        DOKKU: dokku_packages(image),
    }[name]
    # One whose version is pinned comes from wherever that version is (provision/vendor.sh).
    yield from (package for package in packages if "=" not in package)
    if name == DOCKER:
        yield from docker_plugins(image, base)
