"""How a command comes to its account: a region that is none is told before anybody signs in."""

from pathlib import Path

import pytest

from bakery.clouds.aws.sketch import AwsSketch
from bakery.clouds.scaleway.cloud import ScalewayCloud
from bakery.clouds.scaleway.sketch import ScalewaySketch
from bakery.commands import session
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.place_names import Cloud
from bakery.definition.scaleway_zones import ZONES
from bakery.rehearsal import service
from tests.aws_account import forget_aws
from tests.commands.test_tasks import invoke


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("ACCESS_KEY", "SECRET_KEY", "DEFAULT_PROJECT_ID", "PROFILE", "CONFIG_PATH", "API_URL"):
        monkeypatch.delenv(f"SCW_{name}", raising=False)


def refused(*regions: str, is_rehearsal: bool = False) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        session.open_account(is_rehearsal=is_rehearsal, console=Console(), regions=regions)
    return caught.value


@pytest.mark.parametrize("name", ["eu-wset-2", "eu-west-9"])
def test_a_region_that_is_none_is_told_before_credentials_are_missed(name: str) -> None:
    error = refused("eu-west-2", name)
    assert (error.exit_code, error.message) == (ExitCode.IMPOSSIBLE, f"there is no region {name!r}")
    assert error.hint.startswith("did you mean 'eu-")


def test_a_region_that_can_be_none_starts_no_rehearsal() -> None:
    assert refused("eu-wset-2", is_rehearsal=True).message == "there is no region 'eu-wset-2'"


def test_with_regions_that_there_are_the_credentials_are_missed() -> None:
    assert refused("eu-west-2").exit_code is ExitCode.MISSING


@pytest.mark.parametrize(
    "words",
    [
        ["plan"],
        ["plan", "--from", "local"],
        ["bake"],
        ["bake", "--import"],
        ["render"],
        ["publish"],
        ["publish", "--from", "local"],
        ["promote"],
        ["rollback"],
        ["launch"],
        ["validate"],
        ["prune"],
    ],
    ids=" ".join,
)
def test_every_command_with_regions_looks_at_their_names_first(words: list[str], tmp_path: Path) -> None:
    done = invoke(*words, "--region", "eu-wset-2", folder=tmp_path)
    assert done.returncode == ExitCode.IMPOSSIBLE
    assert done.stderr.splitlines()[-2:] == [
        "error: there is no region 'eu-wset-2'",
        "hint:  did you mean 'eu-west-2'?",
    ]


def test_a_zone_of_scaleway_is_entered_with_keys_of_scaleway_alone() -> None:
    error = refused("fr-par-1")
    assert error.exit_code is ExitCode.MISSING
    assert error.message.startswith("there are no Scaleway credentials: SCW_ACCESS_KEY is not set")
    assert "--rehearse" in error.hint


def test_a_zone_that_is_none_is_told_the_nearest() -> None:
    error = refused("fr-par1")
    assert (error.exit_code, error.hint) == (ExitCode.IMPOSSIBLE, "did you mean 'fr-par-1'?")


AWS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
SCALEWAY = {
    "SCW_ACCESS_KEY": service.SCALEWAY_ACCESS_KEY,
    "SCW_SECRET_KEY": service.SCALEWAY_SECRET_KEY,
    "SCW_DEFAULT_PROJECT_ID": service.PROJECT,
}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({**AWS, **SCALEWAY}, [Cloud.AWS, Cloud.SCALEWAY]),
        (AWS, [Cloud.AWS]),
        (SCALEWAY, [Cloud.SCALEWAY]),
        # Of no use, and there all the same: whoever has set them is to hear of it.
        ({**AWS, "SCW_ACCESS_KEY": service.SCALEWAY_ACCESS_KEY}, [Cloud.AWS, Cloud.SCALEWAY]),
        ({**AWS, "SCW_CONFIG_PATH": "/nonexistent/config.yaml"}, [Cloud.AWS, Cloud.SCALEWAY]),
        ({**AWS, "SCW_PROFILE": "wokr"}, [Cloud.AWS, Cloud.SCALEWAY]),
        ({**SCALEWAY, "AWS_PROFILE": "wokr"}, [Cloud.AWS, Cloud.SCALEWAY]),
        ({**SCALEWAY, "AWS_SECRET_ACCESS_KEY": "testing"}, [Cloud.AWS, Cloud.SCALEWAY]),
    ],
)
def test_without_any_place_those_clouds_are_meant_that_there_are_credentials_for(
    told: dict[str, str], expected: list[Cloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert session.open_account(is_rehearsal=False, console=Console()).usual == expected


def test_who_has_nobody_s_credentials_is_told_of_aws() -> None:
    assert refused().message.startswith("there are no AWS credentials: ")


def test_an_account_of_scaleway_alone_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SCALEWAY.items():
        monkeypatch.setenv(name, value)
    account = session.open_account(is_rehearsal=False, console=Console())
    assert isinstance(account.of(Cloud.SCALEWAY), ScalewayCloud)
    assert set(account.states) == set(account.usable) == set(ZONES)


def test_what_is_rendered_of_a_place_is_its_own_clouds() -> None:
    assert [type(one) for one in session.sketches(["eu-west-2", "fr-par-1"])] == [AwsSketch, ScalewaySketch]
