"""A base disk that the distribution publishes: downloaded once, resumed when cut off, and checked before it is used."""

import hashlib
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from bakery import ROOT
from bakery.core import files, process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, missing
from bakery.core.reasons import reason
from bakery.definition.bases import Arch, Base

if TYPE_CHECKING:
    import httpx

KEY = ROOT / "bakery/data/ubuntu-cloudimage.gpg"
"""The key that signs Ubuntu's cloud images, from Ubuntu's package ubuntu-keyring: Debian has no package with it."""
TIMEOUT_S = 20
"""Without a byte for that long, the download ends; the next run goes on where it stopped."""


def published_digest(base: Base, arch: Arch) -> tuple[str, str]:
    """Return the hash algorithm and the hex digest that the distribution publishes for its current image.

    Raises BakeryError (exit code 3) when the checksums do not come or, where they are signed, the signature is bad.
    """
    image = base.cloud_image
    sums = _get(image.sums_url)
    if image.signature_url is not None and image.signing_key is not None:
        _require_signature(sums, signature=_get(image.signature_url), key=image.signing_key, url=image.sums_url)
    name = image.url(arch).rsplit("/", 1)[-1]
    algorithm = image.sums.removesuffix("SUMS").lower()
    return algorithm, find_digest(sums.decode(), name=name, url=image.sums_url)


def find_digest(sums: str, *, name: str, url: str) -> str:
    """Return the digest of file *name* in the text of a SHA…SUMS file (`DIGEST  NAME` or `DIGEST *NAME`).

    Raises BakeryError (exit code 3) when it is not listed.
    """
    for line in sums.splitlines():
        digest, _, listed = line.partition(" ")
        if listed.lstrip(" *") == name:
            return digest
    raise missing(f"{url} does not list {name}", hint="--base-from archive")


def download(url: str, *, out: Path, algorithm: str, digest: str, console: Console) -> None:
    """Fetch *url* to *out*, going on where an earlier try ended, and check it.

    What was fetched stays in `OUT.part` until it is whole. Raises BakeryError: exit code 3 when the source does not
    answer, 1 when what came is not what the checksums say (it is then thrown away).
    """
    import httpx

    from bakery.core import http_client

    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    try:
        with http_client.client(timeout_s=TIMEOUT_S) as client:
            _fetch(client, url, part=part, console=console)
    except httpx.HTTPError as error:
        raise missing(
            f"{url}: {reason(error)}", hint="the same command goes on where this one stopped; or --base-from archive"
        ) from error
    with part.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != digest:
        part.unlink()
        raise BakeryError(
            f"{url} does not match its checksum: {algorithm} {found} instead of {digest}",
            hint="run it again; if it fails again, the mirror is broken or somebody stands in between",
        )
    part.replace(out)


def _fetch(client: "httpx.Client", url: str, *, part: Path, console: Console) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it was here already
        response.raise_for_status()
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            have = 0  # the server does not resume, or the file changed
        total = have + int(response.headers.get("Content-Length", 0))
        with files.named(part), part.open("ab" if have else "wb") as file:
            for chunk in response.iter_bytes():
                have += file.write(chunk)
                console.update(f"downloading {have / 1e6:.0f} of {total / 1e6:.0f} MB", done=have, total=total)


def _get(url: str) -> bytes:
    import httpx

    from bakery.core import http_client

    try:
        with http_client.client(timeout_s=TIMEOUT_S) as client:
            return client.get(url).raise_for_status().content
    except httpx.HTTPError as error:
        raise missing(f"{url}: {reason(error)}", hint="--base-from archive") from error


def _require_signature(sums: bytes, *, signature: bytes, key: str, url: str) -> None:
    """Ask gpg whether *key* made *signature*; the key comes from `KEY` or from gpg's own keyring."""
    with tempfile.TemporaryDirectory(prefix="bakery-gpg-") as folder:
        text, signed = Path(folder, "sums"), Path(folder, "sums.gpg")
        text.write_bytes(sums)
        signed.write_bytes(signature)
        status = process.run(verify_argv(signed, text=text), is_checked=False).output
    if not is_signed_by(status, key=key):
        raise missing(
            f"{url} is not signed by {key}",
            hint="run it again; if it fails again, the mirror is broken or somebody stands in between",
        )


def verify_argv(signature: Path, *, text: Path) -> list[str]:
    """Return the command that checks a detached signature and says for machines what it found."""
    return ["gpg", "--batch", "--status-fd", "1", "--keyring", str(KEY), "--verify", str(signature), str(text)]


def is_signed_by(status: str, *, key: str) -> bool:
    """Return whether gpg's status lines say that *key* (fingerprint of a primary key) made a good signature.

    VALIDSIG's last field is the primary key's fingerprint (GnuPG, doc/DETAILS).
    """
    lines = [line.split() for line in status.splitlines()]
    return any(line[:2] == ["[GNUPG:]", "VALIDSIG"] and line[-1] == key for line in lines)
