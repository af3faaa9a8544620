"""Whoever was refused an action is told which policy of docs/iam has it."""

import json
from pathlib import Path

import pytest

from bakery.clouds.aws import policies


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(policies, "FOLDER", tmp_path)
    put(tmp_path, "bake", [{"Effect": "Allow", "Action": ["ec2:RunInstances", "ec2:Describe*"], "Resource": "*"}])
    return tmp_path


def put(folder: Path, name: str, statements: list[dict[str, object]]) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))


def test_the_policy_that_allows_an_action_is_named() -> None:
    assert policies.hint("ec2:RunInstances") == "attach docs/iam/bake.json, which allows ec2:RunInstances"


@pytest.mark.parametrize("action", ["ec2:DescribeImages", "EC2:describeimages"])
def test_a_pattern_allows_what_it_matches_in_any_letters(action: str) -> None:
    assert policies.hint(action) == f"attach docs/iam/bake.json, which allows {action}"


def test_every_policy_that_would_do_is_named(folder: Path) -> None:
    put(folder, "publish", [{"Effect": "Allow", "Action": "ec2:DescribeImages", "Resource": "*"}])
    assert policies.hint("ec2:DescribeImages").startswith("attach docs/iam/bake.json or docs/iam/publish.json, which")


def test_what_a_policy_denies_it_does_not_allow(folder: Path) -> None:
    put(folder, "verify", [{"Effect": "Deny", "Action": "ec2:CopyImage", "Resource": "*"}])
    assert policies.hint("ec2:CopyImage") == "allow ec2:CopyImage"


def test_an_action_of_no_policy_is_named_alone() -> None:
    assert policies.hint("kms:CreateGrant") == "allow kms:CreateGrant"
