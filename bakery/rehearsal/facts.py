"""What EC2's metadata service knows of one instance, as the tree of folders and values that it is asked for.

The categories are those of the EC2 user guide, "Instance metadata categories". What AWS would have to sign is not
there: the credentials of a role (iam/) and the signatures of the identity document.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bakery.definition.aws_regions import Partition, partition

VERSIONS = ("1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "latest")
"""Those that programs ask for by name; all of them give the same answers."""

DOMAINS = {Partition.CHINA: "amazonaws.com.cn", Partition.EUROPE: "amazonaws.eu"}
"""Of the partitions whose endpoints are not below amazonaws.com."""

KEYS = "public-keys"
"""The one folder whose entries are listed as NUMBER=NAME."""

Tree = Mapping[str, "Tree | str"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of an instance at one moment."""

    instance: str
    image: str
    type: str
    arch: str
    account: str
    region: str
    zone: str
    reservation: str
    launch_index: int
    launched: datetime
    root_device: str
    mac: str
    interface: str
    subnet: str
    subnet_range: str
    vpc: str
    vpc_range: str
    groups: Mapping[str, str]
    """Security groups: id → name."""
    private_ip: str
    private_name: str
    public_ip: str = ""
    public_name: str = ""
    key: tuple[str, str] | None = None
    """Name, and public key as OpenSSH writes it."""
    user_data: bytes | None = None
    tags: Mapping[str, str] | None = None
    """None where InstanceMetadataTags is disabled."""
    is_token_required: bool = False
    is_enabled: bool = True


def answer(path: str, facts: Facts) -> bytes | None:
    """Return what is at *path*, a value or the list of what is in a folder; None where there is nothing."""
    version, *parts = [part for part in path.split("/") if part] or [""]
    if not version:
        return "\n".join(VERSIONS).encode()
    if parts == ["user-data"]:
        return facts.user_data
    found: Tree | str | None = tree(facts) if version in VERSIONS else None
    for part in parts:
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        found = "\n".join(listed(found, parts[-1] if parts else "", facts))
    return None if found is None else found.encode()


def listed(found: Tree, name: str, facts: Facts) -> Iterator[str]:
    """Give the entries of the folder *name*: folders end with a slash, except those of a version itself."""
    for entry, value in sorted(found.items()):
        if name == KEYS and facts.key is not None:
            yield f"{entry}={facts.key[0]}"
        else:
            yield f"{entry}/" if name and isinstance(value, Mapping) else entry


def tree(facts: Facts) -> Tree:
    """Return everything that there is below a version; user-data stands here for its name alone, its value is bytes."""
    user_data = {} if facts.user_data is None else {"user-data": ""}
    return {"dynamic": {"instance-identity": {"document": document(facts)}}, "meta-data": meta_data(facts), **user_data}


def meta_data(facts: Facts) -> Tree:
    """Return the folder meta-data; what an instance has not is not there."""
    region_partition = partition(facts.region)
    known: dict[str, Tree | str] = {
        "ami-id": facts.image,
        "ami-launch-index": str(facts.launch_index),
        "ami-manifest-path": "(unknown)",
        "block-device-mapping": {"ami": facts.root_device.removeprefix("/dev/"), "root": facts.root_device},
        "hostname": facts.private_name,
        "instance-action": "none",
        "instance-id": facts.instance,
        "instance-life-cycle": "on-demand",
        "instance-type": facts.type,
        "local-hostname": facts.private_name,
        "local-ipv4": facts.private_ip,
        "mac": facts.mac,
        "network": {"interfaces": {"macs": {facts.mac: interface(facts)}}},
        "placement": {"availability-zone": facts.zone, "region": facts.region},
        "profile": "default-hvm",
        "reservation-id": facts.reservation,
        "security-groups": "\n".join(facts.groups.values()),
        "services": {
            "domain": DOMAINS.get(region_partition, "amazonaws.com"),
            "partition": region_partition,
        },
        "system": "nitro",
    }
    if facts.public_ip:
        known |= {"public-hostname": facts.public_name, "public-ipv4": facts.public_ip}
    if facts.key is not None:
        known[KEYS] = {"0": {"openssh-key": facts.key[1]}}
    if facts.tags:
        known["tags"] = {"instance": dict(facts.tags)}
    return known


def interface(facts: Facts) -> Tree:
    """Return what is known of the one network interface."""
    known: dict[str, Tree | str] = {
        "device-number": "0",
        "interface-id": facts.interface,
        "local-hostname": facts.private_name,
        "local-ipv4s": facts.private_ip,
        "mac": facts.mac,
        "owner-id": facts.account,
        "security-group-ids": "\n".join(facts.groups),
        "security-groups": "\n".join(facts.groups.values()),
        "subnet-id": facts.subnet,
        "subnet-ipv4-cidr-block": facts.subnet_range,
        "vpc-id": facts.vpc,
        "vpc-ipv4-cidr-block": facts.vpc_range,
        "vpc-ipv4-cidr-blocks": facts.vpc_range,
    }
    if facts.public_ip:
        known |= {
            "ipv4-associations": {facts.public_ip: facts.private_ip},
            "public-hostname": facts.public_name,
            "public-ipv4s": facts.public_ip,
        }
    return known


def document(facts: Facts) -> str:
    """Return the instance identity document (EC2 user guide, "Instance identity documents")."""
    return json.dumps(
        {
            "accountId": facts.account,
            "architecture": facts.arch,
            "availabilityZone": facts.zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "imageId": facts.image,
            "instanceId": facts.instance,
            "instanceType": facts.type,
            "kernelId": None,
            "marketplaceProductCodes": None,
            "pendingTime": f"{facts.launched:%Y-%m-%dT%H:%M:%SZ}",
            "privateIp": facts.private_ip,
            "ramdiskId": None,
            "region": facts.region,
            "version": "2017-09-30",
        },
        indent=2,
    )
