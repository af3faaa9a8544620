"""What there is of ours in one AWS region, and what of it is in use; everything is asked, nothing is changed.

Ours is what carries our tag, whatever its name: an image that only has a name like ours is looked at, and stays.
"""

from collections.abc import Mapping, Sequence

from bakery.catalog.catalog import LATEST
from bakery.cloud import naming
from bakery.cloud.inventory import Inventory, Question
from bakery.cloud.values import Group, Image, Instance, KeyPair, Snapshot
from bakery.clouds.aws import answers, images, parameters
from bakery.clouds.aws.account import Region

GROUPS = ("dokku-bakery-bake", "dokku-bakery-bake-*", "dokku-bakery-verify", "dokku-bakery-verify-*")
"""Made for the time of a bake, and left for the next one."""
LIVING = ("pending", "running", "shutting-down", "stopping", "stopped")
"""Every state of an instance but terminated."""
MOST_VALUES = 200
"""Of one filter (EC2 user guide, "Filtering considerations")."""
NEWEST_ALONE = ("$Default", "$Latest")


def take(region: Region, question: Question) -> Inventory:
    """Return what there is; raises like `Region.call`."""
    found = _images(region)
    pointers = parameters.read(region, sorted({*question.pointers, *_usual_parameters(found)}))
    return Inventory(
        place=region.name,
        images=found,
        instances=_instances(region),
        templates=_templates(region, own=question.templates),
        pointers={name: one.image_id for name, one in pointers.items()},
        snapshots=_lonely_snapshots(region, found),
        groups=_groups(region),
        keys=_keys(region),
    )


def _images(region: Region) -> dict[str, Image]:
    found: dict[str, Image] = {}
    # Filters narrow one another down, so that "by name or by tag" is two questions.
    for name, value in (("name", f"{naming.OWNER}/*"), ("tag-key", naming.IMAGE)):
        found |= {image.id: image for image in images.listed(region, {name: [value]}, is_disabled_too=True)}
    return found


def _instances(region: Region) -> list[Instance]:
    filters = [{"Name": "instance-state-name", "Values": list(LIVING)}]
    reservations = region.all("ec2", "describe_instances", "Reservations", Filters=filters)
    return [answers.instance(one) for reservation in reservations for one in reservation["Instances"]]


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


def _usual_parameters(found: Mapping[str, Image]) -> set[str]:
    """Return where images of another checkout are named `latest`, unless it has a prefix of its own."""
    tags = [image.tags for image in found.values()]
    return {
        naming.usual_pointer(one[naming.IMAGE], LATEST, one[naming.ARCH])
        for one in tags
        if {naming.IMAGE, naming.ARCH} <= {*one}
    }


def _lonely_snapshots(region: Region, used: Mapping[str, Image]) -> list[Snapshot]:
    """Return the snapshots with our tag that no image of this account uses."""
    filters = [{"Name": "tag-key", "Values": [naming.IMAGE, naming.REMOVING]}]
    listed = region.all("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)
    found = {one.id: one for one in map(answers.snapshot, listed)}
    for image in used.values():
        for one in image.snapshots:
            found.pop(one, None)
    return [found[one] for one in _unused(region, sorted(found))]


def _unused(region: Region, snapshots: Sequence[str]) -> list[str]:
    used: set[str] = set()
    for begin in range(0, len(snapshots), MOST_VALUES):
        filters = {"block-device-mapping.snapshot-id": list(snapshots[begin : begin + MOST_VALUES])}
        for image in images.listed(region, filters, is_disabled_too=True):
            used.update(image.snapshots)
    return [one for one in snapshots if one not in used]


def _groups(region: Region) -> list[Group]:
    filters = [{"Name": "group-name", "Values": list(GROUPS)}, {"Name": "tag-key", "Values": [naming.RUN]}]
    found = region.all("ec2", "describe_security_groups", "SecurityGroups", Filters=filters)
    return [answers.group(one) for one in found]


def _keys(region: Region) -> list[KeyPair]:
    filters = [{"Name": "tag-key", "Values": [naming.RUN]}]
    return [answers.key_pair(one) for one in region.ec2("describe_key_pairs", Filters=filters)["KeyPairs"]]
