"""What IAM asks a policy about a call, which resources and conditions it is about, and whether the policy says yes.

By IAM's own rules and by the tables of actions in the Service Authorization Reference; moto asks nothing of this.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse

from bakery.rehearsal.server import Rehearsal, StrictEBS, StrictSSM
from bakery.rehearsal.world import ACCOUNT

Document = dict[str, Any]

KINDS = {
    "ami": "image",
    "i": "instance",
    "lt": "launch-template",
    "sg": "security-group",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
MAKES = {
    "CopyImage": ("image", "snapshot"),
    "CreateFleet": ("fleet", "instance"),
    "CreateImage": ("image", "snapshot"),
    "CreateLaunchTemplate": ("launch-template",),
    "CreateSecurityGroup": ("security-group",),
    "RegisterImage": ("image",),
    "RunInstances": ("instance", "network-interface", "subnet", "volume"),
}
"""What an action makes or, where nobody names it, chooses: each is asked for by itself."""
NAMING = (
    *("GroupId", "Groups", "ImageId", "InstanceId", "InstanceIds", "Resources", "SecurityGroupIds", "SnapshotId"),
    *("SubnetId", "VpcId"),
)
"""The parameters with ids of what is there already."""


@dataclass(frozen=True, kw_only=True)
class Touch:
    """One question of IAM's to a policy: an action on one resource, and what its conditions may look at."""

    action: str
    arn: str
    context: Mapping[str, Any] = field(default_factory=dict)


def action_of(call: Any) -> str:
    return str(call._get_action())  # noqa: SLF001  # moto has no public way


def touches(call: Any, cloud: Rehearsal) -> Iterator[Touch]:
    """Give every question that a call raises; Describe… actions are about everything."""
    name = action_of(call)
    if isinstance(call, StrictSSM):
        yield from _about_parameters(name, call)
    elif isinstance(call, StrictEBS):
        yield from _about_blocks(name, call, cloud)
    elif isinstance(call, IamResponse):
        profile = call.querystring["InstanceProfileName"][0]
        yield Touch(action=f"iam:{name}", arn=f"arn:aws:iam::{ACCOUNT}:instance-profile/{profile}")
    elif name.startswith("Describe"):
        yield Touch(action=f"ec2:{name}", arn="*")
    else:
        found = [*_existing(name, call, cloud), *_made(name, call)]
        assert found, f"it is not known what {name} is about"
        yield from found


def _about_parameters(name: str, call: Any) -> Iterator[Touch]:
    """Give what is about parameters; to make one with tags wants ssm:AddTagsToResource, too (PutParameter, "Tags")."""
    asked = json.loads(call.body)
    for parameter in asked.get("Names") or [asked.get("Name") or asked["ResourceId"]]:
        owner = "" if parameter.startswith("/aws/service/") else ACCOUNT
        arn = f"arn:aws:ssm:{call.region}:{owner}:parameter{parameter}"
        for action in (name, "AddTagsToResource") if name == "PutParameter" and asked.get("Tags") else (name,):
            yield Touch(action=f"ssm:{action}", arn=arn)


def _about_blocks(name: str, call: Any, cloud: Rehearsal) -> Iterator[Touch]:
    """Give what is about one snapshot.

    StartSnapshot alone takes tags, and wants ec2:CreateTags for them; no page says that it is an `ec2:CreateAction`
    (EBS user guide, "Control access to EBS direct APIs using IAM").
    """
    if name == "StartSnapshot":
        request = _tags_asked_for(call.params.get("Tags") or ())
        for action in ("ebs:StartSnapshot", "ec2:CreateTags"):
            yield Touch(action=action, arn=_arn(call.region, "snapshot", "*"), context=request)
    else:
        one = call.params["SnapshotId"]
        tags = _resource_tags(_tags(one, call, cloud))
        yield Touch(action=f"ebs:{name}", arn=_arn(call.region, "snapshot", one), context=tags)


