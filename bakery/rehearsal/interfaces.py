"""The network that a launch asks for: its interface, subnet and security groups, refused where EC2 would refuse them.

RunInstances in the EC2 API reference, "NetworkInterface.N" and "SubnetId"; "Error codes" there.
"""

from collections.abc import Mapping
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from bakery.rehearsal import refusals

ONE_OF = {"SubnetId": "subnet ID", "SecurityGroupIds": "security groups", "SecurityGroups": "security groups"}
"""What belongs to the interface where one is described, and EC2's word for it."""


def checked(request: Mapping[str, Any], *, backend: Any) -> dict[str, Any]:
    """Return a request as moto reads it: what it says of its first interface's groups counts for the instance.

    Raises InvalidParameterCombination, InvalidSubnetID.NotFound, InvalidGroup.NotFound and InvalidParameter.
    """
    interfaces = request.get("NetworkInterfaces") or []
    for name, words in ONE_OF.items() if interfaces else ():
        if request.get(name):
            said = f"Network interfaces and an instance-level {words} may not be specified on the same request"
            raise refusals.bad_combination(said)
    first = interfaces[0] if interfaces else request
    subnet, groups = first.get("SubnetId") or None, first.get("Groups" if interfaces else "SecurityGroupIds") or []
    _require_one_network(subnet, groups, backend=backend)
    return {**request, "SecurityGroupIds": groups} if interfaces else dict(request)


def _require_one_network(subnet: str | None, groups: list[str], *, backend: Any) -> None:
    known = {one.id: one for one in backend.describe_security_groups()}
    for group in groups:
        if group not in known:
            raise EC2ClientError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    if subnet is None:
        vpc, where = backend.get_default_vpc(), "the default VPC"
        if vpc is None:
            raise EC2ClientError("VPCIdNotSpecified", "No default VPC for this user")
        network = vpc.id
    else:
        found = [one for subnets in backend.subnets.values() for one in subnets.values() if one.id == subnet]
        if not found:
            raise EC2ClientError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet}' does not exist")
        network, where = found[0].vpc_id, f"subnet {subnet}"
    for group in groups:
        if known[group].vpc_id != network:
            said = f"Security group {group} and {where} belong to different networks."
            raise EC2ClientError("InvalidParameter", said)
