"""The rehearsal cloud's port: what is counted, what is let through, how it begins, is reset and ends."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from moto.ec2.models import ec2_backends

from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Call, Rehearsal, StrictEBS, StrictEC2, StrictSSM, serving
from bakery.rehearsal.world import ACCOUNT
from tests.rehearsal_clients import REGION, client, refused


@pytest.fixture
def line(rehearsal: Rehearsal) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(rehearsal.url).netloc, timeout=10)
    yield connection
    connection.close()


def ask(line: http.client.HTTPConnection, method: str, path: str, body: object = None) -> tuple[int, Any]:
    line.request(method, path, body=None if body is None else json.dumps(body))
    answer = line.getresponse()
    return answer.status, json.loads(answer.read())


def test_every_call_is_counted_with_service_region_and_action(rehearsal: Rehearsal) -> None:
    client(rehearsal, "ec2").describe_regions()
    client(rehearsal, "ssm", "us-east-1").describe_parameters()
    snapshot = client(rehearsal, "ebs").start_snapshot(VolumeSize=1)["SnapshotId"]
    ebs = client(rehearsal, "ebs")
    refused(ebs.complete_snapshot, SnapshotId=snapshot, ChangedBlocksCount=9)
    refused(ebs.put_snapshot_block, SnapshotId="snap-0", **block())
    refused(ebs.list_snapshot_blocks, SnapshotId="snap-0")
    refused(ebs.get_snapshot_block, SnapshotId="snap-0", BlockIndex=0, BlockToken="x")
    refused(ebs.list_changed_blocks, SecondSnapshotId="snap-0")
    assert rehearsal.calls[:2] == [
        Call(number=1, service="ec2", region=REGION, action="DescribeRegions"),
        Call(number=2, service="ssm", region="us-east-1", action="DescribeParameters"),
    ]
    assert [call.action for call in rehearsal.calls if call.service == "ebs"] == [
        "StartSnapshot",
        "CompleteSnapshot",
        "PutSnapshotBlock",
        "ListSnapshotBlocks",
        "GetSnapshotBlock",
        "ListChangedBlocks",
    ]


def block() -> dict[str, Any]:
    return {
        "BlockIndex": 0,
        "BlockData": b"short",
        "DataLength": 524288,
        "Checksum": "none",
        "ChecksumAlgorithm": "SHA256",
    }


def test_other_services_are_motos_and_neither_counted_nor_spoilt(rehearsal: Rehearsal) -> None:
    rehearsal.faults = Faults(throttled=1)
    assert client(rehearsal, "sts").get_caller_identity()["Account"] == "123456789012"
    assert rehearsal.calls == []


def test_what_is_not_signed_passes(rehearsal: Rehearsal, line: http.client.HTTPConnection) -> None:
    rehearsal.faults = Faults(throttled=1)
    assert ask(line, "POST", "/moto-api/reset") == (200, {"status": "ok"})
    assert rehearsal.calls == []


# botocore tries again on a 5xx; an action that is not there does not come by asking again.
def test_an_action_that_nobody_answers_is_refused_as_invalid(rehearsal: Rehearsal) -> None:
    status, code, message = refused(client(rehearsal, "ec2").get_console_screenshot, InstanceId="i-0123456789abcdef0")
    assert (status, code) == (400, "InvalidAction")
    assert "get_console_screenshot" in message


def test_a_mistake_in_the_rehearsal_itself_is_named_as_such(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def describe_regions(self: object) -> None:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(StrictEC2, "describe_regions", describe_regions)
    status, code, message = refused(client(rehearsal, "ec2").describe_regions)
    assert (status, code) == (400, "RehearsalFault")
    assert "a mistake of ours" in message
    assert "Traceback" in capsys.readouterr().err


# The ids of moto's own list are the same in every region, and its Ubuntu is of 2018.
def test_moto_brings_no_images_of_its_own(rehearsal: Rehearsal) -> None:
    client(rehearsal, "ec2").describe_key_pairs()
    assert ec2_backends[ACCOUNT][REGION].amis == {}


def test_a_connection_is_used_again(line: http.client.HTTPConnection) -> None:
    ask(line, "GET", "/rehearsal/state")
    used = line.sock
    assert used is not None
    for _ in range(3):
        assert ask(line, "GET", "/rehearsal/state")[0] == 200
    assert line.sock is used


def test_a_body_in_chunks_is_read_to_its_end(rehearsal: Rehearsal, line: http.client.HTTPConnection) -> None:
    for latency_ms in (1, 2):
        chunks = iter([b'{"latency', f'_ms": {latency_ms}'.encode(), b"}"])
        line.request("POST", "/rehearsal/faults", body=chunks, encode_chunked=True)
        assert line.getresponse().read() == b"{}"
        assert rehearsal.faults == Faults(latency_ms=latency_ms)


def test_the_answer_to_head_has_no_body(rehearsal: Rehearsal) -> None:
    netloc = urlsplit(rehearsal.url)
    with socket.create_connection((netloc.hostname, netloc.port), timeout=10) as line:
        line.sendall(b"HEAD /rehearsal/state HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert b"Content-Length: " in answer
    assert answer.endswith(b"\r\n\r\n")


# A bake makes some hundred calls, a publication some thousand.
def test_a_call_takes_milliseconds(rehearsal: Rehearsal) -> None:
    ec2 = client(rehearsal, "ec2")
    ec2.describe_regions()
    seconds = []
    for _ in range(100):
        began = time.perf_counter()
        ec2.describe_regions()
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.035


def test_the_state_tells_process_calls_and_instances(rehearsal: Rehearsal, line: http.client.HTTPConnection) -> None:
    client(rehearsal, "ec2").describe_regions()
    status, state = ask(line, "GET", "/rehearsal/state")
    assert status == 200
    assert state["calls"] == 1
    assert state["instances"] == []
    assert Path("/proc", str(state["pid"]), "exe").exists()


def test_faults_are_replaced_while_it_runs(rehearsal: Rehearsal, line: http.client.HTTPConnection) -> None:
    rehearsal.faults = Faults(pending_s=3)
    assert ask(line, "POST", "/rehearsal/faults", {"throttled": 0.25}) == (200, {})
    assert rehearsal.faults == Faults(throttled=0.25)


def test_an_unknown_fault_is_refused_by_the_control_call_too(
    rehearsal: Rehearsal, line: http.client.HTTPConnection
) -> None:
    status, answer = ask(line, "POST", "/rehearsal/faults", {"throtled": 0.25})
    assert status == 400
    assert answer["hint"] == "did you mean 'throttled'?"
    assert rehearsal.faults == Faults()


def test_base_disks_are_taken_in_and_outlive_a_reset(
    rehearsal: Rehearsal, line: http.client.HTTPConnection, tmp_path: Path
) -> None:
    disk = tmp_path / "disk.qcow2"
    assert ask(line, "POST", "/rehearsal/base-disks", {"debian-12-amd64": str(disk)})[0] == 400
    disk.touch()
    assert ask(line, "POST", "/rehearsal/base-disks", {"debian-12-amd64": str(disk)}) == (200, {})
    rehearsal.reset()
    assert rehearsal.world.base_disks == {"debian-12-amd64": disk}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/rehearsal/faults", None, 404),
        ("POST", "/rehearsal/nothing", {}, 404),
        ("POST", "/rehearsal/faults", [1], 400),
    ],
)
def test_a_control_call_that_makes_no_sense_is_refused(
    line: http.client.HTTPConnection, method: str, path: str, body: object, status: int
) -> None:
    assert ask(line, method, path, body)[0] == status


def test_control_calls_are_neither_counted_nor_spoilt(rehearsal: Rehearsal, line: http.client.HTTPConnection) -> None:
    rehearsal.faults = Faults(throttled=1, broken=1)
    assert ask(line, "GET", "/rehearsal/state")[0] == 200
    assert rehearsal.calls == []


def test_a_reset_leaves_nothing_of_what_was(rehearsal: Rehearsal) -> None:
    ended: list[str] = []
    before, seeded = rehearsal.world, len(rehearsal.world.images)
    before.closers += [lambda: ended.append("first"), lambda: ended.append("second")]
    rehearsal.world.images.clear()
    rehearsal.world.opted_in.add("af-south-1")
    rehearsal.faults = Faults(latency_ms=1)
    client(rehearsal, "ec2").create_key_pair(KeyName="mine")
    client(rehearsal, "ssm").put_parameter(Name="/a", Value="1", Type="String")
    rehearsal.reset()
    assert ended == ["second", "first"]
    assert len(rehearsal.world.images) == seeded > 0
    assert rehearsal.world.opted_in == set()
    assert rehearsal.faults == Faults()
    assert rehearsal.calls == []
    assert client(rehearsal, "ec2").describe_key_pairs()["KeyPairs"] == []
    assert client(rehearsal, "ssm").describe_parameters()["Parameters"] == []
    before.close()
    assert ended == ["second", "first"]


# The test that kills at every call resets it hundreds of times.
def test_a_reset_takes_no_time(rehearsal: Rehearsal) -> None:
    taken = []
    for region in ("eu-west-1", "us-east-1", "us-west-2"):
        client(rehearsal, "ec2", region).describe_key_pairs()
        began = time.process_time()
        rehearsal.reset()
        taken.append(time.process_time() - began)
    assert min(taken) < 0.1, "each of them, so it is no other work of this machine"


@pytest.fixture
def apart(stage: Rehearsal) -> Iterator[None]:
    """Let a test have a rehearsal of its own, and give the classes in moto's place back afterwards."""
    yield
    for stand_in in (StrictEC2, StrictEBS, StrictSSM):
        stand_in.rehearsal = stage


