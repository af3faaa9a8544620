"""Single acts on a release in one AWS region; doing one twice does no harm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bakery.cloud.place import gone
from bakery.cloud.reconcile import Act, Seen, Wanted
from bakery.cloud.values import Image
from bakery.clouds.aws.account import ApiError, Region
from bakery.clouds.aws.tags import tag_list
from bakery.definition.aws import PUBLIC

DATA_TYPE = "aws:ec2:image"
MOST_CHANGES = 500
"""Readers that one call may add or take out (ModifySnapshotAttribute)."""

Permission = Mapping[str, Sequence[Mapping[str, str]]]
"""`Add` or `Remove`, and who."""


def copy(region: Region, wanted: Wanted, *, attempt: str) -> str:
    """Begin a copy and return its id; *attempt* names the copy that was there before, which must not be answered again.

    Raises BakeryError (exit code 2) where the image was made itself, ApiError when AWS refuses.
    """
    source_region, source_id = wanted.source
    if wanted.is_source:
        raise gone(wanted)
    tags = tag_list(wanted.tags)
    encryption = {"Encrypted": True} if wanted.is_encrypted else {}
    if wanted.kms_key:
        encryption["KmsKeyId"] = wanted.kms_key  # type: ignore[assignment]  # one value is a text
    answer = region.ec2(
        "copy_image",
        SourceRegion=source_region,
        SourceImageId=source_id,
        Name=wanted.name,
        Description=wanted.description,
        ClientToken=wanted.client_token(attempt),
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
        **encryption,
    )
    return str(answer["ImageId"])


def tag(region: Region, image: Image, tags: Mapping[str, str]) -> Image:
    """Give an image more tags, and return it as it is then."""
    region.ec2("create_tags", Resources=[image.id], Tags=tag_list(tags))
    return replace(image, tags={**image.tags, **tags})


def _tag_image(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("create_tags", Resources=[seen.image_id], Tags=tag_list(wanted.tags))


def _tag_snapshot(region: Region, wanted: Wanted, seen: Seen) -> None:
    assert seen.snapshot
    region.ec2("create_tags", Resources=[seen.snapshot.id], Tags=tag_list(wanted.tags))


def _describe(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("modify_image_attribute", ImageId=seen.image_id, Description={"Value": wanted.description})


def _require_imdsv2(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("modify_image_attribute", ImageId=seen.image_id, ImdsSupport={"Value": "v2.0"})


def _share_image(region: Region, wanted: Wanted, seen: Seen) -> None:
    def change(permission: Permission) -> None:
        region.ec2("modify_image_attribute", ImageId=seen.image_id, LaunchPermission=permission)

    _exchange(frozenset(wanted.readers), seen.image_readers, change=change)


def _share_snapshot(region: Region, wanted: Wanted, seen: Seen) -> None:
    assert seen.snapshot
    snapshot = seen.snapshot.id

    def change(permission: Permission) -> None:
        region.ec2(
            "modify_snapshot_attribute",
            SnapshotId=snapshot,
            Attribute="createVolumePermission",
            CreateVolumePermission=permission,
        )

    _exchange(wanted.accounts, seen.snapshot_readers, change=change)


def _exchange(wanted: frozenset[str], having: frozenset[str], *, change: Callable[[Permission], None]) -> None:
    """Take out who is no reader any more and let in who is; a change that is refused keeps back no other."""
    refused: list[ApiError] = []
    for permission in _changes(wanted, having):
        try:
            change(permission)
        except ApiError as error:
            if not error.is_of_one_call:
                raise
            refused.append(error)
    if refused:
        raise refused[0]


def _changes(wanted: frozenset[str], having: frozenset[str]) -> list[Permission]:
    """Return the calls that make one set of readers of another, those first that take somebody out.

    Each takes out or lets in, since a snapshot's "cannot do both in a single operation" (ModifySnapshotAttribute).
    Everybody is let in by a call of its own: AWS refuses that for reasons that are nobody else's.
    """
    new = wanted - having
    steps = (("Remove", having - wanted), ("Add", new - {PUBLIC}), ("Add", new & {PUBLIC}))
    return [
        {kind: [_permission(reader) for reader in sorted(readers)[begin : begin + MOST_CHANGES]]}
        for kind, readers in steps
        for begin in range(0, len(readers), MOST_CHANGES)
    ]


def _deprecate(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("enable_image_deprecation", ImageId=seen.image_id, DeprecateAt=wanted.deprecate_at)


def _protect(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("enable_image_deregistration_protection", ImageId=seen.image_id, WithCooldown=False)


def _record(region: Region, wanted: Wanted, seen: Seen) -> None:
    _put_parameter(region, wanted, wanted.parameter, seen.image_id)


def _point_latest(region: Region, wanted: Wanted, seen: Seen) -> None:
    _put_parameter(region, wanted, wanted.latest, seen.image_id)


def _put_parameter(region: Region, wanted: Wanted, name: str, value: str) -> None:
    """Write a parameter that launches can name; whether it was taken shows only when it is read back.

    AWS checks the image after it has answered: "Parameter Store support for AMI IDs" in the Systems Manager guide.
    """
    told = {"Name": name, "Value": value, "Type": "String", "DataType": DATA_TYPE, "Description": wanted.description}
    if wanted.own_tags:
        tags = tag_list(wanted.own_tags)
        # Tags are taken with a parameter that is not there yet, or of one that is there: PutParameter, "Tags".
        try:
            region.written[name] = region.ssm("put_parameter", **told, Tags=tags)["Version"]
        except ApiError as error:
            if error.code != "ParameterAlreadyExists":
                raise
        else:
            return
        # The value is what the next look sees: were it written first, tags that are refused would be missed by nobody.
        region.ssm("add_tags_to_resource", ResourceType="Parameter", ResourceId=name, Tags=tags)
    region.written[name] = region.ssm("put_parameter", **told, Overwrite=True)["Version"]


def _renew_template(region: Region, wanted: Wanted, seen: Seen) -> None:
    template = wanted.launch_template
    data = {"ImageId": seen.image_id}
    if not seen.template_version:
        told: dict[str, Any] = {"LaunchTemplateName": template, "LaunchTemplateData": data}
        if wanted.own_tags:
            told["TagSpecifications"] = [{"ResourceType": "launch-template", "Tags": tag_list(wanted.own_tags)}]
        # Its name is free or it is not: a token would only bring back one that was deleted.
        region.ec2("create_launch_template", **told)
        return
    if wanted.own_tags:
        # Before the version, which is what the next look sees.
        there = seen.template_version.split()[0]
        region.ec2("create_tags", Resources=[there], Tags=tag_list(wanted.own_tags))
    made = region.ec2(
        "create_launch_template_version",
        LaunchTemplateName=template,
        SourceVersion="$Default",
        LaunchTemplateData=data,
        ClientToken=wanted.client_token(f"template {seen.image_id} {seen.template_version}"),
    )
    version = str(made["LaunchTemplateVersion"]["VersionNumber"])
    region.ec2("modify_launch_template", LaunchTemplateName=template, DefaultVersion=version)


ACTS: Mapping[Act, Callable[[Region, Wanted, Seen], None]] = {
    Act.TAG_IMAGE: _tag_image,
    Act.TAG_SNAPSHOT: _tag_snapshot,
    Act.DESCRIBE: _describe,
    Act.REQUIRE_IMDSV2: _require_imdsv2,
    Act.SHARE_IMAGE: _share_image,
    Act.SHARE_SNAPSHOT: _share_snapshot,
    Act.DEPRECATE: _deprecate,
    Act.PROTECT: _protect,
    Act.RECORD: _record,
    Act.LATEST: _point_latest,
    Act.LAUNCH: _renew_template,
}


def _permission(reader: str) -> dict[str, str]:
    if reader == PUBLIC:
        return {"Group": "all"}
    if reader.isdigit():
        return {"UserId": reader}
    return {"OrganizationalUnitArn" if ":ou/" in reader else "OrganizationArn": reader}
