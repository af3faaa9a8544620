"""Turns what pydantic found wrong in a file into lines a person can act on: file, key path, problem, hint."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel, ValidationError

from bakery import ROOT
from bakery.core.errors import BakeryError, did_you_mean, impossible

# pydantic's words name Python types; a person wrote TOML, or changed what we wrote as JSON.
_WANTED = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
}
_WANTED_IN_JSON = {kind: text.replace("a table", "an object: { … }") for kind, text in _WANTED.items()}


def complaint(
    error: ValidationError, *, path: Path, model: type[BaseModel], hidden: frozenset[str] = frozenset()
) -> BakeryError:
    """Return the error (exit code 2): one line for each thing that is wrong, in the file's own words.

    *hidden* are top-level fields that no file may set and no hint may name.
    """
    wanted = _WANTED_IN_JSON if path.suffix == ".json" else _WANTED
    found = [
        (f"{shown(path)}: {_key(item)}: {_problem(item, wanted)}", _hint(item, model=model, hidden=hidden))
        for item in error.errors(include_url=False)
    ]
    if len(found) == 1:
        message, hint = found[0]
        return impossible(message, hint=hint)
    return impossible("\n".join(f"{message} ({hint})" if hint else message for message, hint in found))


def shown(path: Path) -> str:
    """Return a path as a person would type it: short inside the checkout, whole elsewhere."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _key(item: Any) -> str:
    parts = [str(part) for part in item["loc"]]
    below = item.get("ctx", {}).get("key", "")
    return ".".join([*parts, below] if below else parts) or "file"


def _problem(item: Any, wanted: Mapping[str, str]) -> str:
    kind = item["type"]
    context = item.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "is missing"
    if kind == "enum":
        return f"{item['input']!r} is not possible here"
    if kind in {"greater_than_equal", "less_than_equal"}:
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"{item['input']} is not possible: {bound}"
    if kind == "impossible":
        return str(context["text"])
    return wanted.get(kind, str(item["msg"]))


def _hint(item: Any, *, model: type[BaseModel], hidden: frozenset[str]) -> str:
    context = item.get("ctx", {})
    if item["type"] == "extra_forbidden":
        *parents, key = item["loc"]
        return did_you_mean(str(key), set(_keys(model, parents)) - (frozenset() if parents else hidden))
    if item["type"] == "enum":
        allowed = context["expected"].replace(" or ", ", ").split(", ")
        return did_you_mean(str(item["input"]), (word.strip("'") for word in allowed))
    return str(context.get("hint", ""))


def _keys(model: type[BaseModel], parents: list[Any]) -> Iterator[str]:
    for parent in parents:
        # A number is the place in a list of tables; what is no field is a key of somebody's choice, such as a region.
        if isinstance(parent, str) and parent in model.model_fields:
            inner = model.model_fields[parent].annotation
            model = next(kind for kind in (inner, *get_args(inner)) if is_model(kind))
    for name, field in model.model_fields.items():
        yield field.alias or name


def is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    """Return whether *kind* is the model of a table (and not a list of such, or a plain type)."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)
