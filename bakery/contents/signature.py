"""Signs the statement of a release's origin with the owner's key: a file beside it that openssl checks.

    openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin -in STATEMENT -sigfile STATEMENT.sig

Who signs, and where the key is kept, is the owner's affair: nothing is signed unless a key is named.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bakery.core.errors import impossible
from bakery.core.files import write_whole
from bakery.core.texts import home

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VARIABLE = "BAKERY_SIGNING_KEY"
"""The file of an Ed25519 key in PEM, without a passphrase."""
MAKE = "openssl genpkey -algorithm ed25519 -out bakery.pem"


def path_of(statement: Path) -> Path:
    """Return where the signature of a statement is."""
    return statement.with_name(f"{statement.name}.sig")


def require_usable() -> None:
    """Raise BakeryError (exit code 2) where a key is named that cannot sign: told before an hour of baking."""
    _key()


def sign(statement: Path) -> None:
    """Sign a statement that was written; where no key is named, no signature of an earlier one stays.

    Raises BakeryError like `require_usable`, OSError when it cannot be written.
    """
    key = _key()
    if key is None:
        path_of(statement).unlink(missing_ok=True)
    else:
        write_whole(path_of(statement), key.sign(statement.read_bytes()))


def _key() -> "Ed25519PrivateKey | None":
    named = os.environ.get(VARIABLE, "")
    if not named:
        return None
    # Imported late, as most commands sign nothing.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    path = home(named)
    try:
        found = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise impossible(f"{VARIABLE}: {path}: {error.strerror}", hint=f"{MAKE}, or unset it") from error
    except TypeError as error:
        raise impossible(f"{VARIABLE}: {path} has a passphrase, and nobody is there to type it", hint=MAKE) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise impossible(f"{VARIABLE}: {path} is no private key in PEM", hint=MAKE) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise impossible(f"{VARIABLE}: {path} is a key of another kind than Ed25519", hint=MAKE)
    return found
