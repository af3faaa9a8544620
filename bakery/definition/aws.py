"""The table [aws] of a definition: how an image is baked in a region, and who may start machines from it.

Nothing of it is inside the image, so none of it belongs to the fingerprint.
"""

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from bakery.definition.aws_regions import partition
from bakery.definition.aws_values import (
    AWS_OWN,
    KEY,
    PUBLIC,
    Filters,
    InstanceType,
    KeyArn,
    Prefix,
    Profile,
    Range,
    Reader,
    RegionName,
    Subnet,
    Tags,
    Template,
    Vpc,
)
from bakery.definition.rules import Table, wrong

__all__ = ["PUBLIC", "Aws", "Login", "RegionName"]

LONGEST_DAYS = 3650
LONGEST_PUBLIC_DAYS = 730
"""A deprecation date is at most ten years off, a public image's two (EnableImageDeprecation)."""
ANYWHERE = ("0.0.0.0/0", "::/0")


class Login(StrEnum):
    """How the machine that bakes and the one that is verified are reached."""

    SSH = "ssh"
    PRIVATE = "private"
    SSM = "ssm"


OF_THE_RELEASE = frozenset(
    {
        *("regions", "encrypt", "kms_keys", "share_with", "deprecate_after_days", "protect", "parameters"),
        "launch_template",
    }
)
"""Keys of what is published; every other one says how a machine is reached and what it bakes on."""


class Aws(Table):
    """Baking and publishing on AWS."""

    regions: tuple[RegionName, ...] = Field(default=(), strict=False)
    instance_type: InstanceType = ""
    login: Login = Field(default=Login.SSH, strict=False)
    instance_profile: Profile = ""
    subnet: Subnet = ""
    vpc: Vpc = ""
    subnet_filter: Filters = Field(default_factory=dict)
    allow_from: tuple[Range, ...] = Field(default=ANYWHERE, strict=False, min_length=1)
    tags: Tags = Field(default_factory=dict)
    spot: bool = False
    encrypt: bool = False
    kms_keys: dict[RegionName, KeyArn] = Field(default_factory=dict)
    share_with: tuple[Reader, ...] = Field(default=(), strict=False)
    deprecate_after_days: int = Field(default=180, ge=1, le=LONGEST_DAYS)
    protect: bool = True
    parameters: Prefix = "/dokku-bakery"
    launch_template: Template = ""

    @model_validator(mode="before")
    @classmethod
    def _what_holds_in_every_cloud_is_elsewhere(cls, values: Any) -> Any:
        if isinstance(values, dict) and "keep" in values:
            said = "holds in every cloud, and is a key of [releases]"
            raise wrong(said, key="keep", hint=f"[releases] keep = {values['keep']}")
        return values

    @model_validator(mode="after")
    def _nothing_is_listed_twice(self) -> Self:
        for key in ("regions", "share_with", "allow_from"):
            values = getattr(self, key)
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise wrong(f"{twice[0]!r} is listed twice", key=key)
        return self

    @model_validator(mode="after")
    def _regions_can_share_images(self) -> Self:
        for name in self.regions:
            if partition(name) != partition(self.regions[0]):
                # CopyImage does not support "Cross-partition copies".
                raise wrong(f"nothing is copied from {self.regions[0]} to {name}", key="regions")
        return self

    @model_validator(mode="after")
    def _machines_can_be_reached(self) -> Self:
        if self.login is Login.SSM and not self.instance_profile:
            hint = 'instance_profile = "…", one with AmazonSSMManagedInstanceCore'
            raise wrong("goes through Systems Manager, which needs an instance profile", key="login", hint=hint)
        for key, value in (("subnet", self.subnet), ("vpc", self.vpc)):
            if isinstance(value, str) and value and len(self.regions) > 1:
                hint = f'{key} = {{ "{self.regions[0]}" = "{value}", … }}'
                raise wrong(f"{value} is in one region only", key=key, hint=hint)
        if self.subnet and self.subnet_filter:
            raise wrong("is for regions of which subnet names none", key="subnet_filter", hint="one of the two")
        return self

    @model_validator(mode="after")
    def _arns_are_of_the_regions_partition(self) -> Self:
        for arn in (*self.share_with, *self.kms_keys.values()):
            found = arn.split(":")
            for name in (*self.regions[:1], *self.kms_keys):
                if found[0] == "arn" and found[1] != partition(name):
                    key = "share_with" if arn in self.share_with else "kms_keys"
                    raise wrong(f"{arn} is of another partition than {name}, which is in {partition(name)}", key=key)
        return self

    @model_validator(mode="after")
    def _readers_can_read(self) -> Self:
        if PUBLIC in self.share_with and (self.encrypt or self.kms_keys):
            raise wrong("an encrypted image cannot be public", key="encrypt", hint="encrypt = false")
        if PUBLIC in self.share_with and self.deprecate_after_days > LONGEST_PUBLIC_DAYS:
            raise wrong(
                f"a public image is deprecated after {LONGEST_PUBLIC_DAYS} days at most", key="deprecate_after_days"
            )
        if self.kms_keys and not self.encrypt:
            raise wrong("does nothing without encrypt = true", key="kms_keys")
        if self.share_with and self.encrypt:
            for name in self.regions:
                if name not in self.kms_keys:
                    # AWS's own key of an account cannot be shared: "Share an AMI", encrypted snapshots.
                    raise wrong(f"what is shared needs a key of your own in {name}", key=f"kms_keys.{name}")
        return self

    @model_validator(mode="after")
    def _keys_can_encrypt(self) -> Self:
        for name, key in self.kms_keys.items():
            if self.share_with and AWS_OWN in key:
                said = f"{key} is AWS's own key, and what it encrypts can be shared with nobody"
                raise wrong(said, key=f"kms_keys.{name}", hint="a key of your own")
            found = KEY.fullmatch(key)
            if found and found["region"] != name:
                raise wrong(f"that key is in {found['region']}", key=f"kms_keys.{name}")
        return self

    @property
    def is_public(self) -> bool:
        """Return whether anybody may start machines from the image."""
        return PUBLIC in self.share_with

    def to_bake_below(self, top: "Aws") -> "Aws":
        """Return this table of a layer below, which is baked in the way of the image on *top* that asks for it."""
        way = set(Aws.model_fields) - OF_THE_RELEASE
        return self.model_copy(update={key: getattr(top, key) for key in way})

    def subnet_in(self, region: str) -> str:
        """Return the subnet of a region, empty where none is named."""
        return self.subnet if isinstance(self.subnet, str) else self.subnet.get(region, "")

    def vpc_in(self, region: str) -> str:
        """Return the VPC of a region, empty where none is named."""
        return self.vpc if isinstance(self.vpc, str) else self.vpc.get(region, "")
