"""EC2 instances of ours: started once however often it is asked, tagged from their first moment, and ended for sure."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bakery.cloud.values import Instance, InstanceState
from bakery.clouds.aws import answers, lateness
from bakery.clouds.aws.account import Account, ApiError, Region
from bakery.clouds.aws.errors import PASSING
from bakery.clouds.aws.packer import INSTANCE_TYPES
from bakery.clouds.aws.tags import tag_list
from bakery.core.errors import BakeryError, did_you_mean, impossible
from bakery.core.waiting import Patience, wait_until
from bakery.definition.bases import Arch, Base

RUNNING_DEADLINE_S = 600.0
UNKNOWN = frozenset({*PASSING, "InvalidGroup.NotFound"})
"""What RunInstances may answer as long as it does not know a new image or group."""
NO_KEY = "InvalidKeyPair.NotFound"
NO_INSTANCE = "InvalidInstanceID.NotFound"
PAUSE_S = 1.0
NO_ADDRESS = 'aws.login = "private" or "ssm" in images/NAME.toml, or a subnet that gives public addresses'


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What machines to start; `token` makes a second call of the same launch start nothing new."""

    image_id: str
    instance_type: str
    groups: Sequence[str]
    token: str
    user_data: bytes = b""
    key_name: str = ""
    size_gb: int = 0
    """Of the root volume; 0 leaves it as the image says."""
    root_device: str = ""
    count: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)
    subnet: str = ""
    """Empty lets the cloud choose one."""
    is_public: bool = False
    """Whether it gets a public address in that subnet, whatever the subnet's own machines get."""
    profile: str = ""
    """The name of what gives it rights of its own in the cloud; empty: none."""
    is_ending: bool = False
    """Whether the machine is gone when it shuts itself down."""


def port(account: Account, number: int) -> int:
    """Return where a machine's port is reached from here."""
    return account.ports.get(number, number)


def login_user(account: Account, base: Base, *, is_import: bool) -> str:
    """Return who the platform's keys are for.

    A rehearsal's base is the disk of local bakes, whose user, like an import's, is not that of the distribution's AMIs.
    """
    return base.aws_user(is_own_disk=is_import or account.is_rehearsal)


def start(region: Region, launch: Launch) -> list[str]:
    """Start instances and return their ids.

    Raises BakeryError: exit code 2 when the key is not there, else as AWS refuses.
    """

    def run() -> Any:
        return region.ec2("run_instances", **_arguments(launch))

    try:
        answer = lateness.known(region, run, codes=UNKNOWN)
    except ApiError as error:
        if error.code != NO_KEY:
            raise
        names = [answers.key_pair(one).name for one in region.ec2("describe_key_pairs")["KeyPairs"]]
        if launch.key_name not in names:
            hint = did_you_mean(launch.key_name, names)
            raise impossible(f"{region.name}: there is no key pair {launch.key_name!r}", hint=hint) from error
        answer = lateness.known(region, run, codes={*UNKNOWN, NO_KEY})
    return [answers.instance(one).id for one in answer["Instances"]]


def wait_running(region: Region, ids: Sequence[str]) -> list[Instance]:
    """Return the instances as soon as all are running.

    Raises BakeryError (exit code 1) when one ends instead, or after RUNNING_DEADLINE_S.
    """

    def look() -> list[Instance]:
        found = describe(region, ids)
        for one in found:
            if one.state not in {InstanceState.PENDING, InstanceState.RUNNING}:
                said = f"{region.name}: instance {one.id} is {one.state} instead of running"
                raise BakeryError(f"{said}: {one.reason or 'no reason'}")
        return found if {one.state for one in found} == {InstanceState.RUNNING} else []

    patience = Patience(deadline_s=RUNNING_DEADLINE_S, pauses_s=(PAUSE_S, PAUSE_S), pause=region.account.pause)
    found = wait_until(look, patience=patience, is_enough=lambda seen: len(seen) == len(ids))
    if len(found) != len(ids):
        raise BakeryError(f"{region.name}: {', '.join(ids)} did not run after {RUNNING_DEADLINE_S:.0f} s")
    return found


