"""Which versions of a package the archives have: their package lists, kept by content and fetched when they change."""

import gzip
import hashlib
import lzma
import os
import re
import tempfile
import time
import zlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bakery.core import folders
from bakery.core.errors import BakeryError, ExitCode, missing
from bakery.core.reasons import reason
from bakery.definition.bases import Arch
from bakery.sources import release_file
from bakery.sources.apt import AptSource
from bakery.sources.version import sort_key

if TYPE_CHECKING:
    import httpx

SILENCE_S = 20
"""Without a byte for that long, the archive counts as unreachable."""
KEPT_DAYS = 30
UNPACK = {".xz": lzma.decompress, ".gz": gzip.decompress}

# Four fields of a list with 60 000 stanzas: this pattern takes 0.4 s, python-debian's parser half a minute.
_FIELD = re.compile(rb"^(Package|Version|Provides|Phased-Update-Percentage): (.+)$", re.MULTILINE)
_AGAIN = "the archive is being updated: try again in a minute"


class SilentError(BakeryError):
    """An archive that does not answer, of which nothing else is known (exit code 3)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.MISSING)


@dataclass(frozen=True, kw_only=True)
class PackageList:
    """One package list, and the SHA-256 that the archive's Release file says it has."""

    url: str
    sha256: str


def package_lists(source: AptSource, *, release: str, arch: Arch) -> list[PackageList]:
    """Return the lists that a suite's Release file names for the source's components; the smallest form of each."""
    sums = release_file.sums(release)
    found = []
    for component in source.components:
        path = f"{component}/binary-{arch}/Packages"
        ending = next((ending for ending in UNPACK if path + ending in sums), None)
        if ending is not None:
            url = f"{source.uri}/dists/{source.suite}/{path}{ending}"
            found.append(PackageList(url=url, sha256=sums[path + ending]))
    return found


def lists_of(source: AptSource, body: bytes, *, arch: Arch, now: datetime) -> list[PackageList]:
    """Return the lists that a suite's Release file, as it came, names for the source's components.

    Raises BakeryError (exit code 3) for one that is broken, stale or from the future: a bake would fail there.
    """
    release = release_file.parse(body.decode(errors="replace"), url=source.release_url)
    release_file.require_fresh(release, now=now)
    found = package_lists(source, release=release.text, arch=arch)
    if not found:
        said = f"{source.release_url} lists no packages for {arch} in {' '.join(source.components)}"
        raise missing(said, hint=release_file.BROKEN)
    return found


def available_versions(package: str, lists: Sequence[PackageList]) -> list[str]:
    """Return the versions of *package* in all the lists, the newest first.

    Raises SilentError when a list does not come, BakeryError (exit code 3) when it is not what its Release file says.
    """
    pattern = re.compile(rb"^" + re.escape(package.encode()) + rb" (\S+)", re.MULTILINE)
    found = {version.decode() for lines in _read(lists) for version in pattern.findall(lines)}
    return sorted(found, key=sort_key, reverse=True)


def names(lists: Sequence[PackageList]) -> set[str]:
    """Return the name of every package in the lists, and what packages provide; raises as `available_versions`."""
    return {line.partition(b" ")[0].decode() for lines in _read(lists) for line in lines.splitlines()}


def offered(lists: Sequence[PackageList], *, of: Collection[str]) -> dict[str, list[str]]:
    """Return the versions of some packages that everybody is to have by now; raises as `available_versions`.

    Ubuntu hands an update to a share of all machines first, and to the others in the days after
    (wiki.ubuntu.com/PhasedUpdates): until then it is nobody's to wait for.
    """
    wanted = {name.encode() for name in of}
    found: dict[str, list[str]] = {}
    for lines in _read(lists):
        for name, _, version in (line.partition(b" ") for line in lines.splitlines()):
            if name in wanted and version and b" " not in version:
                found.setdefault(name.decode(), []).append(version.decode())
    return found


def condense(packages: bytes) -> bytes:
    """Return the ``NAME VERSION`` lines of a package list: 2 MB of 50, which is what is kept.

    What a package provides is a name without a version; an update that not everybody gets yet has its share behind it.
    """
    name, own = b"", 0
    lines: list[bytes] = []
    for field, value in _FIELD.findall(packages):
        if field == b"Package":
            name = value
        elif field == b"Version":
            own = len(lines)
            lines.append(name + b" " + value)
        elif field == b"Phased-Update-Percentage":
            lines[own] += b"" if value.strip() == b"100" else b" " + value.strip()
        else:
            lines += [provided.split(b"(")[0].strip() + b" " for provided in value.split(b",")]
    return b"\n".join(lines)


def _read(lists: Sequence[PackageList]) -> list[bytes]:
    kept = [_kept(wanted) for wanted in lists]
    if None not in kept:
        return [lines for lines in kept if lines is not None]
    # Here and not above: a web client reads every certificate there is, and most often all lists are kept already.
    from bakery.core import http_client

    with http_client.client(timeout_s=SILENCE_S) as client, ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda wanted: _lines(wanted, client=client), lists))


def _kept(wanted: PackageList) -> bytes | None:
    path = _folder() / wanted.sha256
    with suppress(FileNotFoundError):
        os.utime(path)
        return path.read_bytes()
    return None


def _lines(wanted: PackageList, *, client: "httpx.Client") -> bytes:
    kept = _kept(wanted)
    if kept is None:
        kept = condense(_unpacked(_get(wanted, client=client), wanted))
        _keep(_folder() / wanted.sha256, kept)
    return kept


def _get(wanted: PackageList, *, client: "httpx.Client") -> bytes:
    import httpx

    try:
        answer = client.get(wanted.url).raise_for_status()
    except httpx.HTTPError as error:
        raise SilentError(f"{wanted.url}: {reason(error)}", hint="versions are looked up in it: try again") from error
    if hashlib.sha256(answer.content).hexdigest() != wanted.sha256:
        raise missing(f"{wanted.url} is not what its Release file says", hint=_AGAIN)
    return answer.content


def _unpacked(content: bytes, wanted: PackageList) -> bytes:
    try:
        return UNPACK[wanted.url[-3:]](content)
    except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
        raise missing(
            f"{wanted.url} cannot be unpacked: {error}", hint="the archive is broken: another mirror"
        ) from error


def _folder() -> Path:
    return folders.cache_dir() / "lists"


def _keep(kept: Path, content: bytes) -> None:
    with folders.cache_in_use():
        kept.parent.mkdir(parents=True, exist_ok=True)
        _forget_old(kept.parent)
        # A name of its own, because two suites may have the very same list and are read at the same time.
        with tempfile.NamedTemporaryFile(dir=kept.parent, prefix=f".{kept.name}.", delete=False) as draft:
            draft.write(content)
        Path(draft.name).replace(kept)


def _forget_old(folder: Path) -> None:
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another reader's draft, which has its name by now
            if path.stat().st_mtime < oldest:
                path.unlink()
