"""Buckets of object storage, one in each region, in the words of Amazon S3: asked, listed, and emptied of what is ours.

What lies there is on its way to snapshots; its name begins with ours, so that nothing else is ever removed.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from bakery.cloud.inventory import Kind, Loose
from bakery.clouds.scaleway.account import Account, ApiError, Zone
from bakery.clouds.scaleway.errors import Code
from bakery.core import proxies
from bakery.core.errors import impossible, missing
from bakery.definition.scaleway import REGIONS

PREFIX = "dokku-bakery/"
CONNECT_S, READ_S = 5, 60
PAGE = 1000
"""How many things a page of a list has, at most."""
BEGUN = "?"
"""Between the name of a file that did not arrive whole and the number of its sending, in the id of such a rest."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One bucket of a project."""

    name: str
    region: str
    account: Account = field(repr=False)
    client: Any = field(repr=False)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Call S3; *operation* and *arguments* are boto3's. Raises like `Account.repeat`."""
        return self.read(operation, lambda answer: answer, **arguments)

    def read(self, operation: str, take: Callable[[Any], Any], **arguments: Any) -> Any:
        """Likewise, and return what is taken of the answer, which is asked for again where it breaks off."""
        method = getattr(self.client, operation)
        named = {"Bucket": self.name} if operation != "list_buckets" else {}
        return self._repeat(operation, lambda: take(method(**named, **arguments)))

    def all(self, operation: str, key: str, **arguments: Any) -> list[Mapping[str, Any]]:
        """Return every item of the list *key*, of all pages. Raises like `Account.repeat`."""
        pages = self.client.get_paginator(operation).paginate
        told = {"Bucket": self.name, "PaginationConfig": {"PageSize": PAGE}, **arguments}
        return [*self._repeat(operation, lambda: pages(**told).build_full_result().get(key, ()))]

    def _repeat(self, operation: str, act: Callable[[], Any]) -> Any:
        words, where = operation.replace("_", " "), f"{self.region}: {self.name}"
        return self.account.repeat(act, action=words, where=where)

    def size(self, key: str) -> int | None:
        """Return how many bytes a file has, None where there is none."""
        found = self.all("list_objects_v2", "Contents", Prefix=key)
        return next((int(one["Size"]) for one in found if one["Key"] == key), None)

    def remove(self, key: str) -> None:
        """Delete a file, and what has arrived of it where it is not whole; what is gone is no mistake."""
        self.call("delete_object", Key=key)
        for upload in self.uploads(key):
            self.abort(key, upload)

    def uploads(self, key: str) -> list[str]:
        """Return the numbers of a file's sendings that have not ended, the newest first."""
        begun = self.all("list_multipart_uploads", "Uploads", Prefix=key)
        found = [one for one in begun if one["Key"] == key]
        return [str(one["UploadId"]) for one in sorted(found, key=lambda one: one["Initiated"], reverse=True)]

    def abort(self, key: str, upload: str) -> None:
        """End a sending and remove what has arrived."""
        try:
            self.call("abort_multipart_upload", Key=key, UploadId=upload)
        except ApiError as error:
            if error.code is not Code.NOT_FOUND:
                raise

    def rests(self) -> list[Loose]:
        """Return what is ours there: files, and what has arrived of some."""
        found = []
        for one in self.all("list_objects_v2", "Contents", Prefix=PREFIX):
            what = f"{one['Size'] / 1e6:.0f} MB in the bucket {self.name}"
            found.append(
                Loose(kind=Kind.OBJECT, id=f"{self.name}/{one['Key']}", what=what, made_at=one["LastModified"])
            )
        for one in self.all("list_multipart_uploads", "Uploads", Prefix=PREFIX):
            name = f"{self.name}/{one['Key']}{BEGUN}{one['UploadId']}"
            what = f"a sending into the bucket {self.name} that did not end"
            found.append(Loose(kind=Kind.OBJECT, id=name, what=what, made_at=one["Initiated"]))
        return found


