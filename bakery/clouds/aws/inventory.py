"""What there is of ours in one AWS region, and what of it is in use; everything is asked, nothing is changed.

Ours is what carries our tag, whatever its name: an image that only has a name like ours is looked at, and stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bakery.catalog.catalog import LATEST
from bakery.cloud import naming
from bakery.cloud.reconcile import tags_of
from bakery.clouds.aws.account import Region
from bakery.definition.aws import Aws

GROUPS = ("dokku-bakery-bake", "dokku-bakery-bake-*", "dokku-bakery-verify", "dokku-bakery-verify-*")
"""Made for the time of a bake, and left for the next one."""
LIVING = ("pending", "running", "shutting-down", "stopping", "stopped")
"""Every state of an instance but terminated."""
MOST_NAMES = 10
"""Of one GetParameters."""
MOST_VALUES = 200
"""Of one filter (EC2 user guide, "Filtering considerations")."""
NEWEST_ALONE = ("$Default", "$Latest")

Found = Mapping[str, Any]
"""One thing as a Describe… action shows it."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a region, beside what is always asked."""

    parameters: Sequence[str] = ()
    """Names of those that say which image is `latest`."""
    templates: frozenset[str] = frozenset()
    """Our own launch templates: only their newest and default version counts, for each promotion makes another."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """One region's answers."""

    region: str
    images: Mapping[str, Found] = field(default_factory=dict)
    """By id: this account's, with our name or our tag."""
    instances: Sequence[Found] = ()
    """All that are not terminated, whosoever."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Id of an image → name of a launch template that starts it."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    snapshots: Sequence[Found] = ()
    """Ours that no image uses."""
    groups: Sequence[Found] = ()
    keys: Sequence[Found] = ()


def take(region: Region, question: Question) -> Inventory:
    """Return what there is; raises like `Region.call`."""
    images = _images(region)
    return Inventory(
        region=region.name,
        images=images,
        instances=_instances(region),
        templates=_templates(region, own=question.templates),
        parameters=_parameters(region, sorted({*question.parameters, *_usual_parameters(images)})),
        snapshots=_lonely_snapshots(region, images),
        groups=_groups(region),
        keys=_keys(region),
    )


def snapshots_of(image: Found) -> list[str]:
    """Return the ids of an image's snapshots."""
    ids = (mapping.get("Ebs", {}).get("SnapshotId", "") for mapping in image.get("BlockDeviceMappings", ()))
    return [str(one) for one in ids if one]


def _images(region: Region) -> dict[str, Found]:
    found: dict[str, Found] = {}
    # Filters narrow one another down, so that "by name or by tag" is two questions.
    for name, value in (("name", f"{naming.OWNER}/*"), ("tag-key", naming.IMAGE)):
        filters = [{"Name": name, "Values": [value]}]
        listed = region.all("ec2", "describe_images", "Images", Owners=["self"], Filters=filters, IncludeDisabled=True)
        found |= {str(image["ImageId"]): image for image in listed}
    return found


def _instances(region: Region) -> list[Found]:
    filters = [{"Name": "instance-state-name", "Values": list(LIVING)}]
    reservations = region.all("ec2", "describe_instances", "Reservations", Filters=filters)
    return [instance for reservation in reservations for instance in reservation["Instances"]]


def _templates(region: Region, *, own: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for template in region.all("ec2", "describe_launch_templates", "LaunchTemplates"):
        name = template["LaunchTemplateName"]
        wanted = {"Versions": list(NEWEST_ALONE)} if name in own else {}
        versions = region.all(
            "ec2",
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            LaunchTemplateId=template["LaunchTemplateId"],
            **wanted,
        )
        found |= {str(version["LaunchTemplateData"].get("ImageId", "")): name for version in versions}
    return found


def _usual_parameters(images: Mapping[str, Found]) -> set[str]:
    """Return where images of another checkout are named `latest`, unless it has a prefix of its own."""
    tags = [tags_of(image) for image in images.values()]
    return {
        f"{Aws().parameters}/{one[naming.IMAGE]}/{LATEST}/{one[naming.ARCH]}"
        for one in tags
        if {naming.IMAGE, naming.ARCH} <= {*one}
    }


def _parameters(region: Region, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for begin in range(0, len(names), MOST_NAMES):
        answer = region.ssm("get_parameters", Names=list(names[begin : begin + MOST_NAMES]))
        found |= {one["Name"]: one["Value"] for one in answer["Parameters"]}
    return found


def _lonely_snapshots(region: Region, images: Mapping[str, Found]) -> list[Found]:
    """Return the snapshots with our tag that no image of this account uses."""
    filters = [{"Name": "tag-key", "Values": [naming.IMAGE, naming.REMOVING]}]
    listed = region.all("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)
    found = {str(one["SnapshotId"]): one for one in listed}
    for image in images.values():
        for one in snapshots_of(image):
            found.pop(one, None)
    return [found[one] for one in _unused(region, sorted(found))]


def _unused(region: Region, snapshots: Sequence[str]) -> list[str]:
    used: set[str] = set()
    for begin in range(0, len(snapshots), MOST_VALUES):
        values = list(snapshots[begin : begin + MOST_VALUES])
        filters = [{"Name": "block-device-mapping.snapshot-id", "Values": values}]
        users = region.all("ec2", "describe_images", "Images", Owners=["self"], Filters=filters, IncludeDisabled=True)
        used.update(one for image in users for one in snapshots_of(image))
    return [one for one in snapshots if one not in used]


def _groups(region: Region) -> list[Found]:
    filters = [{"Name": "group-name", "Values": list(GROUPS)}, {"Name": "tag-key", "Values": [naming.RUN]}]
    return list(region.all("ec2", "describe_security_groups", "SecurityGroups", Filters=filters))


def _keys(region: Region) -> list[Found]:
    filters = [{"Name": "tag-key", "Values": [naming.RUN]}]
    pairs: list[Found] = region.ec2("describe_key_pairs", Filters=filters)["KeyPairs"]
    return pairs
