"""Steps of one's own: a script beside one's definitions, named in `steps`, which runs among ours by its number.

It is judged by the same house rules as ours, when the definition is read.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationInfo

from bakery.core import checkout
from bakery.core.checkout import Content
from bakery.core.errors import did_you_mean
from bakery.definition import house_rules
from bakery.definition.choices import Step
from bakery.definition.rules import wrong

LAST_NUMBER = Step.RECORD.number - 1
_PATH = re.compile(r"\./(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*(?P<number>\d\d)-(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)\.sh")


class OwnStep(str):
    """The name of a step of one's own, with the number that it runs by and the file that it is."""

    __slots__ = ("file", "number")
    number: int
    file: Path
    """Beside it, in a folder of the same name without the ending, is what it puts into the machine."""

    @classmethod
    def at(cls, file: Path) -> Self:
        """Return the step that a file NN-name.sh is."""
        number, _, name = file.stem.partition("-")
        step = cls(name)
        step.number, step.file = int(number), file
        return step

    @property
    def value(self) -> str:
        """The name, by the word that `Step` has for it."""
        return str(self)

    @property
    def is_always_last(self) -> bool:
        """Return False: only our own record, seal and check are that."""
        return False

    @property
    def needs(self) -> frozenset[Step]:
        """Return nothing: what it stands on is its author's to know."""
        return frozenset()

    def contents(self) -> dict[str, Content]:
        """Return the script and its files, by their paths in the folder that goes into the machine."""
        beside = self.file.with_suffix("")
        files = [self.file, *sorted(path for path in beside.rglob("*") if path.is_file())]
        found = checkout.contents(files, folder=self.file.parent)
        return {path.relative_to(self.file.parent).as_posix(): content for path, content in found.items()}


AnyStep = Step | OwnStep


def in_order(steps: Iterable[AnyStep]) -> tuple[AnyStep, ...]:
    """Return steps, each once, as they run: by their numbers, and by their names where those are the same."""
    return tuple(sorted(dict.fromkeys(steps), key=lambda step: (step.number, step.value)))


def read(value: Any, info: ValidationInfo) -> AnyStep:
    """Return what one word of `steps` means: one of ours by its name, or a script by its path.

    Paths begin in the folder that *info* brings, which is the definition's.
    """
    if isinstance(value, Step | OwnStep):
        return value
    if not isinstance(value, str):
        raise wrong("must be text in quotes")
    if "/" in value or value.endswith(".sh"):
        return _own(value, folder=(info.context or {}).get("folder", Path()))
    if value not in list(Step):
        raise wrong(f"{value!r} is not possible here", hint=did_you_mean(value, Step))
    return Step(value)


def _own(text: str, *, folder: Path) -> OwnStep:
    found = _PATH.fullmatch(text)
    if found is None:
        raise wrong(f"{text!r} is no step of one's own such as './65-name.sh', in the definition's folder or below it")
    if found["name"] in list(Step):
        raise wrong(f"{text!r} has the name of a step of ours", hint="another name")
    if not 0 < int(found["number"]) <= LAST_NUMBER:
        raise wrong(f"{text!r}: record, seal and check end every bake", hint=f"a number from 01 to {LAST_NUMBER}")
    step = OwnStep.at(folder / text)
    if not step.file.is_file():
        raise wrong(f"{text!r} is not there")
    problems = list(_problems(step.contents()[step.file.name]))
    if problems:
        raise wrong(f"{text}: {'; '.join(problems)}", hint='images/README.md, "Steps of your own"')
    return step


def _problems(script: Content) -> Iterator[str]:
    try:
        text = script.data.decode()
    except UnicodeDecodeError:
        yield "it is not UTF-8 text"
        return
    yield from house_rules.broken_by(text)
    yield from house_rules.broken_by_program(text, is_program=script.is_program)
    for name in house_rules.unknown_to(text):
        yield f"no step is told {name}: {did_you_mean(name, house_rules.SETTINGS)}"
