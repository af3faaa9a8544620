"""Finds out, before anything is built, whether every source answers and the pinned versions exist there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from bakery.apt import AptSource, Mirrors, Origin, mirrors_for, vendor_mirrors
from bakery.ask import DEADLINE_S, Answer, Source, ask
from bakery.bases import BASES, Arch, Base, BaseFrom
from bakery.console import table
from bakery.definition import Definition, Plugin
from bakery.errors import impossible, missing
from bakery.images import effective
from bakery.package_index import PackageList, available_versions, package_lists
from bakery.packages import docker_packages, dokku_packages, nginx_packages
from bakery.vendors import DOCKER, DOKKU, NGINX, Vendor, vendors_of

SHOWN_VERSIONS = 6


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is to be baked, as far as sources go: layers on one base, and where that base comes from."""

    layers: Sequence[Definition]
    base: Base
    base_from: BaseFrom
    mirrors: Mirrors | None
    """What this machine's own sources offer of the base; None when they are another distribution's."""
    arch: Arch = Arch.AMD64

    @cached_property
    def image(self) -> Definition:
        """Return what the layers come to together."""
        return effective(self.layers)

    @property
    def vendors(self) -> dict[str, Vendor]:
        """Return the vendors whose packages the image takes, in whatever layer."""
        return vendors_of(self.image, self.base)

    @property
    def archives(self) -> tuple[AptSource, ...]:
        """Return the distribution's archives that packages come from.

        Into a cloud image the guest installs from the sources it came with: Ubuntu's are known, Debian's are its own.
        """
        mirrors = vendor_mirrors(self.base) if self.base_from is BaseFrom.CLOUD else self.mirrors
        return mirrors.sources if mirrors else ()

    def command(self, *, base: Base | None = None, options: str = "") -> str:
        """Return the bake command for another base, or with more options."""
        return f"./inv bake --image {self.layers[-1].name} --base {(base or self.base).name}{options}"


def preflight(demand: Demand, *, deadline_s: float = DEADLINE_S) -> dict[str, str]:
    """Ask every source at once; return the SHA-256 of the base's Release files (or of its checksums) by address.

    What docker.com and nginx.org answer is no part of that: the base does not change with them. Raises BakeryError:
    exit code 3 when a source does not answer or no address is known, 2 when a pinned version is not there.
    """
    if demand.base_from is BaseFrom.ARCHIVE and demand.mirrors is None:
        hint = demand.command(options=f" --base-from {BaseFrom.CLOUD}")
        raise missing(f"this machine has no package source of {demand.base.distro}", hint=hint)
    sources, ways_out = sources_of(demand), _ways_out(demand)
    answers = ask([*sources, *ways_out.values()], deadline_s=deadline_s)
    wanted, tried = answers[: len(sources)], answers[len(sources) :]
    open_ways = [command for command, answer in zip(ways_out, tried, strict=True) if answer.is_ok]
    require_sources(wanted, demand=demand, open_ways=open_ways)
    require_versions(demand, releases={answer.source.url: answer.body.decode(errors="replace") for answer in wanted})
    own = {archive.release_url for archive in demand.archives} | {demand.base.cloud_image.sums_url}
    return {answer.source.url: answer.digest for answer in wanted if answer.source.url in own}


def sources_of(demand: Demand) -> list[Source]:
    """Return every address that the bake fetches from, each once."""
    base = demand.base
    found = []
    if demand.base_from is BaseFrom.CLOUD:
        found.append(Source(name="cloud image", url=base.cloud_image.sums_url, needed_for=f"the base {base.name}"))
    found += [
        Source(name=archive.suite, url=archive.release_url, needed_for=f"packages of {base.name}")
        for archive in demand.archives
    ]
    for name, vendor in demand.vendors.items():
        found.append(Source(name=name, url=vendor.source.release_url, needed_for=f"packages of {name}"))
        found.append(Source(name=name, url=vendor.key_url, needed_for=f"the key of {name}"))
    for plugin in demand.image.plugins:
        # What a clone asks first (gitprotocol-http, "Smart Clients"); a plain file server has it as a file.
        url = f"{plugin.url.removesuffix('/')}/info/refs?service=git-upload-pack"
        if url.startswith("http"):
            found.append(Source(name=_plugin_name(plugin), url=url, needed_for="its repository"))
    return list({source.url: source for source in found}.values())


