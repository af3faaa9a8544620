"""The real SDK, and boto3 for object storage, as clients of a rehearsal; disks to import."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from scaleway import Client
from scaleway.block.v1 import BlockV1API
from scaleway.instance.v1.custom_api import InstanceUtilsV1API
from scaleway.marketplace.v2 import MarketplaceV2API
from scaleway_core.api import ScalewayException

from bakery.rehearsal import service
from bakery.rehearsal.server import Rehearsal

ZONE, BUCKET = "fr-par-1", "images"
GB = 10**9


@dataclass(frozen=True, kw_only=True)
class Clients:
    rehearsal: Rehearsal
    core: Any
    instance: Any
    block: Any
    market: Any

    def storage(self, region: str = "fr-par", key: str = service.SCALEWAY_ACCESS_KEY) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.rehearsal.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=service.SCALEWAY_SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def raw(self, method: str, path: str, **more: Any) -> requests.Response:
        """Ask without the SDK, which would not send what is wrong."""
        headers = {"X-Auth-Token": service.SCALEWAY_SECRET_KEY}
        return requests.request(method, self.rehearsal.url + path, headers=headers, timeout=20, **more)

    def put(self, disk: Path, *, region: str = "fr-par", bucket: str = BUCKET) -> str:
        """Put a disk into a bucket of a region and return its key."""
        storage = self.storage(region)
        if bucket not in {one["Name"] for one in storage.list_buckets()["Buckets"]}:
            storage.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        storage.put_object(Bucket=bucket, Key=disk.name, Body=disk.read_bytes())
        return disk.name

    def snapshot(self, folder: Path, *, zone: str = ZONE) -> Any:
        """Import an empty disk and return its snapshot, which is whole as soon as it is looked at."""
        key = self.put(qcow2(folder))
        made = self.block.import_snapshot_from_object_storage(bucket=BUCKET, key=key, name="disk", zone=zone)
        return self.block.get_snapshot(snapshot_id=made.id, zone=zone)

    def image(self, folder: Path, *, name: str = "image", tags: Any = (), zone: str = ZONE) -> Any:
        root = self.snapshot(folder, zone=zone).id
        made = self.instance.create_image(root_volume=root, arch="x86_64", name=name, tags=[*tags], zone=zone).image
        return self.instance.get_image(image_id=made.id, zone=zone).image


def sdk(rehearsal: Rehearsal, *, secret: str = service.SCALEWAY_SECRET_KEY, project: str = service.PROJECT) -> Clients:
    core = Client(
        access_key=service.SCALEWAY_ACCESS_KEY,
        secret_key=secret,
        api_url=rehearsal.url,
        default_project_id=project,
        default_zone=ZONE,
    )
    return Clients(
        rehearsal=rehearsal,
        core=core,
        instance=InstanceUtilsV1API(core),
        block=BlockV1API(core),
        market=MarketplaceV2API(core),
    )


def qcow2(folder: Path, *, name: str = "disk.qcow2", size: str = "2G", options: tuple[str, ...] = ()) -> Path:
    disk = folder / name
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, disk, size], check=True)
    return disk


def refused(call: Any, **asked: object) -> tuple[int, dict[str, Any]]:
    """Return HTTP status and body of a call that is refused."""
    with pytest.raises(ScalewayException) as caught:
        call(**asked)
    return caught.value.response.status_code, caught.value.response.json()
