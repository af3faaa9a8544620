"""Security groups of ours: found by name in a VPC, made where they are not, opened for what is missing, closed never.

A group for other ranges of addresses than the world is another one, so that two images do not open and close the same.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bakery.cloud import naming
from bakery.clouds.aws import lateness, networks
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.networks import Network
from bakery.clouds.aws.tags import tag_list
from bakery.core.errors import BakeryError
from bakery.definition.aws import ANYWHERE, Aws, Login

SSH = 22


def for_login(region: Region, aws: Aws, *, name: str, network: Network, ports: Sequence[int] = ()) -> str:
    """Return the id of the group of machines that are logged in to, with *ports* beside that open to the world.

    It lets in SSH from where the table [aws] says, and nobody at all where the login goes through Systems Manager.
    """
    told: dict[str, Any] = {"vpc": network.vpc, "tags": aws.tags}
    if aws.login is Login.SSM:
        return group(region, name=f"{name}-closed", ports=ports, **told)
    if aws.allow_from != ANYWHERE:
        name = f"{name}-{hashlib.sha256(' '.join(sorted(aws.allow_from)).encode()).hexdigest()[:8]}"
    return group(region, name=name, ports=(SSH, *ports), ssh_from=aws.allow_from, **told)


def group(
    region: Region,
    *,
    name: str,
    ports: Sequence[int],
    vpc: str = "",
    ssh_from: Sequence[str] = ANYWHERE,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Return the id of the security group of that name in a VPC, made or opened where it must be.

    Its ports are open to the world, but for SSH, which is to *ssh_from*.
    Raises BakeryError (exit code 2) when no VPC is named and the region has no default one.
    """
    vpc = vpc or networks.find(region, Aws()).vpc
    filters = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc]}]

    def look() -> list[Mapping[str, Any]]:
        return list(region.ec2("describe_security_groups", Filters=filters)["SecurityGroups"])

    found = look()
    if not found:
        _make(region, name=name, vpc=vpc, tags=tags or {})
        found = lateness.until(region, look, is_enough=bool, deadline_s=lateness.DEADLINE_S)
    if not found:
        raise BakeryError(f"{region.name}: the security group {name} is not seen yet", hint="run it again")
    opened = {rule.get("FromPort") for rule in found[0]["IpPermissions"] if rule.get("FromPort") == rule.get("ToPort")}
    for port in sorted(set(ports) - opened):
        _open(region, str(found[0]["GroupId"]), port, allow_from=ssh_from if port == SSH else ANYWHERE)
    return str(found[0]["GroupId"])


def _make(region: Region, *, name: str, vpc: str, tags: Mapping[str, str]) -> None:
    told = tag_list({**tags, "Name": name, naming.RUN: "shared"})
    try:
        region.ec2(
            "create_security_group",
            GroupName=name,
            Description="Made by Dokku Bakery",
            VpcId=vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": told}],
        )
    except ApiError as error:
        if error.code != "InvalidGroup.Duplicate":
            raise


def _open(region: Region, group_id: str, port: int, *, allow_from: Sequence[str]) -> None:
    rule = {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": one} for one in allow_from if ":" not in one],
        "Ipv6Ranges": [{"CidrIpv6": one} for one in allow_from if ":" in one],
    }
    try:
        region.ec2("authorize_security_group_ingress", GroupId=group_id, IpPermissions=[rule])
    except ApiError as error:
        if error.code != "InvalidPermission.Duplicate":
            raise
