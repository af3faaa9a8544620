"""Object storage: moto's S3 for what is signed for one of Scaleway's regions, where a bucket is in one region alone."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from moto.s3.models import s3_backends

from bakery.rehearsal.answers import Answer
from bakery.rehearsal.owner import Keys
from bakery.rehearsal.scaleway import disks, spoilt, zones
from bakery.rehearsal.world import ACCOUNT

SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[a-z0-9-]+)/s3/aws4_request")


def have(bucket: str, *, region: str) -> None:
    """See to it that there is a bucket of that name, in that region if there was none."""
    backend = s3_backends[ACCOUNT][disks.PARTITION]
    if bucket not in backend.buckets:
        backend.create_bucket(bucket, region)


def region(environ: Mapping[str, Any]) -> str:
    """Return the region that a call is signed for; empty where it is none of ours."""
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return scope["region"] if scope and scope["region"] in zones.REGIONS else ""


def refusal(environ: Mapping[str, Any], owner: Keys) -> Answer | None:
    """Return why a call does not come to moto: the key is nobody's, or the bucket is not in the region."""
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None or scope["key"] != owner.scaleway_access_key:
        message = "The access key ID you provided does not exist in our records."
        return spoilt.storage(HTTPStatus.FORBIDDEN, "InvalidAccessKeyId", message)
    bucket = environ["PATH_INFO"].strip("/").partition("/")[0]
    held = s3_backends[ACCOUNT][disks.PARTITION].buckets.get(bucket)
    # Each region is an address of its own, which knows its own buckets; names are everybody's, so that one that is
    # taken elsewhere cannot be made.
    is_made = environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].strip("/") == bucket
    if held is not None and held.region_name != scope["region"] and not is_made:
        return spoilt.storage(HTTPStatus.NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist")
    return None


def narrowed(environ: dict[str, Any]) -> dict[str, Any]:
    """Return a call that lists all buckets as one that lists those of its region."""
    if environ["REQUEST_METHOD"] == "GET" and not environ["PATH_INFO"].strip("/"):
        return {**environ, "QUERY_STRING": f"bucket-region={region(environ)}"}
    return environ


def action(environ: Mapping[str, Any]) -> str:
    """Return what a call does, as far as it can be told from outside: its method, and what it is done to."""
    _, _, key = environ["PATH_INFO"].strip("/").partition("/")
    return f"{environ['REQUEST_METHOD'].capitalize()}{'Object' if key else 'Bucket'}"
