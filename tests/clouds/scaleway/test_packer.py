"""Packer's templates for a zone: golden files, judged by the installed Packer and by today's plugin's attributes."""

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.clouds.scaleway import packer
from bakery.clouds.scaleway.packer import Build
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases, layers
from bakery.definition.scaleway import Scaleway
from bakery.packer import engine, render
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace
from tests.conftest import Golden

GENERATIONS = {"packer-1.6": Packer(version=(1, 6, 6)), "packer-1.7": Packer(version=(1, 7, 0))}
SCHEMA = ROOT / "tests/data/packer-plugin-schema.json"
"""Attribute names of Packer's scaleway plugin, read from its source (the date is in the file)."""
ZONE, RELEASE = "fr-par-1", "20260110-0415-0123456789ab"
SCALEWAY = {
    "SCW_ACCESS_KEY": "SCWXXXXXXXXXXXXXXXXX",
    "SCW_SECRET_KEY": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "SCW_DEFAULT_PROJECT_ID": "11111111-2222-3333-4444-555555555555",
}


def build(image: str, base: str = "ubuntu-24.04", **table: Any) -> Build:
    """Return what Packer is to bake, with the table [scaleway] of the definition as given."""
    chain = layers.chain(image)
    definition = layers.effective(chain).model_copy(update={"scaleway": Scaleway.model_validate(table)})
    return Build(
        layers=chain,
        definition=definition,
        base=bases.base(base),
        keys=(),
        fingerprint="0" * 64,
        release=RELEASE,
        zone=ZONE,
        source_image="00000000-0000-4000-8000-000000000001",
        login_user=packer.LOGIN,
        name=f"dokku-bakery/{image}/{RELEASE}/amd64",
        commercial_type="DEV1-S",
        tags={"Name": f"{image} {RELEASE}", "bakery:image": image},
        run_tags={"Name": f"bake {image}", "bakery:run": RELEASE},
    )


CASES = {
    "host": build("host", "debian-12"),
    "dokku-local": build("dokku", volume_type="l_ssd"),
    "host-rehearsal": replace(build("host"), endpoint="http://127.0.0.1:5555", ssh_port=2222, login_user="ubuntu"),
    "host-open": replace(build("host"), source_image=""),
}


def rendered(wanted: Build, generation: str = "packer-1.7") -> dict[str, str]:
    return packer.packer_files(wanted, packer=GENERATIONS[generation])


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("case", ["host", "dokku-local", "host-rehearsal"])
def test_templates_are_as_the_golden_files_say(case: str, generation: str, golden: Golden) -> None:
    for name, text in rendered(CASES[case], generation).items():
        golden(f"packer/{case}-{ZONE}/{generation}/{name}", text)


def test_templates_are_formatted_as_packer_would(tmp_path: Path) -> None:
    for case, generation in itertools.product(CASES, GENERATIONS):
        files = rendered(CASES[case], generation)
        render.write(tmp_path, {f"{case}-{generation}-{name}": text for name, text in files.items()})
    process.run(["packer", "fmt", "-check", "-diff", str(tmp_path)], env=engine.ENVIRONMENT)


@pytest.mark.parametrize("case", ["host", "dokku-local", "host-rehearsal"])
def test_the_installed_packer_takes_it(case: str, tmp_path: Path) -> None:
    packer.prepare(Workspace(folder=tmp_path / "packer"), CASES[case], packer=engine.installed())
    env = {**engine.ENVIRONMENT, **SCALEWAY}
    done = process.run(["packer", "validate", str(tmp_path / "packer")], env=env, is_checked=False)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("case", CASES)
def test_todays_plugin_knows_every_attribute(case: str) -> None:
    known = set(json.loads(SCHEMA.read_text())["scaleway"]["attributes"])
    block = rendered(CASES[case])["source.pkr.hcl"].partition('source "scaleway" "image" {')[2]
    used = set(re.findall(r"^  (\w+) +[={]", block, re.MULTILINE))
    assert {"root_volume", "user_data", "tags", "cleanup_machine_related_data"} <= used <= known


def test_the_old_builder_is_told_nothing_that_it_does_not_know() -> None:
    text = rendered(CASES["dokku-local"], "packer-1.6")["source.pkr.hcl"]
    assert not re.search(
        r"^  (root_volume|user_data|tags|server_tags|\w+_timeout) +[={]", text.replace("ssh_", "  "), re.MULTILINE
    )
    assert f'snapshot_name = "dokku-bakery/dokku/{RELEASE}/amd64"' in text


def test_block_storage_with_the_old_builder_is_refused_with_three_ways_out() -> None:
    packer.require_possible(CASES["host"], packer=GENERATIONS["packer-1.7"])
    packer.require_possible(CASES["dokku-local"], packer=GENERATIONS["packer-1.6"])
    with pytest.raises(BakeryError) as caught:
        packer.require_possible(CASES["host"], packer=GENERATIONS["packer-1.6"])
    assert "Packer 1.6.6 makes images of l_ssd disks alone" in caught.value.message
    assert "./inv publish --from local" in caught.value.hint
    assert 'scaleway.volume_type = "l_ssd"' in caught.value.hint
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_the_disk_is_the_definition_s_in_whole_gigabytes() -> None:
    assert re.search(r"size_in_gb += 43\n", rendered(CASES["host"])["source.pkr.hcl"])


def test_nothing_of_this_machine_or_this_project_is_in_a_template() -> None:
    text = "".join(rendered(CASES["host-rehearsal"]).values())
    assert "127.0.0.1" not in text
    assert not re.search(r"^  (access_key|secret_key|project_id) +=", text, re.MULTILINE)
