"""The public keys that a definition names: written down, in a file beside it, or fetched from an https address."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bakery.ask import Source, ask
from bakery.complaint import shown
from bakery.definition import Definition
from bakery.errors import BakeryError, impossible, missing
from bakery.rules import KeyText

HINT = "a public key such as 'ssh-ed25519 AAAA… you', the path of a .pub file, or an https address"
# sshd(8), "AUTHORIZED_KEYS FILE FORMAT": type, base64, comment. No options before them: dokku puts its own there.
_KEY = re.compile(r"((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+) ([A-Za-z0-9+/]+=*)(?: (.*))?")


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
        text = fetched.get(name) or (value if not origin else _read(beside / value, where=f"{where}.{name}"))
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
        if match is None or not _is_of_type(match[2], match[1]):
            raise impossible(f"{where}: {line[:40]!r} is no public key", hint=HINT)
        yield (name if len(lines) == 1 else f"{name}-{number}"), f"{match[1]} {match[2]}"


def _is_of_type(encoded: str, kind: str) -> bool:
    """Return whether the base64 text begins with the name of its own type, as every key does (RFC 4253, 6.6)."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")] == kind.encode()


def _read(path: Path, *, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise impossible(f"{where}: cannot read {path}", hint=HINT) from error


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
        return {answer.source.name: answer.body.decode() for answer in answers}
    except UnicodeDecodeError as error:
        raise BakeryError(f"{where}: what came is no text") from error
