"""`./inv regions`: every region with the newest base image there, or the reason why it names none."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.cloud.values import BaseImage
from bakery.clouds.aws import account as aws
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.base_images import FoundBy
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.scaleway.cloud import ScalewayCloud
from bakery.commands import session
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch, base
from bakery.definition.place_names import Cloud
from bakery.definition.scaleway_zones import ZONES
from bakery.places.account import State
from bakery.rehearsal import seeds, service
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.release import regions
from tests.aws_account import account_of, forget_aws

OPEN_REGIONS = 17
ALL_REGIONS = 34


@pytest.fixture(scope="module")
def connected(stage: Rehearsal) -> Account:
    """Return an account that keeps its clients, for those of 34 regions take long to make."""
    return account_of(stage)


@pytest.fixture
def account(cloud: Rehearsal, connected: Account) -> Account:
    """Return it with nothing that it was told before."""
    vars(connected).pop("opt_in", None)
    connected.has_answered = False
    return connected


def ask(account: Account, *, name: str = "ubuntu-24.04") -> regions.Survey:
    return regions.ask(AwsCloud(account=account), base(name), Arch.AMD64)


def objects(survey: regions.Survey) -> dict[str, dict[str, Any]]:
    return {one["region"]: one for one in json.loads(survey.as_json())}


def test_every_region_is_listed_and_those_that_may_be_used_are_asked(cloud: Rehearsal, account: Account) -> None:
    survey = ask(account)
    found = objects(survey)
    assert len(found) == ALL_REGIONS
    assert len([one for one in found.values() if "image" in one]) == OPEN_REGIONS
    assert found["ap-east-1"] == {"region": "ap-east-1", "where": "Hong Kong", "opt_in": "not-opted-in"}
    assert {call.region for call in cloud.calls} == set(account.usable)
    assert len(cloud.calls) == 1 + 2 * OPEN_REGIONS
    survey.require_answer()


def test_an_object_says_all_of_an_image(account: Account) -> None:
    found = objects(ask(account))["eu-west-2"]
    image = found.pop("image")
    assert found == {"region": "eu-west-2", "where": "London", "opt_in": "opt-in-not-required"}
    name = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261019"
    assert image == {
        "id": seeds.image_id("eu-west-2", name),
        "name": name,
        "created": seeds.CREATED[-1].isoformat(),
        "age_days": (datetime.now(UTC) - seeds.CREATED[-1]).days,
        "root_device": "/dev/sda1",
        "size_gb": 8,
        "boot_mode": "uefi-preferred",
        "owner": "099720109477",
        "found_by": "ssm",
    }


def test_the_table_is_the_result(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    survey = ask(account)
    capsys.readouterr()
    survey.show()
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = {line.split()[0]: line.split() for line in shown.out.splitlines() if "-" in line}
    london = objects(survey)["eu-west-2"]["image"]
    assert lines["eu-west-2"][1:] == [
        "London",
        "open",
        london["id"],
        "ubuntu-noble-24.04-amd64-server-20261019",
        str(london["age_days"]),
    ]
    assert lines["ap-east-1"][1:] == ["Hong", "Kong", "not", "opted", "in"]
    assert "opted in" not in " ".join(lines["us-east-1"])


def test_a_region_that_was_opted_in_to_is_asked_too(cloud: Rehearsal, account: Account) -> None:
    cloud.world.opted_in.add("ap-east-1")
    assert objects(ask(account))["ap-east-1"]["image"]["found_by"] == "ssm"


def test_age_is_counted_in_whole_days() -> None:
    image = BaseImage(
        id="ami-1",
        name="debian-12-amd64",
        created=datetime(2026, 10, 1, 12, tzinfo=UTC),
        root_device="/dev/xvda",
        size_gb=8,
        boot_mode="",
        owner="136693071363",
        found_by=FoundBy.SSM,
    )
    row = regions.Row(region="eu-west-2", state=State(own="opted-in", words="opted in"), image=image)
    now = image.created + timedelta(days=3, hours=23)
    survey = regions.Survey(base=base("debian-12"), arch=Arch.AMD64, now=now, rows=(row,))
    assert objects(survey)["eu-west-2"]["image"]["age_days"] == 3


def test_a_region_that_names_none_is_a_row_that_says_why(
    cloud: Rehearsal, account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.world.images = {key: image for key, image in cloud.world.images.items() if image.region != "eu-west-2"}
    survey = ask(account, name="debian-12")
    assert objects(survey)["eu-west-2"]["problem"] == "there is no image of debian-12 for amd64 (debian-12-amd64-*)"
    survey.show()
    assert "there is no image of debian-12 for amd64" in capsys.readouterr().out
    survey.require_answer()


def test_no_answer_from_any_region_is_exit_code_3(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "PATIENCE_S", 0.2)
    assert account.usable
    cloud.faults = Faults(throttled=1.0)
    began = time.monotonic()
    survey = ask(account)
    assert time.monotonic() - began < aws.CALL_DEADLINE_S / 2
    assert {one["problem"] for one in objects(survey).values() if one["opt_in"] != "not-opted-in"} == {
        "ssm:GetParameter: Rate exceeded (ThrottlingException)"
    }
    with pytest.raises(
        BakeryError, match=r"no region named an image of ubuntu-24\.04; ap-northeast-1: ssm:Get"
    ) as caught:
        survey.require_answer()
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.hint.startswith("again later")


def test_an_account_without_regions_is_exit_code_3() -> None:
    row = regions.Row(region="ap-east-1", state=State(own="not-opted-in", words="not opted in"))
    survey = regions.Survey(base=base("debian-12"), arch=Arch.AMD64, now=datetime.now(UTC), rows=(row,))
    with pytest.raises(BakeryError, match="this account may use none") as caught:
        survey.require_answer()
    assert caught.value.exit_code is ExitCode.MISSING


def test_all_regions_together_take_about_as_long_as_one(cloud: Rehearsal, account: Account) -> None:
    ask(account)
    cloud.faults = Faults(latency_ms=200)
    began = time.monotonic()
    ask(account)
    # One after the other they would take 6.8 s.
    assert time.monotonic() - began < 4


def test_a_rehearsal_is_opened_and_said_to_be_one(
    cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []

    def start(**asked: Any) -> service.Running:
        told.append(asked["faults"])
        return service.Running(url=cloud.url, pid=os.getpid())

    monkeypatch.setattr(service, "start", start)
    monkeypatch.setenv("BAKERY_REHEARSAL_FAULTS", "latency_ms=1")
    account = session.open_account(is_rehearsal=True, console=Console())
    assert account.is_rehearsal
    aws = account.of(Cloud.AWS)
    assert isinstance(aws, AwsCloud)
    assert aws.account.number == "123456789012"
    assert isinstance(account.of(Cloud.SCALEWAY), ScalewayCloud)
    assert told == ["latency_ms=1"]
    assert f"rehearsal: nothing of this is a cloud ({cloud.url})" in capsys.readouterr().err


def test_without_a_rehearsal_it_is_the_account_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget_aws(monkeypatch, home=tmp_path)
    with pytest.raises(BakeryError, match="there are no AWS credentials"):
        session.open_account(is_rehearsal=False, console=Console())


def test_what_cannot_be_asked_for_is_refused_before_any_account_is_opened() -> None:
    with pytest.raises(BakeryError, match="there is no base 'debian-21'"):
        regions.survey("host", base="debian-21", enter=lambda: pytest.fail("an account was opened"))


def test_the_command_prints_json_alone_on_stdout(cloud: Rehearsal, tmp_path: Path) -> None:
    # This process is the rehearsal that the command finds; that it starts one is in tests/rehearsal/test_service.py.
    service.state_file().parent.mkdir(parents=True)
    told = {"url": cloud.url, "pid": os.getpid(), "keys": vars(service.KNOWN)}
    folders.write_json(service.state_file(), told)
    argv = [sys.executable, "-m", "invoke", "--search-root", str(ROOT), "regions", "--rehearse", "--json"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "BAKERY_BUILD_DIR": str(tmp_path / "build")}
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {call.region for call in cloud.calls} >= {"eu-west-2", "us-east-1"}
    assert len(json.loads(done.stdout)) == ALL_REGIONS + len(ZONES)
    assert "rehearsal: nothing of this is a cloud" in done.stderr
