"""The table [aws] of a definition: how an image is baked in a region, and who may start machines from it.

Nothing of it is inside the image, so none of it belongs to the fingerprint.
"""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bakery.errors import did_you_mean
from bakery.places import ARN, REGIONS, partition
from bakery.rules import Table, wrong

PUBLIC = "public"
LONGEST_DAYS = 3650
LONGEST_PUBLIC_DAYS = 730
"""A deprecation date is at most ten years off, a public image's two (EnableImageDeprecation)."""

_ACCOUNT = re.compile(r"\d{12}")
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html, "Resource types"
_ORGANIZATION = re.compile(
    rf"{ARN}:organizations::\d{{12}}:(organization/o-[a-z0-9]{{10,32}}"
    r"|ou/o-[a-z0-9]{10,32}/ou-[a-z0-9-]{10,40})"
)
_KEY = re.compile(rf"{ARN}:kms:(?P<region>[a-z0-9-]+):\d{{12}}:(key|alias)/[A-Za-z0-9/_-]+")
_AWS_OWN = ":alias/aws/"
"""How the aliases begin that AWS keeps for its own keys (KMS developer guide, "Aliases")."""
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
# An SSM parameter's name: PutParameter, "Name"; two of its beginnings are AWS's own.
_PREFIX = re.compile(r"(/[A-Za-z0-9_.-]+){1,10}")
LONGEST_PREFIX = 800
"""Characters: a parameter's name has at most 1011 with its ARN's (PutParameter), and what is below has to fit."""
# A launch template's: CreateLaunchTemplate, "LaunchTemplateName".
_TEMPLATE = re.compile(r"[A-Za-z0-9()./_-]{3,128}")


class Login(StrEnum):
    """How Packer reaches the machine it bakes in."""

    SSH = "ssh"
    SSM = "ssm"


def _region(name: str) -> str:
    if name not in REGIONS:
        raise wrong(f"there is no region {name!r}", hint=did_you_mean(name, REGIONS))
    return name


def _reader(text: str) -> str:
    if text != PUBLIC and not _ACCOUNT.fullmatch(text) and not _ORGANIZATION.fullmatch(text):
        raise wrong(f"{text!r} is no reader: twelve digits, the ARN of an organization or its unit, or '{PUBLIC}'")
    return text


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise wrong(f"{text!r} is no ARN of a KMS key or alias")
    if _AWS_OWN in text and not text.endswith(f"{_AWS_OWN}ebs"):
        raise wrong(f"{text!r} is another service's key: a key of your own, or alias/aws/ebs")
    return text


def _instance_type(text: str) -> str:
    if text and not _INSTANCE_TYPE.fullmatch(text):
        raise wrong(f"{text!r} is no instance type such as 't3.small'")
    return text


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text) or re.match(r"/(aws|ssm)", text, re.IGNORECASE):
        raise wrong(f"{text!r} is no prefix of parameters such as '/dokku-bakery'; /aws and /ssm are AWS's")
    if len(text) > LONGEST_PREFIX:
        raise wrong(f"a prefix of parameters has at most {LONGEST_PREFIX} characters")
    return text


def _template(text: str) -> str:
    if text and not _TEMPLATE.fullmatch(text):
        raise wrong(f"{text!r} is no name of a launch template: 3 to 128 letters, digits and ( ) . / _ -")
    return text


OF_THE_RELEASE = frozenset(
    {
        *("regions", "encrypt", "kms_keys", "share_with", "deprecate_after_days", "protect", "parameters"),
        *("launch_template", "keep"),
    }
)
"""Keys of what is published; every other one says how a machine is reached and what it bakes on."""

RegionName = Annotated[str, AfterValidator(_region)]


class Aws(Table):
    """Baking and publishing on AWS."""

    regions: tuple[RegionName, ...] = Field(default=(), strict=False)
    instance_type: Annotated[str, AfterValidator(_instance_type)] = ""
    login: Login = Field(default=Login.SSH, strict=False)
    spot: bool = False
    encrypt: bool = False
    kms_keys: dict[RegionName, Annotated[str, AfterValidator(_key)]] = Field(default_factory=dict)
    share_with: tuple[Annotated[str, AfterValidator(_reader)], ...] = Field(default=(), strict=False)
    deprecate_after_days: int = Field(default=180, ge=1, le=LONGEST_DAYS)
    protect: bool = True
    parameters: Annotated[str, AfterValidator(_prefix)] = "/dokku-bakery"
    launch_template: Annotated[str, AfterValidator(_template)] = ""
    keep: int = Field(default=3, ge=1, le=1000)

    @model_validator(mode="after")
    def _nothing_is_listed_twice(self) -> Self:
        for key in ("regions", "share_with"):
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
            if self.share_with and _AWS_OWN in key:
                said = f"{key} is AWS's own key, and what it encrypts can be shared with nobody"
                raise wrong(said, key=f"kms_keys.{name}", hint="a key of your own")
            found = _KEY.fullmatch(key)
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
