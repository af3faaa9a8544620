"""What EC2 answers about regions."""

import fnmatch
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses._base_response import EC2BaseResponse

from bakery.rehearsal.regions import ALL, is_open, opt_in_status
from bakery.rehearsal.world import World

if TYPE_CHECKING:
    from bakery.rehearsal.stage import Rehearsal


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
