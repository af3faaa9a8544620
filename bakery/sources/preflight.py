"""Finds out, before anything is built, whether every source answers and the pinned versions exist there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property

from bakery.core.console import table
from bakery.core.errors import did_you_mean, impossible, missing
from bakery.core.http import DEADLINE_S, Answer, Source, ask
from bakery.core.reasons import likeliest, proxy
from bakery.definition.bases import BASES, Arch, Base, BaseFrom
from bakery.definition.layers import effective
from bakery.definition.model import Definition, Plugin
from bakery.sources.apt import AptSource, Mirrors, mirrors_for, vendor_mirrors
from bakery.sources.index import PackageList, available_versions, lists_of, names
from bakery.sources.packages import docker_packages, dokku_packages, nginx_packages
from bakery.sources.release_file import SOMEBODY_ELSE
from bakery.sources.vendors import DOCKER, DOKKU, NGINX, Vendor, vendors_of

SHOWN_VERSIONS = 6
CLOUD_IMAGE = "cloud image"
PAGE = "a web page: a proxy or a network that wants a login answers for it"


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is to be baked, as far as sources go: layers on one base, and where that base comes from."""

    layers: Sequence[Definition]
    base: Base
    base_from: BaseFrom
    mirrors: Mirrors | None
    """What this machine's own sources offer of the base; None when they are another distribution's."""
    arch: Arch = Arch.AMD64
    typed: str = "./inv bake"
    """What was typed up to the image, for hints."""

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
        return f"{self.typed} --image {self.layers[-1].name} --base {(base or self.base).name}{options}"


def preflight(demand: Demand, *, deadline_s: float = DEADLINE_S) -> dict[str, str]:
    """Ask every source at once; return the SHA-256 of the base's Release files (or of its checksums) by address.

    What docker.com and nginx.org answer is no part of that: the base does not change with them. Raises BakeryError:
    exit code 3 when a source does not answer, answers with what a bake would fail on, or no address is known, 2 when a
    pinned version or a package is not there.
    """
    if demand.base_from is BaseFrom.ARCHIVE and demand.mirrors is None:
        hint = demand.command(options=f" --base-from {BaseFrom.CLOUD}")
        raise missing(f"this machine has no package source of {demand.base.distro}", hint=hint)
    wanted = ask(sources_of(demand), deadline_s=deadline_s)
    if not all(answer.is_ok for answer in wanted):
        require_sources(wanted, demand=demand, open_way=open_way(demand, known=wanted, deadline_s=deadline_s))
    lists = _lists_by_archive(wanted, demand=demand)
    require_versions(demand, known=lists)
    require_packages(demand, known=lists)
    own = {archive.release_url for archive in demand.archives} | {demand.base.cloud_image.sums_url}
    return {answer.source.url: answer.digest for answer in wanted if answer.source.url in own}


def sources_of(demand: Demand) -> list[Source]:
    """Return every address that the bake fetches from, each once."""
    base = demand.base
    found = []
    if demand.base_from is BaseFrom.CLOUD:
        found.append(Source(name=CLOUD_IMAGE, url=base.cloud_image.sums_url, needed_for=f"the base {base.name}"))
    found += [
        Source(name=archive.suite, url=archive.release_url, needed_for=f"packages of {base.name}")
        for archive in demand.archives
    ]
    return list({source.url: source for source in (*found, *beside_base(demand))}.values())


def beside_base(demand: Demand) -> list[Source]:
    """Return every address that has nothing to do with the base: vendors' archives and keys, plugins' repositories."""
    found = []
    for name, vendor in demand.vendors.items():
        found.append(Source(name=name, url=vendor.source.release_url, needed_for=f"packages of {name}"))
        found.append(Source(name=name, url=vendor.key_url, needed_for=f"the key of {name}"))
    for plugin in demand.image.plugins:
        # What a clone asks first (gitprotocol-http, "Smart Clients"); a plain file server has it as a file.
        url = f"{plugin.url.removesuffix('/')}/info/refs?service=git-upload-pack"
        if url.startswith("http"):
            found.append(Source(name=_plugin_name(plugin), url=url, needed_for="its repository"))
    return found


def problem_of(answer: Answer) -> str:
    """Return why a source is of no use here, empty if it is: it does not answer, or somebody else does in its place."""
    return answer.problem or (PAGE if answer.is_page else "")


def require_sources(answers: Sequence[Answer], *, demand: Demand, open_way: str = "") -> None:
    """Raise BakeryError (exit code 3), after a table of all answers, unless every source answered.

    The likeliest cause comes first. *open_way* is a command whose sources did answer: the first hint.
    """
    silent = [answer for answer in answers if not answer.is_ok]
    if not silent:
        return
    rows = [
        (answer.source.name, answer.source.needed_for, problem_of(answer) or "answers", answer.source.url)
        for answer in answers
    ]
    table("Sources", ("source", "needed for", "answer", "address"), rows)
    names = list(dict.fromkeys(answer.source.name for answer in silent))
    said = f"{demand.base.name}: no answer from {', '.join(names)}"
    is_any_there = len(silent) < len(answers) or bool(open_way)
    if is_any_there and CLOUD_IMAGE in names and demand.mirrors is None:
        said += f"; and {no_archive(demand.base)}"
    cause = likeliest([answer.problem for answer in silent], is_any_there=is_any_there)
    hints = _mirror_hints(names, demand=demand) if is_any_there or not cause else [_proxy_hint()]
    if open_way:
        hints.insert(0, f"{open_way}  (all that this needs answers)")
    elif not hints or not is_any_there:
        hints.append("./inv doctor  (shows which sources answer from here)")
    raise missing(f"{cause} ({said})" if cause else said, hint="; or ".join(hints))


