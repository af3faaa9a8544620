"""Packer's templates for a region: golden files, judged by the installed Packer and by today's plugin's attributes."""

import functools
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.clouds.aws import base_images, packer
from bakery.clouds.aws.packer import Build
from bakery.core import process
from bakery.core.console import Console
from bakery.definition import bases, layers
from bakery.definition.aws import Aws
from bakery.definition.bases import Arch
from bakery.packer import build as packer_build
from bakery.packer import engine, render
from bakery.packer.build import BuiltImage
from bakery.packer.engine import Packer
from bakery.packer.workspace import Workspace
from bakery.rehearsal.server import Rehearsal, serving
from bakery.rehearsal.service import ACCESS_KEY, SECRET_KEY
from tests.aws_account import account_of
from tests.conftest import Golden

OLD, NEW = Packer(version=(1, 6, 6)), Packer(version=(1, 7, 0))
GENERATIONS = {"packer-1.6": OLD, "packer-1.7": NEW}
SCHEMA = ROOT / "tests/data/packer-plugin-schema.json"
"""Attribute names of Packer's amazon plugin, read from its source (the date is in the file)."""

BRIEFLY = {**engine.ENVIRONMENT, "GOGC": "off"}
"""A Packer that only judges starts a process for each part of a template, and needs no garbage collection in any."""

REGION = "eu-west-2"
KEY = f"arn:aws:kms:{REGION}:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
SUBNET, VPC = "subnet-0123456789abcdef0", "vpc-0123456789abcdef0"
OFFICE = ["203.0.113.0/24", "2001:db8::/32"]
FINGERPRINT = "0123456789ab" + "0" * 52
RELEASE = "20260110-0415-0123456789ab"


def build(image: str, base: str = "debian-12", arch: str = "amd64", *, aws: Mapping[str, Any] | None = None) -> Build:
    """Return what Packer is to bake, with the table [aws] of the definition as given."""
    chain = layers.chain(image)
    update = {"arch": Arch(arch), "aws": Aws.model_validate(aws or {})}
    begin = bases.base(base)
    return Build(
        layers=chain,
        definition=layers.effective(chain).model_copy(update=update),
        base=begin,
        keys=(),
        fingerprint=FINGERPRINT,
        release=RELEASE,
        region=REGION,
        source_image="ami-0123456789abcdef0",
        login_user=begin.aws.user,
        name=f"dokku-bakery/{image}/{RELEASE}/{arch}",
        instance_type=packer.default_instance_type(Arch(arch)),
        security_group="",
        root_device=packer.default_root_device(begin),
        tags={"Name": f"{image} {RELEASE}", "bakery:image": image},
        run_tags={"Name": f"bake {image}", "bakery:run": RELEASE},
    )


def rehearsed(wanted: Build) -> Build:
    return replace(wanted, endpoint="http://127.0.0.1:5555", ssh_port=2222)


CASES = {
    "host": build("host"),
    "host-rehearsal": rehearsed(build("host", "debian-13")),
    "host-open": replace(build("host", "ubuntu-22.04"), source_image=""),
    "dokku-spot": build("dokku", "ubuntu-24.04", "arm64", aws={"spot": True}),
    "dokku-encrypted": replace(
        build("dokku", aws={"encrypt": True, "kms_keys": {REGION: KEY}}), security_group="sg-0123456789abcdef0"
    ),
    "dokku-encrypted-by-aws": build("dokku", aws={"encrypt": True}),
    "dokku-ssm": build("dokku", "ubuntu-22.04", aws={"login": "ssm", "instance_profile": "bakery"}),
    "host-subnet": build("host", aws={"subnet": {REGION: SUBNET}, "allow_from": OFFICE}),
    "host-private": build("host", aws={"login": "private", "vpc": VPC, "subnet_filter": {"tag:Name": "builds"}}),
}
GOLDEN = ("host", "host-rehearsal", "dokku-spot", "dokku-encrypted", "dokku-ssm", "host-subnet", "host-private")
EVERY = [(image, base.value, arch.value) for image in ("host", "dokku") for base in bases.BASES for arch in bases.Arch]


