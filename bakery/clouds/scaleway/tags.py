"""Tags as Scaleway has them, each one text, and as everything else here does."""

from collections.abc import Iterable, Mapping


def tag_list(tags: Mapping[str, str]) -> list[str]:
    """Return tags as Scaleway takes them, the other way round than `tags_of`."""
    return [f"{key}={value}" for key, value in tags.items()]


def tags_of(texts: Iterable[str]) -> dict[str, str]:
    """Return the tags of a thing; one that is a word alone has no value."""
    return {key: value for key, _, value in (text.partition("=") for text in texts)}
