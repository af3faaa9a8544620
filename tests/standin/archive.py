"""Makes signed package archives of .deb files with gpg and nothing else, shaped like those of the vendors."""

import gzip
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A key of its own for every run, gone when the run is over."""

    home: Path
    fingerprint: str

    def public_key(self) -> bytes:
        return self._gpg("--armor", "--export", self.fingerprint)

    def clearsigned(self, text: bytes) -> bytes:
        return self._gpg("--clearsign", "--digest-algo", "SHA256", text=text)

    def _gpg(self, *arguments: str, text: bytes = b"") -> bytes:
        argv = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", *arguments]
        return subprocess.run(argv, input=text, check=True, capture_output=True).stdout


@contextmanager
def signing() -> Iterator[Signer]:
    """Make a key, and forget it afterwards."""
    # A path of its own and a short one: the agent's socket lies in it, and its name may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="gpg", ignore_cleanup_errors=True) as name:
        home = Path(name)
        gpg = ["gpg", "--homedir", name, "--batch", "--quiet"]
        who = "Dokku Bakery stand-in <root@localhost>"
        new = ["--passphrase", "", "--quick-generate-key", who, "ed25519", "sign", "never"]
        subprocess.run([*gpg, *new], check=True, capture_output=True)
        listing = subprocess.run([*gpg, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True)
        lines = listing.stdout.splitlines()
        try:
            yield Signer(home=home, fingerprint=next(line.split(":")[9] for line in lines if line.startswith("fpr:")))
        finally:
            subprocess.run(["gpgconf", "--homedir", name, "--kill", "gpg-agent"], check=False, capture_output=True)


def publish(debs: list[Path], root: Path, *, suites: tuple[str, ...], component: str, signer: Signer) -> None:
    """Fill *root* with the files and, for each suite, their signed list."""
    pool = root / "pool" / component
    pool.mkdir(parents=True)
    stanzas = [_stanza(Path(shutil.copy(deb, pool)), root) for deb in debs]
    for suite in suites:
        _write_suite("\n".join(stanzas).encode(), root / "dists" / suite, component=component, signer=signer)


def _stanza(deb: Path, root: Path) -> str:
    control = subprocess.run(["dpkg-deb", "--field", str(deb)], check=True, capture_output=True, text=True).stdout
    content = deb.read_bytes()
    where = f"Filename: {deb.relative_to(root)}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"
    # The description may have lines of its own, so it stays the last field.
    head, _, description = control.partition("Description: ")
    return f"{head}{where}Description: {description}"


def _write_suite(packages: bytes, dist: Path, *, component: str, signer: Signer) -> None:
    folder = dist / component / "binary-amd64"
    folder.mkdir(parents=True)
    (folder / "Packages").write_bytes(packages)
    (folder / "Packages.gz").write_bytes(gzip.compress(packages, mtime=0))
    (folder / "Release").write_text(f"Archive: {dist.name}\nComponent: {component}\nArchitecture: amd64\n")
    rows = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        rows.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {path.relative_to(dist)}\n")
    release = (
        f"Origin: stand-in\nLabel: stand-in\nSuite: {dist.name}\nCodename: {dist.name}\n"
        f"Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S} UTC\nArchitectures: amd64\nComponents: {component}\n"
        f"Description: stand-in archive for the tests of Dokku Bakery\nSHA256:\n{''.join(rows)}"
    )
    (dist / "Release").write_text(release)
    (dist / "InRelease").write_bytes(signer.clearsigned(release.encode()))
