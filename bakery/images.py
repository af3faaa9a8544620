"""Reads images/NAME.toml, and what an image comes to with the layers below it."""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from bakery import ROOT
from bakery.choices import Step
from bakery.complaint import complaint, shown
from bakery.definition import Definition, require_needs
from bakery.errors import did_you_mean, impossible
from bakery.rules import Table, image_name

FOLDER = Path(os.environ.get("BAKERY_IMAGES_DIR") or ROOT / "images")
"""Where definitions are; people who keep their own beside their own code say so."""


def load(name: str, *, folder: Path = FOLDER) -> Definition:
    """Read the definition of an image.

    Raises BakeryError (exit code 2) when there is none of that name, or when the file cannot be what is wanted.
    """
    known = names(folder)
    if name not in known:
        raise impossible(f"there is no image {name!r} in {shown(folder)}/", hint=did_you_mean(name, known))
    return load_file(folder / f"{name}.toml")


def load_file(path: Path) -> Definition:
    """Read one definition file; its name is the image's.

    Raises BakeryError (exit code 2) with one line for each thing that is wrong: file, key path, problem.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise impossible(f"{shown(path)}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise impossible(f"{shown(path)}: {_syntax(str(error))}") from error
    try:
        image_name(path.stem)
    except PydanticCustomError as error:
        raise impossible(f"{shown(path)}: {(error.context or {})['text']}") from error
    if "name" in values:
        raise impossible(f"{shown(path)}: name: the file's name is the image's name", hint="remove the key")
    try:
        return Definition.model_validate({**values, "name": path.stem})
    except ValidationError as error:
        raise complaint(error, path=path, model=Definition, hidden=frozenset({"name"})) from error


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all images."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def chain(name: str, *, folder: Path = FOLDER) -> list[Definition]:
    """Return an image's layers, the lowest first and the image itself last.

    Raises BakeryError (exit code 2) when a layer is missing, when layers go in a circle, or when a step needs one
    that neither the image nor a layer below has.
    """
    layers = [load(name, folder=folder)]
    while (below := layers[-1].from_) is not None:
        path = [*(layer.name for layer in layers), below]
        file = shown(folder / f"{layers[-1].name}.toml")
        if below in path[:-1]:
            raise impossible(f"{file}: from: layers go in a circle: {' → '.join(path[path.index(below) :])}")
        if below not in names(folder):
            raise impossible(f"{file}: from: there is no image {below!r}", hint=did_you_mean(below, names(folder)))
        layers.append(load(below, folder=folder))
    layers.reverse()
    done: frozenset[Step] = frozenset()
    for layer in layers:
        try:
            require_needs(layer.steps, below=done)
        except PydanticCustomError as error:
            problem = (error.context or {})["text"]
            raise impossible(f"{shown(folder / f'{layer.name}.toml')}: steps: {problem}") from error
        done |= frozenset(layer.steps)
        if layer.ssh.keys and Step.FIRSTBOOT not in done:
            problem = f"does nothing, because the step {Step.FIRSTBOOT.value!r} is in no layer"
            raise impossible(f"{shown(folder / f'{layer.name}.toml')}: ssh.keys: {problem}")
    return layers


def whole(name: str, *, folder: Path = FOLDER) -> Definition:
    """Return an image as a machine will have it: what its file leaves open is its layers'.

    Raises BakeryError (exit code 2) like `chain`.
    """
    return effective(chain(name, folder=folder))


def effective(layers: Sequence[Definition]) -> Definition:
    """Return what the topmost layer comes to: its own keys, and those of the layers below where it sets none.

    Its steps are those of all layers. A table is merged key by key.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        for name in layer.model_fields_set:
            value = getattr(layer, name)
            if isinstance(value, Table) and name in values:
                value = value.model_copy(update={**_set_in(values[name]), **_set_in(value)})
            values[name] = value
    steps = {step for layer in layers for step in layer.steps}
    return layers[-1].model_copy(update={**values, "steps": tuple(step for step in Step if step in steps)})


def _set_in(table: Table) -> dict[str, Any]:
    return {name: getattr(table, name) for name in table.model_fields_set}


def _syntax(text: str) -> str:
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", text)
    return f"line {found[2]}: {found[1]}" if found else text.replace("(at end of document)", "(at the end of the file)")