def _existing(name: str, call: Any, cloud: Rehearsal) -> Iterator[Touch]:
    asked = call.params
    ids: list[str] = []
    for place in (asked, *asked.get("NetworkInterfaces", ())):
        for parameter in NAMING:
            given = place.get(parameter) or []
            ids += [given] if isinstance(given, str) else given
    if asked.get("LaunchTemplateName") and name != "CreateLaunchTemplate":
        templates = {one.name: one.id for one in call.ec2_backend.launch_templates.values()}
        ids.append(templates.get(asked["LaunchTemplateName"], "lt-nowhere"))
    disks = (one.get("Ebs", {}).get("SnapshotId") for one in asked.get("BlockDeviceMappings") or ())
    ids += filter(None, disks)
    request = _tags_asked_for(asked.get("Tags", ())) if name == "CreateTags" else {}
    for one in ids:
        tags = _resource_tags(_tags(one, call, cloud))
        yield Touch(
            action=f"ec2:{name}", arn=_arn(call.region, KINDS[one.partition("-")[0]], one), context=tags | request
        )
    if asked.get("KeyName"):
        pair = call.ec2_backend.key_pairs.get(asked["KeyName"])
        tags = _resource_tags(_tags(pair.id, call, cloud) if pair else {})
        yield Touch(action=f"ec2:{name}", arn=_arn(call.region, "key-pair", asked["KeyName"]), context=tags)
    if asked.get("SourceImageId"):
        yield Touch(action=f"ec2:{name}", arn=_arn(asked["SourceRegion"], "image", asked["SourceImageId"]))
    # Packer names an empty one where there is none.
    if profile := asked.get("IamInstanceProfile", {}).get("Name"):
        yield from _handed_on(profile)


def _handed_on(profile: str) -> Iterator[Touch]:
    """Give what is about the role of a machine's profile (IAM user guide, "Grant permissions to pass a role")."""
    for role in iam_backends[ACCOUNT]["aws"].get_instance_profile(profile).roles:
        yield Touch(action="iam:PassRole", arn=role.arn, context={"iam:PassedToService": "ec2.amazonaws.com"})


def _made(name: str, call: Any) -> Iterator[Touch]:
    """Give what is about new things, and about their tags: "Grant permission to tag resources during creation"."""
    specified = {one["ResourceType"]: one["Tags"] for one in call.params.get("TagSpecifications") or ()}
    tokens = (call.params.get("MetadataOptions") or {}).get("HttpTokens")
    for kind in MAKES.get(name, ()):
        request = _tags_asked_for(specified.get(kind, ()))
        metadata = {"ec2:MetadataHttpTokens": tokens} if tokens and kind == "instance" else {}
        yield Touch(action=f"ec2:{name}", arn=_arn(call.region, kind, "*"), context=request | metadata)
        if request:
            yield Touch(
                action="ec2:CreateTags", arn=_arn(call.region, kind, "*"), context={**request, "ec2:CreateAction": name}
            )


def _arn(region: str, kind: str, identity: str) -> str:
    owner = "" if kind in {"image", "snapshot"} else ACCOUNT
    return f"arn:aws:ec2:{region}:{owner}:{kind}/{identity}"


def _tags(identity: str, call: Any, cloud: Rehearsal) -> dict[str, str]:
    thing = cloud.world.images.get(identity) or cloud.world.snapshots.get(identity)
    if thing is not None:
        return thing.tags
    listed = call.ec2_backend.describe_tags(filters={"resource-id": [identity]})
    return {one["key"]: one["value"] for one in listed}


def _resource_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def _tags_asked_for(tags: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    keys = {"aws:TagKeys": [one["Key"] for one in tags]} if tags else {}
    return {**{f"aws:RequestTag/{one['Key']}": one["Value"] for one in tags}, **keys}


def _all_like(having: Any, wanted: list[str]) -> bool:
    return all(any(fnmatchcase(one, pattern) for pattern in wanted) for one in having or ())


def _any_like(having: Any, wanted: list[str]) -> bool:
    return any(fnmatchcase(one, pattern) for one in having or () for pattern in wanted)


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "ForAllValues:StringEquals": lambda having, wanted: set(having or ()) <= set(wanted),
    "ForAllValues:StringLike": _all_like,
    "ForAnyValue:StringLike": _any_like,
    "Null": lambda having, wanted: (having is None) == (wanted == "true"),
    "StringEquals": lambda having, wanted: having in ([wanted] if isinstance(wanted, str) else wanted),
}
"""IAM user guide, "Condition operators" and "Set operators"."""


def allows(document: Document, touch: Touch) -> bool:
    """Return whether a policy, which denies nothing, says yes."""
    return any(_covers(statement, touch) for statement in document["Statement"])


def _covers(statement: Document, touch: Touch) -> bool:
    patterns = statement["Resource"]
    return (
        touch.action in statement["Action"]
        and any(fnmatchcase(touch.arn, one) for one in ([patterns] if isinstance(patterns, str) else patterns))
        and all(
            OPERATORS[operator](touch.context.get(key), wanted)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )
