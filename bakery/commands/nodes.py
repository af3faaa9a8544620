"""The task for nodes that serve: an app's certificate comes to all of them at once."""

from collections.abc import Sequence
from pathlib import Path

from bakery.commands.command import Context, task


@task(
    help={
        "host": "a node, [user@]address (user: dokku); give it as often as there are nodes",
        "app": "the app's name",
        "crt": "file with the certificate and its chain, PEM",
        "key": "file with its private key, PEM without a passphrase",
    },
    iterable=["host"],
)
def certs(_context: Context, host: Sequence[str] | None = None, app: str = "", crt: str = "", key: str = "") -> None:
    """Bring an app's certificate to every node that serves it, over SSH to dokku; all nodes at the same time."""
    from bakery.core.console import Console
    from bakery.local import certs

    pair = certs.Pair(certificate=Path(crt), key=Path(key))
    certs.push(pair, app=app, hosts=host or (), console=Console())