@pytest.mark.usefixtures("apart")
def test_at_the_end_nothing_is_left(tmp_path: Path) -> None:
    ended: list[str] = []
    with serving(folder=tmp_path) as rehearsal:
        url, folder = rehearsal.url, rehearsal.world.folder
        (folder / "disk.qcow2").write_text("a disk")
        client(rehearsal, "ec2").create_key_pair(KeyName="mine")
        rehearsal.world.closers.append(lambda: ended.append("a machine"))
    assert ended == ["a machine"]
    assert list(tmp_path.iterdir()) == []
    assert not ec2_backends
    with pytest.raises(ConnectionRefusedError):
        ask(http.client.HTTPConnection(urlsplit(url).netloc), "GET", "/rehearsal/state")
    with serving() as rehearsal:
        assert client(rehearsal, "ec2").describe_key_pairs()["KeyPairs"] == []


@pytest.mark.usefixtures("apart")
def test_the_end_comes_at_once_though_connections_are_open_and_calls_are_late() -> None:
    with serving(faults=Faults(latency_ms=20_000)) as rehearsal:
        idle = http.client.HTTPConnection(urlsplit(rehearsal.url).netloc)
        assert ask(idle, "GET", "/rehearsal/state")[0] == 200
        late = http.client.HTTPConnection(urlsplit(rehearsal.url).netloc)
        late.request("POST", "/", body=b"Action=DescribeRegions", headers=signed())
        wait_until(lambda: len(rehearsal.calls) == 1)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert late.getresponse().status == 200
    late.close()
    idle.close()


@pytest.mark.usefixtures("apart")
def test_the_end_can_be_asked_for() -> None:
    with serving() as rehearsal:
        line = http.client.HTTPConnection(urlsplit(rehearsal.url).netloc)
        assert ask(line, "POST", "/rehearsal/stop") == (200, {})
        assert rehearsal.over.is_set()
        line.close()


def signed() -> dict[str, str]:
    scope = "AKIAREHEARSAL0000000/20261019/eu-west-1/ec2/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def wait_until(is_true: Any, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
