"""The clients of bench/upload.py: ours, as users write it, and the floor; each is timed in a process of its own.

What a client needs is imported when it runs, so that none has the memory of another's libraries.
"""

import base64
import hashlib
import http.client
import os
import queue
import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.upload_disks import BLOCK, SIZE_GB

HOME, CONNECTIONS = "eu-west-2", 64


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What one run took: seconds, processor seconds, peak memory in MB (10^6 bytes), blocks sent."""

    seconds: float
    cpu_s: float
    peak_mb: float
    qemu_mb: float = 0.0
    cloud_cpu_s: float = 0.0
    requests: float = 0.0
    start_s: float = 0.0
    """Of *seconds*, those of StartSnapshot, all regions together."""
    snapshot: str = ""


Client = Callable[[str], Spent]
"""What is timed in a process of its own, given the cloud's address."""


def median(found: list[Spent]) -> Spent:
    """Return one that has the median of every figure."""
    figures = [{key: value for key, value in asdict(one).items() if key != "snapshot"} for one in found]
    return replace(found[0], **{key: statistics.median(one[key] for one in figures) for key in figures[0]})


def cpu_s() -> float:
    """Return the processor seconds of this process and of what it started and waited for."""
    both = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def peak_mb(pid: int | str) -> float:
    """Return the most memory that a process has had (VmHWM: getrusage's figure would be its parent's at first)."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6


def qemu_mb(pid: int) -> float:
    """Return the memory of the QEMU programs that a process has started."""
    total = 0.0
    with suppress(OSError, KeyError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                is_qemu = Path(f"/proc/{child}/comm").read_text().startswith("qemu")
                total += peak_mb(child) if is_qemu else 0
    return total


def timed(act: Callable[[], object]) -> Spent:
    """Return what *act* takes, with what it says left out."""
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        began, cpu = time.monotonic(), cpu_s()
        act()
        return Spent(seconds=time.monotonic() - began, cpu_s=cpu_s() - cpu, peak_mb=peak_mb("self"))


def read_digests(_: str) -> Spent:
    """Read the whole disk once, as the first upload of an image does."""
    from bakery.clouds.aws import upload
    from bakery.core.console import Console
    from bakery.local import find

    image = find.find("host", base="debian-12")
    image.artifact.blocks.unlink(missing_ok=True)
    return timed(lambda: upload.read_digests(image, console=Console()))


def ours(
    url: str, *, regions: tuple[str, ...], parent: tuple[str, Path] | None = None, is_serial: bool = False
) -> Spent:
    """Send the image to regions, all at once or one after another; *parent* is a snapshot and its digests."""
    from bakery.clouds.aws import ebs, upload
    from bakery.clouds.aws.destination import Target
    from bakery.clouds.aws.parents import Encryption, Parent
    from bakery.core.console import Console
    from bakery.disk import digests
    from bakery.local import find
    from tests.rehearsed import account_at

    image, account = find.find("host", base="debian-12"), account_at(url)
    known = upload.read_digests(image, console=Console())
    old = digests.read(parent[1]) if parent else None
    differs = Parent(snapshot=parent[0], what="last night", digests=old) if parent and old else None
    targets = [
        Target(region=account.region(name), parent=differs, encryption=Encryption(is_on=False)) for name in regions
    ]
    sent: dict[str, Any] = {}
    start, starts = ebs.start, []

    def timed_start(*given: Any, **named: Any) -> str:
        began = time.monotonic()
        snapshot = start(*given, **named)
        starts.append(time.monotonic() - began)
        return snapshot

    ebs.start = timed_start

    def send() -> None:
        for some in [[target] for target in targets] if is_serial else [targets]:
            sent.update(upload.upload(image, known, some, account=account, console=Console(), is_verified=False))

    spent = timed(send)
    wrong = [one for one in sent.values() if not isinstance(one, upload.Sent)]
    if wrong:
        raise wrong[0]
    return replace(spent, snapshot=sent[regions[0]].snapshot, start_s=sum(starts))


def users(url: str, *, disk: Path, raw: Path, blocks: int, is_kind: bool) -> Spent:
    """Send the first *blocks* as users write it: a raw copy, 64 threads, boto3; zeros too, unless *is_kind*.

    The puts are reckoned for the whole disk from those of the first *blocks*.
    """
    from boto3 import Session
    from botocore.config import Config

    from bakery.rehearsal.service import ACCESS_KEY, SECRET_KEY

    session = Session(ACCESS_KEY, SECRET_KEY, region_name=HOME)
    client = session.client("ebs", endpoint_url=url, config=Config(max_pool_connections=CONNECTIONS))
    snapshot = client.start_snapshot(VolumeSize=SIZE_GB)["SnapshotId"]

    def put(index: int) -> bool:
        with raw.open("rb") as file:
            file.seek(index * BLOCK)
            data = file.read(BLOCK)
        if is_kind and data == bytes(BLOCK):
            return False
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        client.put_snapshot_block(
            SnapshotId=snapshot,
            BlockIndex=index,
            BlockData=data,
            DataLength=BLOCK,
            Checksum=checksum,
            ChecksumAlgorithm="SHA256",
        )
        return True

    def put_all() -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            count = sum(pool.map(put, range(blocks)))
        client.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=count)

    convert = timed(lambda: subprocess.run(["qemu-img", "convert", "-O", "raw", str(disk), str(raw)], check=True))
    puts, factor = timed(put_all), (SIZE_GB << 30) / BLOCK / blocks
    seconds, cpu = convert.seconds + puts.seconds * factor, convert.cpu_s + puts.cpu_s * factor
    return Spent(seconds=seconds, cpu_s=cpu, peak_mb=puts.peak_mb)


def floor(url: str, *, raw: Path, indexes: list[int], connections: int) -> Spent:
    """Send blocks that are in the page cache with nothing but SHA-256 and http.client."""
    from bakery.rehearsal.service import ACCESS_KEY
    from tests.rehearsed import account_at

    snapshot = account_at(url).region(HOME).call("ebs", "start_snapshot", VolumeSize=SIZE_GB)["SnapshotId"]
    scope = f"Credential={ACCESS_KEY}/20260101/{HOME}/ebs/aws4_request"
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in indexes:
        left.put(index)

    def send(_: int) -> None:
        line = http.client.HTTPConnection(urlsplit(url).netloc)
        with raw.open("rb", buffering=0) as file, suppress(queue.Empty):
            while True:
                index = left.get_nowait()
                data = os.pread(file.fileno(), BLOCK, index * BLOCK)
                headers = {
                    "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
                    "x-amz-Data-Length": str(BLOCK),
                    "x-amz-Checksum": base64.b64encode(hashlib.sha256(data).digest()).decode(),
                    "x-amz-Checksum-Algorithm": "SHA256",
                }
                line.request("PUT", f"/snapshots/{snapshot}/blocks/{index}", body=data, headers=headers)
                with line.getresponse() as answer:
                    answer.read()
                    assert answer.status == http.HTTPStatus.CREATED, answer.status
        line.close()

    def send_all() -> None:
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(send, range(connections)))

    return timed(send_all)
