"""SSH keys: whose are wanted, who logs in with them, and who may push."""

import base64
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dokku import dokku
from files import at, text_of, write
from node_task import InputError, Node, Task, need
from programs import run

# sshd(8): type, base64, comment. A line that begins with options is no plain key, and dokku puts options of its own.
PLAIN_KEY = r"\s*((?:sk-)?(?:ssh|ecdsa)-[A-Za-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+=*)(?:[ \t]+(.*))?\s*"
# How a line begins that is meant for one, be it cut or broken; no option of authorized_keys does.
KEY_BEGINS = r"\s*(?:sk-)?(?:ssh|ecdsa)-.*"
# Vagrant's RSA and ed25519 keys: everybody has the private half (https://github.com/hashicorp/vagrant/tree/main/keys).
EVERYBODYS = "SHA256:1M4RzhMyWuFS/86uPY/ce2prh/dVTHW7iD2RhpquOZA SHA256:WkvqjnyPAeC0cbPErYiGP9vqHdgL1MqqvPdIe3lvHgI"


class Key(NamedTuple):
    """A public key; one that the platform brought is named after its comment, and takes another name when it must."""

    name: str
    text: str
    fingerprint: str
    is_login: bool
    is_platforms: bool


def people() -> Iterator[tuple[str, int, int, Path]]:
    """Return name, uid, gid and authorized_keys of root and of all people but dokku."""
    for entry in (line.split(":") for line in text_of(at("/etc/passwd")).splitlines()):
        if len(entry) == 7 and entry[0] != "dokku" and (entry[2] == "0" or 1000 <= int(entry[2]) <= 60000):
            yield entry[0], int(entry[2]), int(entry[3]), at(entry[5]) / ".ssh/authorized_keys"


def key_lines(node: Node) -> Iterator[tuple[str, str | None, object, bool]]:
    """Return where a key is, its name, its line and whether it logs in: the image's, the owner's, the platform's."""
    for line in text_of(at("/etc/bakery/ssh-keys")).splitlines():
        name, login, text, *_ = (*line.split("\t", 2), "", "")
        yield f"/etc/bakery/ssh-keys: {name}:", name, text, login == "login"
    for name, value in node.get("ssh_keys", {}).items():
        yield f"ssh_keys.{name}:", name, value, False
    for user, _, _, path in people():
        for number, line in enumerate(text_of(path).splitlines(), start=1):
            if re.fullmatch(KEY_BEGINS, line):
                yield f"~{user}/.ssh/authorized_keys:{number}:", None, line, False


def why_unreadable(kind: str, encoded: str) -> str:
    """Return what is wrong with a key, as ssh-keygen does not: it is parts after their lengths (RFC 4253, 6.6)."""
    try:
        blob, parts = base64.b64decode(encoded, validate=True), list[bytes]()
    except ValueError:
        return "it is cut, or broken in its base64"
    while blob:
        length = int.from_bytes(blob[:4], "big")
        part, blob = blob[4 : 4 + length], blob[4 + length :]
        if len(part) < length or not length:
            return "it is cut: its end is missing"
        parts.append(part)
        if parts[0] != kind.encode():
            return f"it says {kind}, but is of another type"
    return "it has too few or too many parts, or one of the wrong length"


def wanted_keys(node: Node, task: Task) -> list[Key]:
    """Return every key once, under its first name."""
    found: dict[str, Key] = {}
    for where, name, value, is_login in key_lines(node):
        with task.part(where):
            line = need(value, PLAIN_KEY, "one public key, such as 'ssh-ed25519 AAAA... you', not cut or broken")
            kind, encoded, comment = (*line.split(maxsplit=2), "")[:3]
            if kind == "ssh-dss" or "-cert-" in kind:
                raise InputError(
                    "DSA, which sshd takes from nobody" if kind == "ssh-dss" else "a certificate, which is no key"
                )
            if name is not None:
                need(name, r"[A-Za-z0-9_-]+", "named with letters, digits, _ and -")
            # A quote in a comment would break dokku's list of keys, so every comment is replaced by the name.
            chosen = name or re.sub(r"[^A-Za-z0-9_-]+", "-", comment).strip("-")[:60]
            text = f"{kind} {encoded} {chosen}".strip()
            code, out, _ = run("ssh-keygen", "-lf", "-", given=f"{text}\n".encode())
            if code:
                raise InputError(f"no public key that ssh-keygen can read: {why_unreadable(kind, encoded)}")
            if (fingerprint := out.split()[1]) not in EVERYBODYS.split():
                found.setdefault(fingerprint, Key(chosen, text, fingerprint, is_login, name is None))
            elif name is not None:
                raise InputError("Vagrant's public key, whose private half everybody has")
    return list(found.values())


def let_in(keys: list[Key]) -> None:
    """Add keys to the login user's authorized_keys."""
    user = next((person for person in people() if person[1] > 0), None)
    if user is None:
        raise InputError("there is no login user for the keys that log in")
    _, uid, gid, path = user
    if path.is_symlink() or path.parent.is_symlink():
        raise InputError(f"{path} is a link, which root does not follow")
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700)
        os.chown(path.parent, uid, gid)
    before = text_of(path)
    new = [key.text for key in keys if key.text.split()[1] not in before.split()]
    if new:
        write(path, "\n".join([*before.splitlines(), *new, ""]), 0o600, uid=uid, gid=gid)


def dokku_keys() -> dict[str, str]:
    """Return the names of dokku's keys, by fingerprint; as sshcommand wrote them, since asking dokku takes seconds."""
    text = text_of(at("/home/dokku/.ssh/authorized_keys"))
    return dict(re.findall(r'^command="FINGERPRINT=(\S+) NAME=\\"([^"\\]*)\\"', text, flags=re.MULTILINE))


def add(node: Node, task: Task) -> str:
    """Let those push, and those log in, whose keys are wanted."""
    keys = wanted_keys(node, task)
    if logins := [key for key in keys if key.is_login]:
        with task.part():
            let_in(logins)
    if not shutil.which("dokku"):
        return f"{len(logins)} login keys"
    there, added = dokku_keys(), set[str]()
    for key in (key for key in keys if key.fingerprint not in there):
        with task.part(f"{key.name or 'platform'}:"):
            if not key.is_platforms and key.name in there.values():
                raise InputError(f"another key has this name: `dokku ssh-keys:remove {key.name}`, then run this again")
            base, numbers = key.name or "platform", itertools.count(1)
            names = (base if number == 1 and key.name else f"{base}-{number}" for number in numbers)
            there[key.fingerprint] = name = next(name for name in names if name not in there.values())
            dokku("ssh-keys:add", name, given=f"{key.text}\n".encode())
            added.add(key.fingerprint)
    if added and (lost := added - set(dokku_keys())):
        raise ChildProcessError(f"dokku took them, but does not list them: {' '.join(sorted(lost))}")
    return f"{len(keys)} keys"
