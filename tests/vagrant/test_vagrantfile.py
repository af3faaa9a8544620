import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bakery import ROOT
from bakery.core import process
from bakery.vagrant import vagrantfile
from bakery.vagrant.vagrantfile import Instance, Machine, OvfDisk, Ports, Provider
from tests.conftest import Golden

DIGEST = "1a2b3c4d5e6f"
CATALOG = "../../boxes/host-debian-12.json"
OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
RASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"
VBOX = "{http://www.virtualbox.org/ovf/machine}"
CPU, MEMORY, IDE, NETWORK, DISK = 3, 4, 5, 10, 17
"""CIM_ResourceAllocationSettingData.ResourceType, as OVF 1.0 uses it."""

QEMU_SETTINGS = {"arch", "machine", "cpu", "smp", "memory", "net_device", "qemu_dir", "extra_qemu_args"} | {
    *("other_default", "ssh_port"),
}
"""Of those vagrant-qemu has (github.com/ppggff/vagrant-qemu, lib/vagrant-qemu/config.rb), the ones used here."""


def machine(*, is_kvm: bool = True) -> Machine:
    return Machine(
        image="host",
        base="debian-12",
        box="bakery/host-debian-12",
        version="20260101.415.1731404",
        firmware="/usr/share/ovmf/OVMF.fd",
        is_kvm=is_kvm,
        ports=Ports(http=8081),
        instance="c0ffee",
    )


AWS_SETTINGS = {
    *("ami", "aws_profile", "block_device_mapping", "instance_type", "keypair_name", "region"),
    *("security_groups", "tags"),
}
"""Of those vagrant-aws has (github.com/mitchellh/vagrant-aws, lib/vagrant-aws/config.rb), the ones used here."""

CASES: Mapping[str, tuple[Machine, tuple[Provider, ...]]] = {
    "virtualbox": (machine(), (Provider.VIRTUALBOX,)),
    "libvirt-kvm": (machine(), (Provider.LIBVIRT,)),
    "libvirt-tcg": (machine(is_kvm=False), (Provider.LIBVIRT,)),
    "qemu-kvm": (machine(), (Provider.QEMU,)),
    "qemu-tcg": (machine(is_kvm=False), (Provider.QEMU,)),
    "all": (machine(), tuple(Provider)),
}


def rendered(case: str) -> str:
    described, providers = CASES[case]
    return vagrantfile.vagrantfile(described, boxes=dict.fromkeys(providers, CATALOG))


def instance() -> Instance:
    return Instance(
        image="host",
        base="debian-12",
        region="eu-west-2",
        image_id="ami-0123456789abcdef0",
        user="admin",
        instance_type="t3.small",
        root_device="/dev/xvda",
        disk_gb=40,
        volume_type="gp3",
    )


def ovf_text() -> str:
    disks = [
        OvfDisk(file="disk.vmdk", file_bytes=1000, capacity_bytes=40 << 30),
        OvfDisk(file="seed.vmdk", file_bytes=10, capacity_bytes=380928),
    ]
    return vagrantfile.ovf("bakery-host-debian-12-1a2b3c4d", disks=disks, epoch=1_700_000_000)


@pytest.fixture(scope="module")
def ovf() -> ET.Element:
    return ET.fromstring(ovf_text())


def items(ovf: ET.Element, kind: int) -> list[dict[str, str]]:
    """Return the hardware items of one kind, each as its settings."""
    found = [{part.tag.removeprefix(RASD): part.text or "" for part in item} for item in ovf.iter(f"{OVF}Item")]
    return [item for item in found if item["ResourceType"] == str(kind)]


def validate(folder: Path, *options: str, env: Mapping[str, str]) -> process.Finished:
    clean = {"VAGRANT_HOME": str(folder / "home"), "VAGRANT_CHECKPOINT_DISABLE": "1", **env}
    return process.run(["vagrant", "validate", *options], cwd=folder, env=clean, is_checked=False)


@pytest.mark.parametrize("case", CASES)
def test_vagrantfiles_are_the_golden_ones(case: str, golden: Golden) -> None:
    golden(f"vagrant/{case}.Vagrantfile", rendered(case))


def test_the_ovf_is_the_golden_one(golden: Golden) -> None:
    golden("vagrant/box.ovf", ovf_text())


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_this_machine_is_in_a_vagrantfile(case: str) -> None:
    assert str(Path.home()) not in rendered(case)
    assert str(ROOT) not in rendered(case)


def test_vagrant_accepts_a_vagrantfile_with_every_provider(tmp_path: Path) -> None:
    (tmp_path / "Vagrantfile").write_text(rendered("all"))
    done = validate(tmp_path, "--ignore-provider", env={})
    assert "Vagrantfile validated successfully." in done.output


@pytest.mark.parametrize("case", ["libvirt-kvm", "libvirt-tcg"])
def test_vagrant_libvirt_knows_every_setting(case: str, tmp_path: Path) -> None:
    (tmp_path / "Vagrantfile").write_text(rendered(case))
    done = validate(tmp_path, env={"VAGRANT_DEFAULT_PROVIDER": "libvirt"})
    assert done.output == "Vagrantfile validated successfully."


