"""What goes wrong on purpose, as it is asked for and as callers see it."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.rehearsal import faults
from bakery.rehearsal.faults import NONE, Faults
from bakery.rehearsal.server import Rehearsal
from tests.rehearsal_clients import client, refused


def fate(rehearsal: Rehearsal, times: int = 20) -> list[str]:
    """Return what happens to so many calls: the error's code, or nothing."""
    fates = []
    for _ in range(times):
        try:
            client(rehearsal, "ec2").describe_key_pairs()
        except client(rehearsal, "ec2").exceptions.ClientError as error:
            fates.append(error.response["Error"]["Code"])
        else:
            fates.append("")
    return fates


def test_nothing_said_is_nothing_wrong() -> None:
    assert faults.read("") == NONE


def test_faults_are_read_from_one_line() -> None:
    assert faults.read("latency_ms=100, throttled=0.3,kill_at=7") == Faults(latency_ms=100, throttled=0.3, kill_at=7)


def test_faults_are_read_from_a_toml_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad-day.toml").write_text("pending_s = 2.5\nseed = 3\n")
    assert faults.read(str(tmp_path / "bad-day.toml")) == Faults(pending_s=2.5, seed=3)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert faults.read("~/bad-day.toml") == Faults(pending_s=2.5, seed=3)


def test_an_unknown_fault_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BakeryError, match="there is no fault 'throtled'") as caught:
        faults.read("throtled=0.3")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == "did you mean 'throttled'?"


@pytest.mark.parametrize(
    "text",
    ["throttled=1.1", "broken=-0.1", "latency_ms=soon", "latency_ms=nan", "kill_at=1.5", "kill_at", "seed=1e999"],
)
def test_a_value_out_of_its_range_is_refused(text: str) -> None:
    with pytest.raises(BakeryError, match="cannot be") as caught:
        faults.read(text)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_true_is_no_number() -> None:
    with pytest.raises(BakeryError, match="kill_at cannot be True"):
        faults.from_values({"kill_at": True}, where="faults")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match="the faults cannot be read") as caught:
        faults.read(str(tmp_path / "none.toml"))
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_latency_is_added_to_each_call(rehearsal: Rehearsal) -> None:
    client(rehearsal, "ec2").describe_key_pairs()
    rehearsal.faults = Faults(latency_ms=300)
    began = time.monotonic()
    client(rehearsal, "ec2").describe_key_pairs()
    assert time.monotonic() - began >= 0.3


# Amazon EC2 API Reference, "Request throttling": RequestLimitExceeded, 503. The others: "Common errors" of each
# service's reference; botocore tries again on both by itself (botocore/data/_retry.json).
def test_a_throttled_call_is_refused_in_the_form_of_its_service(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(throttled=1)
    assert refused(client(rehearsal, "ec2").describe_regions)[:2] == (503, "RequestLimitExceeded")
    assert refused(client(rehearsal, "ssm").get_parameter, Name="/a")[:2] == (400, "ThrottlingException")
    assert refused(client(rehearsal, "ebs").start_snapshot, VolumeSize=1)[:2] == (400, "ThrottlingException")


def test_a_throttled_call_is_not_carried_out(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(throttled=1)
    refused(client(rehearsal, "ec2").create_key_pair, KeyName="mine")
    rehearsal.faults = NONE
    assert client(rehearsal, "ec2").describe_key_pairs()["KeyPairs"] == []


def test_a_share_of_the_calls_is_throttled(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(throttled=0.5)
    fates = fate(rehearsal, times=60)
    assert 15 < fates.count("RequestLimitExceeded") < 45
    assert fates.count("") == 60 - fates.count("RequestLimitExceeded")


# Amazon EC2 API Reference, "Server error codes": InternalError 500, Unavailable 503; SSM's model: InternalServerError;
# EBS direct's: InternalServerException.
@pytest.mark.parametrize(
    ("service", "codes"),
    [
        ("ec2", {(500, "InternalError"), (503, "Unavailable")}),
        ("ssm", {(500, "InternalServerError"), (503, "ServiceUnavailable")}),
        ("ebs", {(500, "InternalServerException"), (503, "ServiceUnavailable")}),
    ],
)
def test_a_broken_call_is_answered_with_a_5xx(rehearsal: Rehearsal, service: str, codes: set[tuple[int, str]]) -> None:
    rehearsal.faults = Faults(broken=1)
    calls = {
        "ec2": client(rehearsal, "ec2").describe_regions,
        "ssm": client(rehearsal, "ssm").describe_parameters,
        "ebs": lambda: client(rehearsal, "ebs").start_snapshot(VolumeSize=1),
    }
    assert {refused(calls[service])[:2] for _ in range(12)} == codes


def test_of_the_broken_calls_those_with_500_were_carried_out_and_those_with_503_not(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(broken=1)
    fates = {f"key-{n}": refused(client(rehearsal, "ec2").create_key_pair, KeyName=f"key-{n}")[0] for n in range(12)}
    rehearsal.faults = NONE
    made = {pair["KeyName"] for pair in client(rehearsal, "ec2").describe_key_pairs()["KeyPairs"]}
    assert made == {name for name, status in fates.items() if status == 500}
    assert 0 < len(made) < 12


def test_the_same_seed_makes_the_same_faults(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(throttled=0.3, broken=0.3, seed=5)
    first = fate(rehearsal)
    rehearsal.faults = Faults(throttled=0.3, broken=0.3, seed=5)
    assert fate(rehearsal) == first
    rehearsal.faults = Faults(throttled=0.3, broken=0.3, seed=6)
    assert fate(rehearsal) != first


def test_the_process_is_killed_after_the_chosen_call_was_carried_out(rehearsal: Rehearsal) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:
        rehearsal.faults = Faults(kill_at=2, kill_pid=victim.pid)
        client(rehearsal, "ec2").create_key_pair(KeyName="first")
        assert victim.poll() is None
        client(rehearsal, "ec2").create_key_pair(KeyName="second")
        # The signal is sent before the answer, but the process may take a moment to be gone.
        assert victim.wait(5) == -signal.SIGKILL
    names = {pair["KeyName"] for pair in client(rehearsal, "ec2").describe_key_pairs()["KeyPairs"]}
    assert names == {"first", "second"}


def test_a_process_that_is_gone_already_is_no_fault(rehearsal: Rehearsal) -> None:
    # Linux gives no process a higher number than 2^22 (proc(5), pid_max).
    rehearsal.faults = Faults(kill_at=1, kill_pid=2**22 + 1)
    assert client(rehearsal, "ec2").describe_key_pairs()["KeyPairs"] == []
