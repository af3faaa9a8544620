"""What the tests of Scaleway's room share: a rehearsal's zones, what is put there unasked, what is found there.

And answers that a rehearsal gives to nobody by itself: scripted ones, and none at all to a call that is carried out.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moto.s3.models
import pytest
from moto.s3.models import S3Backend, s3_backends

from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway import upload
from bakery.clouds.scaleway.account import Account
from bakery.clouds.scaleway.credentials import Keys
from bakery.rehearsal import service
from bakery.rehearsal.answers import Answer, plain
from bakery.rehearsal.gate import Gate
from bakery.rehearsal.lagging import Question
from bakery.rehearsal.scaleway import blocks, disks, door, images, storage, volumes
from bakery.rehearsal.scaleway.ground import Ground, Kind
from bakery.rehearsal.scaleway.refusals import RefusedError
from bakery.rehearsal.scaleway.routes import Asked
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT
from tests.scaleway_clients import GB, qcow2

READING = ("Get", "List", "Head")


@dataclass(frozen=True, kw_only=True)
class Zones:
    """All zones of one rehearsal, and the buckets of their regions."""

    stage: Rehearsal

    @property
    def ground(self) -> Ground:
        """What there is in them."""
        return self.stage.ground

    def account(self, *, secret: str = service.SCALEWAY_SECRET_KEY) -> Account:
        """Return the account of whoever rehearses, as the product sees it; it repeats calls for five seconds."""
        keys = Keys(
            access_key=service.SCALEWAY_ACCESS_KEY,
            secret_key=secret,
            project=service.PROJECT,
            api_url=self.stage.url,
            origin="of the tests",
        )
        account = scaleway.rehearse(keys=keys, storage_url=self.stage.url, ports=service.PORTS)
        account.patience_s, account.clients = 5.0, _clients(self.stage.url)
        return account

    def put(self, zone: str, name: str, *, tags: list[str], created_at: str = "", disk: Path | None = None) -> str:
        """Put a whole image of 43 GB with its snapshot there, as a bake leaves it; return its id."""
        root = self.put_snapshot(zone, name, tags=tags, disk=disk)
        body = {"name": name, "root_volume": root, "arch": "x86_64", "tags": tags}
        made = self.ground.things[images.create(self._asked("instance", zone, body))["image"]["id"]]
        made.state, made.becomes = "available", ""
        made.shown["creation_date"] = created_at or made.shown["creation_date"]
        return made.id

    def put_snapshot(self, zone: str, name: str, *, tags: list[str], disk: Path | None = None) -> str:
        """Put a whole snapshot of 43 GB there, with a qcow2 in it or with nothing that boots; return its id."""
        told = blocks.shown(name, size=43 * GB, project=service.PROJECT, tags=tags)
        told |= {"class": "sbs", "public": False}
        made = self.ground.add(Kind.BLOCK_SNAPSHOT, zone, told, project=service.PROJECT)
        made.disk = disk
        return made.id

    def put_volume(self, zone: str, *, tags: list[str]) -> str:
        """Put a volume of block storage there that no server has; return its id."""
        made = volumes.make(self._asked("block", zone, {}), volumes.BLOCK, name="volume", size=10 * GB, source=None)
        made.shown["tags"] = tags
        return made.id

    def empty_disk(self) -> Path:
        """Return a qcow2 of 43 GB with nothing in it, which goes with the rehearsal."""
        disk = self.ground.folder / "empty.qcow2"
        if not disk.exists():
            disk.parent.mkdir(parents=True, exist_ok=True)
            qcow2(disk.parent, name=disk.name, size=str(43 * GB))
        return disk

    def fill(self, snapshot: str, disk: Path) -> None:
        """Let a snapshot hold a raw disk or a qcow2, as its suffix says."""
        self.ground.things[snapshot].disk = disk

    def disk(self, snapshot: str) -> Path:
        """Return what a snapshot holds."""
        disk = self.ground.things[snapshot].disk
        assert disk
        return disk

    def drop(self, identity: str) -> None:
        """Remove a thing, whatever it is."""
        self.ground.drop(self.ground.things[identity])

    def shown(self, kind: Kind, zone: str = "") -> list[dict[str, Any]]:
        """Return what this project's things of a kind show of themselves, in one zone or all; it may be changed."""
        return [one.shown for one in self.ground.of(kind, zone) if one.project == service.PROJECT]

    def changes(self) -> list[tuple[str, str]]:
        """Return the calls until now that may have changed something, in order: zone or region, and action."""
        return [(one.region, one.action) for one in self.stage.calls if not one.action.startswith(READING)]

    def have(self, buckets: Mapping[str, str]) -> None:
        """See to it that there are buckets, given by their regions."""
        for region, name in buckets.items():
            storage.have(name, region=region)

    def move(self, bucket: str, *, region: str) -> None:
        """Let a bucket be in another region."""
        _storages().buckets[bucket].region_name = region

    def write(self, bucket: str, key: str, data: bytes) -> None:
        """Put a file into a bucket."""
        _storages().put_object(bucket, key, data)

    def files(self) -> list[tuple[str, str]]:
        """Return the files of all buckets: bucket and key."""
        return sorted((name, key) for name, one in _storages().buckets.items() for key in one.keys)

    def uploads(self) -> list[str]:
        """Return the keys of what is being sent to any bucket."""
        return [one.key_name for bucket in _storages().buckets.values() for one in bucket.multiparts.values()]

    def _asked(self, api: str, zone: str, body: Mapping[str, Any]) -> Asked:
        return Asked(api=api, ground=self.ground, project=service.PROJECT, zone=zone, body=body)


