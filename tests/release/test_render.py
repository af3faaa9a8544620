"""What `invoke render --region` writes, with an account (a rehearsal's) and without one."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.catalog import catalog
from bakery.catalog.catalog import Catalog, Placed, Release
from bakery.cloud import naming
from bakery.clouds.aws import base_images
from bakery.clouds.aws.cloud import AwsCloud
from bakery.commands import session
from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import bases, layers
from bakery.definition.bases import Arch, BaseName
from bakery.local.plan import Order
from bakery.packer import engine
from bakery.places.account import Account
from bakery.rehearsal.server import Rehearsal, serving
from bakery.release import bake, plan, render
from tests.aws_account import account_of, forget_aws
from tests.waiting_run import DEADLINE_S, waiting

REGION = "eu-west-2"
BASE = bases.base(bases.DEFAULT_BASE)


@pytest.fixture(scope="module")
def running() -> Iterator[Rehearsal]:
    with serving() as cloud:
        yield cloud


@pytest.fixture
def cloud(running: Rehearsal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rehearsal:
    running.reset()
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path))
    monkeypatch.setattr(session, "open_account", lambda **_: AwsCloud(account=account_of(running)))
    return running


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path))
    forget_aws(monkeypatch, home=tmp_path)


def written(order: Order, *regions: str, is_rehearsal: bool) -> list[Path]:
    def enter(names: Sequence[str]) -> Account:
        return session.open_account(is_rehearsal=is_rehearsal, console=Console(), regions=names)

    return render.write(
        order, sketches=session.sketches(regions), enter=enter, is_rehearsal=is_rehearsal, console=Console()
    )


def write(image: str = "host", *regions: str, base: str = "", is_rehearsal: bool = True) -> list[Path]:
    order = Order(image=image, base=base)
    return written(order, *(regions or (REGION,)), is_rehearsal=is_rehearsal)


def validate(folder: Path, *options: str) -> process.Finished:
    return process.run(["packer", "validate", *options, str(folder)], env=engine.ENVIRONMENT, is_checked=False)


def test_each_region_gets_a_folder_packer_finds_valid_and_a_vagrantfile(cloud: Rehearsal, tmp_path: Path) -> None:
    written = write("host", "eu-west-2", "us-east-1", "eu-west-2")
    assert written == [
        tmp_path / "host" / region / name
        for region in ("eu-west-2", "us-east-1")
        for name in ("host-ubuntu-24.04.packer", "Vagrantfile")
    ]
    for folder in written[::2]:
        done = validate(folder)
        assert done.exit_code == 0, done.output


def test_a_bake_begins_with_the_region_s_newest_image_of_the_base(cloud: Rehearsal, tmp_path: Path) -> None:
    folder, vagrantfile = write(base="ubuntu-24.04")
    newest = base_images.newest(account_of(cloud).region(REGION), bases.base("ubuntu-24.04"), Arch.AMD64)
    template = (folder / "source.pkr.hcl").read_text()
    assert f'default     = "{newest.id}"' in template
    assert 'device_name           = "/dev/sda1"' in template
    assert f'aws.ami = "{newest.id}"' in vagrantfile.read_text()


def test_nothing_is_made_in_the_account(cloud: Rehearsal) -> None:
    write("dokku")
    assert {call.action for call in cloud.calls} == {"DescribeRegions", "DescribeImages", "GetParameter"}


def test_an_image_on_a_layer_begins_with_the_layer_baked_there(
    cloud: Rehearsal, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write("dokku")[0]
    assert "the layer host is not baked there yet" in capsys.readouterr().err
    assert 'Unset variable "source_image"' in validate(folder).output
    host = plan.stacked(layers.chain("dokku"), BASE)[0].fingerprint
    name = naming.name("host", f"20260110-0415-{host[:12]}", Arch.AMD64)
    region = account_of(cloud).region(REGION)
    begun = base_images.newest(region, BASE, Arch.AMD64).id
    instance = region.ec2("run_instances", ImageId=begun, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    layer = region.ec2("create_image", InstanceId=instance, Name=name)["ImageId"]
    folder = write("dokku")[0]
    assert f'default     = "{layer}"' in (folder / "source.pkr.hcl").read_text()


def test_the_folder_of_a_bake_that_is_under_way_is_left_alone(
    cloud: Rehearsal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "host" / REGION / "host-ubuntu-24.04.packer" / "key"
    key.parent.mkdir(parents=True)
    key.write_text("the bake's own")
    with bake.alone("host", REGION, console=Console()):
        rendering = waiting(write, what=f"host in {REGION}", capsys=capsys)
        assert key.read_text() == "the bake's own"
    rendering.result(DEADLINE_S)
    assert key.read_text() != "the bake's own"


def released(name: str, image_id: str, *, base: BaseName = BASE.name, region: str = REGION) -> Release:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    return Release(
        release=name,
        arch=Arch.AMD64,
        base=base,
        fingerprint="0" * 64,
        size_gb=40,
        baked_at=now,
        baked_in=region,
        places={region: Placed(image_id=image_id, published_at=now)},
    )


def test_the_vagrantfile_starts_the_newest_release_that_is_in_the_region(cloud: Rehearsal) -> None:
    releases = [
        released("20260110-0415-000000000000", "ami-00000001"),
        released("20260111-0415-000000000000", "ami-00000002"),
        released("20260112-0415-000000000000", "ami-00000003", base=BaseName.DEBIAN_13),
        released("20260113-0415-000000000000", "ami-00000004", region="us-east-1"),
    ]

    def edit(known: Catalog) -> Catalog:
        return known.model_copy(update={"releases": tuple(releases)})

    catalog.change("host", edit, is_rehearsal=True, console=Console())
    assert 'aws.ami = "ami-00000002"' in write()[1].read_text()


def test_the_vagrantfile_logs_in_as_the_user_of_what_was_baked_where_it_was_baked(cloud: Rehearsal) -> None:
    for number, (is_import, user) in enumerate([(False, "admin"), (True, "debian")], start=1):
        name, image_id = f"2026011{number}-0415-000000000000", f"ami-0000000{number}"
        release = released(name, image_id, base=BaseName.DEBIAN_12).model_copy(update={"is_import": is_import})

        def edit(known: Catalog, *, release: Release = release) -> Catalog:
            return known.with_release(release)

        catalog.change("host", edit, is_rehearsal=True, console=Console())
        text = write(base="debian-12")[1].read_text()
        assert f'aws.ami = "{image_id}"' in text
        assert f'override.ssh.username = "{user}"' in text


@pytest.mark.usefixtures("nobody")
def test_without_credentials_the_image_to_begin_with_is_left_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = write(is_rehearsal=False)
    assert folder == tmp_path / "host" / REGION / "host-ubuntu-24.04.packer"
    said = capsys.readouterr().err
    assert "there are no AWS credentials" in said
    assert "eu-west-2: no Vagrantfile" in said
    assert 'Unset variable "source_image"' in validate(folder).output
    done = validate(folder, "-var", "source_image=ami-0123456789abcdef0")
    assert done.exit_code == 0, done.output


@pytest.mark.usefixtures("nobody")
def test_the_command_takes_as_many_regions_as_are_given(tmp_path: Path) -> None:
    regions = ["--region", "eu-west-2", "--region", "us-east-1"]
    argv = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), "render", *regions]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [
        str(tmp_path / "dokku" / region / "dokku-ubuntu-24.04.packer") for region in ("eu-west-2", "us-east-1")
    ], done.stderr


@pytest.mark.usefixtures("nobody")
def test_a_profile_that_does_not_exist_is_no_reason_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(BakeryError, match="there is no AWS profile 'nobody'") as caught:
        write(is_rehearsal=False)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


@pytest.mark.usefixtures("nobody")
def test_a_region_that_does_not_exist_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match="there is no region 'eu-west-9'") as caught:
        write("host", "eu-west-2", "eu-west-9", is_rehearsal=False)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("cloud")
def test_a_region_that_the_account_has_not_opted_in_to_is_refused() -> None:
    with pytest.raises(BakeryError, match="has not opted in to eu-south-1"):
        write("host", "eu-south-1")


@pytest.mark.usefixtures("nobody")
def test_a_source_on_this_machine_is_refused_for_a_region() -> None:
    order = Order(image="host", base_from="archive")
    with pytest.raises(BakeryError, match="--base-from archive is for bakes on this machine"):
        written(order, REGION, is_rehearsal=False)
