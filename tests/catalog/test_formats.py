"""Each form of the ids is read by the tool it is for: Packer judges HCL, PyYAML YAML, bash what a shell reads."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from bakery.catalog import formats
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.catalog.formats import REHEARSAL, Form, render
from bakery.core import process
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws_regions import REGIONS
from bakery.definition.bases import Arch, BaseName
from bakery.packer import engine
from tests.conftest import Golden
from tests.releases import promoted

BAKED = datetime(2026, 1, 31, 4, 5, 6, tzinfo=UTC)
REGIONS_HERE = ("sa-east-1", "eu-west-2", "ap-southeast-2", "us-gov-west-1")
HCL = {Form.TERRAFORM: "amis.pkr.hcl", Form.PACKER: "amis.pkrvars.hcl"}


def release(*regions: str) -> Release:
    places = {
        region: Placed(image_id=f"ami-{number:017x}", published_at=BAKED) for number, region in enumerate(regions)
    }
    return Release(
        release="20260131-0405-0123456789ab",
        arch=Arch.AMD64,
        base=BaseName.DEBIAN_12,
        fingerprint="0123456789ab" + "0" * 52,
        size_gb=40,
        baked_at=BAKED,
        baked_in="eu-west-2",
        verified_at=BAKED,
        places=places,
    )


def known(kept: Release, *, image: str = "host", is_rehearsal: bool = False) -> Catalog:
    return promoted(Catalog(image=image, is_rehearsal=is_rehearsal, releases=(kept,)), kept, at=BAKED)


def text(form: Form, *, image: str = "host", is_rehearsal: bool = False) -> str:
    kept = release(*REGIONS_HERE)
    return render([kept], known(kept, image=image, is_rehearsal=is_rehearsal), form=form)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("is_rehearsal", [False, True], ids=["real", "rehearsal"])
def test_forms_are_the_golden_ones(form: Form, golden: Golden, *, is_rehearsal: bool) -> None:
    golden(f"amis/{'rehearsal' if is_rehearsal else 'real'}.{form}", text(form, is_rehearsal=is_rehearsal))


@pytest.mark.parametrize("form", [form for form in Form if form is not Form.JSON])
def test_a_rehearsal_says_so_in_a_line_of_its_own(form: Form) -> None:
    assert re.search(f"^(# )?{REHEARSAL}$", text(form, is_rehearsal=True), re.MULTILINE)
    assert "rehearsal" not in text(form).lower()


def test_a_rehearsal_says_so_in_json() -> None:
    assert json.loads(text(Form.JSON, is_rehearsal=True))["is_rehearsal"] is True
    assert json.loads(text(Form.JSON))["is_rehearsal"] is False


def test_json_holds_the_ids_by_region() -> None:
    found = json.loads(text(Form.JSON))
    assert found["amis"] == {
        "ap-southeast-2": "ami-00000000000000002",
        "eu-west-2": "ami-00000000000000001",
        "sa-east-1": "ami-00000000000000000",
        "us-gov-west-1": "ami-00000000000000003",
    }
    assert {key: found[key] for key in ("image", "release", "arch", "base")} == {
        "image": "host",
        "release": "20260131-0405-0123456789ab",
        "arch": "amd64",
        "base": "debian-12",
    }
    assert found["fingerprint"].startswith("0123456789ab")


@pytest.mark.parametrize("form", HCL)
@pytest.mark.parametrize("regions", [REGIONS_HERE, ("eu-west-2",), tuple(REGIONS)], ids=len)
def test_hcl_is_formatted_as_packer_formats_it(form: Form, regions: tuple[str, ...], tmp_path: Path) -> None:
    kept = release(*regions)
    (tmp_path / HCL[form]).write_text(render([kept], known(kept, image="0-shop"), form=form))
    process.run(["packer", "fmt", "-check", "-diff", str(tmp_path)], env=engine.ENVIRONMENT)


# Packer has `null` and `shell-local` inside, and `validate` evaluates what they are told.
TEMPLATE = """
source "null" "none" {{
  communicator = "none"
}}