def rendered(wanted: Build, generation: str = "packer-1.6") -> dict[str, str]:
    return packer.packer_files(wanted, packer=GENERATIONS[generation])


def source(wanted: Build, generation: str = "packer-1.6") -> str:
    """Return the inner part of the source block."""
    return rendered(wanted, generation)["source.pkr.hcl"].partition('source "amazon-ebs" "image" {')[2]


@functools.cache
def installed() -> Packer:
    return engine.installed()


def validate(wanted: Build, folder: Path, *options: str) -> process.Finished:
    """Let the installed Packer judge the folder that a bake would use; Packer's network calls only begin later."""
    packer.prepare(Workspace(folder=folder), wanted, packer=installed())
    return process.run(["packer", "validate", *options, str(folder)], env=BRIEFLY, is_checked=False)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("case", GOLDEN)
def test_templates_are_as_the_golden_files_say(case: str, generation: str, golden: Golden) -> None:
    for name, text in rendered(CASES[case], generation).items():
        golden(f"packer/{case}-{REGION}/{generation}/{name}", text)


def test_templates_are_formatted_as_packer_would(tmp_path: Path) -> None:
    for case, generation in itertools.product(CASES, GENERATIONS):
        files = rendered(CASES[case], generation)
        render.write(tmp_path, {f"{case}-{generation}-{name}": text for name, text in files.items()})
    process.run(["packer", "fmt", "-check", "-diff", str(tmp_path)], env=BRIEFLY)


@pytest.mark.parametrize(("image", "base", "arch"), EVERY)
def test_every_image_on_every_base_is_valid(image: str, base: str, arch: str, tmp_path: Path) -> None:
    done = validate(build(image, base, arch), tmp_path / "packer")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("case", [case for case in CASES if case not in {"host", "host-open"}])
def test_every_way_of_baking_is_valid(case: str, tmp_path: Path) -> None:
    done = validate(CASES[case], tmp_path / "packer")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("case", "variable", "value"),
    [("host-open", "source_image", "ami-0123456789abcdef0")],
)
def test_what_only_a_person_knows_is_asked_for(case: str, variable: str, value: str, tmp_path: Path) -> None:
    refused = validate(CASES[case], tmp_path / "packer")
    assert refused.exit_code == 1
    assert f'Unset variable "{variable}"' in refused.output
    done = validate(CASES[case], tmp_path / "packer", "-var", f"{variable}={value}")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("case", CASES)
def test_todays_amazon_plugin_knows_every_attribute(case: str) -> None:
    schema = json.loads(SCHEMA.read_text())
    block = source(CASES[case], "packer-1.7")
    used = set(re.findall(r"^  (\w+) +[={]", block, re.MULTILINE))
    assert len(used) > 20
    assert used <= set(schema["amazon-ebs"]["attributes"])
    disk = block.partition("launch_block_device_mappings {")[2].partition("  }")[0]
    used = set(re.findall(r"^    (\w+) +=", disk, re.MULTILINE))
    assert len(used) >= 6
    assert used <= set(schema["amazon-ebs.launch_block_device_mappings"]["attributes"])


def test_imdsv2_is_asked_for_where_packer_knows_it() -> None:
    text = source(build("host"), "packer-1.7")
    assert 'imds_support = "v2.0"' in text
    assert re.search(r'http_tokens += "required"', text)
    assert "imds" not in source(build("host"))
    assert "metadata_options" not in source(build("host"))


def test_the_plugin_is_asked_for_where_packer_has_plugins() -> None:
    assert 'source  = "github.com/hashicorp/amazon"' in rendered(build("host"), "packer-1.7")["plugins.pkr.hcl"]
    assert "plugins.pkr.hcl" not in rendered(build("host"))


def test_nothing_of_this_machine_or_this_account_is_in_a_template() -> None:
    text = "".join(rendered(rehearsed(build("host", aws={"login": "ssm", "instance_profile": "bakery"}))).values())
    assert "127.0.0.1" not in text
    assert str(Path.cwd()) not in text
    assert not re.search(r"\b(access_key|secret_key|token|profile|shared_credentials_file) +=", text)


