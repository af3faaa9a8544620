"""The small values of the table [aws]: each refuses what AWS would, before it is asked for anything."""

import ipaddress
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from bakery.core.errors import did_you_mean
from bakery.definition.aws_regions import ARN, REGIONS
from bakery.definition.rules import wrong

PUBLIC = "public"
OURS = "bakery:"
"""How the keys of the tags begin by which our own things are found again."""
MOST_TAGS = 38
"""Of one's own: AWS takes 50 of each thing (EC2 user guide, "Tag restrictions"), and 12 may be ours on a snapshot that
was sent up as a difference and is being removed."""

_ACCOUNT = re.compile(r"\d{12}")
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html, "Resource types"
_ORGANIZATION = re.compile(
    rf"{ARN}:organizations::\d{{12}}:(organization/o-[a-z0-9]{{10,32}}"
    r"|ou/o-[a-z0-9]{10,32}/ou-[a-z0-9-]{10,40})"
)
KEY = re.compile(rf"{ARN}:kms:(?P<region>[a-z0-9-]+):\d{{12}}:(key|alias)/[A-Za-z0-9/_-]+")
AWS_OWN = ":alias/aws/"
"""How the aliases begin that AWS keeps for its own keys (KMS developer guide, "Aliases")."""
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
# An SSM parameter's name: PutParameter, "Name"; two of its beginnings are AWS's own.
_PREFIX = re.compile(r"(/[A-Za-z0-9_.-]+){1,10}")
LONGEST_PREFIX = 800
"""Characters: a parameter's name has at most 1011 with its ARN's (PutParameter), and what is below has to fit."""
# A launch template's: CreateLaunchTemplate, "LaunchTemplateName".
_TEMPLATE = re.compile(r"[A-Za-z0-9()./_-]{3,128}")
# An instance profile's: CreateInstanceProfile, "InstanceProfileName".
_PROFILE = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}")
# Of the services that we tag things in, Systems Manager takes the fewest letters (AddTagsToResource, "Tags").
_TAG = re.compile(r"[\w .:/=+@-]*")
_FILTER = re.compile(r"[a-z][a-z0-9.-]*|tag:.{1,128}|tag-key")


def _region(name: str) -> str:
    if name not in REGIONS:
        raise wrong(f"there is no region {name!r}", hint=did_you_mean(name, REGIONS))
    return name


def _reader(text: str) -> str:
    if text != PUBLIC and not _ACCOUNT.fullmatch(text) and not _ORGANIZATION.fullmatch(text):
        raise wrong(f"{text!r} is no reader: twelve digits, the ARN of an organization or its unit, or '{PUBLIC}'")
    return text


def _key(text: str) -> str:
    if not KEY.fullmatch(text):
        raise wrong(f"{text!r} is no ARN of a KMS key or alias")
    if AWS_OWN in text and not text.endswith(f"{AWS_OWN}ebs"):
        raise wrong(f"{text!r} is another service's key: a key of your own, or alias/aws/ebs")
    return text


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text) or re.match(r"/(aws|ssm)", text, re.IGNORECASE):
        raise wrong(f"{text!r} is no prefix of parameters such as '/dokku-bakery'; /aws and /ssm are AWS's")
    if len(text) > LONGEST_PREFIX:
        raise wrong(f"a prefix of parameters has at most {LONGEST_PREFIX} characters")
    return text


def _empty_or(pattern: re.Pattern[str], what: str, text: str) -> str:
    if text and not pattern.fullmatch(text):
        raise wrong(f"{text!r} is no {what}")
    return text


def _by_region(kind: str, value: object) -> object:
    """Check an id, or a table with one for each region."""
    example = f"{kind}-0123456789abcdef0"
    for name, one in value.items() if isinstance(value, Mapping) else {"": value or example}.items():
        if not isinstance(one, str) or not re.fullmatch(rf"{kind}-[0-9a-f]{{8,17}}", one):
            raise wrong(f"{one!r} is no id such as '{example}'", key=str(name))
        if name:
            _region(str(name))
    return value


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise wrong(f"{text!r} is no range of addresses such as '203.0.113.0/24' ({error})") from error


def _tags(tags: dict[str, str]) -> dict[str, str]:
    for key, value in tags.items():
        if key.lower().startswith((OURS, "aws:")) or key == "Name":
            raise wrong("is a tag that is not yours to set", key=key, hint=f"any but Name, aws:… and {OURS}…")
        if not 1 <= len(key) <= 128 or not _TAG.fullmatch(key):
            raise wrong("is no key of a tag: 1 to 128 letters, digits, spaces and _ . : / = + - @", key=key)
        if len(value) > 256 or not _TAG.fullmatch(value):
            said = f"{value!r} is no value of a tag: at most 256 letters, digits, spaces and _ . : / = + - @"
            raise wrong(said, key=key)
    if len(tags) > MOST_TAGS:
        raise wrong(f"{len(tags)} tags are more than {MOST_TAGS}")
    return tags


def _filters(filters: dict[str, str]) -> dict[str, str]:
    for name, value in filters.items():
        if not _FILTER.fullmatch(name) or not value:
            raise wrong("is no filter of DescribeSubnets such as 'tag:Name', with its value", key=name)
    return filters


RegionName = Annotated[str, AfterValidator(_region)]
Reader = Annotated[str, AfterValidator(_reader)]
KeyArn = Annotated[str, AfterValidator(_key)]
Prefix = Annotated[str, AfterValidator(_prefix)]
InstanceType = Annotated[str, AfterValidator(partial(_empty_or, _INSTANCE_TYPE, "instance type such as 't3.small'"))]
Template = Annotated[
    str,
    AfterValidator(
        partial(_empty_or, _TEMPLATE, "name of a launch template: 3 to 128 letters, digits and ( ) . / _ -")
    ),
]
Profile = Annotated[
    str, AfterValidator(partial(_empty_or, _PROFILE, "name of an instance profile: letters, digits and + = , . @ _ -"))
]
Subnet = Annotated[str | dict[str, str], BeforeValidator(partial(_by_region, "subnet"))]
"""One subnet, or one for each region."""
Vpc = Annotated[str | dict[str, str], BeforeValidator(partial(_by_region, "vpc"))]
Range = Annotated[str, AfterValidator(_network)]
Tags = Annotated[dict[str, str], AfterValidator(_tags)]
Filters = Annotated[dict[str, str], AfterValidator(_filters)]
