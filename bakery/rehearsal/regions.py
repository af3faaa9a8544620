"""Regions as an account sees them: open from the start, or only after it opted in.

docs.aws.amazon.com, AWS Account Management, "Enable or disable AWS Regions": regions begun before 20 March 2019 are
open to all, the later ones must be asked for.
"""

from bakery.rehearsal.world import World

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
