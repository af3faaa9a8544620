"""The small values a catalog is made of: each refuses what no cloud, and no other part of the bakery, would know."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from bakery.core.errors import did_you_mean
from bakery.definition.place_names import CITIES, Cloud
from bakery.definition.rules import wrong

FORMAT = 5
"""Of the file: an older one is brought up to it, and a bakery that would misread a newer one says so instead."""

_RELEASE = re.compile(r"\d{8}-\d{4}-[0-9a-f]{12}")
# 8 hex digits before 2016, 17 since (docs.aws.amazon.com/AWSEC2, "Resource IDs").
_AMI = r"ami-([0-9a-f]{8}|[0-9a-f]{17})"
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_IMAGE_ID = re.compile(f"{_AMI}|{_UUID}")
"""An AMI's, or one of Scaleway's."""
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")


class Entry(BaseModel):
    """A part of a catalog, read strictly."""

    # Strict, yet JSON's text is good enough for an enum and its lists for a tuple: pydantic, "Strict Mode".
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _release_name(text: str) -> str:
    if not _RELEASE.fullmatch(text):
        raise wrong(f"{text!r} is no name of a release such as '20260131-0405-0123456789ab'")
    return text


def _image_id(text: str) -> str:
    if not _IMAGE_ID.fullmatch(text):
        raise wrong(f"{text!r} is no id of an image: 'ami-' and 17 hex digits, or a UUID")
    return text


def require_id_of(cloud: Cloud, image_id: str, *, key: str) -> None:
    """Raise PydanticCustomError for an id that no image of a cloud has."""
    if re.fullmatch(_AMI, image_id) is None and cloud is Cloud.AWS:
        raise wrong(f"{image_id!r} is no id of an AMI: 'ami-' and 17 hex digits", key=key)
    if re.fullmatch(_UUID, image_id) is None and cloud is Cloud.SCALEWAY:
        raise wrong(f"{image_id!r} is no id of an image of Scaleway's, which is a UUID", key=key)


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text):
        raise wrong(f"{text!r} is no fingerprint: 64 hex digits")
    return text


def _region(text: str) -> str:
    # AWS opens regions faster than our table learns of them, so a name of the right form is taken.
    if not _REGION.fullmatch(text):
        raise wrong(f"{text!r} is no region", hint=did_you_mean(text, CITIES))
    return text


def _time(value: object) -> datetime:
    try:
        return value if isinstance(value, datetime) else datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise wrong(f"{value!r} is no time such as '2026-01-31T04:05:06Z'") from None


def _second(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise wrong(f"'{value.isoformat()}' does not say its time zone", hint=f"'{value.isoformat()}Z' is UTC")
    return value.astimezone(UTC).replace(microsecond=0)


def _written(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


ReleaseName = Annotated[str, AfterValidator(_release_name)]
ImageId = Annotated[str, AfterValidator(_image_id)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
RegionName = Annotated[str, AfterValidator(_region)]
Time = Annotated[
    datetime, BeforeValidator(_time), AfterValidator(_second), PlainSerializer(_written, when_used="json-unless-none")
]
"""A moment, UTC, to the second."""