def describe(region: Region, ids: Sequence[str]) -> list[Instance]:
    """Return what AWS shows of instances; of one it does not know yet, nothing."""
    filters = [{"Name": "instance-id", "Values": list(ids)}]
    pages = region.all("ec2", "describe_instances", "Reservations", Filters=filters)
    return [answers.instance(one) for reservation in pages for one in reservation["Instances"]]


def address(region: Region, instance: Instance, *, is_private: bool | None = False) -> str:
    """Return where an instance is reached from here: at its public address, by IPv4 or else IPv6.

    If it *is_private* at its private one, which is reached from within its network; None takes what there is. Raises
    BakeryError (exit code 2) where the instance's subnet has given it no such address.
    """
    public = [instance.public_address, instance.ipv6_address]
    private = [instance.private_address, instance.ipv6_address]
    having = [*filter(None, {True: private, False: public, None: public + private}[is_private])]
    if having:
        return having[0]
    where = f"{region.name}: {instance.id} in {instance.subnet or 'its subnet'}"
    raise impossible(f"{where} has no {'public ' if is_private is False else ''}address", hint=NO_ADDRESS)


def terminate(region: Region, ids: Sequence[str], *, is_new: bool = False) -> None:
    """End instances; those that are gone already are no mistake.

    Where they were started a moment ago (*is_new*), AWS may not know them yet: an id that it never gets to know is
    taken for one that is gone after two minutes, since an ended instance is known for an hour.
    """
    for name in ids:
        codes = {NO_INSTANCE} if is_new else ()
        try:
            lateness.known(region, partial(region.ec2, "terminate_instances", InstanceIds=[name]), codes=codes)
        except ApiError as error:
            if error.code != NO_INSTANCE:
                raise


def console_text(region: Region, instance_id: str) -> str:
    """Return what the instance's serial console shows, empty while AWS has nothing yet."""
    with suppress(ApiError):
        return str(region.ec2("get_console_output", InstanceId=instance_id).get("Output") or "")
    return ""


def instance_type(region: Region, *, arch: Arch, wanted: str = "") -> str:
    """Return an instance type that the region has.

    Raises BakeryError (exit code 2) when it does not have the *wanted* one, or none that we know.
    """
    candidates = (wanted,) if wanted else INSTANCE_TYPES[arch]
    filters = [{"Name": "instance-type", "Values": list(candidates)}]
    offers = region.all("ec2", "describe_instance_type_offerings", "InstanceTypeOfferings", Filters=filters)
    having = {offer["InstanceType"] for offer in offers}
    for candidate in candidates:
        if candidate in having:
            return candidate
    hint = "aws.instance_type in images/NAME.toml, or --instance-type"
    raise impossible(f"{region.name} has no instance type {' or '.join(candidates)}", hint=hint)


def _arguments(launch: Launch) -> dict[str, Any]:
    tags = tag_list(launch.tags)
    found: dict[str, Any] = {
        "ImageId": launch.image_id,
        "InstanceType": launch.instance_type,
        "MinCount": launch.count,
        "MaxCount": launch.count,
        "ClientToken": launch.token,
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
    }
    if launch.subnet:
        # A public address can only be asked for with the interface, and then subnet and groups are the interface's.
        interface = {"DeviceIndex": 0, "SubnetId": launch.subnet, "Groups": list(launch.groups)}
        public = {"AssociatePublicIpAddress": True} if launch.is_public else {}
        found["NetworkInterfaces"] = [{**interface, **public, "DeleteOnTermination": True}]
    else:
        found["SecurityGroupIds"] = list(launch.groups)
    if launch.profile:
        found["IamInstanceProfile"] = {"Name": launch.profile}
    if launch.user_data:
        found["UserData"] = launch.user_data
    if launch.key_name:
        found["KeyName"] = launch.key_name
    if launch.is_ending:
        found["InstanceInitiatedShutdownBehavior"] = "terminate"
    if launch.size_gb:
        ebs = {"VolumeSize": launch.size_gb, "VolumeType": "gp3", "DeleteOnTermination": True}
        found["BlockDeviceMappings"] = [{"DeviceName": launch.root_device, "Ebs": ebs}]
    return found
