"""What tests on the rehearsal cloud share: a release to publish, the state it ends in, a process that can be killed.

Run as a program it is that process: each order on stdin is carried out by a fork, which starts in milliseconds.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from bakery import ROOT
from bakery.catalog import catalog, record
from bakery.catalog.catalog import Placed, Release
from bakery.cloud import naming
from bakery.clouds.aws import account as aws
from bakery.clouds.aws import lateness, published
from bakery.clouds.aws.account import Account, rehearse
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console, table
from bakery.definition.bases import Arch, BaseName
from bakery.rehearsal.service import ACCESS_KEY, PORTS, SECRET_KEY
from bakery.release import promote, publish
from tests import importing_child

HOME = "eu-west-2"
SIX = (HOME, "eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1", "sa-east-1")
THREE = SIX[:3]
"""Where what is killed after each of its calls publishes: where the bake was, and two that are copied to at once."""
RELEASE = "20261123-0415-0123456789ab"
PROVENANCE = "5ec" + "0" * 61
NOW = datetime.now(UTC).replace(microsecond=0)
"""One time for all, so that two runs leave the same."""


def account_at(url: str) -> Account:
    return rehearse(endpoint=url, keys=(ACCESS_KEY, SECRET_KEY), ports=PORTS)


def verified(name: str = RELEASE, *, image_id: str = "") -> Release:
    return Release(
        release=name,
        arch=Arch.AMD64,
        base=BaseName.DEBIAN_12,
        fingerprint=name[-12:].ljust(64, "0"),
        size_gb=40,
        baked_at=NOW,
        baked_in=HOME,
        verified_at=NOW,
        provenance=PROVENANCE,
        places={HOME: Placed(image_id=image_id, published_at=NOW)} if image_id else {},
    )


def bake(rehearsal: Any, name: str = RELEASE, *, image: str = "host") -> Release:
    """Put a baked and verified release into the rehearsal's home region and into the catalog."""
    from bakery.rehearsal.world import Image, Snapshot, new_id

    release, world = verified(name), rehearsal.world
    tags = record.tags(release, image=image)
    snapshot = Snapshot(id=new_id("snap"), region=HOME, size_gb=40, started=world.today(), tags=dict(tags))
    made = Image(
        id=new_id("ami"),
        region=HOME,
        name=naming.name(image, name, Arch.AMD64),
        created=world.today(),
        snapshot=snapshot.id,
        size_gb=40,
        tags=dict(tags),
    )
    world.snapshots[snapshot.id], world.images[made.id] = snapshot, made
    release = verified(name, image_id=made.id)
    catalog.change(image, lambda known: known.with_release(release), is_rehearsal=True, console=Console())
    return release


def state(rehearsal: Any, account: Account, *, image: str = "host", regions: tuple[str, ...] = SIX) -> dict[str, Any]:
    """Return all that publishing leaves, with names in the place of ids, so that two runs can be compared."""
    world = rehearsal.world
    names = {one.id: one.name for one in world.images.values()}
    own = [one for one in world.images.values() if one.owner == account.number]
    parameters = {
        region: {
            found["Name"]: names.get(found["Value"], found["Value"])
            for found in account.region(region).all(
                "ssm", "get_parameters_by_path", "Parameters", Path="/dokku-bakery", Recursive=True
            )
        }
        for region in regions
    }
    known = catalog.read(image, is_rehearsal=True)
    return {
        "images": sorted(
            (one.region, one.name, sorted(one.tags.items()), one.protection, str(one.deprecated_at), one.imds_support)
            for one in own
        ),
        "snapshots": sorted(
            (one.region, sorted(one.tags.items())) for one in world.snapshots.values() if one.owner == account.number
        ),
        "parameters": parameters,
        "catalog": {
            release.release: {region: names[placed.image_id] for region, placed in release.places.items()}
            for release in known.releases
        },
        "latest": {
            str(arch): [(one.release, one.regions, one.missing, one.leaving) for one in history]
            for arch, history in known.latest.items()
        },
    }


@dataclass(frozen=True, kw_only=True)
class Killable:
    """The process that carries out orders in forks."""

    child: "subprocess.Popen[str]"

    def begin(self, order: dict[str, Any]) -> int:
        """Fork for an order and return the process's id; it waits for `go`."""
        self._write(json.dumps(order))
        return int(self._read())

    def go(self) -> int:
        """Let it go, wait for its end, and return its exit code, or minus the signal that ended it."""
        self._write("go")
        return int(self._read())

    def _write(self, line: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def _read(self) -> str:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        assert line, "the process that forks has ended"
        return line


@contextmanager
def killable(url: str, *, log: Path) -> Iterator[Killable]:
    """Give the body a process for orders to the cloud at *url*, what they print in *log*."""
    with log.open("wb") as sink:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.rehearsed", url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
        )
        with child:
            yield Killable(child=child)
            assert child.stdin is not None
            child.stdin.close()


def warm_account(url: str) -> Account:
    """Return an account whose clients are made, which takes half a second for all and a quarter for each of EC2's."""
    account = account_at(url)
    for name in THREE:
        for service in ("ec2", "ebs", "ssm"):
            account.region(name)._clients[service] = account.client(service, name)  # noqa: SLF001  # no call is made
    table("warming up", ("",), [])  # reads rich
    return account


def carry_out(order: dict[str, Any], account: Account) -> None:
    """Do what an order says, with pauses that suit a cloud whose states change within a tenth of a second."""
    published.FIRST_PAUSE_S = lateness.FIRST_PAUSE_S = 0.02
    aws.FIRST_PAUSE_S = 0.05
    os.environ["BAKERY_BUILD_DIR"] = order["build"]
    if order["act"] == "import":
        importing_child.bring(account)
        return
    wanted = publish.Order(image="host", release=RELEASE, regions=THREE)
    acts = {"publish": publish.publish, "promote": promote.promote}
    acts[order["act"]](wanted, account=AwsCloud(account=account), console=Console())


def say(text: str, *, to: TextIO = sys.stdout) -> None:
    to.write(f"{text}\n")
    to.flush()


def main() -> None:
    account = warm_account(sys.argv[1])
    while line := sys.stdin.readline():
        order = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(reading, 1)
            try:
                carry_out(order, account)
            except BaseException as error:  # noqa: BLE001  # whatever it is, the fork must end here
                say(f"{type(error).__name__}: {error}", to=sys.stderr)
                os._exit(1)
            os._exit(0)
        say(str(pid))
        assert sys.stdin.readline() == "go\n"
        os.write(writing, b"!")
        _, status = os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)
        say(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