def test_vagrant_libvirt_knows_every_setting_in_its_box(tmp_path: Path) -> None:
    (tmp_path / "Vagrantfile").write_text(
        'Vagrant.configure("2") { |c| c.vm.box = "x" }\n' + vagrantfile.box_vagrantfile("libvirt")
    )
    done = validate(tmp_path, env={"VAGRANT_DEFAULT_PROVIDER": "libvirt"})
    assert done.output == "Vagrantfile validated successfully."


@pytest.fixture
def virtualbox_stand_in(tmp_path: Path) -> str:
    """Return a PATH with a stand-in for VBoxManage that only tells its version, which is all `validate` asks."""
    program = tmp_path / "bin" / "VBoxManage"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 7.0.20r163906\n")
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


def test_vagrant_knows_every_virtualbox_setting(tmp_path: Path, virtualbox_stand_in: str) -> None:
    inside = vagrantfile.box_vagrantfile("virtualbox")
    (tmp_path / "Vagrantfile").write_text(rendered("virtualbox") + inside)
    done = validate(tmp_path, env={"VAGRANT_DEFAULT_PROVIDER": "virtualbox", "PATH": virtualbox_stand_in})
    assert done.output == "Vagrantfile validated successfully."


@pytest.mark.parametrize("text", [rendered("qemu-kvm"), rendered("qemu-tcg"), vagrantfile.box_vagrantfile("libvirt")])
def test_every_qemu_setting_is_one_vagrant_qemu_has(text: str) -> None:
    used = set(re.findall(r"^ *qe\.(\w+) =", text, re.MULTILINE))
    assert used
    assert used <= QEMU_SETTINGS


def test_a_machine_with_an_address_of_its_own_forwards_no_ports() -> None:
    text = vagrantfile.vagrantfile(machine(), boxes={Provider.LIBVIRT: "x.json"})
    assert "forwarded_port" not in text


@pytest.mark.parametrize("provider", [Provider.VIRTUALBOX, Provider.QEMU])
def test_ports_are_open_on_this_machine_alone(provider: Provider) -> None:
    text = vagrantfile.vagrantfile(machine(), boxes={provider: "x.json"})
    lines = [line for line in text.splitlines() if "forwarded_port" in line]
    assert [re.findall(r"(?:guest|host): (\d+)", line) for line in lines] == [
        ["80", "8081"],
        ["443", "8443"],
        ["8077", "8077"],
    ]
    assert all('host_ip: "127.0.0.1"' in line for line in lines)


def test_ssh_of_a_qemu_machine_is_open_on_this_machine_alone_too() -> None:
    text = vagrantfile.vagrantfile(machine(), boxes={Provider.QEMU: "x.json"})
    (netdev,) = re.findall(r'"-netdev", "(.*)"', text)
    assert re.findall(r"hostfwd=([^,]*)", netdev) == [
        f"tcp:127.0.0.1:{host}-:{guest}" for host, guest in ((50022, 22), (8081, 80), (8443, 443), (8077, 8077))
    ]
    # With a device of its own the plugin adds `hostfwd=tcp::PORT-:22`; what a box asks for in extra_qemu_args stays.
    assert "qe.net_device = nil" in text
    assert "qe.extra_qemu_args" not in text


def test_the_vagrantfile_for_aws_is_the_golden_one(golden: Golden) -> None:
    golden("vagrant/aws.Vagrantfile", vagrantfile.aws_vagrantfile(instance()))


def test_the_vagrantfile_for_aws_is_ruby_and_asks_for_nothing_unknown(tmp_path: Path) -> None:
    """Whether vagrant-aws accepts it cannot be seen here: the plugin is not installed."""
    (tmp_path / "Vagrantfile").write_text(vagrantfile.aws_vagrantfile(instance()))
    assert process.run(["ruby", "-c", str(tmp_path / "Vagrantfile")]).output == "Syntax OK"
    settings = set(re.findall(r"^    aws\.(\w+) =", vagrantfile.aws_vagrantfile(instance()), re.MULTILINE))
    assert settings == AWS_SETTINGS
    assert "Vagrantfile validated successfully." in validate(tmp_path, "--ignore-provider", env={}).output


AWS_STAND_IN = """
class Heard < BasicObject
  def initialize = @told = {}
  def method_missing(name, *values, **_options)
    values.empty? ? @told[name] ||= ::Heard.new : @told[:"#{name.to_s.chomp("=")}"] = values.first
  end
  def provider(_name) = yield(self, override)
end
module Vagrant
  def self.configure(_version) = yield(CONFIG)
end
CONFIG = Heard.new
load ARGV.first
told = CONFIG.vm
print [told.ami, told.keypair_name, told.security_groups, told.override.ssh.private_key_path].inspect
"""
"""Plays Vagrant as far as a Vagrantfile talks to it, and shows what the provider was told."""


