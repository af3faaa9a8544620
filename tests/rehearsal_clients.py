"""boto3's clients to a rehearsal cloud: they ask once, so that every answer is seen."""

import functools
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.service import ACCESS_KEY, SECRET_KEY

REGION = "eu-west-1"


def client(rehearsal: Rehearsal, service: str, region: str = REGION) -> Any:
    return _client(rehearsal.url, service, region)


@functools.cache
def _client(url: str, service: str, region: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload, unused-ignore]
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )


def refused(call: Any, **asked: object) -> tuple[int, str, str]:
    """Return HTTP status, code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**asked)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]
