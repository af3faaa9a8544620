"""The disk a bake starts from, made or fetched once and kept by content: the next bake finds it."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bakery.core import folders
from bakery.core.console import Console
from bakery.definition.bases import Arch, Base
from bakery.disk import archive, cloudimage

ARCHIVE_NEED_GB = 3.0
CLOUD_NEED_GB = 2.0
KEPT_DAYS = 14
"""How long a base stays that no bake began with: archives change daily, and each base takes most of a gigabyte."""


@dataclass(frozen=True, kw_only=True)
class BaseDisk:
    """A disk image that nobody writes to, and its SHA-256."""

    path: Path
    sha256: str


def from_archive(recipe: archive.Recipe, *, digests: Mapping[str, str], console: Console) -> BaseDisk:
    """Return the base made by *recipe* out of the archives whose Release files have *digests*.

    New packages in the archive change its Release file, so they make a new base; otherwise the cached one serves.
    """
    own = {url: digest for url, digest in digests.items() if any(url.startswith(uri) for uri in recipe.uris())}
    key = content_key([*recipe.ingredients(), *(f"{url} {digest}" for url, digest in sorted(own.items()))])
    disk = folders.cache_dir() / "bases" / f"{recipe.base.name}-{recipe.arch}-archive-{key[:16]}.qcow2"
    what = f"the base {recipe.base.name}"
    with folders.cache_in_use(), folders.locked(disk.with_suffix(".lock"), what=what, console=console):
        if not disk.exists():
            folders.require_space(disk.parent, need_gb=ARCHIVE_NEED_GB, what=what)
            with folders.work_dir(disk.parent) as work:
                draft = work / disk.name
                archive.build(recipe, out=draft, console=console)
                _keep(draft, disk=disk)
        else:
            console.update("cached")
        return _known(disk)


def from_cloud_image(base: Base, arch: Arch, *, console: Console) -> BaseDisk:
    """Return the distribution's current cloud image, downloaded unless it is cached."""
    algorithm, digest = cloudimage.published_digest(base, arch)
    disk = _of_digest(base, arch, digest)
    what = f"the base {base.name}"
    with folders.cache_in_use(), folders.locked(disk.with_suffix(".lock"), what=what, console=console):
        if not disk.exists():
            folders.require_space(disk.parent, need_gb=CLOUD_NEED_GB, what=what)
            draft = disk.with_suffix(".download")
            cloudimage.download(
                base.cloud_image.url(arch), out=draft, algorithm=algorithm, digest=digest, console=console
            )
            _keep(draft, disk=disk)
        else:
            console.update("cached")
        return _known(disk)


def of_cloud_image(base: Base, arch: Arch) -> Path:
    """Return where the distribution's current cloud image is kept, or would be once a bake begins with it.

    Raises BakeryError (exit code 3) when the distribution does not say which one that is.
    """
    return _of_digest(base, arch, cloudimage.published_digest(base, arch)[1])


def _of_digest(base: Base, arch: Arch, digest: str) -> Path:
    return folders.cache_dir() / "bases" / f"{base.name}-{arch}-cloud-{digest[:16]}.qcow2"


def cached(base: Base, arch: Arch) -> BaseDisk | None:
    """Return the newest disk of *base* that is kept already, or None."""
    kept = (folders.cache_dir() / "bases").glob(f"{base.name}-{arch}-*.qcow2")
    newest = max(kept, key=lambda disk: disk.stat().st_mtime, default=None)
    return _known(newest) if newest else None


def content_key(ingredients: list[str]) -> str:
    """Return one hash of all *ingredients*; which of them a character belongs to makes a difference."""
    return hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(draft: Path, *, disk: Path) -> None:
    for old in disk.parent.glob("*.qcow2"):
        if time.time() - old.stat().st_mtime > KEPT_DAYS * 86400:
            for file in old.parent.glob(f"{old.stem}.*"):
                file.unlink()
    folders.write_json(disk.with_suffix(".json"), {"sha256": sha256(draft)})
    draft.replace(disk)


def _known(disk: Path) -> BaseDisk:
    note = disk.with_suffix(".json")
    with suppress(OSError):  # a cache that is only read serves as well
        os.utime(disk)  # used today
    try:
        known = str(json.loads(note.read_bytes())["sha256"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        # The disk itself is moved there last and whole; what is noted of it can be asked again.
        known = sha256(disk)
        folders.write_json(note, {"sha256": known})
    return BaseDisk(path=disk, sha256=known)
