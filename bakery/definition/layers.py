"""Reads images/NAME.toml, and what an image comes to with the layers below it."""

import os
import re
import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from bakery import ROOT
from bakery.core import texts
from bakery.core.errors import did_you_mean, impossible
from bakery.definition import layering
from bakery.definition.bases import Arch
from bakery.definition.model import Definition
from bakery.definition.problems import complaint, shown
from bakery.definition.rules import image_name

OWN = ROOT / "images"
FOLDER = texts.home(os.environ.get("BAKERY_IMAGES_DIR") or str(OWN))
"""Where definitions are; people who keep their own beside their own code say so, and build on those of the checkout."""
WHERE = "BAKERY_IMAGES_DIR says where definitions are; without it, images/ of the checkout"

effective = layering.effective


def load(name: str, *, folder: Path = FOLDER) -> Definition:
    """Read the definition of an image.

    Raises BakeryError (exit code 2) when there is none of that name, or when the file cannot be what is wanted.
    """
    known = _known(folder)
    if name not in known:
        if (beside := folder / f"{name}.toml").is_file():
            return load_file(beside)  # says what is wrong with its name
        raise impossible(f"there is no image {name!r} in {shown(folder)}/", hint=did_you_mean(name, known))
    return load_file(known[name])


def load_file(path: Path) -> Definition:
    """Read one definition file; its name is the image's.

    Raises BakeryError (exit code 2) with one line for each thing that is wrong: file, key path, problem.
    """
    try:
        values = tomllib.loads(texts.read(path))
    except OSError as error:
        raise impossible(f"{shown(path)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise impossible(f"{shown(path)}: not UTF-8 text", hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise impossible(f"{shown(path)}: {_syntax(str(error))}") from error
    except (ValueError, RecursionError) as error:  # what Python's own limits refuse, and tomllib does not put in words
        said = "lists nested too deep" if isinstance(error, RecursionError) else "a number with too many digits"
        raise impossible(f"{shown(path)}: {said}") from error
    try:
        image_name(path.stem)
    except PydanticCustomError as error:
        raise impossible(f"{shown(path)}: {(error.context or {})['text']}") from error
    if "name" in values:
        raise impossible(f"{shown(path)}: name: the file's name is the image's name", hint="remove the key")
    try:
        return Definition.model_validate({**values, "name": path.stem}, context={"folder": path.parent})
    except ValidationError as error:
        raise complaint(error, path=path, model=Definition, hidden=frozenset({"name"})) from error


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all images in *folder*, and of those elsewhere that they are built on.

    Raises BakeryError (exit code 2) when there is none: with nothing to do, a night would have gone well.
    """
    if not (found := _files(folder)):
        raise impossible(f"there is no definition in {shown(folder)}/", hint=WHERE)
    return sorted({layer.name for name in found for layer in _read_chain(name, folder=folder)})


def every(folder: Path = FOLDER) -> list[str]:
    """Return the names of all images that can be asked for, whether or not their files are right."""
    return sorted(_known(folder))


def file_of(name: str, *, folder: Path = FOLDER) -> Path:
    """Return the file of an image that there is."""
    return _known(folder)[name]


def chain(name: str, *, folder: Path = FOLDER, arch: Arch | None = None) -> list[Definition]:
    """Return an image's layers, the lowest first and the image itself last, each with the steps that it takes.

    All are for one processor: that of the topmost that names one, unless *arch* is another. Raises BakeryError (exit
    code 2) when a layer is missing, when layers go in a circle, or when what a layer says would do nothing.
    """
    found: list[Definition] = []
    for layer in _read_chain(name, folder=folder):
        try:
            found.append(layering.settle(layer, below=found))
        except PydanticCustomError as error:
            told = error.context or {}
            file = shown(_known(folder)[layer.name])
            raise impossible(f"{file}: {told['key']}: {told['text']}", hint=told["hint"]) from error
    wanted = arch or effective(found).arch
    return [layer if layer.arch is wanted else layer.model_copy(update={"arch": wanted}) for layer in found]


def whole(name: str, *, folder: Path = FOLDER) -> Definition:
    """Return an image as a machine will have it: what its file leaves open is its layers'.

    Raises BakeryError (exit code 2) like `chain`.
    """
    return effective(chain(name, folder=folder))


def _read_chain(name: str, *, folder: Path) -> list[Definition]:
    found = [load(name, folder=folder)]
    while (below := found[-1].from_) is not None:
        path = [*(layer.name for layer in found), below]
        file = shown(_known(folder)[found[-1].name])
        if below in path[:-1]:
            raise impossible(f"{file}: from: layers go in a circle: {' → '.join(path[path.index(below) :])}")
        if below not in (known := _known(folder)):
            raise impossible(f"{file}: from: there is no image {below!r}", hint=did_you_mean(below, known))
        found.append(load(below, folder=folder))
    return found[::-1]


def _files(folder: Path) -> dict[str, Path]:
    """Return the files that are definitions; what editors and file managers leave beside them is none.

    Raises BakeryError (exit code 2) without the folder: the checkout's own images would be taken for those in it.
    """
    if not folder.is_dir():
        raise impossible(f"there is no folder {shown(folder)}", hint=WHERE)
    return {path.stem: path for path in folder.glob("*.toml") if _is_definition(path)}


def _is_definition(path: Path) -> bool:
    try:
        image_name(path.stem)
    except PydanticCustomError:
        return False
    return path.is_file()


def _known(folder: Path) -> dict[str, Path]:
    """Return the file of every image that can be asked for: those in *folder*, and the checkout's own beside them."""
    return {**_files(OWN), **_files(folder)}


def _syntax(text: str) -> str:
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", text)
    return f"line {found[2]}: {found[1]}" if found else text.replace("(at end of document)", "(at the end of the file)")
