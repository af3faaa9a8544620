"""Sends a file into a bucket in parts: gone on with after a kill, since what has arrived is asked for and not noted.

The file's name there tells its content, so that it is sent once.
"""

import hashlib
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bakery.clouds.scaleway.buckets import Bucket
from bakery.clouds.scaleway.progress import Meter
from bakery.core.parallel import Stopped

MIB = 1 << 20
PART = 16 * MIB
MOST_PARTS = 1000
"""Of one file (Scaleway's object storage; Amazon's takes ten times as many)."""
SENDERS = 4
"""Parts that are sent at once."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is sent: *read* gives so many bytes from an offset on."""

    size: int
    read: Callable[[int, int], bytes] = field(repr=False)
    is_same_again: bool = True
    """Whether it is what an earlier run has read: then what has arrived of it need not be sent again."""


def of_file(path: Path) -> Source:
    """Return a file of this machine as a source."""

    def read(offset: int, count: int) -> bytes:
        with path.open("rb") as file:
            return os.pread(file.fileno(), count, offset)

    return Source(size=path.stat().st_size, read=read)


def of_bucket(bucket: Bucket, key: str, *, size: int) -> Source:
    """Return a file of another bucket as a source."""

    def read(offset: int, count: int) -> bytes:
        told = f"bytes={offset}-{offset + count - 1}"
        data: bytes = bucket.read("get_object", lambda answer: answer["Body"].read(), Key=key, Range=told)
        return data

    return Source(size=size, read=read, is_same_again=False)


@dataclass(frozen=True, kw_only=True)
class _Part:
    number: int
    offset: int
    size: int


def send(bucket: Bucket, key: str, source: Source, *, meter: Meter | None = None) -> None:
    """Bring what a source has into a bucket, unless it is there whole. Raises like `Account.repeat`."""
    if bucket.size(key) == source.size:
        return
    begun = bucket.uploads(key)
    for one in begun[1:] if source.is_same_again else begun:
        bucket.abort(key, one)
    upload = begun[0] if begun and source.is_same_again else ""
    upload = upload or str(bucket.call("create_multipart_upload", Key=key)["UploadId"])
    arrived = _arrived(bucket, key, upload)

    def bring(part: _Part) -> tuple[int, str]:
        data = source.read(part.offset, part.size)
        digest = hashlib.md5(data, usedforsecurity=False)
        if arrived.get(part.number) == digest.hexdigest():
            return part.number, digest.hexdigest()
        told = {"Key": key, "UploadId": upload, "PartNumber": part.number, "Body": data}
        answer = bucket.call("upload_part", **told, ContentMD5=b64encode(digest.digest()).decode())
        return part.number, str(answer["ETag"])

    parts, tags = [*_parts(source.size)], dict[int, str]()
    pool = ThreadPoolExecutor(SENDERS)
    try:
        for part, (number, tag) in zip(parts, pool.map(bring, parts), strict=True):
            tags[number] = tag
            if meter:
                meter.show(part.offset + part.size)
    except (KeyboardInterrupt, Stopped):
        bucket.account.stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    told = [{"PartNumber": number, "ETag": tag} for number, tag in tags.items()]
    bucket.call("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": told})
    if meter:
        meter.end()


def _parts(size: int) -> Iterator[_Part]:
    length = max(PART, -(-size // MOST_PARTS // MIB) * MIB)
    for number, offset in enumerate(range(0, size, length), start=1):
        yield _Part(number=number, offset=offset, size=min(length, size - offset))


def _arrived(bucket: Bucket, key: str, upload: str) -> dict[int, str]:
    """Return the MD5 of each part that has arrived, by its number."""
    parts = bucket.all("list_parts", "Parts", Key=key, UploadId=upload)
    return {int(one["PartNumber"]): str(one["ETag"]).strip('"') for one in parts}
