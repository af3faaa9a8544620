"""Object storage in memory, as far as the room of Scaleway asks it: in the words of Amazon S3, and by region."""

import hashlib
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from xml.sax.saxutils import escape


@dataclass(kw_only=True)
class Upload:
    """A sending that has not ended."""

    region: str
    bucket: str
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass(kw_only=True)
class Storage:
    """Buckets by their names, each in one region."""

    buckets: dict[str, str] = field(default_factory=dict)
    """Region by bucket."""
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    sent: list[tuple[str, int]] = field(default_factory=list)
    """Key and number of every part that was taken."""
    headers: dict[str, str] = field(default_factory=dict)

    def read(self, region: str, bucket: str, key: str) -> bytes | None:
        return self.objects.get((bucket, key)) if self.buckets.get(bucket) == region else None

    def write(self, region: str, bucket: str, key: str, data: bytes) -> None:
        assert self.buckets.get(bucket) == region
        self.objects[bucket, key] = data

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, headers: Message) -> tuple[int, bytes]:
        self.headers = {}
        scope = re.search(r"Credential=[^/]+/\d+/([a-z-]+)/s3/", headers["authorization"])
        region = scope[1] if scope else ""
        bucket, _, key = path.removeprefix("/").partition("/")
        if not bucket:
            names = [name for name, where in self.buckets.items() if where == region]
            return 200, xml(
                "ListAllMyBucketsResult",
                "<Buckets>" + "".join(f"<Bucket><Name>{one}</Name></Bucket>" for one in names) + "</Buckets>",
            )
        if self.buckets.get(bucket) != region:
            return 404, xml("Error", "<Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message>")
        if not key:
            return 200, self._listing(bucket, query)
        return self._file(method, bucket, key, query, body, headers)

    def _listing(self, bucket: str, query: dict[str, str]) -> bytes:
        prefix, now = query.get("prefix", ""), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        if "uploads" in query:
            begun = {name: one for name, one in self.uploads.items() if one.bucket == bucket}
            rows = "".join(
                f"<Upload><Key>{escape(one.key)}</Key><UploadId>{name}</UploadId><Initiated>{now}</Initiated></Upload>"
                for name, one in begun.items()
                if one.key.startswith(prefix)
            )
            return xml("ListMultipartUploadsResult", rows)
        found = {key: data for (held, key), data in self.objects.items() if held == bucket and key.startswith(prefix)}
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><LastModified>{now}</LastModified></Contents>"
            for key, data in found.items()
        )
        return xml("ListBucketResult", rows)

    def _file(
        self, method: str, bucket: str, key: str, query: dict[str, str], body: bytes, headers: Message
    ) -> tuple[int, bytes]:
        if method == "POST" and "uploads" in query:
            name = uuid.uuid4().hex
            self.uploads[name] = Upload(region=self.buckets[bucket], bucket=bucket, key=key)
            return 200, xml("InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>")
        if "uploadId" in query:
            return self._sending(method, query, body)
        if method == "DELETE":
            self.objects.pop((bucket, key), None)
            return 204, b""
        data = self.objects.get((bucket, key))
        if data is None:
            return 404, xml("Error", "<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>")
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range") or "")
        return (206, data[int(found[1]) : int(found[2]) + 1]) if found else (200, data)

    def _sending(self, method: str, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        name = query["uploadId"]
        if name not in self.uploads:
            return 404, xml("Error", "<Code>NoSuchUpload</Code><Message>no such upload</Message>")
        upload = self.uploads[name]
        if method == "PUT":
            number = int(query["partNumber"])
            upload.parts[number] = body
            self.sent.append((upload.key, number))
            self.headers = {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
            return 200, b""
        if method == "GET":
            rows = "".join(
                f"<Part><PartNumber>{number}</PartNumber><Size>{len(data)}</Size>"
                f'<ETag>"{hashlib.md5(data).hexdigest()}"</ETag></Part>'
                for number, data in sorted(upload.parts.items())
            )
            return 200, xml("ListPartsResult", f"{rows}<IsTruncated>false</IsTruncated>")
        del self.uploads[name]
        if method == "POST":
            self.objects[upload.bucket, upload.key] = b"".join(upload.parts[one] for one in sorted(upload.parts))
            return 200, xml("CompleteMultipartUploadResult", f"<Key>{escape(upload.key)}</Key>")
        return 204, b""


def xml(name: str, inner: str) -> bytes:
    space = "" if name == "Error" else ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    return f'<?xml version="1.0"?><{name}{space}>{inner}</{name}>'.encode()