def test_only_a_rehearsal_has_another_endpoint() -> None:
    assert "endpoint" not in rendered(build("host"))["source.pkr.hcl"]
    assert re.search(r"custom_endpoint_ec2 += var\.endpoint", source(rehearsed(build("host"))))


def test_the_volume_is_the_definition_s_and_gone_with_the_machine() -> None:
    text = source(build("host", "ubuntu-24.04"))
    assert re.search(r'device_name += "/dev/sda1"\n +volume_size += 40\n +volume_type += "gp3"', text)
    assert re.search(r"delete_on_termination += true", text)
    assert "encrypted" not in text


def test_a_region_without_a_key_of_its_own_is_encrypted_with_the_account_s() -> None:
    keys = {"encrypt": True, "kms_keys": {"us-east-1": KEY.replace(REGION, "us-east-1")}}
    text = source(build("host", aws=keys))
    assert re.search(r"encrypted += true", text)
    assert "kms_key_id" not in text


def test_spot_names_no_other_instance_type() -> None:
    text = source(CASES["dokku-spot"])
    assert re.search(r'spot_instance_types += \["t4g\.small"\]', text)
    assert not re.search(r"^  instance_type", text, re.MULTILINE)


def test_a_login_through_systems_manager_needs_no_address() -> None:
    text = source(CASES["dokku-ssm"])
    assert re.search(r'ssh_interface += "session_manager"', text)
    assert re.search(r'iam_instance_profile += "bakery"', text)
    assert "public_ip" not in text


def test_a_subnet_is_named_or_found_and_gives_a_public_address_where_one_is_needed() -> None:
    named, found = source(CASES["host-subnet"]), source(CASES["host-private"])
    chosen = source(replace(CASES["host-private"], subnet=SUBNET))
    assert f'subnet_id = "{SUBNET}"' in named
    assert "associate_public_ip_address = true" in named
    assert re.search(rf'subnet_filter {{\n.*"vpc-id" += "{VPC}"', found, re.DOTALL)
    assert "associate_public_ip_address" not in found
    assert re.search(r'ssh_interface += "private_ip"', found)
    assert f'subnet_id = "{SUBNET}"' in chosen
    assert "subnet_filter" not in chosen


def test_packer_s_own_security_group_is_open_to_whom_it_may_be() -> None:
    assert 'temporary_security_group_source_cidrs = ["203.0.113.0/24", "2001:db8::/32"]' in source(CASES["host-subnet"])
    assert "source_cidrs" not in source(replace(CASES["host-subnet"], security_group="sg-0123456789abcdef0"))
    assert "source_cidrs" not in source(CASES["host"])


def test_a_description_loses_what_aws_refuses_and_what_packer_would_read(tmp_path: Path) -> None:
    wanted = build("host")
    described = wanted.definition.model_copy(update={"description": "Zürich \u2013 {{ .Nothing }} ${x} \u201ca\u201d"})
    wanted = replace(wanted, definition=described)
    text = source(wanted)
    assert '= "Zurich { { .Nothing }} $${x} a"' in text
    assert packer.plain("{{{") == "{ { {"
    done = validate(wanted, tmp_path / "packer")
    assert done.exit_code == 0, done.output


def test_every_architecture_has_an_instance_type_of_its_own() -> None:
    assert packer.default_instance_type(Arch.AMD64) == "t3.small"
    assert packer.default_instance_type(Arch.ARM64) == "t4g.small"


def test_steps_are_told_whom_packer_logs_in_as(tmp_path: Path) -> None:
    space = Workspace(folder=tmp_path / "packer")
    packer.prepare(space, build("host"), packer=OLD)
    assert "BAKERY_BUILD_USER=admin\n" in space.settings.read_text()
    assert f"BAKERY_FINGERPRINT={FINGERPRINT}\n" in space.settings.read_text()
    assert (space.folder / "provision/run").stat().st_mode & 0o100


