"""Packer gets an account's keys, and others before they end, wherever they come from."""

import json
import os
import shlex
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bakery.clouds.aws import handing, packer
from bakery.clouds.aws.account import Account, connect
from bakery.core.console import Console
from bakery.core.errors import missing
from bakery.packer import build
from bakery.packer.workspace import Workspace
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import serving
from bakery.rehearsal.service import ACCESS_KEY, SECRET_KEY
from tests.aws_account import forget_aws
from tests.clouds.aws import test_packer

FAR = "2099-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setattr(handing, "RENEW_S", 0.05)
    return tmp_path


def account(home: Path, monkeypatch: pytest.MonkeyPatch, settings: str) -> Account:
    (home / "config").write_text(f"[profile work]\nregion = eu-west-2\n{settings}\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    return connect()


def printing(keys: Mapping[str, object]) -> str:
    told = {"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY, **keys}
    return f"credential_process = /bin/echo {shlex.quote(json.dumps(told))}"


def read(env: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = json.loads(Path(env[handing.KEYS_VARIABLE]).read_text())
    return found


def soon(question: Callable[[], object]) -> None:
    ends = time.monotonic() + 10
    while not question():
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.02)


def test_keys_that_last_are_handed_over_as_they_are(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = account(home, monkeypatch, f"aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}")
    with handing.environment(there, console=Console()) as env:
        assert env == there.environment()
    assert "temporary" not in capsys.readouterr().err


def test_keys_that_end_and_cannot_be_renewed_are_told_of(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with handing.environment(account(home, monkeypatch, printing({"SessionToken": "t"})), console=Console()) as env:
        assert env["AWS_SESSION_TOKEN"] == "t"
    assert "these credentials are temporary and cannot be renewed" in capsys.readouterr().err


def test_keys_that_are_renewed_are_read_from_a_file_that_nobody_else_can_and_that_ends_with_the_bake(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = account(home, monkeypatch, printing({"SessionToken": "t", "Expiration": FAR}))
    with handing.environment(there, console=Console()) as env:
        file = Path(env[handing.KEYS_VARIABLE])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert (read(env)["AccessKeyId"], read(env)["SessionToken"]) == (ACCESS_KEY, "t")
        assert not {*handing.OTHERS} - {*env}
        assert not any(env[name] for name in handing.OTHERS)
    assert not file.parent.exists()
    assert "temporary" not in capsys.readouterr().err


def test_new_keys_are_there_before_the_old_ones_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = account(home, monkeypatch, printing({"SessionToken": "t", "Expiration": FAR}))
    with handing.environment(there, console=Console()) as env:
        monkeypatch.setattr(there, "environment", lambda: dict.fromkeys(handing.OTHERS, "new"))
        soon(lambda: read(env)["AccessKeyId"] == "new")
        assert read(env)["Expiration"] < FAR


def test_keys_that_cannot_be_renewed_for_now_are_told_once_and_asked_for_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = account(home, monkeypatch, printing({"SessionToken": "t", "Expiration": FAR}))
    asked = []

    def refuse() -> dict[str, str]:
        asked.append(1)
        raise missing("nobody is signed in", hint="aws sso login")

    with handing.environment(there, console=Console()) as env:
        monkeypatch.setattr(there, "environment", refuse)
        soon(lambda: len(asked) > 2)
        monkeypatch.setattr(there, "environment", lambda: dict.fromkeys(handing.OTHERS, "new"))
        soon(lambda: read(env)["AccessKeyId"] == "new")
    said = "nobody is signed in: Packer goes on with what it has  (aws sso login)"
    assert capsys.readouterr().err.count(said) == 1


def test_the_installed_packer_reads_them_again_when_they_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs `cat` for it is a script that counts; nothing else in the environment leads to keys."""
    there = account(home, monkeypatch, printing({"Expiration": FAR}))
    monkeypatch.setattr(handing, "VALID_S", 1.0)
    monkeypatch.setattr(packer, "POLL_S", 1)
    (home / "bin").mkdir()
    (home / "bin/cat").write_text(f'#!/bin/sh\necho read >>{home}/count\nexec /bin/cat "$@"\n')
    (home / "bin/cat").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}/bin:{os.environ['PATH']}")
    made = []

    def bake(space: Workspace, **told: object) -> build.BuiltImage:
        with handing.environment(there, console=Console()) as env:
            made.append(real(space, **{**told, "env": env}))  # type: ignore[arg-type]  # as test_amazon calls it
        return made[0]

    real = build.build_image
    monkeypatch.setattr(build, "build_image", bake)
    with serving() as cloud:
        cloud.faults = Faults(pending_s=2)
        wanted = replace(test_packer.CASES["host"], security_group="")
        assert test_packer.pack(wanted, home, cloud=cloud).image_id.startswith("ami-")
    assert (home / "count").read_text().count("read") > 1
