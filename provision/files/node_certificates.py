"""Certificates: those that the owner brings, and whether others are renewed."""

import io
import ssl
import tarfile
import tempfile
import time

from dokku import PLUGINS, dokku
from files import at, text_of
from node_task import InputError, Node, Task, need
from programs import run

TIMER = "bakery-certificate-renewal.timer"
DAY_S = 86400  # by which the clocks may differ of this machine and of the one that made a certificate just now
# dokku knows no limit, but a file's name does, and an image's of Docker.
APP = "[a-z0-9][a-z0-9.-]{0,199}"


def check_pair(crt: str, key: str) -> None:
    """Raise InputError unless the certificate is valid, the key is its own, and OpenSSL serves TLS with them."""
    code, public, _ = run("openssl", "x509", "-noout", "-pubkey", given=crt.encode())
    if code:
        raise InputError("crt is no certificate in PEM")
    code, out, _ = run("openssl", "pkey", "-pubout", "-passin", "pass:", given=key.encode())
    if code:
        raise InputError("key is no private key in PEM without a passphrase")
    if out != public:
        raise InputError("crt and key do not belong together")
    if run("openssl", "x509", "-noout", "-checkend", "0", given=crt.encode())[0]:
        raise InputError("crt has expired")
    _, begin, _ = run("openssl", "x509", "-noout", "-startdate", given=crt.encode())
    if ssl.cert_time_to_seconds(begin.strip().partition("=")[2]) > time.time() + DAY_S:
        raise InputError("crt is not valid yet, nor tomorrow")
    check_strength((crt + key).encode())


def check_strength(pem: bytes) -> None:
    """Raise InputError for what OpenSSL finds too weak: with one such app nginx takes no new configuration at all."""
    with tempfile.NamedTemporaryFile(dir=at("/run")) as file:  # in memory, for root alone
        file.write(pem)
        file.flush()
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file.name)
        except ssl.SSLError as error:
            why = (error.reason or "SSL").replace("_", " ").lower()
            raise InputError(f"nginx cannot serve crt and key: {why}") from None


def add(node: Node, task: Task) -> str:
    """Give apps their certificates; an app that is not there yet is created."""
    for app, pair in node.get("certificates", {}).items():
        with task.part(f"certificates.{app}:"):
            need(app, APP, "the name of an app: small letters, digits, dots and dashes, 200 at most")
            if not isinstance(pair, dict) or set(pair) != {"crt", "key"}:
                raise InputError("must be a table of crt and key")
            pem = {part: need(pair[part], "(?s).*-----BEGIN .*", f"PEM in {part}").rstrip() + "\n" for part in pair}
            check_pair(**pem)
            tls = at(f"/home/dokku/{app}/tls")
            if all(text_of(tls / f"server.{part}") == pem[part] for part in pem):
                continue
            if not tls.parent.is_dir():
                dokku("apps:create", app)
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                for part, text in pem.items():
                    entry = tarfile.TarInfo(f"server.{part}")
                    entry.size, entry.mode = len(text.encode()), 0o600
                    tar.addfile(entry, io.BytesIO(text.encode()))
            dokku("certs:add", app, given=archive.getvalue(), secrets=(pem["key"],))
    return f"{len(node.get('certificates', {}))} certificates"


def switch_renewal(node: Node, task: Task) -> str:
    """Switch the timer that renews certificates on or off."""
    asked = node.get("renew_certificates", "true" if "letsencrypt" in node.get("settings", {}) else None)
    if asked is None:
        return "left as it is"
    verb = "enable" if need(asked, "(?i)true|false", "true or false").lower() == "true" else "disable"
    if verb == "enable" and not (PLUGINS / "letsencrypt").exists():
        raise InputError("dokku has no plugin letsencrypt here")
    # Not waiting: at first boot the jobs of this unit's own transaction are still under way.
    code, _, err = run("systemctl", verb, "--now", "--no-block", TIMER)
    if code:
        raise ChildProcessError(f"systemctl {verb} failed with exit code {code}: {err}")
    return f"{verb}d"
