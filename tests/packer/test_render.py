"""Packer's templates: golden files, judged by the installed Packer and by the attribute names of today's plugins."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from bakery import ROOT
from bakery.core import process
from bakery.definition import bases, layers
from bakery.local import packer_input
from bakery.packer import render
from bakery.packer.engine import ENVIRONMENT, Packer, build_argv, installed

IMAGES = layers.names()
GENERATIONS = {"packer-1.6": Packer(version=(1, 6, 6)), "packer-1.7": Packer(version=(1, 7, 0))}
SCHEMA = ROOT / "tests/data/packer-plugin-schema.json"
"""Attribute names of Packer's qemu plugin, read from its source (the date is in the file)."""


def rendered(image: str, generation: str) -> dict[str, str]:
    wanted = layers.load(image)
    return packer_input.packer_files(wanted, bases.base(wanted.base), packer=GENERATIONS[generation])


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("image", IMAGES)
def test_templates_are_as_the_golden_files_say(image: str, generation: str, golden: Callable[[str, str], None]) -> None:
    for name, text in rendered(image, generation).items():
        golden(f"packer/{image}-local/{generation}/{name}", text)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("image", IMAGES)
def test_templates_are_formatted_as_packer_would(image: str, generation: str, tmp_path: Path) -> None:
    render.write(tmp_path, rendered(image, generation))
    process.run(["packer", "fmt", "-check", "-diff", str(tmp_path)], env=ENVIRONMENT)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_machine_that_runs_natively_is_given_to_either_generation_of_packer(
    generation: str, golden: Callable[[str, str], None], tmp_path: Path
) -> None:
    wanted = layers.whole("host")
    engine = GENERATIONS[generation]
    files = packer_input.packer_files(wanted, bases.base(wanted.base), packer=engine, is_native=True)
    for name, text in files.items():
        golden(f"packer/host-native/{generation}/{name}", text)
    assert "plugins.pkr.hcl" not in files  # `null` is in Packer itself
    render.write(tmp_path, files)
    process.run(["packer", "fmt", "-check", "-diff", str(tmp_path)], env=ENVIRONMENT)
    (tmp_path / "key").write_text(process.run(["openssl", "genrsa", "2048"]).output)
    values = {"private_key": str(tmp_path / "key"), "provision_dir": str(tmp_path), "packages_file": "packages.tsv"}
    (tmp_path / "values.auto.pkrvars.json").write_text(json.dumps(values))
    process.run(["packer", "validate", "-var", "ssh_port=2222", str(tmp_path)], env=ENVIRONMENT)


def folder(image: str, tmp_path: Path) -> Path:
    """Return a folder for the installed Packer, of its own generation: plugins would have to be fetched for another."""
    engine = installed()
    generation = "packer-1.7" if engine.has_plugins else "packer-1.6"
    shutil.copytree(ROOT / "tests/golden/packer" / f"{image}-local" / generation, tmp_path / "packer")
    (tmp_path / "key").write_text(process.run(["openssl", "genrsa", "2048"]).output)
    files = {"base_disk": "disk", "seed": "seed.iso", "private_key": "key", "firmware": "OVMF.fd"}
    values = {name: str(tmp_path / file) for name, file in files.items()}
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", values["base_disk"], "1M"])
    values |= {"base_sha256": hashlib.sha256((tmp_path / "disk").read_bytes()).hexdigest()}
    values |= {"accelerator": "tcg", "cpu": "max", "cpus": "1", "output_dir": str(tmp_path / "output")}
    values |= {"provision_dir": str(tmp_path), "packages_file": str(tmp_path / "packages.tsv")}
    (tmp_path / "packer/values.auto.pkrvars.json").write_text(json.dumps(values))
    return tmp_path / "packer"


@pytest.mark.parametrize("image", IMAGES)
def test_the_installed_packer_finds_the_templates_valid(image: str, tmp_path: Path) -> None:
    process.run(["packer", "validate", str(folder(image, tmp_path))], env=ENVIRONMENT)


def test_packer_lets_nobody_in_but_this_machine(tmp_path: Path) -> None:
    """QEMU's part is played by a script that notes what it is started with."""
    tools = tmp_path / "bin"
    tools.mkdir()
    version = "[ $1 != -version ] || exec echo QEMU emulator version 7.2.0"
    script = f'#!/bin/sh\n{version}\necho "$@" >>{tmp_path}/argv\nexit 1\n'
    (tools / "qemu-system-x86_64").write_text(script)
    (tools / "qemu-system-x86_64").chmod(0o755)
    environment = {**ENVIRONMENT, "PATH": f"{tools}:{os.environ['PATH']}", "PACKER_CACHE_DIR": str(tmp_path)}
    done = process.run(build_argv(folder("host", tmp_path)), env=environment, is_checked=False)
    assert (tmp_path / "argv").exists(), done.output
    argv = (tmp_path / "argv").read_text()
    assert re.findall(r"hostfwd=tcp:(\S*?):\d+-:22", argv) == ["127.0.0.1"]
    assert argv.count("-netdev") == argv.count("netdev=user.0") == 1
    assert re.findall(r"-vnc (\S+)", argv) in ([], ["none"])


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("image", IMAGES)
def test_every_generation_is_told_to_listen_on_this_machine_alone(image: str, generation: str) -> None:
    text = rendered(image, generation)["source.pkr.hcl"]
    assert '["-netdev", "user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"]' in text
    assert re.search(r"disable_vnc += true", text)
    assert not re.search(r"http_(directory|content)|vnc_bind|ssh_host ", text)


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
