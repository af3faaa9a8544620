"""The fingerprint changes with everything that decides what is inside an image, and with nothing else."""

import shutil
from pathlib import Path

import pytest

from bakery import definition, fingerprint
from bakery.definition import Definition

HOST = definition.load("host")
BENEATH = ("debian-12", "archive", "a recipe")


@pytest.fixture
def provision(tmp_path: Path) -> Path:
    return Path(shutil.copytree(fingerprint.PROVISION, tmp_path / "provision"))


def changed(**values: object) -> Definition:
    return Definition.model_validate({**HOST.model_dump(mode="json", by_alias=True), **values})


def test_it_is_the_same_for_the_same_things_wherever_they_lie(provision: Path) -> None:
    ours = fingerprint.fingerprint(HOST, beneath=BENEATH)
    assert fingerprint.fingerprint(HOST, beneath=BENEATH, provision=provision) == ours


def test_a_better_description_is_no_other_image() -> None:
    other = fingerprint.fingerprint(changed(description="other words"), beneath=BENEATH)
    assert other == fingerprint.fingerprint(HOST, beneath=BENEATH)


@pytest.mark.parametrize("values", [{"packages": ("curl",)}, {"disk": {"size_gb": 41}}, {"health": {"port": 8078}}])
def test_a_changed_definition_changes_it(values: dict[str, object]) -> None:
    assert fingerprint.fingerprint(changed(**values), beneath=BENEATH) != fingerprint.fingerprint(HOST, beneath=BENEATH)


def test_what_lies_beneath_changes_it() -> None:
    assert fingerprint.fingerprint(HOST, beneath=("debian-13",)) != fingerprint.fingerprint(HOST, beneath=BENEATH)


@pytest.mark.parametrize("file", ["run", "lib.sh", "40-nginx.sh", "files/daemon.json"])
def test_a_changed_script_changes_it(provision: Path, file: str) -> None:
    (provision / file).write_text((provision / file).read_text() + "\n# changed\n")
    assert fingerprint.fingerprint(HOST, beneath=BENEATH, provision=provision) != fingerprint.fingerprint(
        HOST, beneath=BENEATH
    )


def test_the_script_of_a_step_that_is_not_run_does_not_change_it(provision: Path) -> None:
    small = changed(steps=("system",))
    before = fingerprint.fingerprint(small, beneath=BENEATH, provision=provision)
    (provision / "40-nginx.sh").write_text("#!/bin/sh\n")
    assert fingerprint.fingerprint(small, beneath=BENEATH, provision=provision) == before
