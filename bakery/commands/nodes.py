"""The task for nodes that serve: an app's certificate comes to all of them at once."""

from collections.abc import Sequence

from bakery.commands.command import Context, task
from bakery.core.errors import impossible
from bakery.core.texts import home


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

    for option, file, example in (("--crt", crt, "fullchain.pem"), ("--key", key, "privkey.pem")):
        if not file:
            raise impossible(f"{option} is missing", hint=f"{option} {example}")
    pair = certs.Pair(certificate=home(crt), key=home(key))
    certs.push(pair, app=app, hosts=host or (), console=Console())
