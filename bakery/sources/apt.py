"""Which package archives this machine trusts: read from its own apt sources, so that none is written down here."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from bakery.definition.bases import BASES, Base, Distro, Pocket

APT_FOLDER = Path("/etc/apt")
NO_WORDS = {"no", "false", "without", "off", "disable", "0"}
"""What apt takes for `Enabled: no` (apt-pkg/contrib/strutl.cc, StringToBool)."""

# Names of suites by distribution, beside those of the bases: a host may follow a suite instead of a release.
ROLLING = {Distro.DEBIAN: ("stable", "oldstable", "testing", "unstable", "sid", "bullseye", "forky"), Distro.UBUNTU: ()}


@dataclass(frozen=True, kw_only=True)
class AptSource:
    """One suite of one archive, as apt reads it."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str | None = None
    """Path of a keyring; None when the host trusts the archive's key for every archive."""

    @property
    def line(self) -> str:
        """Return the one-line form (sources.list(5))."""
        option = f"[signed-by={self.signed_by}] " if self.signed_by else ""
        return f"deb {option}{self.uri} {self.suite} {' '.join(self.components)}"

    @property
    def release_url(self) -> str:
        """Return the address of the signed Release file."""
        return f"{self.uri}/dists/{self.suite}/InRelease"


class Origin(StrEnum):
    """How much the host itself has to do with the archives a base is made from."""

    HOST = "the host's own sources"
    SAME_MIRROR = "the host's mirror, for another release than the host's"
    VENDOR = "the vendor's public archive"


@dataclass(frozen=True, kw_only=True)
class Mirrors:
    """The archives a base can be made from."""

    origin: Origin
    sources: tuple[AptSource, ...]

    @property
    def is_own_release(self) -> bool:
        """Return whether the host itself installs from them, so that they surely exist and answer."""
        return self.origin is Origin.HOST

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the lines of a sources.list."""
        return tuple(source.line for source in self.sources)


def read_sources(folder: Path = APT_FOLDER) -> list[AptSource]:
    """Return what apt reads under *folder*, in apt's order: binary packages over HTTP, enabled."""
    parts = folder / "sources.list.d"
    found: list[AptSource] = []
    for path in (folder / "sources.list", *sorted(parts.glob("*.list")), *sorted(parts.glob("*.sources"))):
        if path.is_file():
            parse = parse_deb822 if path.suffix == ".sources" else parse_list
            found += parse(path.read_text(encoding="utf-8", errors="replace"))
    return [replace(source, uri=uri) for source in found if (uri := _http_uri(source.uri))]


def parse_list(text: str) -> list[AptSource]:
    """Return the sources of a one-line file: ``deb [signed-by=…] URI SUITE COMPONENT…``."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)+)\s*(?:#.*)?", line.strip())
        if match:
            options = dict(option.partition("=")[::2] for option in (match[1] or "").split())
            keyring = _keyring(options.get("signed-by", ""))
            found.append(AptSource(uri=match[2], suite=match[3], components=tuple(match[4].split()), signed_by=keyring))
    return found


def parse_deb822(text: str) -> list[AptSource]:
    """Return the sources of a deb822 file: stanzas of ``Types``, ``URIs``, ``Suites``, ``Components`` and so on."""
    return [source for stanza in _stanzas(text) for source in _of_stanza(stanza)]


def _of_stanza(stanza: dict[str, str]) -> Iterator[AptSource]:
    is_enabled = stanza.get("enabled", "yes").lower() not in NO_WORDS
    components = tuple(stanza.get("components", "").split())
    if "deb" not in stanza.get("types", "").split() or not is_enabled or not components:
        return
    keyring = _keyring(stanza.get("signed-by", ""))
    for uri in stanza.get("uris", "").split():
        for suite in stanza.get("suites", "").split():
            yield AptSource(uri=uri, suite=suite, components=components, signed_by=keyring)


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in re.split(r"\n\s*\n", lines):
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line[:1].isspace() and key:
                fields[key] += f"\n{line.strip()}"
            elif ":" in line:
                key, value = line.split(":", 1)
                key = key.strip().lower()
                fields[key] = value.strip()
        if fields:
            yield fields


def _keyring(value: str) -> str | None:
    # Signed-By may also hold a fingerprint or a whole key; only a path can be handed on to mmdebstrap.
    return value if value.startswith("/") else None


def _http_uri(uri: str) -> str | None:
    # Debian's own cloud images name their mirror in a file: mirror+file:/etc/apt/mirrors/debian.list.
    if uri.startswith("mirror+file:"):
        path = Path("/" + uri.removeprefix("mirror+file:").lstrip("/"))
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        uri = next((line.split()[0] for line in lines if line.strip() and not line.startswith("#")), "")
    return uri.rstrip("/") if uri.startswith(("http://", "https://")) else None


def mirrors_for(base: Base, *, sources: Sequence[AptSource] | None = None) -> Mirrors | None:
    """Return the archives of *base* among or beside the host's *sources* (read from /etc/apt when not given).

    The host's own entries when it has that release; otherwise its mirror of the same distribution with the suites
    swapped; None when it has no source of that distribution.
    """
    sources = read_sources() if sources is None else sources
    own = [(source, pocket) for source in sources if (pocket := _pocket_of(source, names=(base.codename,), base=base))]
    if own:
        return Mirrors(origin=Origin.HOST, sources=_first_of_each(own, base=base))
    family = (*_codenames(base.distro), *ROLLING[base.distro])
    kin = [(source, pocket) for source in sources if (pocket := _pocket_of(source, names=family, base=base))]
    if kin:
        return Mirrors(origin=Origin.SAME_MIRROR, sources=_first_of_each(kin, base=base))
    return None


def vendor_mirrors(base: Base) -> Mirrors | None:
    """Return the vendor's own public archive; None where its address must come from the host (Debian)."""
    if base.archive is None or base.security_archive is None:
        return None
    uris = {Pocket.SECURITY: base.security_archive}
    sources = (
        AptSource(
            uri=uris.get(pocket, base.archive),
            suite=base.suite(pocket),
            components=base.components,
            signed_by=base.keyring,
        )
        for pocket in Pocket
    )
    return Mirrors(origin=Origin.VENDOR, sources=tuple(sources))


def _pocket_of(source: AptSource, *, names: Sequence[str], base: Base) -> Pocket | None:
    """Return which pocket of the distribution *source* is; None when it is somebody else's archive.

    Other vendors use Debian's suite names too, but sign with their own key and seldom have a component "main".
    """
    is_signed_by_other = source.signed_by is not None and f"{base.distro}-archive" not in source.signed_by
    if is_signed_by_other or "main" not in source.components:
        return None
    for pocket in Pocket:
        if source.suite in {pocket.suite(name) for name in names}:
            return pocket
    return None


def _first_of_each(found: Sequence[tuple[AptSource, Pocket]], *, base: Base) -> tuple[AptSource, ...]:
    chosen: dict[Pocket, AptSource] = {}
    for source, pocket in found:
        chosen.setdefault(pocket, source)
    return tuple(
        replace(chosen[pocket], suite=base.suite(pocket), components=base.components)
        for pocket in Pocket
        if pocket in chosen
    )


def _codenames(distro: Distro) -> list[str]:
    return [row.codename for row in BASES.values() if row.distro is distro]