build {{
  sources = ["null.none"]
  provisioner "shell-local" {{
    inline = [{value}]
  }}
}}
"""


def validate(folder: Path) -> process.Finished:
    return process.run(["packer", "validate", str(folder)], env=engine.ENVIRONMENT, is_checked=False)


@pytest.mark.parametrize(("region", "exit_code"), [("eu-west-2", 0), ("eu-west-9", 1)])
def test_locals_hold_a_map_that_is_looked_up_by_region(region: str, exit_code: int, tmp_path: Path) -> None:
    (tmp_path / "amis.pkr.hcl").write_text(text(Form.TERRAFORM))
    (tmp_path / "image.pkr.hcl").write_text(TEMPLATE.format(value=f'local.dokku_bakery_host_amd64["{region}"]'))
    done = validate(tmp_path)
    assert done.exit_code == exit_code, done.output


@pytest.mark.parametrize(("region", "exit_code"), [("eu-west-2", 0), ("eu-west-9", 1)])
def test_packer_takes_the_ids_as_a_variable(region: str, exit_code: int, tmp_path: Path) -> None:
    values = text(Form.PACKER)
    (tmp_path / "amis.auto.pkrvars.hcl").write_text(values)
    declared = re.search(r"^# (variable .*)$", values, re.MULTILINE)
    assert declared
    template = TEMPLATE.format(value=f'var.dokku_bakery_host_amd64["{region}"]')
    (tmp_path / "image.pkr.hcl").write_text(declared[1] + template)
    done = validate(tmp_path)
    assert done.exit_code == exit_code, done.output


@pytest.mark.parametrize("form", HCL)
def test_a_name_with_dashes_becomes_one_with_underscores(form: Form) -> None:
    assert "dokku_bakery_my_shop2_amd64 = {" in text(form, image="my-shop2")


def test_cloudformation_finds_the_id_in_a_map() -> None:
    found = yaml.safe_load(text(Form.CLOUDFORMATION, image="my-shop2"))
    mapping = found["Mappings"]["DokkuBakeryMyShop2Amd64"]
    assert mapping["eu-west-2"] == {"AMI": "ami-00000000000000001"}
    assert list(mapping) == sorted(REGIONS_HERE)


def test_every_name_in_a_mapping_is_one_that_cloudformation_takes() -> None:
    # docs.aws.amazon.com/AWSCloudFormation, "Mappings": a logical id is alphanumeric, a key may hold - and . too.
    kept = release(*REGIONS)
    found = yaml.safe_load(render([kept], known(kept, image="my-shop2"), form=Form.CLOUDFORMATION))
    for name, mapping in found["Mappings"].items():
        assert name.isalnum()
        assert all(re.fullmatch(r"[A-Za-z0-9.-]+", region) for region in mapping)
        assert all(key.isalnum() for values in mapping.values() for key in values)


def test_a_shell_reads_the_ids(tmp_path: Path) -> None:
    (tmp_path / "amis.env").write_text(text(Form.ENV))
    script = f'set -euo pipefail; . {tmp_path}/amis.env; echo "$BAKERY_IMAGE $BAKERY_RELEASE $BAKERY_AMI_EU_WEST_2"'
    told = process.run(["bash", "-c", script]).output
    assert told == "host 20260131-0405-0123456789ab ami-00000000000000001"


def test_a_value_is_quoted_for_the_shell() -> None:
    kept = release("eu-west-2")
    odd = kept.model_copy(update={"release": "a b; $(reboot)"})
    line = render([odd], known(kept), form=Form.ENV).splitlines()[2]
    assert process.run(["bash", "-c", f'{line}; printf "%s" "$BAKERY_RELEASE"']).output == "a b; $(reboot)"


def test_the_table_names_the_cities() -> None:
    lines = text(Form.TABLE).splitlines()
    assert lines[0] == "host 20260131-0405-0123456789ab (amd64, debian-12, latest)"
    assert lines[3] == "ap-southeast-2  Sydney               ami-00000000000000002  2026-01-31"
    assert any("São Paulo" in line for line in lines)


def test_the_table_says_what_a_release_is_good_for() -> None:
    kept = release("eu-west-2")
    nothing = Catalog(image="host", releases=(kept,))
    assert "verified)" in render([kept], nothing, form=Form.TABLE)
    unverified = kept.model_copy(update={"verified_at": None})
    assert "not verified)" in render([unverified], nothing, form=Form.TABLE)


OTHER = "20260207-0405-123456789abc"


def two(form: Form) -> str:
    """Return two releases, each `latest` in a region of its own."""
    kept = release("eu-west-2")
    newer = release("sa-east-1").model_copy(update={"release": OTHER})
    both = promoted(known(kept).with_release(newer), newer, at=BAKED)
    return render([kept, newer], both, form=form)


def test_regions_that_differ_in_what_is_latest_have_their_own_ids_under_both_names() -> None:
    lines = two(Form.TABLE).splitlines()
    assert lines[0] == "host 20260131-0405-0123456789ab (amd64, debian-12, latest, in eu-west-2)"
    assert lines[1] == f"host {OTHER} (amd64, debian-12, latest, in sa-east-1)"
    assert [line.split()[0] for line in lines[3:]] == ["region", "eu-west-2", "sa-east-1"]
    found = json.loads(two(Form.JSON))
    assert found["releases"] == {"eu-west-2": "20260131-0405-0123456789ab", "sa-east-1": OTHER}
    assert list(found["amis"]) == ["eu-west-2", "sa-east-1"]
    heading = two(Form.TERRAFORM).splitlines()[0]
    assert heading.endswith(f"ab (amd64, debian-12, in eu-west-2) and {OTHER} (amd64, debian-12, in sa-east-1)")


def test_a_release_that_is_latest_in_some_regions_says_in_which() -> None:
    kept = release("eu-west-2", "sa-east-1")
    newer = release("sa-east-1").model_copy(update={"release": OTHER})
    both = promoted(known(kept).with_release(newer), newer, at=BAKED)
    assert "(amd64, debian-12, latest in eu-west-2)" in render([kept], both, form=Form.TABLE)


def test_a_region_that_our_table_does_not_know_has_no_city() -> None:
    kept = release("eu-west-2", "xx-new-1")
    lines = render([kept], known(kept), form=Form.TABLE).splitlines()
    assert lines[-1].split() == ["xx-new-1", "ami-00000000000000001", "2026-01-31"]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(BakeryError, match="there is no format 'teraform'") as caught:
        formats.form("teraform")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == "did you mean 'terraform'?"


def test_a_release_in_two_clouds_has_its_id_in_each() -> None:
    zone = {"fr-par-1": Placed(image_id="11111111-2222-3333-4444-555555555555", published_at=BAKED)}
    both = release("eu-west-2").model_copy(update={"places": {**release("eu-west-2").places, **zone}})
    told = {form: render([both], known(both), form=form) for form in Form}
    assert "BAKERY_IMAGE_FR_PAR_1=11111111-2222-3333-4444-555555555555" in told[Form.ENV]
    assert "BAKERY_AMI_EU_WEST_2=ami-00000000000000000" in told[Form.ENV]
    assert '"fr-par-1"  = "11111111-2222-3333-4444-555555555555"' in told[Form.TERRAFORM]
    assert "fr-par-1" not in told[Form.CLOUDFORMATION]
    assert re.search(r"^fr-par-1 +Paris +11111111-", told[Form.TABLE], re.MULTILINE)


def test_copies_are_made_from_where_it_was_baked_or_where_their_own_cloud_had_it_first() -> None:
    both = release("eu-west-2", "us-east-1")
    first, second = (
        Placed(image_id="11111111-2222-3333-4444-555555555555", published_at=BAKED.replace(hour=hour))
        for hour in (5, 6)
    )
    there = both.model_copy(update={"places": {**both.places, "fr-par-1": second, "pl-waw-2": first}})
    wanted = {"us-east-1": "eu-west-2", "eu-west-2": "eu-west-2", "fr-par-1": "pl-waw-2", "pl-waw-2": "pl-waw-2"}
    assert {place: there.origin(place) for place in wanted} == wanted
    assert both.origin("fr-par-1") == "fr-par-1", "nothing is copied from one cloud to another"
