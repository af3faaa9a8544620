"""EC2's errors in its own words; what names no other source is the code's line in the EC2 API's "Error codes".

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html lists codes and says little about which
action gives which one: where a caller says that a code is assumed, it is the listed one that fits best.
"""

from moto.ec2.exceptions import EC2ClientError


def no_image(image_id: str) -> EC2ClientError:
    """An image that is not there, not there yet, or not in this region."""
    return EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")


def malformed_image(text: str) -> EC2ClientError:
    """Something that is no image's id."""
    return EC2ClientError("InvalidAMIID.Malformed", f'Invalid id: "{text}" (expecting "ami-...")')


def gone_image(image_id: str) -> EC2ClientError:
    """An image that was deregistered."""
    return EC2ClientError("InvalidAMIID.Unavailable", f"The image id '[{image_id}]' is no longer available")


def unusable_image(image_id: str, *, state: str) -> EC2ClientError:
    """An image that is not available: AWS's words for ModifyImageAttribute, assumed for the other actions."""
    return EC2ClientError(
        "InvalidAMIID.Unavailable",
        f"The AMI ID '{image_id}' is currently {state} and may not be used for this operation",
    )


def foreign_image(image_id: str) -> EC2ClientError:
    """Somebody else's image."""
    return EC2ClientError("AuthFailure", f"Not authorized for image:{image_id}")


def no_snapshot(snapshot_id: str) -> EC2ClientError:
    """A snapshot that is not there, not there yet, or not in this region."""
    return EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def malformed_snapshot(text: str) -> EC2ClientError:
    """Something that is no snapshot's id."""
    return EC2ClientError("InvalidSnapshotID.Malformed", f'Invalid id: "{text}" (expecting "snap-...")')


def incomplete_snapshot(snapshot_id: str) -> EC2ClientError:
    """A snapshot that is pending or failed: AWS's words for CreateVolume, assumed for the other actions."""
    return EC2ClientError("IncorrectState", f"Snapshot '{snapshot_id}' is not 'completed'.")


def too_many_copies(limit: int) -> EC2ClientError:
    """More snapshots are being copied into a region than it takes at once."""
    message = f"Too many snapshot copies in progress. The limit is {limit} for this destination region."
    return EC2ClientError("ResourceLimitExceeded", message)


def bad_mapping(message: str) -> EC2ClientError:
    """A block device mapping that cannot be."""
    return EC2ClientError("InvalidBlockDeviceMapping", message)


def bad_value(message: str) -> EC2ClientError:
    """A parameter whose value is not one of those it may have."""
    return EC2ClientError("InvalidParameterValue", message)


def not_ascii() -> EC2ClientError:
    """A description with letters that EC2 does not take, in its own words."""
    return bad_value("Character sets beyond ASCII are not supported.")


def bad_item(value: str, *, kind: str) -> EC2ClientError:
    """Nobody that something could be shared with."""
    return EC2ClientError(
        "InvalidAMIAttributeItemValue", f'Invalid attribute item value "{value}" for {kind} item type.'
    )


def bad_combination(message: str) -> EC2ClientError:
    """Parameters that do not go together."""
    return EC2ClientError("InvalidParameterCombination", message)


def no_parameter(name: str) -> EC2ClientError:
    """A parameter that was left out."""
    return EC2ClientError("MissingParameter", f"The request must contain the parameter {name}")


def not_permitted(message: str) -> EC2ClientError:
    """Something that a setting forbids."""
    return EC2ClientError("OperationNotPermitted", message)


def not_rehearsed(what: str) -> EC2ClientError:
    """Something that AWS can do and the rehearsal cloud cannot: better refused than left out of the answer."""
    return EC2ClientError("UnsupportedOperation", f"The rehearsal cloud has no {what}")
