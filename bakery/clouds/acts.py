"""Single acts on a release in one AWS region; doing one twice does no harm."""

from collections.abc import Callable, Mapping

from bakery.ami import Wanted
from bakery.aws_table import PUBLIC
from bakery.clouds.aws import ApiError, Region
from bakery.differences import Act, Seen, tag_list
from bakery.errors import impossible

DATA_TYPE = "aws:ec2:image"


def _copy(region: Region, wanted: Wanted, seen: Seen) -> None:
    source_region, source_id = wanted.source
    if wanted.is_source:
        raise impossible(f"{region.name}: {source_id} ({wanted.name}) is gone", hint="./inv bake --region …")
    tags = tag_list(wanted.tags)
    encryption = {"Encrypted": True} if wanted.is_encrypted else {}
    if wanted.kms_key:
        encryption["KmsKeyId"] = wanted.kms_key  # type: ignore[assignment]  # one value is a text
    region.ec2(
        "copy_image",
        SourceRegion=source_region,
        SourceImageId=source_id,
        Name=wanted.name,
        Description=wanted.description,
        ClientToken=wanted.client_token(seen.image_id),
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
        **encryption,
    )


def _tag_image(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("create_tags", Resources=[seen.image_id], Tags=tag_list(wanted.tags))


def _tag_snapshot(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("create_tags", Resources=[seen.snapshot["SnapshotId"]], Tags=tag_list(wanted.tags))


def _require_imdsv2(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("modify_image_attribute", ImageId=seen.image_id, ImdsSupport={"Value": "v2.0"})


def _share_image(region: Region, wanted: Wanted, seen: Seen) -> None:
    readers = frozenset(wanted.readers)
    change = {
        "Add": [_permission(reader) for reader in sorted(readers - seen.image_readers)],
        "Remove": [_permission(reader) for reader in sorted(seen.image_readers - readers)],
    }
    region.ec2("modify_image_attribute", ImageId=seen.image_id, LaunchPermission=_not_empty(change))


def _share_snapshot(region: Region, wanted: Wanted, seen: Seen) -> None:
    change = {
        "Add": [_permission(reader) for reader in sorted(wanted.accounts - seen.snapshot_readers)],
        "Remove": [_permission(reader) for reader in sorted(seen.snapshot_readers - wanted.accounts)],
    }
    region.ec2(
        "modify_snapshot_attribute",
        SnapshotId=seen.snapshot["SnapshotId"],
        Attribute="createVolumePermission",
        CreateVolumePermission=_not_empty(change),
    )


def _deprecate(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("enable_image_deprecation", ImageId=seen.image_id, DeprecateAt=wanted.deprecate_at)


def _protect(region: Region, wanted: Wanted, seen: Seen) -> None:
    region.ec2("enable_image_deregistration_protection", ImageId=seen.image_id, WithCooldown=False)


def _record(region: Region, wanted: Wanted, seen: Seen) -> None:
    _put_parameter(region, wanted.parameter, seen.image_id, description=wanted.description)


def _point_latest(region: Region, wanted: Wanted, seen: Seen) -> None:
    _put_parameter(region, wanted.latest, seen.image_id, description=wanted.description)


def _put_parameter(region: Region, name: str, value: str, *, description: str) -> None:
    """Write a parameter that launches can name; whether it was taken shows only when it is read back.

    AWS checks the image after it has answered: "Parameter Store support for AMI IDs" in the Systems Manager guide.
    """
    region.ssm(
        "put_parameter",
        Name=name,
        Value=value,
        Type="String",
        DataType=DATA_TYPE,
        Description=description,
        Overwrite=True,
    )


def _renew_template(region: Region, wanted: Wanted, seen: Seen) -> None:
    template = wanted.launch_template
    data = {"ImageId": seen.image_id}
    token = wanted.client_token(f"template {seen.image_id} {seen.template_image}")
    if not seen.template_image and not _template_exists(region, template):
        region.ec2("create_launch_template", LaunchTemplateName=template, LaunchTemplateData=data, ClientToken=token)
        return
    made = region.ec2(
        "create_launch_template_version",
        LaunchTemplateName=template,
        SourceVersion="$Default",
        LaunchTemplateData=data,
        ClientToken=token,
    )
    version = str(made["LaunchTemplateVersion"]["VersionNumber"])
    region.ec2("modify_launch_template", LaunchTemplateName=template, DefaultVersion=version)


ACTS: Mapping[Act, Callable[[Region, Wanted, Seen], None]] = {
    Act.COPY: _copy,
    Act.TAG_IMAGE: _tag_image,
    Act.TAG_SNAPSHOT: _tag_snapshot,
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


def _template_exists(region: Region, template: str) -> bool:
    try:
        return bool(region.ec2("describe_launch_templates", LaunchTemplateNames=[template])["LaunchTemplates"])
    except ApiError as error:
        if error.code == "InvalidLaunchTemplateName.NotFoundException":
            return False
        raise


def _not_empty(change: Mapping[str, list[dict[str, str]]]) -> dict[str, list[dict[str, str]]]:
    return {key: value for key, value in change.items() if value}
