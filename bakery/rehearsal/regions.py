"""Regions as an account sees them: open from the start, or only after it opted in.

docs.aws.amazon.com, AWS Account Management, "Enable or disable AWS Regions": regions begun before 20 March 2019 are
open to all, the later ones must be asked for.
"""

import fnmatch
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from bakery.rehearsal.world import World

if TYPE_CHECKING:
    from bakery.rehearsal.stage import Rehearsal

ALWAYS_OPEN = (
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
OPT_IN = (
    *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
    *("ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1"),
    *("me-central-1", "me-south-1", "mx-central-1"),
)
ALL = tuple(sorted((*ALWAYS_OPEN, *OPT_IN)))

CLOSED = "not-opted-in"


def opt_in_status(region: str, world: World) -> str:
    """Return what DescribeRegions calls the state of a region: opt-in-not-required, opted-in or not-opted-in."""
    if region in ALWAYS_OPEN:
        return "opt-in-not-required"
    return "opted-in" if region in world.opted_in else CLOSED


def is_open(region: str, world: World) -> bool:
    """Say whether a region knows this account."""
    return region in ALL and opt_in_status(region, world) != CLOSED


class RegionActions(EC2BaseResponse):
    """What EC2 says about regions."""

    rehearsal: "Rehearsal"

    def describe_regions(self) -> ActionResult:
        """Answer as its reference in botocore says.

        A region that is named is listed whatever its state; otherwise closed ones need AllRegions. Filters come last.
        """
        self.error_on_dryrun()
        names = self._get_param("RegionNames", [])
        unknown = [name for name in names if name not in ALL]
        if unknown:
            raise EC2ClientError("InvalidParameterValue", f"Invalid region: [{', '.join(unknown)}]")
        world = self.rehearsal.world
        wants_all = names or self._get_bool_param("AllRegions", if_none=False)
        listed = [name for name in ALL if wants_all or is_open(name, world)]
        rows = [_row(name, world) for name in listed if not names or name in names]
        for key, patterns in self._filters_from_querystring().items():
            rows = [row for row in rows if any(_matches(_field(row, key), pattern) for pattern in patterns)]
        return ActionResult({"Regions": rows})


def _row(name: str, world: World) -> dict[str, str]:
    return {
        "RegionName": name,
        "Endpoint": f"ec2.{name}.amazonaws.com",
        "OptInStatus": opt_in_status(name, world),
    }


def _field(row: dict[str, str], key: str) -> str:
    fields = {"region-name": "RegionName", "endpoint": "Endpoint", "opt-in-status": "OptInStatus"}
    if key not in fields:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{key}' is invalid")
    return row[fields[key]]


def _matches(value: str, pattern: str) -> bool:
    # Of a shell's patterns, filters know * and ? (EC2 User Guide, "Filtering considerations").
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))
