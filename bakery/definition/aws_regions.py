"""Where images can be: `local`, or an AWS region. Whether an account may use a region, only AWS can say.

Names and cities: docs.aws.amazon.com, "AWS Regions" in the AWS Account Management reference.
"""

import re
from enum import StrEnum

from bakery.core.errors import did_you_mean, impossible

LOCAL = "local"


class Partition(StrEnum):
    """Regions that share accounts; nothing is copied from one partition to another."""

    AWS = "aws"
    CHINA = "aws-cn"
    GOVERNMENT = "aws-us-gov"
    EUROPE = "aws-eusc"


HOMES = {
    Partition.AWS: "us-east-1",
    Partition.CHINA: "cn-north-1",
    Partition.GOVERNMENT: "us-gov-west-1",
    Partition.EUROPE: "eusc-de-east-1",
}
"""A region of each partition that every account of it may use: it is asked about all regions when none is set."""

ARN = f"arn:({'|'.join(Partition)})"
"""How an ARN begins, as part of a regular expression; its first group is the partition."""

_DIRECTION = "(north|south|central)?(east|west)|north|south|central"
_FORM = re.compile(rf"[a-z]{{2,4}}(-[a-z]{{2,4}})?-({_DIRECTION})-[1-9]")
"""Of every region's name so far, and so perhaps of one that is newer than this table."""


REGIONS: dict[str, str] = {
    "af-south-1": "Cape Town",
    "ap-east-1": "Hong Kong",
    "ap-east-2": "Taipei",
    "ap-northeast-1": "Tokyo",
    "ap-northeast-2": "Seoul",
    "ap-northeast-3": "Osaka",
    "ap-south-1": "Mumbai",
    "ap-south-2": "Hyderabad",
    "ap-southeast-1": "Singapore",
    "ap-southeast-2": "Sydney",
    "ap-southeast-3": "Jakarta",
    "ap-southeast-4": "Melbourne",
    "ap-southeast-5": "Malaysia",
    "ap-southeast-6": "New Zealand",
    "ap-southeast-7": "Thailand",
    "ca-central-1": "Montréal",
    "ca-west-1": "Calgary",
    "eu-central-1": "Frankfurt",
    "eu-central-2": "Zurich",
    "eu-north-1": "Stockholm",
    "eu-south-1": "Milan",
    "eu-south-2": "Spain",
    "eu-west-1": "Ireland",
    "eu-west-2": "London",
    "eu-west-3": "Paris",
    "il-central-1": "Tel Aviv",
    "me-central-1": "UAE",
    "me-south-1": "Bahrain",
    "mx-central-1": "Mexico",
    "sa-east-1": "São Paulo",
    "us-east-1": "Virginia",
    "us-east-2": "Ohio",
    "us-west-1": "California",
    "us-west-2": "Oregon",
    "cn-north-1": "Beijing",
    "cn-northwest-1": "Ningxia",
    "us-gov-east-1": "US government, east",
    "us-gov-west-1": "US government, west",
    "eusc-de-east-1": "Brandenburg, European Sovereign Cloud",
}


def region(name: str) -> str:
    """Return the name if it is a region's.

    Raises BakeryError (exit code 2) with the nearest one when it is not.
    """
    if name not in REGIONS:
        raise impossible(f"there is no region {name!r}", hint=did_you_mean(name, REGIONS))
    return name


def is_form(name: str) -> bool:
    """Return whether a name can be a region's, be it ever so new."""
    return name in REGIONS or _FORM.fullmatch(name) is not None


def partition(name: str) -> Partition:
    """Return the partition of a region."""
    begins = {"cn-": Partition.CHINA, "us-gov-": Partition.GOVERNMENT, "eusc-": Partition.EUROPE}
    return next((found for begin, found in begins.items() if name.startswith(begin)), Partition.AWS)
