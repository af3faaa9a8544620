"""Hands an account's keys to Packer: as they are where they last, and else so that Packer asks for them again.

Keys of a role or a sign-in end within the hour, and a bake may take longer. We renew them ourselves, because the SDK in
Packer 1.6 is older than single sign-on; it reads ours through `credential_process`, which it runs again in time.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bakery.clouds.aws import credentials
from bakery.clouds.aws.account import Account
from bakery.core import scratch
from bakery.core.console import Console
from bakery.core.errors import BakeryError

RENEW_S = 60.0
VALID_S = 300.0
"""For how long Packer takes what it has read for good; boto3 renews keys ten minutes before they end."""
PROFILE = "dokku-bakery"
KEYS_VARIABLE = "BAKERY_AWS_KEYS"
OTHERS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
)
"""Variables that Packer would take keys from instead."""


@contextmanager
def environment(account: Account, *, console: Console) -> Iterator[dict[str, str]]:
    """Give what makes Packer use this account while the body runs. Raises like `Account.environment`."""
    keys = account.environment()
    if keys["AWS_SESSION_TOKEN"] and not credentials.is_renewable(account.session):
        console.say("these credentials are temporary and cannot be renewed: a bake that outlasts them fails")
    if not credentials.is_renewed(account.session):
        yield keys
        return
    with scratch.small() as folder:
        file, config, stop = folder / "keys.json", folder / "config", threading.Event()
        _write(file, keys)
        config.write_text(f'[profile {PROFILE}]\ncredential_process = cat "${KEYS_VARIABLE}"\n')
        thread = threading.Thread(target=_renew, args=(account, file, stop, console), daemon=True)
        thread.start()
        try:
            yield {
                **dict.fromkeys(OTHERS, ""),
                "AWS_CONFIG_FILE": str(config),
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_PROFILE": PROFILE,
                "AWS_SDK_LOAD_CONFIG": "1",
                KEYS_VARIABLE: str(file),
            }
        finally:
            stop.set()
            thread.join()


def _renew(account: Account, file: Path, stop: threading.Event, console: Console) -> None:
    told = ""
    while not stop.wait(RENEW_S):
        try:
            _write(file, account.environment())
            told = ""
        except BakeryError as error:
            # Somebody may sign in again meanwhile, and then the next try has keys.
            if error.message != told:
                console.say(f"{error.message}: Packer goes on with what it has  ({error.hint})")
            told = error.message


def _write(file: Path, keys: dict[str, str]) -> None:
    """Put keys into the file in one step: Packer may read it at any moment."""
    told = {
        "Version": 1,
        "AccessKeyId": keys["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": keys["AWS_SESSION_TOKEN"],
        "Expiration": f"{datetime.now(UTC) + timedelta(seconds=VALID_S):%Y-%m-%dT%H:%M:%SZ}",
    }
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(told))
    new.replace(file)
