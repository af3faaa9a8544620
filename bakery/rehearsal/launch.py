"""What a launch asks for: completed from its template and its image, and refused where EC2 would refuse it.

Messages are EC2's own where they are known (RunInstances in its API reference and "Error codes").
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ssm.models import ssm_backends

from bakery.rehearsal import images, mappings, parameters, refusals, seeds
from bakery.rehearsal.world import ACCOUNT, Image, World

RESOLVE = "resolve:ssm:"
DEFAULT_TYPE = "m1.small"
"""RunInstances in botocore, InstanceType."""

USER_DATA_BYTES = 16 * 1024
"""EC2 user guide, "Run commands when you launch an EC2 instance": 16 KB before base64."""

NOT_IN_TEMPLATES = frozenset({"MinCount", "MaxCount", "ClientToken", "DryRun", "LaunchTemplate"})


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A launch that may begin: its image, the size of its root volume, and what moto is asked for."""

    image: Image
    size_gb: int
    request: dict[str, Any]


def completed(request: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with what it leaves open taken from a launch template."""
    given = {name: value for name, value in request.items() if value is not None}
    known = {name: value for name, value in template.items() if value is not None and name not in NOT_IN_TEMPLATES}
    both = known | given
    # moto keeps a template's user-data in a type of its own.
    return both | ({"UserData": str(both["UserData"])} if "UserData" in both else {})


def checked(request: Mapping[str, Any], *, world: World, region: str) -> Launch:
    """Return the launch that a completed request asks for.

    Raises InvalidAMIID.*, AuthFailure, SsmInvalidParameter, InvalidParameterValue, InvalidUserData.Malformed and
    InvalidBlockDeviceMapping.
    """
    text = request.get("ImageId")
    if not text:
        raise refusals.no_parameter("ImageId")
    image = images.named(world, resolved(text, region=region), region=region)
    if not images.may_launch(image):
        raise EC2ClientError("AuthFailure", f"Not authorized for images: [{image.id}]")
    images.available(world, image)
    instance_type = request.get("InstanceType") or DEFAULT_TYPE
    require_fit(instance_type, image)
    require_user_data(request.get("UserData"))
    fewest, most = int(request.get("MinCount") or 1), int(request.get("MaxCount") or 1)
    if not 1 <= fewest <= most:
        raise refusals.bad_value(f"Value ({fewest}) for parameter MinCount is invalid. It must be at most MaxCount.")
    mapping = root_mapping(request, image=image, world=world)
    completion = {
        "ImageId": image.id,
        "InstanceType": instance_type,
        "MinCount": most,
        "BlockDeviceMappings": [mapping],
        "MetadataOptions": metadata_options(request, image),
    }
    return Launch(image=image, size_gb=mapping["Ebs"]["VolumeSize"], request={**request, **completion})


def resolved(text: str, *, region: str) -> str:
    """Return the id that ImageId stands for: itself, or the value of resolve:ssm:NAME[:VERSION or :LABEL].

    Raises SsmInvalidParameter for a parameter of another data type; for one that is not there the code is assumed.
    """
    if not text.startswith(RESOLVE):
        return text
    name = text.removeprefix(RESOLVE)
    if name.startswith(parameters.PUBLIC):
        value = seeds.parameters(region).get(name)
    else:
        value = _own_parameter(name, region=region)
    if value is None:
        raise EC2ClientError("SsmInvalidParameter", f"The parameter {name} cannot be found.")
    return value


def _own_parameter(name: str, *, region: str) -> str | None:
    try:
        found = ssm_backends[ACCOUNT][region].get_parameter(name)
    except ServiceException:
        return None
    if found is not None and found.data_type != parameters.IMAGE:
        only = f"The following parameter data types are supported: {parameters.IMAGE}"
        raise EC2ClientError("SsmInvalidParameter", f"Unsupported data type. {only}")
    return str(found.value) if found is not None else None


def require_fit(instance_type: str, image: Image) -> None:
    """Raise InvalidParameterValue for a type that is not there, or that cannot run the image."""
    kind = INSTANCE_TYPES.get(instance_type)
    if kind is None:
        raise refusals.bad_value(f"Invalid value '{instance_type}' for InstanceType.")
    able = kind["ProcessorInfo"]["SupportedArchitectures"]
    if image.arch not in able:
        raise refusals.bad_value(
            f"The architecture '{','.join(sorted(able))}' of the specified instance type does not match the "
            f"architecture '{image.arch}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the "
            "architecture of the instance type or AMI."
        )


def require_user_data(text: str | None) -> None:
    """Raise InvalidUserData.Malformed or InvalidParameterValue for user-data that is not base64, or too much."""
    try:
        size = len(base64.b64decode(text or "", validate=True))
    except binascii.Error:
        raise EC2ClientError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if size > USER_DATA_BYTES:
        raise refusals.bad_value(f"User data is limited to {USER_DATA_BYTES} bytes")


def root_mapping(request: Mapping[str, Any], *, image: Image, world: World) -> dict[str, Any]:
    """Return what moto is told of the root volume: what the request says, and else what the image says.

    Raises like `mappings.root` and `mappings.of_snapshot`.
    """
    said = mappings.root(request.get("BlockDeviceMappings") or [], device=image.root_device)
    ebs = {
        "VolumeSize": image.size_gb,
        "VolumeType": image.volume_type,
        "DeleteOnTermination": image.is_deleted_on_termination,
        **said,
    }
    snapshot = world.snapshots.get(image.snapshot)
    if snapshot is not None:
        # Of an instance's volume, unlike of an image's, encryption may be asked for.
        about_size = {name: value for name, value in ebs.items() if name not in {"Encrypted", "KmsKeyId"}}
        mappings.of_snapshot(about_size, snapshot)
    # moto would look for the snapshot among its own, and has none of ours.
    ebs.pop("SnapshotId", None)
    ebs["Encrypted"] = ebs.get("Encrypted", False) or image.is_encrypted
    return {"DeviceName": image.root_device, "Ebs": ebs}


def metadata_options(request: Mapping[str, Any], image: Image) -> dict[str, Any]:
    """Return how the metadata service is asked: as the request says, and else as the image says.

    EC2 user guide, "Configure instance metadata options for new instances": ImdsSupport v2.0 makes tokens required, and
    the hop limit 2.
    """
    by_image = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2} if image.imds_support == "v2.0" else {}
    return by_image | dict(request.get("MetadataOptions") or {})
