"""The way of docs/aws.md, command by command: real are Packer, its machine, the one that is judged, the one launched.

AWS is the rehearsal cloud. The bake goes to six regions, and whatever it ends in is found by the next command.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bakery.cloud import naming
from bakery.clouds.aws.account import Account
from bakery.definition.bases import Arch
from tests.rehearsed import SIX
from tests.slow.conftest import HOST, Baked, rehearsed_account, run_inv

HOME = SIX[0]
IMAGE = HOST[:2]
FAR = "sa-east-1"
OLDER = "20260101-0415-0123456789ab"


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """A rehearsal with a baked `host` in it."""

    environment: dict[str, str]
    said: str
    printed: str

    def inv(self, *words: str) -> str:
        """Run a command that must end well, and return what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        assert "rehearsal" in done.stdout + done.stderr
        return done.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run_inv(*words, "--rehearse", environment=self.environment)

    @property
    def build(self) -> Path:
        return Path(self.environment["BAKERY_BUILD_DIR"])

    @property
    def catalog(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.build / "rehearsal/catalog/host.json").read_text())
        return found

    @property
    def account(self) -> Account:
        return rehearsed_account(self.build)

    def latest(self, region: str) -> str:
        name = "/dokku-bakery/host/latest/amd64"
        return str(self.account.region(region).ssm("get_parameter", Name=name)["Parameter"]["Value"])


@pytest.fixture(scope="module")
def rehearsed(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """Bake `host` in one region and copy it to five more; the base is the one that the local bake has made."""
    environment = {**baked.environment, "BAKERY_BUILD_DIR": str(tmp_path_factory.mktemp("rehearsal"))}
    try:
        regions = [word for name in SIX for word in ("--region", name)]
        done = run_inv("bake", *HOST, "--rehearse", *regions, environment=environment)
        assert done.returncode == 0, done.stderr
        yield Rehearsed(environment=environment, said=done.stderr, printed=done.stdout)
    finally:
        run_inv("rehearsal", "--stop", environment=environment)


def test_the_bake_ends_with_an_id_in_each_region(rehearsed: Rehearsed) -> None:
    ids = dict(line.split("\t") for line in rehearsed.printed.splitlines())
    assert sorted(ids) == sorted(SIX)
    assert len(set(ids.values())) == len(SIX)
    (release,) = rehearsed.catalog["releases"]
    assert {region: placed["image_id"] for region, placed in release["places"].items()} == ids


def test_whatever_is_said_and_kept_says_that_it_is_a_rehearsal(rehearsed: Rehearsed) -> None:
    assert "rehearsal: nothing of this is a cloud" in rehearsed.said
    assert rehearsed.catalog["is_rehearsal"] is True
    assert "rehearsal" in rehearsed.inv("amis", *IMAGE, "--format", "terraform")


def test_the_machine_that_was_judged_was_started_from_the_new_image(rehearsed: Rehearsed) -> None:
    judged = re.search(r"passed (\d+) tests on a machine started from (ami-\w+)", rehearsed.said)
    assert judged
    assert int(judged[1]) > 50
    assert judged[2] == rehearsed.catalog["releases"][0]["places"][HOME]["image_id"]


def test_nothing_of_the_bake_runs_on(rehearsed: Rehearsed) -> None:
    reservations = rehearsed.account.region(HOME).ec2("describe_instances")["Reservations"]
    states = [instance["State"]["Name"] for one in reservations for instance in one["Instances"]]
    assert states
    assert set(states) == {"terminated"}
    assert rehearsed.account.region(HOME).ec2("describe_key_pairs")["KeyPairs"] == []


def test_baking_again_finds_nothing_to_do(rehearsed: Rehearsed) -> None:
    before = rehearsed.catalog
    assert rehearsed.inv("bake", *HOST, "--region", HOME).count("ami-") == len(SIX)
    assert rehearsed.catalog == before


def test_a_promoted_release_is_launched_by_its_parameter_and_is_healthy(rehearsed: Rehearsed) -> None:
    rehearsed.inv("promote", *IMAGE)
    assert {rehearsed.latest(name) for name in SIX} == {
        placed["image_id"] for placed in rehearsed.catalog["releases"][0]["places"].values()
    }
    address = rehearsed.inv("launch", *IMAGE, "--region", FAR, "--from", "parameter").strip()
    try:
        assert re.fullmatch(r"127\.66\.\d+\.\d+", address)
        health = httpx.get(f"http://{address}:8077/health")
        assert health.status_code == 200
    finally:
        region = rehearsed.account.region(FAR)
        running = [
            one["InstanceId"] for all_ in region.ec2("describe_instances")["Reservations"] for one in all_["Instances"]
        ]
        region.ec2("terminate_instances", InstanceIds=running)


def test_an_older_release_is_promoted_and_rolled_back_from(rehearsed: Rehearsed) -> None:
    baked = rehearsed.catalog["releases"][0]
    add_older(rehearsed)
    rehearsed.inv("promote", *IMAGE, "--release", OLDER, "--region", HOME, "--region", FAR)
    assert rehearsed.latest(FAR) != baked["places"][FAR]["image_id"]
    rehearsed.inv("rollback", *IMAGE)
    assert {rehearsed.latest(name) for name in SIX} == {placed["image_id"] for placed in baked["places"].values()}
    (promotion,) = rehearsed.catalog["latest"]["amd64"]
    assert (promotion["release"], promotion["regions"]) == (baked["release"], sorted(SIX))


def test_the_catalog_and_the_cloud_agree(rehearsed: Rehearsed) -> None:
    assert "correct" in rehearsed.inv("validate")


def test_what_is_old_is_pruned_and_the_rest_stays(rehearsed: Rehearsed) -> None:
    baked = rehearsed.catalog["latest"]["amd64"][-1]["release"]
    before = rehearsed.catalog
    assert OLDER in rehearsed.inv("prune", *IMAGE, "--keep", "1", "--dry-run")
    assert rehearsed.catalog == before
    rehearsed.inv("prune", *IMAGE, "--keep", "1")
    assert [release["release"] for release in rehearsed.catalog["releases"]] == [baked]
    for name in SIX:
        region = rehearsed.account.region(name)
        (image,) = region.ec2("describe_images", Owners=["self"])["Images"]
        assert image["ImageId"] == rehearsed.latest(name)
        assert len(region.ec2("describe_snapshots", OwnerIds=["self"])["Snapshots"]) == 1


def add_older(rehearsed: Rehearsed) -> None:
    """Make the baked image's copy an older release: a bake of its own would show nothing more and take minutes."""
    path = rehearsed.build / "rehearsal/catalog/host.json"
    known = rehearsed.catalog
    newest = known["releases"][0]
    region = rehearsed.account.region(HOME)
    made = region.ec2(
        "copy_image",
        SourceRegion=HOME,
        SourceImageId=newest["places"][HOME]["image_id"],
        Name=naming.name("host", OLDER, Arch.AMD64),
    )["ImageId"]
    placed = {"image_id": made, "published_at": "2026-01-01T04:15:00Z"}
    older = {
        **newest,
        "release": OLDER,
        "places": {HOME: placed},
        "baked_at": "2026-01-01T04:15:00Z",
    }
    path.write_text(json.dumps({**known, "releases": [older, newest]}))