def require_sources(answers: Sequence[Answer], *, demand: Demand, open_ways: Sequence[str] = ()) -> None:
    """Raise BakeryError (exit code 3), after a table of all answers, unless every source answered.

    *open_ways* are commands whose sources did answer: the hint.
    """
    silent = [answer.source for answer in answers if not answer.is_ok]
    if not silent:
        return
    rows = [
        (answer.source.name, answer.source.needed_for, answer.problem or "answers", answer.source.url)
        for answer in answers
    ]
    table("Sources", ("source", "needed for", "answer", "address"), rows)
    names = list(dict.fromkeys(source.name for source in silent))
    ways_out = {name: vendor.way_out for name, vendor in demand.vendors.items()} | {
        _plugin_name(plugin): f'plugins.url = "a clone of {plugin.url}"' for plugin in demand.image.plugins
    }
    chosen = [way_out for name, way_out in ways_out.items() if name in names]
    hints = [f"{' and '.join(chosen)} in images/*.toml (images/README.md)"] if chosen else []
    if not set(names) <= set(ways_out):
        hints.append(open_ways[0] if open_ways else "invoke doctor  (shows which sources answer from here)")
    raise missing(f"{demand.base.name}: no answer from {', '.join(names)}", hint="; ".join(hints))


def require_versions(demand: Demand, *, releases: Mapping[str, str]) -> None:
    """Raise BakeryError (exit code 2) when a pinned version is in none of the archives that *releases* describe.

    *releases* holds the text of Release files by address; what no Release file is known of is left to the guest.
    """
    image, vendors = demand.image, demand.vendors
    for key, packages, vendor in (
        ("docker", docker_packages(image, demand.base), DOCKER if image.docker.source == DOCKER else ""),
        ("nginx", nginx_packages(image, demand.base), NGINX if image.nginx.source == NGINX else ""),
        ("dokku", dokku_packages(image), DOKKU),
    ):
        lists = [
            found
            for archive in ((vendors[vendor].source,) if vendor in vendors else demand.archives)
            if archive.release_url in releases
            for found in package_lists(archive, release=releases[archive.release_url], arch=demand.arch)
        ]
        for package in packages if lists else ():
            _require_version(package, lists=lists, key=f"images/{_set_by(key, demand)}.toml: {key}.version")


def _set_by(table: str, demand: Demand) -> str:
    """Return the topmost layer that says something about a table, else the image itself."""
    return next(
        (layer.name for layer in reversed(demand.layers) if table in layer.model_fields_set), demand.layers[-1].name
    )


def _require_version(package: str, *, lists: Sequence[PackageList], key: str) -> None:
    name, is_pinned, glob = package.partition("=")
    if not is_pinned:
        return
    versions = available_versions(name, lists)
    if any(fnmatchcase(version, glob) for version in versions):
        return
    if not versions:
        raise impossible(f"{key}: there is no package {name}")
    minor = re.match(r"(\d+:)?\d+\.\d+", versions[0])
    hint = f'"{minor[0]}.*" would match the newest' if minor and "*" in glob else f'"{versions[0]}" is the newest'
    shown = ", ".join(versions[:SHOWN_VERSIONS])
    raise impossible(f"{key}: no {name} matches {glob}: there are {shown}", hint=hint)


def _plugin_name(plugin: Plugin) -> str:
    return f"plugin {plugin.name}"


def _ways_out(demand: Demand) -> dict[str, Source]:
    """Return the commands that may work from here when this bake does not, each with a source that tells."""
    ways: dict[str, Mirrors] = {}
    if demand.base_from is BaseFrom.CLOUD and demand.mirrors and demand.mirrors.origin is not Origin.VENDOR:
        ways[demand.command(options=f" --base-from {BaseFrom.ARCHIVE}")] = demand.mirrors
    for base in BASES.values():
        mirrors = mirrors_for(base)
        if base is not demand.base and mirrors and mirrors.origin is Origin.HOST:
            ways[demand.command(base=base)] = mirrors
    return {
        command: Source(name=command, url=mirrors.sources[0].release_url, needed_for="a way out")
        for command, mirrors in ways.items()
    }
