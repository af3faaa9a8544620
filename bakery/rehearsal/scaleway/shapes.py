"""Values held against the SDK's own types, so that a wrong field fails: in what is asked, and in what we answer."""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

OUTSIDE = frozenset({"zone", "region"})
"""Fields of a request that stand in its path."""
PLAIN: Mapping[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,), bytes: (str,)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """One field that is not as it must be."""

    field: str
    """The way to it: `volumes.0.size`."""
    reason: str
    """In the words of an `invalid_arguments` error: unknown, required, format, constraint."""
    words: str


def asked(body: Mapping[str, Any], kind: type, *, beside: frozenset[str] = frozenset()) -> list[Problem]:
    """Return what is wrong with the body of a request of that type; the fields *beside* stand in its path."""
    found = [*_object(body, kind, "", is_answer=False)]
    outside = OUTSIDE | beside
    return [
        *(one for one in found if one.field not in outside or one.reason == "unknown"),
        *(_unknown(name) for name in body if name in outside),
    ]


def answered(body: Mapping[str, Any], kind: type) -> list[Problem]:
    """Return what the SDK would miss or leave out of an answer of that type."""
    return [*_object(body, kind, "", is_answer=True)]


def names(kind: type) -> frozenset[str]:
    """Return what the fields of a type are called on the wire."""
    return frozenset(_fields(kind))


def _unknown(path: str) -> Problem:
    return Problem(field=path, reason="unknown", words="extra keys not allowed")


@functools.cache
def _fields(kind: type) -> dict[str, tuple[Any, bool]]:
    """Return each field's type by its name on the wire, and whether it must be there; `type_` is `type` there."""
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        one.name.rstrip("_"): (hints[one.name], one.default is missing and one.default_factory is missing)
        for one in dataclasses.fields(kind)
    }


def _object(value: Mapping[str, Any], kind: type, path: str, *, is_answer: bool) -> Iterator[Problem]:
    known = _fields(kind)
    for name in value:
        if name not in known:
            yield _unknown(_join(path, name))
    for name, (hint, is_needed) in known.items():
        if name in value:
            yield from _value(value[name], hint, _join(path, name), is_answer=is_answer)
        # A flag that is left out is off, as it always was in this API.
        elif is_needed and (is_answer or hint is not bool):
            yield Problem(field=_join(path, name), reason="required", words="required key not provided")


def _value(value: object, hint: Any, path: str, *, is_answer: bool) -> Iterator[Problem]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        if value is not None:
            yield from _value(value, next(one for one in inner if one is not type(None)), path, is_answer=is_answer)
    elif origin is list and isinstance(value, list):
        for number, one in enumerate(value):
            yield from _value(one, inner[0], _join(path, str(number)), is_answer=is_answer)
    elif origin is dict and isinstance(value, dict):
        for name, one in value.items():
            yield from _value(one, inner[1], _join(path, name), is_answer=is_answer)
    elif dataclasses.is_dataclass(hint) and isinstance(value, dict):
        yield from _object(value, typing.cast("type", hint), path, is_answer=is_answer)
    elif not _is(value, hint):
        yield Problem(field=path, reason="format", words=f"{value!r} is no {getattr(hint, '__name__', hint)}")


def _is(value: object, hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in {one.value for one in hint}
    if hint is datetime:
        return isinstance(value, str) and _is_time(value)
    return isinstance(value, PLAIN.get(hint, ())) and (hint is bool or not isinstance(value, bool))


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