def test_the_account_s_own_names_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "Vagrantfile").write_text(vagrantfile.aws_vagrantfile(instance()))
    told = {
        "AWS_KEYPAIR_NAME": "laptop",
        "AWS_KEYPAIR_FILE": "/home/me/.ssh/id_ed25519",
        "AWS_SECURITY_GROUPS": "web,ssh",
    }
    heard = process.run(["ruby", "-e", AWS_STAND_IN, str(tmp_path / "Vagrantfile")], env=told)
    expected = '["ami-0123456789abcdef0", "laptop", ["web", "ssh"], "/home/me/.ssh/id_ed25519"]'
    assert heard.output == expected


def test_a_value_cannot_become_ruby(tmp_path: Path) -> None:
    text = vagrantfile.vagrantfile(machine(), boxes={Provider.LIBVIRT: '../#{`touch pwned`}".box'})
    (tmp_path / "Vagrantfile").write_text(text)
    validate(tmp_path, env={"VAGRANT_DEFAULT_PROVIDER": "libvirt"})
    assert r"\#{`touch pwned`}\"" in text
    assert not (tmp_path / "pwned").exists()


def test_a_box_is_named_after_its_disk() -> None:
    assert vagrantfile.box_name("host", "ubuntu-24.04", "1a2b3c4d" + "0" * 56) == "bakery-host-ubuntu-24.04-1a2b3c4d"


def test_a_hostname_has_no_dots() -> None:
    _, meta_data = vagrantfile.seed_texts("bakery-host-ubuntu-24.04-1a2b3c4d")
    assert '"local-hostname": "host-ubuntu-24-04-1a2b3c4d"' in meta_data


def test_the_insecure_key_is_the_one_vagrant_replaces() -> None:
    gems = list(Path("/").glob("usr/share/rubygems-integration/all/gems/vagrant-[0-9]*/keys/vagrant.pub"))
    gems += list(Path("/").glob("opt/vagrant/embedded/gems/gems/vagrant-[0-9]*/keys/vagrant.pub"))
    if not gems:
        pytest.skip("the installed vagrant keeps its keys elsewhere")
    assert vagrantfile.INSECURE_PUBLIC_KEY.split()[1] in gems[0].read_text()


def test_a_size_that_is_no_whole_gib_is_rounded_up() -> None:
    assert '"virtual_size": 7' in vagrantfile.libvirt_metadata(virtual_bytes=(6 << 30) + 1, disks=["box.img"])


def test_every_reference_in_the_ovf_resolves(ovf: ET.Element) -> None:
    files = {file.get(f"{OVF}id") for file in ovf.iter(f"{OVF}File")}
    disks = {disk.get(f"{OVF}diskId"): disk for disk in ovf.iter(f"{OVF}Disk")}
    assert {disk.get(f"{OVF}fileRef") for disk in disks.values()} == files
    assert {item["HostResource"].removeprefix("/disk/") for item in items(ovf, DISK)} == set(disks)
    controllers = {item["InstanceID"] for item in items(ovf, IDE)}
    assert {item["Parent"] for item in items(ovf, DISK)} == controllers
    networks = {network.get(f"{OVF}name") for network in ovf.iterfind(f"{OVF}NetworkSection/{OVF}Network")}
    assert {item["Connection"] for item in items(ovf, NETWORK)} == networks
    uuids = {f"{{{disk.get(f'{VBOX}uuid')}}}" for disk in disks.values()}
    assert {image.get("uuid") for image in ovf.iter(f"{OVF}Image")} == uuids
    assert len(uuids) == len(disks) == 2


def test_no_two_items_of_the_ovf_share_an_id(ovf: ET.Element) -> None:
    ids = [item.findtext(f"{RASD}InstanceID") for item in ovf.iter(f"{OVF}Item")]
    assert len(ids) == len(set(ids)) == 7


def test_the_ovf_describes_hardware_that_a_cloud_kernel_knows(ovf: ET.Element) -> None:
    assert {item["ResourceSubType"] for item in items(ovf, IDE)} == {"PIIX4"}
    assert [item["ResourceSubType"] for item in items(ovf, NETWORK)] == ["virtio"]
    assert [item["VirtualQuantity"] for item in items(ovf, CPU)] == ["2"]
    assert [item["VirtualQuantity"] for item in items(ovf, MEMORY)] == ["2048"]


def test_virtualbox_s_own_section_says_the_same(ovf: ET.Element) -> None:
    (own,) = ovf.iter(f"{VBOX}Machine")
    firmware, adapter = own.find(f".//{OVF}Firmware"), own.find(f".//{OVF}Adapter")
    controller, memory = own.find(f".//{OVF}StorageController"), own.find(f".//{OVF}Memory")
    assert firmware is not None
    assert firmware.get("type") == "EFI"
    assert adapter is not None
    assert adapter.get("type") == "virtio"
    assert controller is not None
    assert controller.get("type") == "PIIX4"
    assert memory is not None
    assert memory.get("RAMSize") == "2048"


def test_a_name_cannot_break_the_ovf() -> None:
    disks = [OvfDisk(file="a&b.vmdk", file_bytes=1, capacity_bytes=1)]
    assert ET.fromstring(vagrantfile.ovf('<"&>', disks=disks, epoch=0)) is not None
