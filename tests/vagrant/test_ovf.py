"""The OVF of a VirtualBox box against the rules of DMTF's specification (DSP0243 1.0 and 1.1, CIM's two schemas).

A stand-in for the schema itself (DSP8023), which no package ships: its rules for what is in such a file, in our words.
"""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

import pytest

from tests.vagrant.test_vagrantfile import IDE, NETWORK, OVF, RASD, VBOX, ovf_text

VSSD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData}"
CONTROLLERS = {str(IDE), "6", "20"}
"""IDE, SCSI and other storage controllers, by CIM_ResourceAllocationSettingData.ResourceType."""
ORDER = {
    "Envelope": ("References", "DiskSection", "NetworkSection", "VirtualSystem"),
    "DiskSection": ("Info", "Disk"),
    "NetworkSection": ("Info", "Network"),
    "VirtualSystem": ("Info", "OperatingSystemSection", "VirtualHardwareSection", "Machine"),
    "OperatingSystemSection": ("Info", "Description", "OSType"),
    "VirtualHardwareSection": ("Info", "System", "Item"),
}
"""What is in an element and in which order: files, sections, content; of a section, first what it is."""
REQUIRED = {
    "File": ("id", "href"),
    "Disk": ("diskId", "capacity", "format"),
    "Network": ("name",),
    "VirtualSystem": ("id",),
    "OperatingSystemSection": ("id",),
}
UNITS = {"MegaBytes", "byte * 2^20"}
"""Of memory: how OVF 1.0 says it, which VirtualBox writes, and how DSP0004 does."""


