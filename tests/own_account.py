"""An account with networks, roles and tags of its own, and a definition that asks for all of them."""

from typing import Any

from moto.iam.models import iam_backends

from bakery.clouds.aws.account import Region
from bakery.rehearsal.world import ACCOUNT
from tests import releases

PROFILE = "dokku-bakery"
TABLE: dict[str, Any] = {
    "login": "private",
    "subnet_filter": {"tag:Name": "builds"},
    "allow_from": ["203.0.113.0/24"],
    "instance_profile": PROFILE,
    "tags": {"team": "shop"},
}
"""All that may be asked for in [aws] beside the rest, but for what a rehearsal lacks."""
OWN = releases.definition(launch_template="fleet", **TABLE)


def builds(region: Region) -> str:
    """Make the network and the profile that the definition names, and return the subnet."""
    vpc = region.ec2("create_vpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    named_so = [{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": "builds"}]}]
    subnet = region.ec2("create_subnet", VpcId=vpc, CidrBlock="10.9.1.0/24", TagSpecifications=named_so)["Subnet"]
    iam: Any = iam_backends[ACCOUNT]["aws"]
    iam.create_role(PROFILE, "{}", "/", None, "", {}, 3600)
    iam.create_instance_profile(PROFILE, "/", {})
    iam.add_role_to_instance_profile(PROFILE, PROFILE)
    return str(subnet["SubnetId"])
