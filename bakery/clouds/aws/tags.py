"""Tags as EC2, EBS and SSM write them, and as everything else here does."""

from collections.abc import Mapping
from typing import Any


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as AWS takes them, the other way round than `tags_of`."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of an image, a snapshot or an instance as AWS shows it."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", ())}
