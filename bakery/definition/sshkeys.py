"""The public keys that a definition names: written down, in a file beside it, or fetched from an https address."""

import base64
import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bakery.core import texts
from bakery.core.errors import BakeryError, impossible, missing
from bakery.core.http import Source, ask
from bakery.core.texts import home
from bakery.definition.model import Definition
from bakery.definition.problems import shown
from bakery.definition.rules import KeyText

HINT = "a public key such as 'ssh-ed25519 AAAA… you', the path of a .pub file, or an https address"
# sshd(8), "AUTHORIZED_KEYS FILE FORMAT": type, base64, comment. No options before them: dokku puts its own there.
_KEY = re.compile(r"((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+=*)(?:[ \t]+(.*))?")
FEWEST_RSA_BITS = 1024
"""Fewer are refused by sshd (sshd_config(5), "RequiredRSASize")."""


@dataclass(frozen=True, kw_only=True)
class NamedKey:
    """One public key, the name that dokku knows it by, and whether it also logs in."""

    name: str
    text: str
    """Type and base64, without a comment."""
    is_login: bool
    origin: str
    """Where the definition has it from: an address, a path, or nothing when it is written down."""

    @property
    def fingerprint(self) -> str:
        """Return its SHA-256 as `ssh-keygen -lf` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.text.split()[1])).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"

    @property
    def setting(self) -> str:
        """Return it as one word for the settings of the steps: NAME:login:TYPE:BASE64."""
        return ":".join((self.name, "login" if self.is_login else "-", *self.text.split()))

    @property
    def line(self) -> str:
        """Return it for people: name, fingerprint, origin."""
        return f"{self.name} {self.fingerprint}{f' from {self.origin}' if self.origin else ''}"


def resolve(definition: Definition, *, folder: Path) -> tuple[NamedKey, ...]:
    """Return the keys of a definition whose file is in *folder*, addresses fetched, all of them at the same time.

    An address or a file may hold several keys: they get the name with -1, -2 and so on. Raises BakeryError: exit code 2
    for what is no key or is there twice, 3 when an address does not answer.
    """
    keys = definition.ssh.keys
    if not keys:
        return ()
    where = f"{shown(folder / f'{definition.name}.toml')}: ssh.keys"
    fetched = _fetch({name: value for name, value in keys.items() if value.startswith("https://")}, where=where)
    found: dict[str, NamedKey] = {}
    for name, value in keys.items():
        origin = "" if _KEY.match(value) else value
        # A layer below may lie in another folder.
        beside = value.folder if isinstance(value, KeyText) else folder
        text = fetched.get(name) or (value if not origin else _read(beside / home(value), where=f"{where}.{name}"))
        for key in _parse(text, name=name, where=f"{where}.{name}"):
            named = NamedKey(name=key[0], text=key[1], is_login=name in definition.ssh.login, origin=origin)
            if named.fingerprint in found:
                raise impossible(f"{where}.{name}: the same key as {found[named.fingerprint].name}")
            found[named.fingerprint] = named
    return tuple(found.values())


def _parse(text: str, *, name: str, where: str) -> Iterator[tuple[str, str]]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise impossible(f"{where}: there is no key in it")
    for number, line in enumerate(lines, start=1):
        match = _KEY.fullmatch(line)
        if match is None:
            raise impossible(f"{where}: {line[:40]!r} is no public key", hint=HINT)
        text = f"{match[1]} {match[2]}"
        if problem := _problem(text):
            raise impossible(f"{where}: {line[:40]!r} is no public key: {problem}", hint=HINT)
        yield (name if len(lines) == 1 else f"{name}-{number}"), text


def _problem(text: str) -> str:
    """Return why a key, its type and its base64, lets nobody in; nothing when it does."""
    # Only whoever has keys pays for this.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    kind = text.partition(" ")[0]
    if "-cert-v01@" in kind:
        return "it is a certificate, and dokku takes keys"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that DSA is old
            key = load_ssh_public_key(text.encode())
    except UnsupportedAlgorithm:
        return f"{kind} is no type of key"
    except ValueError:
        return "it is cut off or damaged"
    if isinstance(key, DSAPublicKey):
        return "sshd takes no DSA keys any more"
    if isinstance(key, RSAPublicKey) and key.key_size < FEWEST_RSA_BITS:
        return f"it has {key.key_size} bits, and sshd takes {FEWEST_RSA_BITS} or more"
    return ""


def _read(path: Path, *, where: str) -> str:
    try:
        return texts.read(path)
    except OSError as error:
        raise impossible(f"{where}: cannot read {path}: {error.strerror}", hint=HINT) from error
    except UnicodeDecodeError as error:
        raise impossible(f"{where}: {path} is not UTF-8 text", hint=HINT) from error


def _fetch(addresses: Mapping[str, str], *, where: str) -> dict[str, str]:
    sources = [Source(name=name, url=url, needed_for=f"ssh.keys.{name}") for name, url in addresses.items()]
    answers = ask(sources) if sources else []
    for answer in answers:
        if not answer.is_ok:
            raise missing(
                f"{where}.{answer.source.name}: no answer from {answer.source.url}: {answer.problem}",
                hint="write the key itself into the definition",
            )
    try:
        return {answer.source.name: texts.decode(answer.body) for answer in answers}
    except UnicodeDecodeError as error:
        raise BakeryError(f"{where}: what came is no text") from error
