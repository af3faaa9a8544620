"""Packer's templates: golden files, judged by the installed Packer and by the attribute names of today's plugins."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from bakery import bases, images, packer, process, render, workspace
from bakery.packer import Packer

IMAGES = images.names()
GENERATIONS = {"packer-1.6": Packer(version=(1, 6, 6)), "packer-1.7": Packer(version=(1, 7, 0))}
SCHEMA = Path(__file__).parent / "data/packer-plugin-schema.json"
"""Attribute names of Packer's qemu plugin, read from its source (the date is in the file)."""


def rendered(image: str, generation: str) -> dict[str, str]:
    wanted = images.load(image)
    return workspace.packer_files(wanted, bases.base(wanted.base), packer=GENERATIONS[generation])


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("image", IMAGES)
def test_templates_are_as_the_golden_files_say(image: str, generation: str, golden: Callable[[str, str], None]) -> None:
    for name, text in rendered(image, generation).items():
        golden(f"packer/{image}-local/{generation}/{name}", text)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("image", IMAGES)
def test_templates_are_formatted_as_packer_would(image: str, generation: str, tmp_path: Path) -> None:
    render.write(tmp_path, rendered(image, generation))
    process.run(["packer", "fmt", "-check", "-diff", str(tmp_path)], env=packer.ENVIRONMENT)


@pytest.mark.parametrize("image", IMAGES)
def test_the_installed_packer_finds_the_templates_valid(image: str, tmp_path: Path) -> None:
    """Only its own generation: plugins would have to be fetched for another."""
    engine = packer.installed()
    generation = "packer-1.7" if engine.has_plugins else "packer-1.6"
    shutil.copytree(Path(__file__).parent / "golden/packer" / f"{image}-local" / generation, tmp_path / "packer")
    (tmp_path / "key").write_text(process.run(["openssl", "genrsa", "2048"]).output)
    files = {"base_disk": "disk", "seed": "seed.iso", "private_key": "key", "firmware": "OVMF.fd"}
    values = {name: str(tmp_path / file) for name, file in files.items()}
    values |= {"base_sha256": "0" * 64, "accelerator": "tcg", "cpu": "max", "cpus": "1"}
    values |= {"output_dir": str(tmp_path / "output")}
    values |= {"provision_dir": str(tmp_path), "packages_file": str(tmp_path / "packages.tsv")}
    (tmp_path / "disk").touch()
    (tmp_path / "packer/values.auto.pkrvars.json").write_text(json.dumps(values))
    process.run(["packer", "validate", str(tmp_path / "packer")], env=packer.ENVIRONMENT)


@pytest.mark.parametrize("image", IMAGES)
def test_todays_qemu_plugin_knows_every_attribute(image: str) -> None:
    known = set(json.loads(SCHEMA.read_text())["qemu"]["attributes"])
    block = rendered(image, "packer-1.7")["source.pkr.hcl"].partition('source "qemu" "image" {')[2]
    used = set(re.findall(r"^  (\w+) +=", block, re.MULTILINE))
    assert len(used) > 15
    assert used <= known


def test_only_a_packer_with_plugins_is_asked_for_them() -> None:
    assert "plugins.pkr.hcl" not in rendered("host", "packer-1.6")
    assert "required_plugins" in rendered("host", "packer-1.7")["plugins.pkr.hcl"]


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ('a "b"', r'"a \"b\""'),
        ("${var.x} %{if}", '"$${var.x} %%{if}"'),
        ("line\nline", r'"line\nline"'),
        ("Zürich", '"Zürich"'),
        (7, "7"),
        (["a", True], '["a", true]'),
    ],
)
def test_values_become_hcl_literals(value: object, literal: str) -> None:
    assert render.hcl(value) == literal


def test_ruby_interpolates_nothing_of_a_value() -> None:
    literal = render.ruby('#{`reboot`} "#$HOME" #@x')
    assert process.run(["ruby", "-e", f"print {literal}"]).output == '#{`reboot`} "#$HOME" #@x'


def test_a_value_that_was_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render.text("packer/image.pkr.hcl.j2", {"image": "host"})
