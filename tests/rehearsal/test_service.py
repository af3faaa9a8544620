"""The rehearsal cloud in the background: begun by one command, found and ended by others."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bakery import ROOT
from bakery.clouds.aws.account import rehearse
from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway.buckets import named, require
from bakery.clouds.scaleway.credentials import Keys
from bakery.core import process
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.scaleway import Scaleway
from bakery.rehearsal import buckets, owner, service
from bakery.rehearsal.__main__ import wait_for_the_end
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.service import Running, _is_alive
from bakery.rehearsal.world import World
from tests.releases import define

START = (
    "from bakery.core.console import Console; from bakery.rehearsal.service import start; start(console=Console(), {})"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        build = tmp_path_factory.mktemp("build")
        patch.setenv("BAKERY_BUILD_DIR", str(build))
        patch.setenv("AWS_PROFILE", "nobody")
        yield build / "rehearsal"


@pytest.fixture(scope="module")
def stage(folder: Path) -> Iterator[Running]:
    """Let a command of its own start the rehearsal, and end."""
    begin('faults="latency_ms=7"')
    there = service.running()
    assert there is not None
    yield there
    service.stop()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the state file of a rehearsal would be that nobody started."""
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path))
    (tmp_path / "rehearsal").mkdir()
    return tmp_path / "rehearsal/server.json"


def begin(said: str) -> None:
    process.run([sys.executable, "-c", START.format(said)], cwd=ROOT)


def faults(there: Running) -> Any:
    return service.ask(there, "GET", "state")["faults"]


def test_it_outlives_the_command_that_started_it(stage: Running, folder: Path) -> None:
    assert service.running() == stage
    # Ctrl-C in the terminal goes to the group of the command that runs there.
    assert os.getpgid(stage.pid) == stage.pid
    kept = json.loads((folder / "server.json").read_text())
    assert kept == {"url": stage.url, "pid": stage.pid, "keys": vars(stage.keys)}
    assert faults(stage)["latency_ms"] == 7


