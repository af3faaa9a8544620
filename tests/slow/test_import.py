"""The image that was baked here goes up as blocks: the AMIs made of them are started and judged, two nights.

AWS is the rehearsal cloud. The second night's image is the first one with files changed in it, under another name.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bakery.core import process
from bakery.disk import digests
from bakery.disk.blocks import BLOCK_SIZE
from bakery.guests import accelerator, verify
from tests.slow.conftest import HOST, Baked, run_inv

HOME, OTHER = "eu-west-2", "eu-west-1"
PARTITION = re.compile(r"start= *(\d+), size= *(\d+),")
NEW_FILE = "a-nights-work"
NEW_BYTES = 20 * 2**20


@dataclass(frozen=True, kw_only=True)
class Night:
    """What one night's import said, and what the catalog has of it."""

    said: str
    release: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """A build folder with a copy of the baked image, and a rehearsal of its own."""

    environment: dict[str, str]
    folder: Path

    def run_machines(self, accelerator: str) -> None:
        done = run_inv("rehearsal", "--accelerator", accelerator, environment=self.environment)
        assert f"machines   {accelerator}" in done.stdout, done.stderr

    def bring(self, *words: str, **told: str) -> Night:
        regions = [word for name in (HOME, OTHER) for word in ("--region", name)]
        asked = ("publish", "--from", "local", *HOST, "--rehearse", *regions, *words)
        done = run_inv(*asked, environment=self.environment | told)
        assert done.returncode == 0, done.stderr
        catalog = json.loads((self.folder / "build/rehearsal/catalog/host.json").read_text())
        return Night(said=done.stderr, release=catalog["releases"][-1])


@pytest.fixture(scope="module")
def rehearsed(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    folder = tmp_path_factory.mktemp("import")
    here = folder / "build/host/local"
    here.mkdir(parents=True)
    for path in baked.folder.glob(f"{baked.name}.*"):
        if path.is_file() and path.suffix != ".box":
            shutil.copy(path, here)
    environment = {**baked.environment, "BAKERY_BUILD_DIR": str(folder / "build")}
    try:
        yield Rehearsed(environment=environment, folder=folder)
    finally:
        run_inv("rehearsal", "--stop", environment=environment)


@pytest.fixture(scope="module")
def first(rehearsed: Rehearsed) -> Night:
    """Bring the first image; it is verified on a guest with all that EC2 has beside it, and asked what needs one.

    The second night a native machine is asked all else, where there is no KVM.
    """
    has_kvm = accelerator.probe().name == "kvm"
    rehearsed.run_machines("kvm" if has_kvm else "tcg")
    only = {} if has_kvm else {"PYTEST_ADDOPTS": f"-m '{verify.ON_GUEST}'"}
    return rehearsed.bring("--fan-out", "upload", "--verify-upload", **only)


@pytest.fixture(scope="module")
def second(rehearsed: Rehearsed, first: Night, baked: Baked) -> Night:
    """Bring the next night's image, which differs from the first in a file of 20 MiB and the tables that tell of it."""
    rehearsed.run_machines("auto")
    change(rehearsed.folder / "build/host/local", baked.name)
    return rehearsed.bring("--fan-out", "upload")


def change(folder: Path, name: str) -> None:
    """Write a file into the image's root file system, without mounting it, and keep it as another release."""
    disk, raw, work = folder / f"{name}.qcow2", folder / "night.raw", folder / "work"
    process.run(["qemu-img", "convert", "-O", "raw", str(disk), str(raw)])
    listed = process.run(["sfdisk", "--dump", str(raw)]).output
    start, _ = max(PARTITION.findall(listed), key=lambda found: int(found[1]))
    work.write_bytes(b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(NEW_BYTES // 32)))
    process.run(["debugfs", "-w", "-R", f"write {work} {NEW_FILE}", f"{raw}?offset={512 * int(start)}"])
    process.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", "-W", "-m", "8", str(raw), str(disk)])
    for path in (raw, work, folder / f"{name}.blocks.tsv"):
        path.unlink(missing_ok=True)
    record = json.loads((folder / f"{name}.json").read_text())
    record["release"] = f"20990101-0000-{record['release'][-12:]}"
    record["files"][disk.name]["sha256"] = hashlib.sha256(disk.read_bytes()).hexdigest()
    (folder / f"{name}.json").write_text(json.dumps(record))


def sizes(said: str) -> dict[str, int]:
    """Return how many blocks each region was to be sent."""
    return {name: int(count) for name, count in re.findall(r"(\S+): send (\d+) blocks", said)}


def test_the_ami_made_of_blocks_boots_and_passes_the_image_tests(first: Night) -> None:
    judged = re.search(r"passed (\d+) tests on a machine started from (ami-\w+)", first.said)
    assert judged
    assert int(judged[1]) > 10
    assert "natively" not in first.said
    assert judged[2] == first.release["places"][HOME]["image_id"]
    assert sorted(first.release["places"]) == [OTHER, HOME]
    assert first.release["verified_at"]


def test_no_block_is_sent_that_holds_nothing(first: Night, baked: Baked) -> None:
    mapped = json.loads(process.run(["qemu-img", "map", "--output=json", str(baked.disk)]).output)
    holding = {
        block
        for extent in mapped
        if extent["data"] and not extent["zero"]
        for block in range(extent["start"] // BLOCK_SIZE, -(-(extent["start"] + extent["length"]) // BLOCK_SIZE))
    }
    for blocks in sizes(first.said).values():
        assert 0.9 * len(holding) < blocks <= len(holding)


def test_every_block_was_read_back(first: Night) -> None:
    for region in (HOME, OTHER):
        assert re.search(rf"{region}: snap-\w+ was read back: every block is as it was sent", first.said)


def test_the_next_night_sends_what_differs_and_its_ami_passes_too(
    rehearsed: Rehearsed, first: Night, second: Night
) -> None:
    kept = rehearsed.folder / "build/rehearsal/catalog/blocks/host"
    old, new = (digests.read(kept / f"{night.release['release']}-amd64.tsv") for night in (first, second))
    assert old
    assert new
    differing = len(digests.changed(new.blocks, old.blocks))
    # debugfs fills the first gaps it finds, so that a file of 20 MiB is in more blocks than it has.
    assert NEW_BYTES / BLOCK_SIZE <= differing < len(old.blocks) / 4
    assert sizes(second.said) == {HOME: differing, OTHER: differing}
    assert f"what differs from host {first.release['release']}" in second.said
    judged = re.search(r"passed (\d+) tests on a machine started from (ami-\w+)", second.said)
    assert judged
    assert int(judged[1]) > 50
    assert judged[2] == second.release["places"][HOME]["image_id"]


def test_what_is_there_is_not_sent_again(rehearsed: Rehearsed, second: Night) -> None:
    again = rehearsed.bring()
    assert sizes(again.said) == {}
    assert again.release == second.release
