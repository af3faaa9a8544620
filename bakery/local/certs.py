"""The story of `invoke certs`: one certificate of an app, brought to every node that serves it.

Behind latency DNS a node that asks Let's Encrypt by HTTP is seldom the one that is asked back, so one place holds the
certificate and every node gets a copy (docs/first-boot.md).
"""

import re
import ssl
import tarfile
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bakery.core import process
from bakery.core.console import Console, table
from bakery.core.errors import BakeryError, impossible
from bakery.core.texts import counted

CONNECT_TIMEOUT_S = 20
SILENCE_S = 20
"""How often a node is asked whether it is still there; ssh gives it up when it did not answer three times."""
DAY_S = 86400
"""By which this machine's clock and that of the one that made a certificate just now may differ, as at first boot."""
STRENGTH = "DEFAULT@SECLEVEL=2"
"""What OpenSSL asks of keys and signatures on every base, whatever this machine's own asks."""
# What dokku takes for the name of an app (its docs, "Application Management"), and `ssh` for no option.
_APP = re.compile(r"[a-z0-9][a-z0-9.-]*")
_HOST = re.compile(r"[A-Za-z0-9][\w.@:\[\]-]*")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate with its chain, and its private key: two files in PEM."""

    certificate: Path
    key: Path


def push(pair: Pair, *, app: str, hosts: Sequence[str], console: Console) -> None:
    """Give *app* the certificate on every host, all at the same time; *hosts* are reached as `dokku@HOST` by ssh.

    Raises BakeryError: exit code 2 for a pair that cannot be right, 1 when a host did not take it; the others have it.
    """
    if not _APP.fullmatch(app):
        raise impossible(f"--app {app!r} is no name of an app", hint="--app shop")
    if not hosts:
        raise impossible("no --host was given", hint="--host node1.example.com --host node2.example.com")
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise impossible(f"--host {host!r} is no address", hint="--host node1.example.com")
    require_pair(pair)
    with tempfile.TemporaryDirectory(prefix="bakery-certs-") as folder:
        archive = make_archive(pair, out=Path(folder, "certificate.tar"))
        complaints = _hand_out(archive, [push_argv(host, app=app) for host in hosts])
    rows = [(host, complaint or "has it") for host, complaint in zip(hosts, complaints, strict=True)]
    table(f"Certificate of {app}", ("host", "result"), rows)
    failed = [host for host, complaint in zip(hosts, complaints, strict=True) if complaint]
    if failed:
        hint = f"ssh dokku@{failed[0].rpartition('@')[2]} version  (does it let you in, and is there an app {app}?)"
        raise BakeryError(
            f"{len(failed)} of {counted(len(hosts), 'host')} did not take the certificate: {', '.join(failed)}",
            hint=hint,
        )
    console.say(f"{counted(len(hosts), 'host')} took the certificate of {app}")


def require_pair(pair: Pair) -> None:
    """Raise BakeryError (exit code 2) unless both are there and belong together, and nginx serves them now.

    The rules and their words are those of first boot (provision/files/node_certificates.py).
    """
    for option, path in (("--crt", pair.certificate), ("--key", pair.key)):
        if not path.is_file():
            raise impossible(f"{option} {path}: there is no such file")
    public = _openssl("x509", "-in", str(pair.certificate), "-noout", "-pubkey")
    if public is None:
        raise impossible(f"--crt {pair.certificate} is no certificate in PEM")
    own = _openssl("pkey", "-in", str(pair.key), "-pubout", "-passin", "pass:")
    if own is None:
        raise impossible(f"--key {pair.key} is no private key in PEM without a passphrase")
    if public != own:
        raise impossible(f"{pair.certificate} and {pair.key} do not belong together")
    if _openssl("x509", "-in", str(pair.certificate), "-noout", "-checkend", "0") is None:
        raise impossible(f"--crt {pair.certificate} has expired")
    begin = _openssl("x509", "-in", str(pair.certificate), "-noout", "-startdate") or ""
    if ssl.cert_time_to_seconds(begin.strip().partition("=")[2]) > time.time() + DAY_S:
        raise impossible(f"--crt {pair.certificate} is not valid yet, nor tomorrow")
    require_strength(pair)


def require_strength(pair: Pair) -> None:
    """Raise BakeryError (exit code 2) for what is too weak: with one such app nginx takes no new configuration."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(STRENGTH)
    try:
        context.load_cert_chain(pair.certificate, pair.key, password="")  # else it would ask at the terminal
    except ssl.SSLError as error:
        why = (error.reason or "SSL").replace("_", " ").lower()
        raise impossible(f"nginx cannot serve {pair.certificate} and {pair.key}: {why}") from error


def make_archive(pair: Pair, *, out: Path) -> Path:
    """Write the tar that `dokku certs:add` takes: one .crt and one .key, for nobody else to read."""
    out.touch(mode=0o600)
    # What certbot keeps in `live/` are links.
    with tarfile.open(out, "w", dereference=True) as archive:
        archive.add(pair.certificate, arcname="server.crt")
        archive.add(pair.key, arcname="server.key")
    return out


def _hand_out(archive: Path, argvs: Sequence[list[str]]) -> list[str]:
    """Run the commands at the same time, the archive on the stdin of each; return why each failed, empty if it did not.

    They are started and waited for in the main thread: there an interrupt reaches every one of them at once.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(process.start(argv, stdin=archive)) for argv in argvs]
        outputs = [child.stdout.read() if child.stdout else "" for child in running]
    return [
        (output.strip().splitlines() or [f"exit code {child.returncode}"])[-1] if child.returncode else ""
        for child, output in zip(running, outputs, strict=True)
    ]


def push_argv(host: str, *, app: str) -> list[str]:
    """Return the command that reads the tar from its stdin and hands it to dokku on *host* ([user@]address)."""
    options = ["BatchMode=yes", f"ConnectTimeout={CONNECT_TIMEOUT_S}", f"ServerAliveInterval={SILENCE_S}"]
    said = [word for option in options for word in ("-o", option)]
    return ["ssh", *said, host if "@" in host else f"dokku@{host}", "certs:add", app]


def _openssl(*words: str) -> str | None:
    done = process.run(["openssl", *words], is_checked=False)
    return done.output if done.exit_code == 0 else None