def test_its_keys_are_its_own_and_for_its_owner_alone(stage: Running, folder: Path) -> None:
    for name, key in vars(stage.keys).items():
        known = getattr(service.KNOWN, name)
        assert key != known
        assert len(key) == len(known)
    assert (folder / "server.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("keys", [service.KNOWN, owner.new_keys()])
def test_without_them_it_does_nothing(stage: Running, keys: owner.Keys) -> None:
    stranger = replace(stage, keys=keys)
    for method, what in (("GET", "state"), ("POST", "stop"), ("POST", "accelerator"), ("POST", "base-disks")):
        with pytest.raises(BakeryError, match="answers to its owner's keys alone"):
            service.ask(stranger, method, what, body={"name": "native"})
    aws = rehearse(endpoint=stage.url, keys=(keys.access_key, service.SECRET_KEY)).region("eu-west-2")
    for ask, what in ((aws.ec2, "describe_vpcs"), (aws.ssm, "describe_parameters")):
        with pytest.raises(BakeryError, match="are not accepted"):
            ask(what)
    unsigned = httpx.post(f"{stage.url}/moto-api/reset")
    foreign = httpx.get(
        f"{stage.url}/instance/v1/zones/fr-par-1/servers", headers={"X-Auth-Token": keys.scaleway_secret_key}
    )
    signed = f"AWS4-HMAC-SHA256 Credential={keys.scaleway_access_key}/20260101/fr-par/s3/aws4_request"
    bucket = httpx.get(stage.url, headers={"Authorization": signed})
    assert {answer.status_code for answer in (unsigned, foreign, bucket)} == {403}
    assert service.ask(stage, "GET", "state")["calls"] == 0


def test_a_second_start_finds_the_one_that_runs(stage: Running) -> None:
    assert service.start(console=Console()) == stage
    assert faults(stage)["latency_ms"] == 7


def test_a_second_start_with_faults_replaces_those_that_hold(stage: Running) -> None:
    service.start(console=Console(), faults="pending_s=3")
    assert faults(stage)["pending_s"] == 3
    assert faults(stage)["latency_ms"] == 0


def test_machines_run_as_was_asked_last_until_something_else_is(stage: Running) -> None:
    service.start(console=Console(), machines="tcg")
    service.start(console=Console())
    assert service.machines(stage).name == "tcg"
    assert "machines   tcg" in service.describe()
    service.start(console=Console(), machines="auto")
    assert service.ask(stage, "GET", "state")["accelerator"] == "auto"


@pytest.mark.parametrize("name", ["xen", "", None])
def test_a_way_to_run_machines_that_is_none_is_refused(stage: Running, name: object) -> None:
    with pytest.raises(BakeryError, match="machines do not run by") as caught:
        service.ask(stage, "POST", "accelerator", body={"name": name})
    assert "native" in caught.value.hint


def test_what_runs_is_described(stage: Running) -> None:
    lines = service.describe()
    assert [line.split()[0] for line in lines] == ["address", "since", "calls", "machines", "instances"]
    assert stage.url in lines[0]
    assert lines[2].split() == ["calls", "0"]
    assert lines[3].split() == ["machines", "auto"]
    assert lines[4].split() == ["instances", "none"]


def test_a_rehearsal_has_the_buckets_that_a_definition_names(stage: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Scaleway(buckets={"fr-par": "images-of-paris"})
    define(monkeypatch, layers.whole("host").model_copy(update={"name": "shop", "scaleway": table}))
    for _ in range(2):
        buckets.lend("shop")
    keys = Keys(
        access_key=stage.keys.scaleway_access_key,
        secret_key=stage.keys.scaleway_secret_key,
        project=service.PROJECT,
        api_url=stage.url,
    )
    account = scaleway.rehearse(keys=keys, storage_url=stage.url)
    require(named(account, "images-of-paris", region="fr-par"))


def test_what_its_owner_has_set_up_for_aws_does_not_reach_it(stage: Running) -> None:
    """The stage is started with a profile that does not exist, which would end every call inside it."""
    assert os.environ["AWS_PROFILE"] == "nobody"
    account = rehearse(endpoint=stage.url, keys=(stage.keys.access_key, service.SECRET_KEY))
    assert account.region("eu-west-2").ec2("describe_vpcs")["Vpcs"]


def test_a_control_call_that_is_refused_says_why(stage: Running) -> None:
    with pytest.raises(BakeryError, match="the base disk of debian-12-amd64 is not there"):
        service.ask(stage, "POST", "base-disks", body={"debian-12-amd64": "/none.qcow2"})


def test_stop_ends_it_and_leaves_nothing(folder: Path, stage: Running) -> None:
    assert service.stop()
    assert not Path("/proc", str(stage.pid), "exe").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["server.lock", "server.log"]
    assert (folder / "server.log").read_text() == ""
    assert service.running() is None
    assert service.describe() == []
    assert not service.stop()


RUN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from bakery.commands import program;"
    " sys.exit(program.main(sys.argv[1:]))"
)


def plan(region: str) -> process.Finished:
    words = ("plan", "--rehearse", "--image", "host", "--base", "debian-12", "--region", region)
    return process.run([sys.executable, "-c", RUN, str(ROOT), *words], cwd=ROOT, is_checked=False)


@pytest.mark.usefixtures("alone")
def test_a_refused_command_ends_the_rehearsal_that_it_started() -> None:
    try:
        ran = plan("eu-west-9")
        assert ran.exit_code == ExitCode.IMPOSSIBLE, ran.output
        assert service.running() is None
    finally:
        service.stop()


@pytest.mark.usefixtures("alone")
def test_a_refused_command_leaves_the_rehearsal_that_was_there() -> None:
    begin("")
    try:
        assert plan("eu-west-9").exit_code == ExitCode.IMPOSSIBLE
        assert service.running() is not None
    finally:
        service.stop()


@pytest.mark.usefixtures("alone")
def test_a_command_that_is_not_refused_leaves_the_rehearsal_that_it_started() -> None:
    try:
        assert plan("eu-west-2").exit_code == 0
        assert service.running() is not None
    finally:
        service.stop()


# In a container process 1 may be a program that asks no orphan how it ended.
def test_a_process_that_has_ended_is_gone_though_nobody_asked_how() -> None:
    # The shell becomes a program that knows of no child before the child ends.
    argv = ["sh", "-c", "sleep 0.3 & echo $!; exec sleep 60"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            deadline = time.monotonic() + 20
            while _is_alive(child):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert Path("/proc", str(child)).exists()
            assert _is_alive(parent.pid)
        finally:
            parent.kill()


def test_sigterm_ends_it_as_well(alone: Path) -> None:
    there = service.start(console=Console())
    os.kill(there.pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(there.pid, 0)[1]) == 0
    assert not alone.exists()
    assert not list(alone.parent.glob(".work-*"))


def test_it_ends_when_nobody_calls(tmp_path: Path) -> None:
    rehearsal = Rehearsal(world=World(folder=tmp_path))
    began = rehearsal.heard_at = time.monotonic()
    wait_for_the_end(rehearsal, idle_s=0.2)
    assert 0.2 <= time.monotonic() - began < 10
    rehearsal.heard_at = time.monotonic() + 0.2
    wait_for_the_end(rehearsal, idle_s=0.2)
    assert time.monotonic() - began >= 0.6


def test_a_state_file_of_a_process_that_is_gone_is_removed(alone: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    alone.write_text(json.dumps({"url": "http://127.0.0.1:9", "pid": gone.pid}))
    assert service.running() is None
    assert not alone.exists()


def test_a_state_file_of_a_process_that_is_another_one_now_is_removed(alone: Path) -> None:
    alone.write_text(json.dumps({"url": "http://127.0.0.1:9", "pid": os.getpid()}))
    assert service.running() is None
    assert not alone.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": "http://127.0.0.1:9"'])
def test_a_state_file_that_says_nothing_is_removed(alone: Path, text: str) -> None:
    alone.write_text(text)
    assert service.running() is None
    assert not alone.exists()


def test_without_moto_nothing_is_started(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "moto" else object())
    with pytest.raises(BakeryError, match="needs moto") as caught:
        service.start(console=Console())
    assert caught.value.exit_code is ExitCode.MISSING
    assert caught.value.hint == "pip install dokku-bakery[rehearsal]"
    assert not alone.with_name("server.log").exists()


def test_a_wrong_fault_starts_nothing(alone: Path) -> None:
    with pytest.raises(BakeryError, match="there is no fault 'latency'") as caught:
        service.start(console=Console(), faults="latency=5")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert not alone.with_name("server.log").exists()


@pytest.mark.usefixtures("alone")
def test_the_program_itself_refuses_a_wrong_fault() -> None:
    argv = [sys.executable, "-m", "bakery.rehearsal"]
    finished = process.run(argv, cwd=ROOT, env={service.FAULTS_VARIABLE: "latency=5"}, is_checked=False)
    assert finished.exit_code == ExitCode.IMPOSSIBLE
    assert finished.output.splitlines() == ["faults: there is no fault 'latency'", "did you mean 'latency_ms'?"]


@pytest.mark.usefixtures("alone")
def test_a_start_that_fails_says_at_once_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "detached", said_and_gone)
    began = time.monotonic()
    with pytest.raises(BakeryError, match="does not answer:\nthe port is taken") as caught:
        service.start(console=Console())
    assert time.monotonic() - began < service.PORT_BEGINS_S / 2
    assert caught.value.exit_code is ExitCode.FAILED


def said_and_gone(argv: list[str], *, log: Path, env: dict[str, str]) -> int:
    log.write_text("the port is taken\n")
    with subprocess.Popen(["true"]) as gone:
        return gone.pid


@pytest.mark.usefixtures("alone")
def test_one_that_does_not_answer_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "60"]) as silent:
        monkeypatch.setattr(service, "PORT_BEGINS_S", 0.2)
        monkeypatch.setattr(process, "detached", lambda argv, *, log, env: (log.touch(), silent.pid)[1])
        with pytest.raises(BakeryError, match="does not answer"):
            service.start(console=Console())
        assert silent.wait(10) == -signal.SIGTERM


def test_asking_whether_one_runs_costs_no_moto() -> None:
    script = "import sys, bakery.rehearsal.service; print({'moto', 'boto3', 'werkzeug'} & set(sys.modules))"
    assert process.run([sys.executable, "-c", script], cwd=ROOT).output == "set()"
