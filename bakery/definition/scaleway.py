"""The table [scaleway] of a definition: how an image is baked in a zone of Scaleway, and what carries it there.

Nothing of it is inside the image, so none of it belongs to the fingerprint.
"""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bakery.core.errors import did_you_mean
from bakery.definition.aws import ANYWHERE
from bakery.definition.aws_values import Range, Tags
from bakery.definition.rules import Table, wrong
from bakery.definition.scaleway_zones import WITHOUT_BLOCKS, ZONES, region

# Amazon S3's rules, which hold for whoever speaks its language: "General purpose bucket naming rules".
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TYPE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")
OF_THE_RELEASE = frozenset({"zones"})
"""What is about a release, and not about the way it is baked."""
REGIONS = tuple(dict.fromkeys(region(zone) for zone in ZONES))


class Volume(StrEnum):
    """What kind of disk an image starts from."""

    BLOCK = "sbs_volume"
    LOCAL = "l_ssd"


def _zone(name: str) -> str:
    if name not in ZONES:
        raise wrong(f"there is no zone {name!r}", hint=did_you_mean(name, ZONES))
    return name


def _region(name: str) -> str:
    if name not in REGIONS:
        raise wrong(f"there is no region {name!r}", hint=did_you_mean(name, REGIONS))
    return name


def _bucket(text: str) -> str:
    if not _BUCKET.fullmatch(text):
        raise wrong(f"{text!r} is no bucket's name: 3 to 63 small letters, digits, dots and dashes")
    return text


def _type(text: str) -> str:
    if text and not _TYPE.fullmatch(text):
        raise wrong(f"{text!r} is no instance type such as 'DEV1-S'")
    return text


ZoneName = Annotated[str, AfterValidator(_zone)]
BucketRegion = Annotated[str, AfterValidator(_region)]
Bucket = Annotated[str, AfterValidator(_bucket)]
CommercialType = Annotated[str, AfterValidator(_type)]


class Scaleway(Table):
    """Baking and publishing at Scaleway."""

    zones: tuple[ZoneName, ...] = Field(default=(), strict=False)
    instance_type: CommercialType = ""
    volume_type: Volume = Field(default=Volume.BLOCK, strict=False)
    buckets: dict[BucketRegion, Bucket] = Field(default_factory=dict)
    allow_from: tuple[Range, ...] = Field(default=ANYWHERE, strict=False, min_length=1)
    tags: Tags = Field(default_factory=dict)

    def to_bake_below(self, top: "Scaleway") -> "Scaleway":
        """Return this table of a layer below, which is baked in the way of the image on *top* that asks for it."""
        way = set(Scaleway.model_fields) - OF_THE_RELEASE
        return self.model_copy(update={key: getattr(top, key) for key in way})

    @model_validator(mode="after")
    def _nothing_is_listed_twice(self) -> Self:
        for key in ("zones", "allow_from"):
            values = getattr(self, key)
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise wrong(f"{twice[0]!r} is listed twice", key=key)
        return self

    @model_validator(mode="after")
    def _zones_have_such_disks(self) -> Self:
        for name in self.zones:
            if name in WITHOUT_BLOCKS and self.volume_type is Volume.BLOCK:
                hint = f'volume_type = "{Volume.LOCAL}", or without {name}'
                raise wrong(f"{name} has no block storage", key="zones", hint=hint)
        return self