def test_user_data_lets_in_the_one_key_of_this_bake(tmp_path: Path) -> None:
    space = Workspace(folder=tmp_path / "packer")
    packer.prepare(space, build("host"), packer=OLD)
    first, _, config = (space.folder / "user-data").read_text().partition("\n")
    assert first == "#cloud-config"
    assert json.loads(config)["ssh_authorized_keys"] == [(space.folder / "key.pub").read_text().strip()]
    space.clear()
    assert not (space.folder / "key").exists()


def test_the_root_may_grow_before_the_steps_need_room(tmp_path: Path) -> None:
    space = Workspace(folder=tmp_path / "packer")
    packer.prepare(space, build("host"), packer=OLD)
    assert not {"growpart", "resize_rootfs"} & set(json.loads((space.folder / "user-data").read_text()[14:]))


def test_every_variable_without_a_default_has_a_value(tmp_path: Path) -> None:
    space = Workspace(folder=tmp_path / "packer")
    wanted = rehearsed(build("host"))
    declared = re.findall(r'^variable "(\w+)"', "".join(rendered(wanted).values()), re.MULTILINE)
    assert set(declared) - {"source_image", "http_proxy", "https_proxy", "no_proxy"} == set(
        packer.variables(space, wanted)
    )


def pack(wanted: Build, folder: Path, *, cloud: Rehearsal) -> BuiltImage:
    """Let the installed Packer bake on a rehearsal, without a machine to log in to: no steps, and no communicator."""
    account = account_of(cloud)
    begin = base_images.newest(account.region(REGION), wanted.base, wanted.definition.arch)
    space = Workspace(folder=folder / "packer")
    wanted = replace(wanted, source_image=begin.id, root_device=begin.root_device, endpoint=cloud.url)
    packer.prepare(space, wanted, packer=installed())
    template = space.folder / "source.pkr.hcl"
    template.write_text(template.read_text().replace("  ssh_interface ", '  communicator = "none"\n  ssh_interface '))
    image = space.folder / "image.pkr.hcl"
    head, _, steps = image.read_text().partition("\n  # cloud-init ends")
    image.write_text(head + steps[steps.index('\n  post-processor "manifest"') :])
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    return packer_build.build_image(space, log=folder / "log", packer_=installed(), console=Console(), env=keys)


def test_packer_leaves_an_image_as_asked_for_and_nothing_else(tmp_path: Path) -> None:
    wanted = replace(CASES["dokku-encrypted"], security_group="")
    with serving() as cloud:
        made = pack(wanted, tmp_path, cloud=cloud)
        calls = {call.action for call in cloud.calls}
        region = account_of(cloud).region(REGION)
        (image,) = region.ec2("describe_images", Owners=["self"])["Images"]
        (snapshot,) = region.ec2("describe_snapshots", OwnerIds=["self"])["Snapshots"]
        groups = region.ec2("describe_security_groups")["SecurityGroups"]
        assert cloud.instances() == []
    assert (image["ImageId"], image["Name"]) == (made.image_id, wanted.name)
    assert image["Description"] == wanted.definition.description
    for thing in (image, snapshot):
        assert {tag["Key"]: tag["Value"] for tag in thing["Tags"]} == wanted.tags
    disk = image["BlockDeviceMappings"][0]["Ebs"]
    assert (disk["VolumeSize"], disk["VolumeType"], disk["Encrypted"]) == (40, "gp3", True)
    assert snapshot["KmsKeyId"] == KEY
    assert [group["GroupName"] for group in groups] == ["default"]
    assert "CreateKeyPair" not in calls


def test_a_spot_machine_is_asked_for_as_packer_can(tmp_path: Path) -> None:
    with serving() as cloud:
        made = pack(CASES["dokku-spot"], tmp_path, cloud=cloud)
        calls = {call.action for call in cloud.calls}
        assert cloud.instances() == []
    assert made.image_id.startswith("ami-")
    assert "CreateFleet" in calls
    assert "RunInstances" not in calls