def _storages() -> Any:
    return s3_backends[ACCOUNT][disks.PARTITION]


@functools.cache
def _clients(url: str) -> dict[str, Any]:
    """Return what speaks to the object storage there, for all accounts: making one takes longer than most tests."""
    return {}


def answering(monkeypatch: pytest.MonkeyPatch, *told: Answer | RefusedError) -> list[Answer | RefusedError]:
    """Let the next calls of Scaleway's APIs be answered so and not carried out; return the list of those to come."""
    left, truly = [*told], door.answer

    def answer(call: door.Call, ground: Ground) -> Answer:
        if not left:
            return truly(call, ground)
        one = left.pop(0)
        return one if isinstance(one, Answer) else plain(one.body, status=one.status)

    monkeypatch.setattr(door, "answer", answer)
    return left


def losing(monkeypatch: pytest.MonkeyPatch, *actions: str) -> list[str]:
    """Let the first call of each action be carried out and its connection close; return the list of those to come."""
    left, truly = [*actions], Gate.take

    def take(self: Gate, call: Question) -> Answer:
        answer = truly(self, call)
        if call.action in left:
            left.remove(call.action)
            raise ConnectionResetError
        return answer

    monkeypatch.setattr(Gate, "take", take)
    return left


class KilledError(BaseException):
    """This run is no more: nothing that it does from here on reaches anybody."""


def killing(monkeypatch: pytest.MonkeyPatch, *, after: int | None = None) -> list[tuple[str, str]]:
    """Let a run be killed *after* so many calls, or never; return the list of its calls: action, and where.

    The last one is carried out, and nobody hears of it. A look that follows the same look is not counted: it changes
    nothing, and how many there are until a state is reached is a matter of time.
    """
    calls, truly = list[tuple[str, str]](), Account.repeat

    def repeat(self: Account, act: Callable[[], Any], *, action: str, where: str) -> Any:
        if len(calls) == after:
            raise KilledError
        found = truly(self, act, action=action, where=where)
        if calls[-1:] != [(action, where)] or not action.startswith(("get ", "list ")):
            calls.append((action, where))
        if len(calls) == after:
            raise KilledError
        return found

    monkeypatch.setattr(Account, "repeat", repeat)
    return calls


def sending_small_parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Let files be sent in parts of 1 MiB, which no S3 takes; return the list of those that come: key and number."""
    taken, truly = list[tuple[str, int]](), S3Backend.upload_part

    def upload_part(self: S3Backend, bucket_name: str, multipart_id: str, part_id: int, value: bytes) -> Any:
        taken.append((self.buckets[bucket_name].multiparts[multipart_id].key_name, part_id))
        return truly(self, bucket_name, multipart_id, part_id, value)

    monkeypatch.setattr(S3Backend, "upload_part", upload_part)
    monkeypatch.setattr(moto.s3.models, "S3_UPLOAD_PART_MIN_SIZE", 1)
    monkeypatch.setattr(upload, "PART", 1 << 20)
    return taken
