"""An import that is killed after any of its calls and run again ends in the very state of one that was not."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.definition.bases import Arch
from bakery.disk import digests
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal, serving
from bakery.rehearsal.uploads import Upload
from tests import local_images, rehearsed
from tests.aws_account import account_of, forget_aws
from tests.importing_child import REGIONS
from tests.local_images import FIRST_FREE, content
from tests.rehearsed import Killable, killable

PENDING = Faults(pending_s=0.05)
KILLED = -9
MONDAY, TUESDAY = "20260105-0415-0123456789ab", "20260106-0415-0123456789ab"
BLOCKS = {FIRST_FREE + number: content(f"block {number}") for number in range(5)}
CHANGED = {**BLOCKS, FIRST_FREE + 1: content("changed"), FIRST_FREE + 9: content("new"), FIRST_FREE + 3: bytes(524288)}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Rehearsal]:
    with serving() as rehearsal:
        yield rehearsal


@pytest.fixture(scope="module")
def worker(cloud: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    with killable(cloud.url, log=tmp_path_factory.mktemp("worker") / "log") as process:
        yield process


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    forget_aws(monkeypatch, home=tmp_path)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return tmp_path / "build"


def state(cloud: Rehearsal) -> dict[str, Any]:
    """Return all that an import leaves, the content of every disk with it."""
    uploads = [one for one in cloud.world.snapshots.values() if isinstance(one, Upload)]
    found = rehearsed.state(cloud, account_of(cloud), regions=REGIONS)
    # When it was made and judged is another second each time.
    images = [(*image[:2], [tag for tag, _ in image[2]], image[3], image[5]) for image in found["images"]]
    snapshots = [(region, [tag for tag, _ in tags]) for region, tags in found["snapshots"]]
    known = digests.read(catalog.digests_of("host", MONDAY, Arch.AMD64, is_rehearsal=True))
    assert known
    return {
        **found,
        "images": images,
        "snapshots": snapshots,
        "blocks": sorted((one.region, one.tags["bakery:release"], sorted(one.digests.items())) for one in uploads),
        "open": [one.id for one in uploads if one.disk is None],
        "known": sorted(known.blocks),
        "verified": [one.verified_at is not None for one in catalog.read("host", is_rehearsal=True).releases],
    }


def bring(cloud: Rehearsal, worker: Killable, build: Path, *, kill_at: int = 0) -> bool:
    """Bring the image in a process of its own; return whether it was killed."""
    pid = worker.begin({"act": "import", "build": str(build)})
    cloud.faults = Faults(pending_s=PENDING.pending_s, kill_at=kill_at, kill_pid=pid)
    exit_code = worker.go()
    cloud.faults = PENDING
    assert exit_code in ({0, KILLED} if kill_at else {0})
    return exit_code == KILLED


def test_two_regions_end_as_if_an_import_was_not_killed_after_any_of_its_calls(
    cloud: Rehearsal, worker: Killable, build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second night is not killed: it sends what differs, and shows that what was kept of the first is right."""
    local_images.baked(tmp_path / "first", BLOCKS, release=MONDAY)
    shutil.copytree(build, tmp_path / "kept")
    bring(cloud, worker, build)
    calls, expected = len(cloud.calls), state(cloud)
    assert len(expected["images"]) == len(expected["blocks"]) == len(REGIONS)
    began, killed, more = time.monotonic(), 0, 0
    for number in range(1, calls + 1):
        cloud.reset()
        shutil.rmtree(build)
        shutil.copytree(tmp_path / "kept", build)
        killed += bring(cloud, worker, build, kill_at=number)
        bring(cloud, worker, build)
        puts = [call.action for call in cloud.calls].count("PutSnapshotBlock")
        more = max(more, puts - sum(len(blocks) for _, _, blocks in expected["blocks"]))
        assert state(cloud) == expected, f"killed at call {number}"
    with capsys.disabled():
        seconds = time.monotonic() - began
        sys.stdout.write(f"\nimport: {calls} calls, {killed} kills; at most {more} blocks twice; {seconds:.0f} s\n")
    assert killed >= calls * 0.9
    local_images.baked(tmp_path / "second", CHANGED, release=TUESDAY)
    before = len(cloud.calls)
    bring(cloud, worker, build)
    assert [call.action for call in cloud.calls[before:]].count("PutSnapshotBlock") == 3 * len(REGIONS)