def plain(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def standard(root: ET.Element) -> Iterator[ET.Element]:
    """Yield every element that the specification knows: all but what is VirtualBox's own."""
    yield root
    for child in root:
        if not child.tag.startswith(VBOX):
            yield from standard(child)


def wrong(text: str) -> list[str]:
    """Return what the specification would not have."""
    root = ET.fromstring(text)
    return [*_form(root), *_items(root), *_references(root)]


def _form(root: ET.Element) -> Iterator[str]:
    for one in standard(root):
        name, inside = plain(one), [plain(child) for child in one]
        if not one.tag.startswith((OVF, RASD, VSSD)):
            yield f"{name} is of no namespace of OVF's"
        order = ORDER.get(name, ())
        if order and not ({*inside} <= {*order} and inside == sorted(inside, key=order.index)):
            yield f"{name} has {inside}"
        if "Info" in order and inside.count("Info") != 1:
            yield f"{name} does not say what it is"
        yield from (f"{name} has no {key}" for key in REQUIRED.get(name, ()) if not one.get(f"{OVF}{key}"))
        # "ovf:required": whoever does not know a foreign element may go on only where this says so.
        foreign = [child for child in one if child.tag.startswith(VBOX)]
        yield from (f"{plain(child)} is required" for child in foreign if child.get(f"{OVF}required") != "false")
    for key in ("id", "diskId", "name"):
        for kind in ("File", "Disk", "Network"):
            values = [one.get(f"{OVF}{key}") for one in root.iter(f"{OVF}{kind}") if one.get(f"{OVF}{key}")]
            if len(values) != len({*values}):
                yield f"two {kind} have one {key}"


def _items(root: ET.Element) -> Iterator[str]:
    ids = []
    for one in [*root.iter(f"{OVF}Item"), *root.iter(f"{OVF}System")]:
        space, kind = (RASD, "Item") if plain(one) == "Item" else (VSSD, "System")
        told = [plain(child) for child in one]
        # The schemas of CIM list properties by name, and an xs:sequence has an order.
        if told != sorted(set(told)):
            yield f"{kind} has {told}"
        yield from (f"{kind} has {child.tag}" for child in one if not child.tag.startswith(space))
        needed: Sequence[str] = ("ElementName", "InstanceID", *(("ResourceType",) if kind == "Item" else ()))
        yield from (f"{kind} has no {key}" for key in needed if not one.findtext(f"{space}{key}"))
        ids.append(one.findtext(f"{space}InstanceID"))
        quantity = one.findtext(f"{space}VirtualQuantity", "1")
        if not quantity.isdecimal() or quantity == "0":
            yield f"{kind} has {quantity!r} of something"
        if one.findtext(f"{space}ResourceType") == "4" and one.findtext(f"{space}AllocationUnits") not in UNITS:
            yield "memory is in no unit"
    if len(ids) != len({*ids}):
        yield "two items have one InstanceID"


def _references(root: ET.Element) -> Iterator[str]:
    files = {one.get(f"{OVF}id"): one for one in root.iter(f"{OVF}File")}
    disks = {one.get(f"{OVF}diskId"): one for one in root.iter(f"{OVF}Disk")}
    networks = {one.get(f"{OVF}name") for one in root.iter(f"{OVF}Network")}
    items = [{plain(child): child.text or "" for child in one} for one in root.iter(f"{OVF}Item")]
    controllers = {one["InstanceID"] for one in items if one["ResourceType"] in CONTROLLERS}
    for one in files.values():
        if "/" in one.get(f"{OVF}href", "/") or not one.get(f"{OVF}size", "").isdecimal():
            yield "a file is elsewhere, or of no size"
    for disk in disks.values():
        if disk.get(f"{OVF}fileRef") not in files:
            yield "a disk has no file"
        if not disk.get(f"{OVF}capacity", "").isdecimal() or ":" not in disk.get(f"{OVF}format", ""):
            yield "a disk has no bytes, or its format is no URI"
    held = [(one["Parent"], one.get("AddressOnParent")) for one in items if "Parent" in one]
    if {parent for parent, _ in held} - controllers or len(held) != len({*held}):
        yield "an item hangs on nothing, or two in one place"
    hosts = [one["HostResource"].removeprefix("ovf:") for one in items if "HostResource" in one]
    if sorted(hosts) != sorted(f"/disk/{name}" for name in disks):
        yield "drives and disks differ"
    if {one.get("Connection") for one in items if one["ResourceType"] == str(NETWORK)} - networks:
        yield "an adapter is in no network"


BROKEN = {
    'ovf:required="false" version': "version",
    'ovf:fileRef="file2"': 'ovf:fileRef="file3"',
    'ovf:id="file2"': 'ovf:id="file1"',
    'ovf:diskId="vmdisk2"': 'ovf:diskId="vmdisk1"',
    'ovf:size="1000"': "",
    'ovf:href="disk.vmdk"': 'ovf:href="../disk.vmdk"',
    'ovf:capacity="42949672960"': 'ovf:capacity="40 GB"',
    "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized": "vmdk",
    "/disk/vmdisk2": "/disk/vmdisk3",
    "<rasd:Connection>NAT": "<rasd:Connection>LAN",
    "<rasd:Parent>4": "<rasd:Parent>9",
    "<rasd:InstanceID>2<": "<rasd:InstanceID>1<",
    "<rasd:VirtualQuantity>2<": "<rasd:VirtualQuantity>two<",
    "MegaBytes": "MB",
    "<Info>A virtual machine</Info>": "",
    '<OperatingSystemSection ovf:id="101">': "<OperatingSystemSection>",
    "<rasd:Address>0</rasd:Address>": "<rasd:Parent>3</rasd:Parent>",
    "<vssd:InstanceID>0</vssd:InstanceID>": "",
    "<vssd:VirtualSystemType>virtualbox-2.2</vssd:VirtualSystemType>": "<rasd:Weight>1</rasd:Weight>",
    "<DiskSection>": "<DiskSection><Note/>",
}
"""One mistake each, as the text in the place of what is there."""


def test_the_ovf_keeps_the_rules_of_its_specification() -> None:
    assert wrong(ovf_text()) == []


@pytest.mark.parametrize("there", BROKEN)
def test_a_file_that_breaks_one_of_them_is_found(there: str) -> None:
    text = ovf_text()
    assert there in text
    assert wrong(text.replace(there, BROKEN[there], 1))
