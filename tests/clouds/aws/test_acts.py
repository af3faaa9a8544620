"""Single acts, held to the calls that they make."""

from dataclasses import replace
from typing import Any

import pytest

from bakery.cloud.reconcile import Act, Seen
from bakery.clouds.aws import acts
from bakery.clouds.aws.account import Account, ApiError, Region
from bakery.core.errors import ExitCode
from tests import values
from tests.cloud.test_reconcile import IMAGE, WANTED

ONE, OTHER = "111111111111", "222222222222"
ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-exampleorgid"
SEEN = Seen(
    image=IMAGE,
    snapshot=values.snapshot("snap-0123456789abcdef0"),
    image_readers=frozenset({ONE}),
    snapshot_readers=frozenset({ONE}),
)
KEYS = {Act.SHARE_IMAGE: "LaunchPermission", Act.SHARE_SNAPSHOT: "CreateVolumePermission"}
SHARED = replace(WANTED, readers=(OTHER, "public", ORGANIZATION))


def asked(
    monkeypatch: pytest.MonkeyPatch, act: Act, *, refused: tuple[int, ...] = (), exit_code: ExitCode = ExitCode.FAILED
) -> list[dict[str, Any]]:
    """Return the changes that an act asks for, those by these numbers refused."""
    changes: list[dict[str, Any]] = []

    def ec2(_: Region, operation: str, **arguments: Any) -> None:
        changes.append(arguments[KEYS[act]])
        if len(changes) - 1 in refused:
            raise ApiError(f"{operation} {len(changes) - 1}", code="InvalidParameterValue", exit_code=exit_code)

    monkeypatch.setattr(Region, "ec2", ec2)
    region = Region(name="eu-west-1", account=Account(session=None))
    if refused:
        with pytest.raises(ApiError, match=f" {refused[0]}$"):
            acts.ACTS[act](region, SHARED, SEEN)
    else:
        acts.ACTS[act](region, SHARED, SEEN)
    return changes


@pytest.mark.parametrize("act", KEYS)
def test_readers_are_taken_out_first_and_everybody_comes_last_and_alone(
    act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [{"UserId": OTHER}, *([{"OrganizationArn": ORGANIZATION}] if act is Act.SHARE_IMAGE else [])]
    assert asked(monkeypatch, act) == [
        {"Remove": [{"UserId": ONE}]},
        {"Add": named},
        {"Add": [{"Group": "all"}]},
    ]


@pytest.mark.parametrize("act", KEYS)
@pytest.mark.parametrize("refused", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_change_that_is_refused_keeps_back_no_other(
    act: Act, refused: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(asked(monkeypatch, act, refused=refused)) == 3


def test_nothing_more_is_asked_when_no_call_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(asked(monkeypatch, Act.SHARE_IMAGE, refused=(0,), exit_code=ExitCode.MISSING)) == 1
