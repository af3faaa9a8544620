"""The fingerprint changes with everything that decides what is inside an image, and with nothing else."""

import shutil
from pathlib import Path

import pytest

from bakery.definition.choices import Step
from bakery.definition.layers import chain
from bakery.definition.model import Definition
from bakery.packer import fingerprint

HOST, DOKKU = chain("dokku")
BENEATH = ("debian-12", "archive", "a recipe")


@pytest.fixture
def provision(tmp_path: Path) -> Path:
    return Path(shutil.copytree(fingerprint.PROVISION, tmp_path / "provision"))


def changed(**values: object) -> Definition:
    return Definition.model_validate({**HOST.model_dump(mode="json", by_alias=True, exclude_unset=True), **values})


def test_it_is_the_same_for_the_same_things_wherever_they_lie(provision: Path) -> None:
    ours = fingerprint.fingerprint(HOST, beneath=BENEATH)
    assert fingerprint.fingerprint(HOST, beneath=BENEATH, provision=provision) == ours


def test_a_better_description_is_no_other_image() -> None:
    other = fingerprint.fingerprint(changed(description="other words"), beneath=BENEATH)
    assert other == fingerprint.fingerprint(HOST, beneath=BENEATH)


def test_the_base_counts_that_it_is_baked_on_and_not_the_one_that_the_file_names() -> None:
    other = fingerprint.fingerprint(changed(base="debian-13"), beneath=BENEATH)
    assert other == fingerprint.fingerprint(HOST, beneath=BENEATH)


@pytest.mark.parametrize(
    "tables",
    [
        {"aws": {"regions": ["eu-west-1"], "tags": {"team": "web"}}},
        {"scaleway": {"zones": ["fr-par-1"]}},
        {"releases": {"keep": 5}},
    ],
)
def test_nothing_of_the_tables_for_clouds_is_inside_the_image(tables: dict[str, object]) -> None:
    other = fingerprint.fingerprint(changed(**tables), beneath=BENEATH)
    assert other == fingerprint.fingerprint(HOST, beneath=BENEATH)


def test_the_order_in_which_a_table_names_its_keys_is_no_other_image() -> None:
    versions = {"debian-12": "5:28.*", "debian-13": "5:29.*"}
    one, other = (changed(docker={"version": dict(order)}) for order in (versions.items(), reversed(versions.items())))
    assert fingerprint.fingerprint(one, beneath=BENEATH) == fingerprint.fingerprint(other, beneath=BENEATH)


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


def test_a_library_goes_along_whatever_its_name_has_after_the_first_letter(provision: Path) -> None:
    library = provision / "v2.sh"
    library.write_text("# a library\n")
    assert library in fingerprint.provision_files(HOST, provision)


def test_the_script_of_a_step_that_is_not_run_does_not_change_it(provision: Path) -> None:
    small = Definition(name="small", steps=(Step.SYSTEM,))
    before = fingerprint.fingerprint(small, beneath=BENEATH, provision=provision)
    (provision / "40-nginx.sh").write_text("#!/bin/sh\n")
    assert fingerprint.fingerprint(small, beneath=BENEATH, provision=provision) == before


def test_a_changed_file_bakes_the_layers_whose_steps_name_it_and_no_others(provision: Path) -> None:
    layers = (HOST, DOKKU)
    before = [fingerprint.fingerprint(layer, beneath=BENEATH, provision=provision) for layer in layers]
    (provision / "files/health-dokku.sh").write_text("# changed\n")
    after = [fingerprint.fingerprint(layer, beneath=BENEATH, provision=provision) for layer in layers]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_every_file_belongs_to_a_step() -> None:
    named = {path for layer in (HOST, DOKKU) for path in fingerprint.provision_files(layer)}
    assert {path for path in fingerprint.PROVISION.glob("files/*") if path.is_file()} <= named
