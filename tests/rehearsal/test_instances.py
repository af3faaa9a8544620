"""Instances as EC2 has them, with a stand-in for QEMU; rules: EC2 user guide, "Amazon EC2 instance state changes"."""

import socket
import time
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from bakery.core import process
from bakery.guests.accelerator import Accelerator
from bakery.rehearsal import addresses, machines, rack
from bakery.rehearsal.addresses import Addresses
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.rehearsal.world import Image
from tests.rehearsal_clients import REGION, refused
from tests.rehearsed_images import a_snapshot, an_image
from tests.rehearsed_machines import StandIn, Workshop, soon


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("disks") / "base.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "1G"])
    return path


@pytest.fixture
def workshop(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Have the stand-in run wherever QEMU would."""
    made = Workshop()
    rack.rack_of(rehearsal.world).background = made.background
    monkeypatch.setattr(rack, "choose", lambda _: Accelerator(name="tcg", reason="a test"))
    monkeypatch.setattr(machines, "START_S", 0.0)
    monkeypatch.setattr(machines, "POLL_S", 0.005)
    return made


@pytest.fixture
def bootable(rehearsal: Rehearsal, disk: Path) -> Image:
    return an_image(rehearsal, snapshot=a_snapshot(rehearsal, disk=disk).id)


def run(ec2: Any, image: Image, **asked: Any) -> str:
    """Launch one instance and return its id."""
    told = {"InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1} | asked
    return str(ec2.run_instances(ImageId=image.id, **told)["Instances"][0]["InstanceId"])


def booted(ec2: Any, workshop: Workshop, image: Image, **asked: Any) -> tuple[str, StandIn]:
    """Launch an instance, wait until it runs, and return its id and its machine."""
    instance = run(ec2, image, **asked)
    soon(lambda: state(ec2, instance) == "running")
    return instance, workshop.runs[-1]


def described(ec2: Any, instance: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return found


def state(ec2: Any, instance: str) -> str:
    return str(described(ec2, instance)["State"]["Name"])


def overlays(rehearsal: Rehearsal) -> list[Path]:
    return sorted((rehearsal.world.folder / "instances").glob("i-*.qcow2"))


def test_without_a_disk_an_instance_runs_at_once_and_its_console_says_why_it_is_empty(
    rehearsal: Rehearsal, ec2: Any
) -> None:
    image = an_image(rehearsal)
    instance = run(ec2, image)
    assert state(ec2, instance) == "running"
    assert f"nothing here can boot {image.id}" in ec2.get_console_output(InstanceId=instance)["Output"]


def test_a_launch_says_pending(rehearsal: Rehearsal, ec2: Any) -> None:
    answer = ec2.run_instances(ImageId=an_image(rehearsal).id, MinCount=1, MaxCount=1)
    assert answer["Instances"][0]["State"] == {"Code": 0, "Name": "pending"}


def test_an_instance_is_pending_for_as_long_as_asked(rehearsal: Rehearsal, ec2: Any) -> None:
    rehearsal.faults = Faults(pending_s=60)
    instance = run(ec2, an_image(rehearsal))
    assert state(ec2, instance) == "pending"
    assert refused(ec2.stop_instances, InstanceIds=[instance])[1] == "IncorrectInstanceState"
    ec2.terminate_instances(InstanceIds=[instance])
    assert state(ec2, instance) == "terminated"


def test_a_pending_instance_runs_after_its_time(rehearsal: Rehearsal, ec2: Any) -> None:
    rehearsal.faults = Faults(pending_s=0.05)
    instance = run(ec2, an_image(rehearsal))
    soon(lambda: state(ec2, instance) == "running")


def test_a_launch_is_written_down_at_the_image(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal)
    assert image.last_launched is None
    run(ec2, image)
    assert image.last_launched is not None


def test_an_instance_is_like_its_image(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal, arch="arm64", root_device="/dev/sda1", is_ena=True)
    found = described(ec2, run(ec2, image, InstanceType="t4g.micro"))
    assert (found["Architecture"], found["RootDeviceName"], found["EnaSupport"]) == ("arm64", "/dev/sda1", True)
    assert found["VirtualizationType"] == "hvm"
    assert [one["DeviceName"] for one in found["BlockDeviceMappings"]] == ["/dev/sda1"]


def test_every_instance_has_a_public_address_of_its_own(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal)
    found = [described(ec2, run(ec2, image)) for _ in range(2)]
    addresses = [one["PublicIpAddress"] for one in found]
    assert all(address.startswith("127.66.") for address in addresses)
    assert len(set(addresses)) == 2
    assert found[0]["PublicDnsName"] == f"ec2-{addresses[0].replace('.', '-')}.{REGION}.compute.amazonaws.com"


def test_two_rehearsals_at_a_time_share_no_address() -> None:
    one, other = Addresses(), Addresses()
    taken, free = one.claim(), other.claim()
    assert taken != free
    one.release(taken)
    with socket.socket() as claim:
        claim.bind((taken, addresses.CLAIM_PORT))
    other.release(free)


def test_an_address_is_lost_with_a_stop(rehearsal: Rehearsal, ec2: Any) -> None:
    instance = run(ec2, an_image(rehearsal))
    before = described(ec2, instance)["PublicIpAddress"]
    ec2.stop_instances(InstanceIds=[instance])
    assert "PublicIpAddress" not in described(ec2, instance)
    with socket.socket() as somebody:
        somebody.bind((before, addresses.CLAIM_PORT))
    ec2.start_instances(InstanceIds=[instance])
    assert described(ec2, instance)["PublicIpAddress"] not in {before, None}


def test_nothing_is_left_of_a_terminated_instance(rehearsal: Rehearsal, ec2: Any) -> None:
    instance = run(ec2, an_image(rehearsal))
    ec2.terminate_instances(InstanceIds=[instance])
    assert state(ec2, instance) == "terminated"
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]["CurrentState"]["Code"] == 48


@pytest.mark.parametrize("action", ["stop_instances", "start_instances"])
def test_a_terminated_instance_does_nothing_more(rehearsal: Rehearsal, ec2: Any, action: str) -> None:
    instance = run(ec2, an_image(rehearsal))
    ec2.terminate_instances(InstanceIds=[instance])
    assert refused(getattr(ec2, action), InstanceIds=[instance])[1] == "IncorrectInstanceState"


@pytest.mark.parametrize(
    "action", ["stop_instances", "start_instances", "terminate_instances", "reboot_instances", "describe_instances"]
)
def test_an_unknown_instance_is_refused(ec2: Any, action: str) -> None:
    assert refused(getattr(ec2, action), InstanceIds=["i-0123456789abcdef0"])[1] == "InvalidInstanceID.NotFound"


def test_one_that_cannot_be_stopped_keeps_the_others_running(rehearsal: Rehearsal, ec2: Any) -> None:
    image = an_image(rehearsal)
    running, gone = run(ec2, image), run(ec2, image)
    ec2.terminate_instances(InstanceIds=[gone])
    refused(ec2.stop_instances, InstanceIds=[running, gone])
    assert state(ec2, running) == "running"


def test_protection_from_termination_holds(rehearsal: Rehearsal, ec2: Any) -> None:
    instance = run(ec2, an_image(rehearsal))
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    assert refused(ec2.terminate_instances, InstanceIds=[instance])[1] == "OperationNotPermitted"


def test_protection_from_a_stop_holds(rehearsal: Rehearsal, ec2: Any) -> None:
    instance = run(ec2, an_image(rehearsal), DisableApiStop=True)
    assert refused(ec2.stop_instances, InstanceIds=[instance])[1] == "OperationNotPermitted"


def test_a_machine_begins_with_the_image_s_disk_and_has_the_volume_s_size(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image, disk: Path
) -> None:
    mapping = {"DeviceName": bootable.root_device, "Ebs": {"VolumeSize": 12}}
    _, machine = booted(ec2, workshop, bootable, BlockDeviceMappings=[mapping])
    (overlay,) = overlays(rehearsal)
    assert str(overlay) in machine.option("-drive")
    told = process.run(["qemu-img", "info", "-U", str(overlay)]).output
    assert "virtual size: 12 GiB" in told
    assert f"backing file: {disk}" in told


def test_a_seeded_image_boots_what_is_registered_for_it(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, disk: Path
) -> None:
    rehearsal.world.base_disks["debian-12-amd64"] = disk
    image = next(one for one in rehearsal.world.images_in(REGION) if one.base == "debian-12-amd64")
    booted(ec2, workshop, image)
    assert len(workshop.runs) == 1


def test_nothing_boots_where_nothing_shall(rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image) -> None:
    rehearsal.world.is_booting = False
    assert state(ec2, run(ec2, bootable)) == "running"
    assert workshop.runs == []


def test_a_disk_for_arm_boots_nothing(rehearsal: Rehearsal, ec2: Any, workshop: Workshop, disk: Path) -> None:
    image = an_image(rehearsal, arch="arm64", snapshot=a_snapshot(rehearsal, disk=disk).id)
    assert state(ec2, run(ec2, image, InstanceType="t4g.micro")) == "running"
    assert workshop.runs == []


def test_ports_that_a_security_group_opens_lead_into_the_machine(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    everybody = [{"CidrIp": "0.0.0.0/0"}]
    rules = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": everybody} for port in (80, 2222)]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    instance, machine = booted(ec2, workshop, bootable, SecurityGroupIds=[group])
    address = described(ec2, instance)["PublicIpAddress"]
    assert machine.forwarded == [f"{address}:2222-:22", f"{address}:8080-:80"]


def test_a_group_that_lets_everything_in_opens_all_ports(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    group = ec2.create_security_group(GroupName="open", Description="open")["GroupId"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everything)
    _, machine = booted(ec2, workshop, bootable, SecurityGroupIds=[group])
    assert [port.rpartition(":")[2] for port in machine.forwarded] == ["22", "80", "443", "8077"]


def test_without_an_open_port_nothing_leads_into_the_machine(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    group = ec2.create_security_group(GroupName="closed", Description="closed")["GroupId"]
    _, machine = booted(ec2, workshop, bootable, SecurityGroupIds=[group])
    assert machine.forwarded == []


def test_a_machine_learns_its_key_its_user_data_and_its_names(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    material = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKZ+2+Dw9Zrqb3E3vxSUmi6tcqGC2KWVw9Y6Wk1tvQzK somebody@home"
    ec2.import_key_pair(KeyName="laptop", PublicKeyMaterial=material.encode())
    instance, machine = booted(ec2, workshop, bootable, KeyName="laptop", UserData="#cloud-config\n{}")
    ec2.delete_key_pair(KeyName="laptop")
    found = described(ec2, instance)
    key = machine.metadata("meta-data/public-keys/0/openssh-key")
    assert key == material.removesuffix("somebody@home") + "laptop"
    assert machine.metadata("user-data") == "#cloud-config\n{}"
    assert machine.metadata("meta-data/instance-id") == instance
    assert machine.metadata("meta-data/local-hostname") == found["PrivateDnsName"]
    assert machine.metadata("meta-data/public-ipv4") == found["PublicIpAddress"]
    assert machine.metadata("meta-data/mac") in machine.option("-nic")


def test_tags_are_in_the_metadata_where_that_was_asked_for(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "shop"}]}]
    options = {"InstanceMetadataTags": "enabled"}
    instance, machine = booted(ec2, workshop, bootable, TagSpecifications=specification, MetadataOptions=options)
    assert machine.metadata("meta-data/tags/instance/Name") == "shop"
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "till"}])
    assert machine.metadata("meta-data/tags/instance/Name") == "till"


def test_tags_are_not_in_the_metadata_of_themselves(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "shop"}]}]
    _, machine = booted(ec2, workshop, bootable, TagSpecifications=specification)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        machine.metadata("meta-data/tags/instance/Name")


def test_the_metadata_service_can_be_turned_off(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    _, machine = booted(ec2, workshop, bootable, MetadataOptions={"HttpEndpoint": "disabled"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        machine.metadata("meta-data/instance-id")


def test_checks_pass_when_the_machine_has_asked_for_its_metadata(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    instance, machine = booted(ec2, workshop, bootable)

    def status() -> str:
        rows = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
        return str(rows[0]["InstanceStatus"]["Status"])

    assert status() == "initializing"
    machine.metadata("meta-data/instance-id")
    assert status() == "ok"
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "stopped")
    ec2.start_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "running")
    assert status() == "initializing"


def test_the_console_s_end_is_shown(rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image) -> None:
    instance, machine = booted(ec2, workshop, bootable)
    console = rehearsal.world.folder / "instances" / f"{instance}.console"
    assert f"path={console}," in machine.option("-chardev")
    console.write_bytes(b"x" * 70_000 + b"\xfflogin: ")
    output = ec2.get_console_output(InstanceId=instance)["Output"]
    assert output.endswith("x\N{REPLACEMENT CHARACTER}login: ")
    assert len(output) == 64 * 1024


def test_a_stop_presses_the_power_button_and_keeps_what_was_written(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    instance, machine = booted(ec2, workshop, bootable)
    answer = ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
    assert answer["PreviousState"]["Name"] == "running"
    soon(lambda: state(ec2, instance) == "stopped")
    assert (machine.pressed, machine.is_ended) == (1, False)
    (overlay,) = overlays(rehearsal)
    overlay.write_text("what was written")
    ec2.start_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "running")
    assert overlay.read_text() == "what was written"
    assert len(workshop.runs) == 2


def test_a_machine_that_ignores_its_power_button_is_ended_in_the_end(
    ec2: Any, workshop: Workshop, bootable: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "SHUTDOWN_S", 0.1)
    monkeypatch.setattr(machines, "PRESS_EVERY_S", 0.01)
    workshop.is_deaf = True
    instance, machine = booted(ec2, workshop, bootable)
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "stopped")
    # A guest that has only begun to start does not notice its power button: it is pressed again.
    assert machine.pressed > 1
    assert machine.is_ended


def test_an_instance_is_stopping_until_its_machine_is_off(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    workshop.is_deaf = True
    instance, machine = booted(ec2, workshop, bootable)
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: machine.pressed)
    assert state(ec2, instance) == "stopping"
    assert not machine.is_ended


def test_a_stop_that_takes_too_long_can_be_forced(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    workshop.is_deaf = True
    instance, machine = booted(ec2, workshop, bootable)
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: machine.pressed)
    ec2.stop_instances(InstanceIds=[instance], Force=True)
    soon(lambda: state(ec2, instance) == "stopped")
    assert machine.is_ended


def test_what_runs_already_is_not_started_again(rehearsal: Rehearsal, ec2: Any) -> None:
    instance = run(ec2, an_image(rehearsal))
    before = described(ec2, instance)["PublicIpAddress"]
    answer = ec2.start_instances(InstanceIds=[instance])["StartingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "running")
    assert described(ec2, instance)["PublicIpAddress"] == before


def test_what_is_stopped_already_keeps_its_reason(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    instance, machine = booted(ec2, workshop, bootable)
    machine.power_off()
    soon(lambda: described(ec2, instance)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown")
    ec2.stop_instances(InstanceIds=[instance])
    assert described(ec2, instance)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_machine_that_begins_late_changes_nothing(rehearsal: Rehearsal, ec2: Any) -> None:
    instance = run(ec2, an_image(rehearsal))
    ec2.stop_instances(InstanceIds=[instance])
    rack.rack_of(rehearsal.world).lives[instance].begin()
    assert state(ec2, instance) == "stopped"


def test_a_forced_stop_presses_nothing(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    instance, machine = booted(ec2, workshop, bootable)
    ec2.stop_instances(InstanceIds=[instance], Force=True)
    soon(lambda: state(ec2, instance) == "stopped")
    assert (machine.pressed, machine.is_ended) == (0, True)


@pytest.mark.parametrize(("behaviour", "becomes"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_machine_that_shuts_itself_down_is_what_was_asked_for(
    ec2: Any, workshop: Workshop, bootable: Image, behaviour: str, becomes: str
) -> None:
    instance, machine = booted(ec2, workshop, bootable, InstanceInitiatedShutdownBehavior=behaviour)
    machine.power_off()
    soon(lambda: described(ec2, instance)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown")
    assert state(ec2, instance) == becomes


def test_a_stop_that_is_asked_for_does_not_terminate(ec2: Any, workshop: Workshop, bootable: Image) -> None:
    instance, _ = booted(ec2, workshop, bootable, InstanceInitiatedShutdownBehavior="terminate")
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "stopped")


def test_a_terminated_machine_leaves_its_console_alone(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    instance, machine = booted(ec2, workshop, bootable)
    ec2.terminate_instances(InstanceIds=[instance])
    assert state(ec2, instance) == "terminated"
    assert (machine.pressed, machine.is_ended) == (0, True)
    assert overlays(rehearsal) == []


def test_a_stopped_instance_can_be_terminated(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    instance, _ = booted(ec2, workshop, bootable)
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "stopped")
    ec2.terminate_instances(InstanceIds=[instance])
    assert state(ec2, instance) == "terminated"
    assert overlays(rehearsal) == []


def test_a_machine_that_does_not_start_ends_the_instance_and_says_why(
    ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    workshop.breaks_with = "qemu: Could not set up host forwarding rule"
    instance = run(ec2, bootable)
    soon(lambda: described(ec2, instance)["StateReason"]["Code"] == "Server.InternalError")
    assert workshop.breaks_with in described(ec2, instance)["StateReason"]["Message"]
    assert state(ec2, instance) == "terminated"


def test_a_machine_whose_disk_is_gone_ends_the_instance_and_says_why(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.qcow2"
    instance = run(ec2, an_image(rehearsal, snapshot=a_snapshot(rehearsal, disk=gone).id))
    soon(lambda: state(ec2, instance) == "terminated")
    soon(lambda: str(gone) in described(ec2, instance)["StateReason"]["Message"])
    assert workshop.runs == []


def test_a_machine_too_is_pending_for_as_long_as_asked(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    rehearsal.faults = Faults(pending_s=60)
    instance = run(ec2, bootable)
    soon(lambda: workshop.runs)
    time.sleep(20 * machines.POLL_S)
    assert state(ec2, instance) == "pending"


def test_the_disk_of_a_stopped_instance_is_never_written_to_again(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image, disk: Path
) -> None:
    instance, _ = booted(ec2, workshop, bootable)
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "stopped")
    assert rehearsal.disk_of_instance is not None
    taken = rehearsal.disk_of_instance(instance)
    assert taken not in {None, disk}
    assert taken == rehearsal.disk_of_instance(instance)
    ec2.start_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "running")
    overlay = next(path for path in overlays(rehearsal) if path != taken)
    assert str(overlay) in workshop.runs[-1].option("-drive")
    assert f"backing file: {taken}" in process.run(["qemu-img", "info", "-U", str(overlay)]).output


def test_an_image_is_made_of_a_stopped_instance_alone(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    instance, _ = booted(ec2, workshop, bootable)
    assert refused(ec2.create_image, InstanceId=instance, Name="mine")[1] == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[instance])
    soon(lambda: state(ec2, instance) == "stopped")
    made = rehearsal.world.images[ec2.create_image(InstanceId=instance, Name="mine")["ImageId"]]
    booted(ec2, workshop, made)
    assert len(workshop.runs) == 2


def test_an_instance_without_a_machine_has_no_disk(rehearsal: Rehearsal, ec2: Any) -> None:
    instance = run(ec2, an_image(rehearsal))
    assert rehearsal.disk_of_instance is not None
    assert rehearsal.disk_of_instance(instance) is None


def test_a_machine_is_not_rebooted_from_outside(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    instance, _ = booted(ec2, workshop, bootable)
    assert refused(ec2.reboot_instances, InstanceIds=[instance])[1] == "UnsupportedOperation"
    ec2.reboot_instances(InstanceIds=[run(ec2, an_image(rehearsal))])


def test_the_end_of_a_rehearsal_ends_its_machines(
    rehearsal: Rehearsal, ec2: Any, workshop: Workshop, bootable: Image
) -> None:
    _, machine = booted(ec2, workshop, bootable)
    run(ec2, bootable)
    soon(lambda: len(workshop.runs) == 2)
    sockets = rack.rack_of(rehearsal.world).sockets
    rehearsal.reset()
    assert machine.is_ended
    assert not sockets.exists()
    assert workshop.runs[1].is_ended
    assert not (rehearsal.world.folder / "instances").exists()
