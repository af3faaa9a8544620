"""EC2 of a rehearsal cloud, asked once by boto3, and images and snapshots that are put there without asking it."""

import functools
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.ec2.models import ec2_backends

from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import ACCOUNT, Image, Snapshot, new_id

REGION = "eu-west-1"
STRANGER = "210987654321"
"""An account that is not ours."""
OWN_KEY = f"arn:aws:kms:{REGION}:123456789012:key/0b6a3a3c-7a5e-4b53-9d0c-1f2e3d4c5b6a"


def ec2_of(rehearsal: Rehearsal, region: str = REGION) -> Any:
    return _client(rehearsal.url, region)


@functools.cache
def _client(url: str, region: str) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("ec2", endpoint_url=url, region_name=region, config=config, **keys)


def refused(call: Any, **asked: object) -> tuple[int, str, str]:
    """Return HTTP status, code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**asked)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def a_snapshot(rehearsal: Rehearsal, *, region: str = REGION, **fields: Any) -> Snapshot:
    world = rehearsal.world
    told: dict[str, Any] = {"id": new_id("snap"), "size_gb": 8, "started": world.today()} | fields
    snapshot = Snapshot(region=region, **told)
    world.snapshots[snapshot.id] = snapshot
    return snapshot


def an_image(rehearsal: Rehearsal, *, region: str = REGION, **fields: Any) -> Image:
    """Return an available image with a snapshot of its own; *fields* are those of Image."""
    world = rehearsal.world
    told: dict[str, Any] = {"id": new_id("ami"), "name": new_id("i"), "created": world.today(), "size_gb": 8} | fields
    if "snapshot" not in told:
        alike = {name: told[name] for name in ("owner", "is_encrypted") if name in told}
        told["snapshot"] = a_snapshot(rehearsal, region=region, **alike).id
    image = Image(region=region, **told)
    world.images[image.id] = image
    return image


def an_instance(image: Image, **ebs: object) -> Any:
    """Return moto's instance of an image, which runs and has no machine; its root volume has 20 GiB of gp3."""
    ebs = {"VolumeSize": 20, "VolumeType": "gp3", "DeleteOnTermination": True} | ebs
    mappings = [{"DeviceName": image.root_device, "Ebs": ebs}]
    backend = ec2_backends[ACCOUNT][image.region]
    asked = {"block_device_mappings": mappings, "is_instance_type_default": True}
    return backend.run_instances(image.id, 1, None, [], **asked).instances[0]


def described(rehearsal: Rehearsal, image_id: str, *, region: str = REGION, **asked: object) -> dict[str, Any]:
    """Return what DescribeImages says of one image."""
    rows = ec2_of(rehearsal, region).describe_images(ImageIds=[image_id], **asked)["Images"]
    assert len(rows) == 1
    found: dict[str, Any] = rows[0]
    return found


def snapshot_of(rehearsal: Rehearsal, image_id: str) -> Snapshot:
    return rehearsal.world.snapshots[rehearsal.world.images[image_id].snapshot]
