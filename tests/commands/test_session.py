"""How a command comes to its account: a region that is none is told before anybody signs in."""

from pathlib import Path

import pytest

from bakery.commands import session
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from tests.aws_account import forget_aws
from tests.commands.test_tasks import invoke


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_aws(monkeypatch, home=tmp_path)


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
