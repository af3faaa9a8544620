"""The hash of everything that decides what is inside an image: same fingerprint, nothing to bake."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bakery import ROOT
from bakery.core import checkout
from bakery.core.checkout import Content
from bakery.definition import layers, sshkeys
from bakery.definition.model import Definition
from bakery.definition.sshkeys import NamedKey

PROVISION = ROOT / "provision"
SHORT = 12
"""Hex digits that people read; the whole hash decides."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer on all those below it."""

    definitions: Sequence[Definition]
    """The files of the layers, the lowest first; the last one's steps run."""
    whole: Definition
    """What they come to."""
    keys: tuple[NamedKey, ...]
    fingerprint: str


def of_layers(definitions: Sequence[Definition], *, beginning: Sequence[str]) -> list[Layer]:
    """Return each layer of an image with its fingerprint, the lowest first.

    *beginning* names the base and how it is made. Raises BakeryError for an SSH key that cannot be had.
    """
    found: list[Layer] = []
    for number, definition in enumerate(definitions, start=1):
        whole = layers.effective(definitions[:number])
        keys = sshkeys.resolve(whole, folder=layers.FOLDER)
        beneath = [found[-1].fingerprint] if found else beginning
        digest = fingerprint(definition, beneath=[*beneath, *(key.setting for key in keys)])
        found.append(Layer(definitions=definitions[:number], whole=whole, keys=keys, fingerprint=digest))
    return found


def fingerprint(definition: Definition, *, beneath: Iterable[str], provision: Path = PROVISION) -> str:
    """Return the SHA-256 (hex) of the definition, what lies *beneath* it, and the scripts of its steps.

    *beneath* names the base and how it is made, or the fingerprint of the layer below. The description is left out:
    it is for readers; so are the tables [releases], [aws] and [scaleway], of which nothing is inside the image, and the
    base that the definition names, since *beneath* has the one it is baked on. What the package archives hold today is
    left out too: newer packages are no other definition.
    """
    values = definition.model_dump(exclude={"description", "releases", "aws", "scaleway", "base"})
    digest = hashlib.sha256()
    for part in (json.dumps(values, sort_keys=True), *beneath):
        digest.update(f"{len(part)}:{part}".encode())
    for name, content in provision_contents(definition, provision).items():
        digest.update(f"{name}:{int(content.is_program)}:{len(content.data)}:".encode() + content.data)
    return digest.hexdigest()


def provision_contents(definition: Definition, provision: Path = PROVISION) -> dict[str, Content]:
    """Return what goes into the machine by its path there: what is ours, and beside it the steps of one's own."""
    ours = checkout.contents(provision_files(definition, provision), folder=provision)
    found = {path.relative_to(provision).as_posix(): content for path, content in ours.items()}
    for step in sorted(definition.own_steps):
        found |= step.contents()
    return found


def provision_files(definition: Definition, provision: Path = PROVISION) -> list[Path]:
    """Return what goes into the machine: runner, libraries, the scripts of the definition's steps, and their files.

    A file of files/ goes along with the steps that name it, so that a change bakes those layers again and no others.
    """
    steps = [path for step in definition.all_steps for path in provision.glob(f"[0-9][0-9]-{step}.sh")]
    libraries = sorted(path for path in provision.glob("*.sh") if not path.name[0].isdigit())
    named = {name for step in steps for name in re.findall(r"(?:put_file |\$files/)([\w.-]+)", step.read_text())}
    return [provision / "run", *libraries, *steps, *(provision / "files" / name for name in sorted(named))]
