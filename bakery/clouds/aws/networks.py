"""Where in a region's networks machines of ours are: as the table [aws] says, or else in the default VPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakery.clouds.aws.account import ApiError, Region
from bakery.core.errors import impossible
from bakery.definition.aws import Aws

UNKNOWN = ("InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed", "InvalidSubnetID.Malformed")


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC, and the subnet of it that was chosen; without one EC2 chooses, which it does in default VPCs alone."""

    vpc: str
    subnet: str = ""


def find(region: Region, aws: Aws) -> Network:
    """Return the network of a region; of several subnets the one with most free addresses, as Packer would.

    Raises BakeryError (exit code 2) when there is none.
    """
    vpc, subnet = aws.vpc_in(region.name), aws.subnet_in(region.name)
    if not (vpc or subnet or aws.subnet_filter):
        return Network(vpc=_default_vpc(region))
    wanted = {**aws.subnet_filter, **({"vpc-id": vpc} if vpc else {}), **({"subnet-id": subnet} if subnet else {})}
    try:
        found = _subnets(region, {**wanted, "state": "available"})
    except ApiError as error:
        if error.code not in UNKNOWN:
            raise
        found = []
    if not found:
        said = ", ".join(f"{name} {value}" for name, value in wanted.items())
        hint = f"aws ec2 describe-subnets --region {region.name}  (shows those there are)"
        raise impossible(f"{region.name}: there is no subnet with {said}", hint=hint)
    best = max(found, key=lambda one: (one.get("AvailableIpAddressCount", 0), one["SubnetId"]))
    return Network(vpc=str(best["VpcId"]), subnet=str(best["SubnetId"]))


def _subnets(region: Region, wanted: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
    return list(region.all("ec2", "describe_subnets", "Subnets", Filters=filters))


def _default_vpc(region: Region) -> str:
    vpcs = region.ec2("describe_vpcs", Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        hint = f"aws.subnet in images/NAME.toml, or aws ec2 create-default-vpc --region {region.name}"
        raise impossible(f"{region.name} has no default VPC", hint=hint)
    return str(vpcs[0]["VpcId"])
