"""Object storage of the rehearsal: one of its own for each region."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.scaleway_clients import BUCKET, Clients, qcow2


def code(call: object, **asked: object) -> str:
    with pytest.raises(ClientError) as caught:
        call(**asked)  # type: ignore[operator]
    return str(caught.value.response["Error"]["Code"])


def test_a_bucket_is_in_one_region_alone(clients: Clients, tmp_path: Path) -> None:
    key = clients.put(qcow2(tmp_path))
    assert [one["Name"] for one in clients.storage("fr-par").list_buckets()["Buckets"]] == [BUCKET]
    assert clients.storage("nl-ams").list_buckets()["Buckets"] == []
    assert code(clients.storage("nl-ams").list_objects_v2, Bucket=BUCKET) == "NoSuchBucket"
    assert code(clients.storage("nl-ams").get_object, Bucket=BUCKET, Key=key) == "NoSuchBucket"


def test_a_name_that_is_taken_in_another_region_is_taken(clients: Clients, tmp_path: Path) -> None:
    clients.put(qcow2(tmp_path))
    where = {"LocationConstraint": "nl-ams"}
    call = clients.storage("nl-ams").create_bucket
    assert code(call, Bucket=BUCKET, CreateBucketConfiguration=where) == "BucketAlreadyOwnedByYou"


def test_a_key_that_nobody_has_is_refused(clients: Clients) -> None:
    assert code(clients.storage(key="SCWNOBODY00000000000").list_buckets) == "InvalidAccessKeyId"


def test_a_file_in_parts_is_put_together(clients: Clients, tmp_path: Path) -> None:
    clients.put(qcow2(tmp_path))
    storage, told = clients.storage(), {"Bucket": BUCKET, "Key": "big"}
    upload = storage.create_multipart_upload(**told)["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": storage.upload_part(**told, UploadId=upload, PartNumber=n, Body=body)["ETag"]}
        for n, body in enumerate((b"a" * (5 << 20), b"b"), start=1)
    ]
    storage.complete_multipart_upload(**told, UploadId=upload, MultipartUpload={"Parts": parts})
    assert storage.get_object(**told)["Body"].read() == b"a" * (5 << 20) + b"b"
