"""Instances that run natively: the same states, addresses and disks as with QEMU, and a seed in place of a service."""

import gzip
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakery.core import process
from bakery.guests import filesystems
from bakery.guests.accelerator import NATIVE, Accelerator
from bakery.rehearsal import rack
from bakery.rehearsal.natively import Seed
from bakery.rehearsal.server import Rehearsal
from tests.rehearsed_images import a_snapshot, an_image
from tests.rehearsed_machines import native_disk, soon

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="native machines need Linux and root"
)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOCpZkjQP7EFIyYqJ2Q6cHQmS9G7eW0vV3nF1mB2xK4d"


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    with native_disk() as made:
        yield made


@pytest.fixture
def instance(rehearsal: Rehearsal, ec2: Any, disk: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Launch an instance with a key, user-data and one open port, and wait until it has shown its seed."""
    monkeypatch.setattr(rack, "choose", lambda _: Accelerator(name=NATIVE, reason="a test"))
    ec2.import_key_pair(KeyName="owner", PublicKeyMaterial=KEY.encode())
    group = ec2.create_security_group(GroupName="login", Description="login")["GroupId"]
    port = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[port])
    image = an_image(rehearsal, snapshot=a_snapshot(rehearsal, disk=disk).id)
    told = {"KeyName": "owner", "UserData": "#cloud-config\n", "SecurityGroupIds": [group]}
    made = ec2.run_instances(ImageId=image.id, InstanceType="t3.micro", MinCount=1, MaxCount=1, **told)
    found = str(made["Instances"][0]["InstanceId"])
    soon(lambda: "starts: 1" in console(ec2, found))
    soon(lambda: described(ec2, found)["State"]["Name"] == "running")
    return found


def console(ec2: Any, instance: str) -> str:
    return str(ec2.get_console_output(InstanceId=instance)["Output"])


def described(ec2: Any, instance: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found


def disks(rehearsal: Rehearsal) -> list[Path]:
    return sorted((rehearsal.world.folder / "instances").glob("i-*.raw"))


def test_it_runs_and_its_open_ports_are_where_its_address_has_them(ec2: Any, instance: str) -> None:
    address = described(ec2, instance)["PublicIpAddress"]
    with socket.create_connection((address, 2222), timeout=5):
        pass  # the forward is there; nobody listens behind it in this machine
    with pytest.raises(ConnectionRefusedError), socket.create_connection((address, 8080), timeout=5):
        pass
    soon(lambda: ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"])
    (status,) = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
    assert status["InstanceStatus"]["Status"] == "ok"


def test_its_seed_says_what_the_metadata_service_would(ec2: Any, instance: str) -> None:
    said = console(ec2, instance)
    assert "seed: #cloud-config" in said
    assert f'"instance-id": "{instance}"' in said
    assert f'"local-hostname": "{described(ec2, instance)["PrivateDnsName"]}"' in said
    assert f'"public-keys": ["{KEY} owner"]' in said


def test_what_it_has_written_is_there_when_it_starts_again_and_gone_with_it(
    rehearsal: Rehearsal, ec2: Any, instance: str
) -> None:
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: described(ec2, instance)["State"]["Name"] == "stopped")
    assert len(disks(rehearsal)) == 1
    ec2.start_instances(InstanceIds=[instance])
    soon(lambda: "starts: 2" in console(ec2, instance))
    ec2.terminate_instances(InstanceIds=[instance])
    assert described(ec2, instance)["State"]["Name"] == "terminated"
    assert disks(rehearsal) == []


def test_an_image_of_it_begins_with_what_it_has_written(rehearsal: Rehearsal, ec2: Any, instance: str) -> None:
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: described(ec2, instance)["State"]["Name"] == "stopped")
    made = ec2.create_image(InstanceId=instance, Name="made")["ImageId"]
    ec2.terminate_instances(InstanceIds=[instance])
    again = ec2.run_instances(ImageId=made, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    soon(lambda: "starts: 2" in console(ec2, again["InstanceId"]))


def test_its_partition_has_grown_with_its_root(rehearsal: Rehearsal, ec2: Any, instance: str) -> None:
    (written,) = disks(rehearsal)
    assert written.stat().st_size == 8 * 2**30
    (root,) = filesystems.of(written, is_grown=False)
    assert root.size > 7 * 2**30


@pytest.mark.parametrize(
    ("user_data", "is_growing"),
    [
        (b"", True),
        (b"#cloud-config\n{}\n", True),
        (b"#cloud-config\ngrowpart:\n  mode: auto\n", True),
        (b"#cloud-config\ngrowpart:\n  mode: off\n", False),
        (b'#cloud-config\n{"growpart": {"mode": "off"}}\n', False),
        (b"#cloud-config\ngrowpart: [\n", True),
        (b"#!/bin/sh\ntrue\n", True),
        (gzip.compress(b"#cloud-config\n", mtime=0), True),
    ],
)
def test_its_root_grows_unless_user_data_says_otherwise(user_data: bytes, is_growing: bool) -> None:
    assert Seed(instance="i-1", hostname="one", user_data=user_data).is_growing == is_growing


def test_a_disk_that_cannot_be_booted_ends_the_instance_with_the_reason(
    rehearsal: Rehearsal, ec2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rack, "choose", lambda _: Accelerator(name=NATIVE, reason="a test"))
    empty = tmp_path / "empty.raw"
    process.run(["qemu-img", "create", "-q", "-f", "raw", str(empty), "64M"])
    image = an_image(rehearsal, snapshot=a_snapshot(rehearsal, disk=empty).id)
    made = ec2.run_instances(ImageId=image.id, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]
    soon(lambda: described(ec2, made["InstanceId"])["State"]["Name"] == "terminated")
    assert "has no partition" in described(ec2, made["InstanceId"])["StateReason"]["Message"]
