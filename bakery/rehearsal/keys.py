"""KMS keys as EBS sees them: a key that cannot be used is found out only after the copy has begun.

CopyImage and CopySnapshot in botocore, KmsKeyId: the four forms of a key, that it must be in the destination region,
and that it is looked at asynchronously. No key is kept here: one of these forms works, unless `bad` is in it.
"""

import re

from bakery.definition.aws_regions import ARN, partition
from bakery.rehearsal.world import ACCOUNT

_NAME = r"(?P<name>key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})|alias/[A-Za-z0-9/_-]+)"
_ARN = re.compile(rf"{ARN}:kms:(?P<region>[a-z0-9-]+):\d{{12}}:{_NAME}")
_SHORT = re.compile(_NAME)

REFUSED = "Given key ID is not accessible"
"""What DescribeSnapshots says of a copy that failed for its key (EBS User Guide, "Copy a snapshot")."""


def default(region: str) -> str:
    """Return the ARN of the alias of the key that AWS keeps for each account: it can be used, but not shared."""
    return f"arn:{partition(region)}:kms:{region}:{ACCOUNT}:alias/aws/ebs"


def is_default(arn: str) -> bool:
    """Say whether a snapshot is encrypted with AWS's own key; one without a key's name is."""
    return not arn or arn.endswith(":alias/aws/ebs")


def arn(key: str, *, region: str) -> str:
    """Return the ARN of a key in any of its forms; without a form it is returned as it is."""
    name = key if key.startswith("alias/") else f"key/{key}"
    return f"arn:{partition(region)}:kms:{region}:{ACCOUNT}:{name}" if _SHORT.fullmatch(name) else key


def problem(key: str, *, region: str) -> str:
    """Return why EBS cannot use a key in this region; empty if it can."""
    found = _ARN.fullmatch(arn(key, region=region))
    is_another_service_s = found and found["name"].startswith("alias/aws/") and found["name"] != "alias/aws/ebs"
    return "" if found and found["region"] == region and "bad" not in key and not is_another_service_s else REFUSED
