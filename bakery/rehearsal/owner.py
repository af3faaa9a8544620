"""Whose a rehearsal is: its port is open to everybody on this machine, so that each run has keys of its own."""

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SIGNED = re.compile(r"\bCredential=(?P<key>[^/]+)/")
"""Where a signature names the key that it was made with (AWS General Reference, "Signature Version 4")."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What calls are made with: ids of keys for what is signed, and the token of all others.

    Nothing checks a signature: an id that nobody can guess is what counts.
    """

    access_key: str
    scaleway_access_key: str
    scaleway_secret_key: str
    """Also of the calls to the rehearsal itself."""

    def are_of(self, environ: Mapping[str, Any]) -> bool:
        """Return whether a call was made with one of them."""
        signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        pairs = (
            (environ.get("HTTP_X_AUTH_TOKEN", ""), self.scaleway_secret_key),
            *((signed["key"], key) for key in (self.access_key, self.scaleway_access_key) if signed),
        )
        return any(secrets.compare_digest(said.encode(), key.encode()) for said, key in pairs)


def new_keys() -> Keys:
    """Return keys that there never were, in the clouds' own forms."""
    return Keys(
        access_key=f"AKIA{_letters(16)}",
        scaleway_access_key=f"SCW{_letters(17)}",
        scaleway_secret_key=str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)),
    )


def _letters(count: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(count))
