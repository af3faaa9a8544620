"""What is asked for when machines are launched; what cannot be is refused before any cloud is asked."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

from bakery.core.errors import did_you_mean, impossible
from bakery.core.texts import home
from bakery.guests import seed
from bakery.release import user_data as told

MOST = 20
"""Machines in one region by one command: a slip of the finger must not cost a fortune."""
NODE_FILE = "/etc/bakery/node.yaml"
# As bakery-firstboot judges it on the machine, where a mistake would be seen too late.
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?i)(?=.{{1,253}}$)({_LABEL}\.)+{_LABEL}|none|sslip")


class From(StrEnum):
    """Where an image's id is taken from."""

    CATALOG = "catalog"
    PARAMETER = "parameter"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; empty strings leave the choice to the definition, the catalog or the region."""

    image: str
    regions: tuple[str, ...]
    count: int = 1
    """In each region."""
    arch: str = ""
    release: str = ""
    """A name or its beginning; by default the promoted one."""
    source: str = ""
    """A `From`; by default the catalog, or the parameter where the catalog knows no release."""
    instance_type: str = ""
    disk_gb: int = 0
    """GiB; 0: as the definition says."""
    key: str = ""
    """The name of an EC2 key pair."""
    user_data: bytes = b""
    is_waiting: bool = True

    def __post_init__(self) -> None:
        """Raise BakeryError (exit code 2) for what cannot be."""
        if not self.regions:
            raise impossible("--region is missing: where are the machines to be?", hint="--region eu-west-2")
        if not 1 <= self.count <= MOST:
            raise impossible(f"--count {self.count}: 1 to {MOST} machines in each region", hint=f"--count {MOST}")
        if self.source and self.source not in list(From):
            raise impossible(f"--from {self.source}: there is no such source", hint=did_you_mean(self.source, From))


def user_data(*, file: str = "", domain: str = "") -> bytes:
    """Return what a machine is told at its first boot: what a file holds, or a cloud-config with its dokku domain.

    Raises BakeryError (exit code 2) when both are given, and for what a machine could not take.
    """
    if file and domain:
        raise impossible(
            "--domain and --user-data exclude each other: both are the machine's user-data",
            hint=f"write {NODE_FILE} in your file, as docs/first-boot.md shows",
        )
    if domain and not _DOMAIN.fullmatch(domain):
        raise impossible(f"--domain {domain}: no domain such as apps.example.com, and neither sslip nor none")
    if domain:
        return seed.user_data(public_keys=(), secret_files={NODE_FILE: json.dumps({"domain": domain}) + "\n"}).encode()
    return told.read(home(file)) if file else b""
