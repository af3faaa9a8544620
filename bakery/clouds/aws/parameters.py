"""Parameters that name images, as the parameter store has them; asked for by name, as many as there are."""

from collections.abc import Collection

from bakery.cloud.values import Pointer
from bakery.clouds.aws import answers
from bakery.clouds.aws.account import Region

MOST_NAMES = 10
"""Of one GetParameters."""


def read(region: Region, names: Collection[str]) -> dict[str, Pointer]:
    """Return those that there are, by name; raises like `Region.call`."""
    asked, found = list(names), dict[str, Pointer]()
    for begin in range(0, len(asked), MOST_NAMES):
        answer = region.ssm("get_parameters", Names=asked[begin : begin + MOST_NAMES])
        found |= {str(one["Name"]): answers.pointer(one) for one in answer["Parameters"]}
    return found