def named(account: Account, name: str, *, region: str) -> Bucket:
    """Return a bucket, whether it is there or not."""
    with account.lock:
        if region not in account.clients:
            account.clients[region] = _client(account, region)
        return Bucket(name=name, region=region, account=account, client=account.clients[region])


def _client(account: Account, region: str) -> Any:
    address = account.storage_url.format(region=region)
    config = Config(
        retries={"total_max_attempts": 1},
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        max_pool_connections=16,
        s3={"addressing_style": "path"},
        # Amazon's own checksums of today are not every S3's; each part goes with its MD5.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        proxies={} if account.is_rehearsal else proxies.without_own(os.environ, address),
    )
    # Nothing of what this machine's user has set up for AWS is meant here.
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = boto3.Session(
        botocore_session=botocore.session.Session(session_vars={**files, "profile": (None, None, None, None)}),
        aws_access_key_id=account.keys.access_key,
        aws_secret_access_key=account.keys.secret_key,
        region_name=region,
    )
    return session.client("s3", endpoint_url=address, config=config)


def of(zone: Zone, buckets: Mapping[str, str], *, image: str) -> Bucket:
    """Return an image's bucket of a zone's region. Raises BakeryError (exit code 2) where it names none."""
    name = buckets.get(zone.region, "")
    if not name:
        hint = f'scaleway.buckets = {{ "{zone.region}" = "…" }} in images/{image}.toml, a bucket of yours there'
        said = f"{zone.name}: what is sent there goes through a bucket in {zone.region}, and none is named"
        raise impossible(said, hint=hint)
    return named(zone.account, name, region=zone.region)


def require(bucket: Bucket) -> None:
    """Raise BakeryError where a bucket is not in its region: exit code 2 where it is in another one, else 3."""
    try:
        bucket.call("list_objects_v2", MaxKeys=1, Prefix=PREFIX)
    except ApiError as error:
        if error.code not in {Code.NOT_FOUND, Code.ELSEWHERE}:
            raise
        for region in REGIONS:
            if region != bucket.region and _is_there(named(bucket.account, bucket.name, region=region)):
                said = f"the bucket {bucket.name} is in {region}, and snapshots of {bucket.region} are read of its own"
                hint = f'scaleway.buckets = {{ "{region}" = "{bucket.name}", "{bucket.region}" = "…" }}'
                raise impossible(said, hint=hint) from error
        hint = f"scw object bucket create name={bucket.name} region={bucket.region}"
        raise missing(f"{bucket.region}: there is no bucket {bucket.name}", hint=hint) from error


def forget(bucket: Bucket, key: str) -> None:
    """Delete a file, even when the command was interrupted; where there is no such bucket there is no file."""
    try:
        named(bucket.account.aside(), bucket.name, region=bucket.region).remove(key)
    except ApiError as error:
        if error.code not in {Code.NOT_FOUND, Code.ELSEWHERE}:
            raise


def rests(zone: Zone) -> list[Loose]:
    """Return what is ours in any of the project's buckets of a zone's region."""
    anywhere = named(zone.account, "buckets", region=zone.region)
    names = [one["Name"] for one in anywhere.call("list_buckets").get("Buckets", ())]
    return [rest for name in names for rest in _rests(named(zone.account, name, region=zone.region))]


def remove_rest(zone: Zone, thing: str) -> None:
    """Remove what `rests` has shown."""
    name, _, key = thing.partition("/")
    key, _, upload = key.partition(BEGUN)
    bucket = named(zone.account, name, region=zone.region)
    if upload:
        bucket.abort(key, upload)
    else:
        bucket.remove(key)


def _rests(bucket: Bucket) -> list[Loose]:
    try:
        return bucket.rests()
    except ApiError as error:
        # A bucket whose policy keeps this key out has nothing of ours; some S3s list those of other regions, too.
        if error.code not in {Code.FORBIDDEN, Code.NOT_FOUND, Code.ELSEWHERE}:
            raise
        return []


def _is_there(bucket: Bucket) -> bool:
    try:
        bucket.call("list_objects_v2", MaxKeys=1, Prefix=PREFIX)
    except ApiError:
        return False
    return True