def no_archive(base: Base) -> str:
    """Return what keeps *base* from being made out of packages, on a machine of another distribution."""
    return f"this machine's apt sources name no {base.distro} archive, so {base.name} cannot be made from one"


def open_way(demand: Demand, *, known: Sequence[Answer] = (), deadline_s: float = DEADLINE_S) -> str:
    """Return a bake command that is near to *demand* and all of whose sources answer; empty when there is none.

    The same image comes before a layer below it, and its base before others. Answers that are *known* are not asked
    for again.
    """
    ways = {command: sources_of(other) for command, other in _others(demand)}
    is_there = {answer.source.url: not problem_of(answer) for answer in known}
    unasked = [source for sources in ways.values() for source in sources if source.url not in is_there]
    tried = ask(unasked, deadline_s=deadline_s, is_body_wanted=False) if unasked else []
    is_there |= {answer.source.url: not problem_of(answer) for answer in tried}
    return next((command for command, needs in ways.items() if all(is_there[need.url] for need in needs)), "")


def _others(demand: Demand) -> Iterator[tuple[str, Demand]]:
    """Give what else could be baked out of the archives that this machine knows, with the command for it."""
    others = (base for base in BASES.values() if base is not demand.base)
    archives = {base.name: mirrors_for(base) for base in others} | {demand.base.name: demand.mirrors}
    for count in range(len(demand.layers), 0, -1):
        for base in (demand.base, *(base for base in BASES.values() if base is not demand.base)):
            mirrors = archives[base.name]
            is_same = base is demand.base and demand.base_from is BaseFrom.ARCHIVE and count == len(demand.layers)
            if mirrors is None or is_same or not (mirrors.is_own_release or base is demand.base):
                continue
            layers = demand.layers[:count]
            other = replace(demand, layers=layers, base=base, base_from=BaseFrom.ARCHIVE, mirrors=mirrors)
            is_told = base is demand.base and demand.base_from is BaseFrom.CLOUD
            yield other.command(options=f" --base-from {BaseFrom.ARCHIVE}" if is_told else ""), other


def _proxy_hint() -> str:
    return "the right proxy in HTTPS_PROXY, or none" if proxy() else "HTTPS_PROXY=http://… where there is a proxy"


def _mirror_hints(names: Sequence[str], *, demand: Demand) -> list[str]:
    """Return what a definition can say so that it does without those that are silent."""
    ways_out = {name: vendor.way_out for name, vendor in demand.vendors.items()} | {
        _plugin_name(plugin): f'plugins.url = "a clone of {plugin.url}"' for plugin in demand.image.plugins
    }
    chosen = [way_out for name, way_out in ways_out.items() if name in names]
    return [f"{' and '.join(chosen)} in images/*.toml (images/README.md)"] if chosen else []


def _lists_by_archive(answers: Sequence[Answer], *, demand: Demand) -> dict[str, list[PackageList]]:
    """Return the package lists of each archive by the address of its Release file.

    Raises BakeryError (exit code 3) for an answer of somebody else, and for an archive that apt would refuse.
    """
    archives = {one.release_url: one for one in (*demand.archives, *(one.source for one in demand.vendors.values()))}
    now = datetime.now(UTC)
    found = {}
    for answer in answers:
        url = answer.source.url
        if url in archives:
            found[url] = lists_of(archives[url], answer.body, arch=demand.arch, now=now)
        elif answer.is_page:
            raise missing(f"{url} is not {answer.source.needed_for}, but a web page", hint=SOMEBODY_ELSE)
    return found


def require_versions(demand: Demand, *, known: Mapping[str, Sequence[PackageList]]) -> None:
    """Raise BakeryError (exit code 2) when a pinned version is in none of the archives whose lists are *known*.

    They are known by the address of the Release file; what none is known of is left to the guest.
    """
    image, vendors = demand.image, demand.vendors
    for key, packages, vendor in (
        ("docker", docker_packages(image, demand.base), DOCKER if image.docker.source == DOCKER else ""),
        ("nginx", nginx_packages(image, demand.base), NGINX if image.nginx.source == NGINX else ""),
        ("dokku", dokku_packages(image), DOKKU),
    ):
        archives = (vendors[vendor].source,) if vendor in vendors else demand.archives
        lists = _lists(archives, known=known)
        for package in packages if lists else ():
            _require_version(package, lists=lists, key=f"images/{_set_by(key, demand)}.toml: {key}.version")


def require_packages(demand: Demand, *, known: Mapping[str, Sequence[PackageList]]) -> None:
    """Raise BakeryError (exit code 2) when a layer asks for a package that the distribution does not have, likewise."""
    is_any_wanted = any(layer.packages for layer in demand.layers)
    lists = _lists(demand.archives, known=known) if is_any_wanted else []
    if not lists:
        return
    offered = names(lists)
    for layer in demand.layers:
        for package in layer.packages:
            if package not in offered:
                key = f"images/{layer.name}.toml: packages"
                hint = did_you_mean(package, offered)
                raise impossible(f"{key}: {demand.base.name} has no package {package!r}", hint=hint)


def _lists(archives: Sequence[AptSource], *, known: Mapping[str, Sequence[PackageList]]) -> list[PackageList]:
    return [found for archive in archives for found in known.get(archive.release_url, ())]


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
