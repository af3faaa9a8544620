"""A real bake: a real Packer, a real machine, two real boots."""

import json
import re
import tarfile
import time
from pathlib import Path

import pytest

from bakery.contents import kept
from bakery.core import process
from tests.slow.conftest import HOST, NAME, Baked

STEPS = ["system", "disk", "docker", "nginx", "ssh", "cleanup", "health", "firstboot", "record", "seal", "check"]


def test_its_one_result_is_the_images_path(baked: Baked) -> None:
    assert baked.printed == f"{baked.disk}\n"


def test_it_leaves_the_image_its_boxes_and_its_records_and_nothing_else(baked: Baked) -> None:
    left = {path.name for path in baked.folder.iterdir() if not path.name.startswith(".")}
    disks = ("qcow2", "blocks.tsv", "libvirt.box", "virtualbox.box", "packer")
    endings = (
        *disks,
        "packages.tsv",
        "manifest.json",
        "cdx.json",
        "provenance.json",
        "env",
        "json",
        "log",
        "verify.log",
    )
    assert left == {f"{NAME}.{ending}" for ending in endings}
    assert [path.name for path in baked.folder.glob(".*")] == [f".{NAME}.lock"]


def test_the_image_is_compressed_whole_and_as_large_as_the_definition_says(baked: Baked) -> None:
    described = json.loads(process.run(["qemu-img", "info", "--output=json", str(baked.disk)]).output)
    assert described["virtual-size"] == 40 * 2**30
    assert "backing-filename" not in described
    assert described["format-specific"]["data"]["compression-type"] == "zstd"
    process.run(["qemu-img", "check", "-q", str(baked.disk)])


def test_the_record_has_the_hash_of_every_file_and_the_seconds_of_every_phase_and_step(baked: Baked) -> None:
    record = baked.record
    for name, known in record["files"].items():
        assert process.run(["sha256sum", str(baked.folder / name)]).output.split()[0] == known["sha256"]
    assert list(record["seconds"]) == ["preflight", "base", "packer", "compress", "verify", "boxes", "digests"]
    assert list(record["step_seconds"]) == STEPS
    assert record["packer"] == "1.6.6"


def test_the_package_list_names_what_was_pinned(baked: Baked) -> None:
    lines = [line.split("\t") for line in (baked.folder / f"{NAME}.packages.tsv").read_text().splitlines()]
    packages = {name: version for name, version, _, _ in lines}
    assert re.match(r"1\.22\.", packages["nginx"])
    assert {"docker.io", "openssh-server", "cloud-init"} <= set(packages)
    assert not [name for name in packages if name.startswith("linux-headers-")]


def test_a_guest_told_what_is_in_it_before_it_was_asked_anything_else(baked: Baked) -> None:
    found = kept.read(baked.folder / f"{NAME}.manifest.json")
    assert found is not None
    lines = [line.split("\t") for line in (baked.folder / f"{NAME}.packages.tsv").read_text().splitlines()]
    assert {(one.name, one.version) for one in found.packages} == {(name, version) for name, version, *_ in lines}
    assert found.release == baked.record["release"]
    assert found.kernel.endswith("-cloud-amd64")
    assert found.boot
    assert {"docker.service", "nginx.service"} <= {*found.units}
    assert {"bakery-health.timer", "apt-daily.timer"} <= {one.unit for one in found.timers}
    assert {22, 8077} <= {one.port for one in found.listening if one.protocol == "tcp"}
    assert {"root", "debian"} <= {one.name for one in found.users}
    assert "/usr/bin/sudo" in {one.path for one in found.privileged}
    assert 5e8 < found.bytes < 4e9


def test_the_steps_found_every_package_unpacked_already(baked: Baked) -> None:
    assert "apt-get" not in (baked.folder / f"{NAME}.log").read_text()


def test_both_copies_were_judged(baked: Baked) -> None:
    judged = (baked.folder / f"{NAME}.verify.log").read_text()
    assert re.search(r"\d+ passed", judged)
    assert "first" in judged
    assert "second" in judged
    assert set(re.findall(r"left out \((\w+)\)", judged)) == {"dokku", "real_dokku"}


def test_the_record_says_which_kind_of_machine_answered_each_test(baked: Baked) -> None:
    answered = baked.record["answered"]
    # Whatever else there is, a guest with firmware, boot loader and kernel has booted from this very disk.
    assert {"test_the_kernel_reported_no_error[guest]", "test_the_kernel_reported_no_error[first]"} & set(
        answered["guest"]
    )
    assert answered.keys() == ({"native", "guest"} if baked.record["accelerator"] == "native" else {"guest"})
    assert f"passed {sum(map(len, answered.values()))} tests" in baked.said


def test_progress_outside_a_terminal_is_plain_timed_lines(baked: Baked) -> None:
    assert "\x1b" not in baked.said
    for number, step in enumerate(STEPS, start=1):
        assert re.search(rf"^\[ *[\d.]+s\] packer: step {number}/{len(STEPS)} {step}$", baked.said, re.MULTILINE)
    assert re.search(r"guests run with (KVM|TCG): |machines run natively, by systemd-nspawn: ", baked.said)


def test_the_key_of_the_bake_does_not_outlive_it(baked: Baked) -> None:
    workspace = baked.folder / f"{NAME}.packer"
    assert not {"key", "key.pub", "seed.iso", "output"} & {path.name for path in workspace.iterdir()}
    assert (workspace / "image.pkr.hcl").exists()


def test_the_same_again_is_unchanged_and_takes_under_a_second_of_our_own(baked: Baked) -> None:
    before = baked.disk.stat().st_mtime_ns
    again = baked.inv("bake", *HOST)
    assert again.returncode == 0
    assert "unchanged: " in again.stderr
    assert again.stdout == baked.printed
    assert baked.disk.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("provider", "members"),
    [
        ("libvirt", {"metadata.json", "Vagrantfile", "box.img", "seed.img"}),
        ("virtualbox", {"metadata.json", "Vagrantfile", "box.ovf", "disk.vmdk", "seed.vmdk"}),
    ],
)
def test_boxes_are_whole(baked: Baked, provider: str, members: set[str]) -> None:
    with tarfile.open(baked.box(provider)) as box:
        assert set(box.getnames()) == members


def test_the_libvirt_box_holds_the_verified_disk_bit_for_bit(baked: Baked, tmp_path: Path) -> None:
    with tarfile.open(baked.box("libvirt")) as box:
        box.extract("box.img", tmp_path, filter="data")
    assert process.run(["cmp", str(tmp_path / "box.img"), str(baked.disk)]).output == ""


def test_a_dry_run_prints_the_plan_and_the_command_and_changes_nothing(baked: Baked) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in baked.folder.iterdir())
    planned = baked.inv("bake", *HOST, "--force", "--dry-run")
    assert "to do        bake and verify: asked for with --force" in planned.stdout
    command = next(line for line in planned.stdout.splitlines() if line.startswith("command"))
    assert command.split(maxsplit=1)[1] == f"packer build -machine-readable -timestamp-ui {baked.folder}/{NAME}.packer"
    time.sleep(0.01)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in baked.folder.iterdir()) == before
