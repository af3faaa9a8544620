"""A prune that is killed after any of its calls and run again ends in the very state of one that was not."""

import shutil
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from bakery.catalog import catalog
from bakery.cloud import naming
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.rehearsal.faults import NONE, Faults
from bakery.rehearsal.server import Rehearsal, serving
from bakery.rehearsal.world import ACCOUNT
from bakery.release import prune
from tests import pruning_child, releases
from tests.aws_account import account_of, forget_aws
from tests.rehearsed_images import a_snapshot, an_image
from tests.releases import BOTH, DUBLIN

HOST = releases.definition()
KILLED = -9
LEFT = {"Key": naming.RUN, "Value": "x"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Rehearsal]:
    with serving() as rehearsal:
        yield rehearsal


@pytest.fixture
def account(cloud: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    forget_aws(monkeypatch, home=tmp_path)
    releases.define(monkeypatch, HOST)
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / "build"))
    return account_of(cloud)


def begin_again(cloud: Rehearsal, account: Account, build: Path) -> None:
    """Make a world with an old release, the promoted one, and one of each thing that killed runs leave."""
    cloud.reset()
    shutil.rmtree(build, ignore_errors=True)
    releases.put(cloud, HOST, age_days=40)
    releases.put(cloud, HOST, is_latest=True)
    base = an_image(cloud, region=DUBLIN, name="a base", imds_support="v2.0")
    failed = {naming.IMAGE: "host"}
    an_image(cloud, region=DUBLIN, name="dokku-bakery/host/x/amd64", failure="no reason", tags=failed)
    a_snapshot(cloud, region=DUBLIN, started=releases.NOW - timedelta(days=2), tags={naming.IMAGE: "host"})
    ec2 = account.region(DUBLIN).ec2
    tagged = {kind: [{"ResourceType": kind, "Tags": [LEFT]}] for kind in ("security-group", "key-pair", "instance")}
    group = ec2(
        "create_security_group",
        GroupName="dokku-bakery-bake",
        Description="x",
        TagSpecifications=tagged["security-group"],
    )
    ec2("create_key_pair", KeyName="packer_x", KeyType="ed25519", TagSpecifications=tagged["key-pair"])
    ec2(
        "run_instances",
        ImageId=base.id,
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        KeyName="packer_x",
        SecurityGroupIds=[group["GroupId"]],
        TagSpecifications=tagged["instance"],
    )
    cloud.calls.clear()


def state(cloud: Rehearsal) -> dict[str, Any]:
    """Return all that a prune may change, with names in the place of ids, so that two runs can be compared."""
    own = [one for one in cloud.world.images.values() if one.owner == ACCOUNT]
    snapshots = [one for one in cloud.world.snapshots.values() if one.owner == ACCOUNT]
    dublin = ec2_backends[ACCOUNT][DUBLIN]
    return {
        "images": sorted((one.region, one.name, sorted(one.tags.items()), one.protection) for one in own),
        "snapshots": sorted((one.region, sorted(one.tags.items())) for one in snapshots),
        "parameters": {region: sorted(releases.parameters(region)) for region in BOTH},
        "catalog": [(one.release, sorted(one.places)) for one in catalog.read("host", is_rehearsal=True).releases],
        "instances": cloud.instances(),
        "groups": sorted(group.name for group in dublin.describe_security_groups()),
        "keys": sorted(dublin.key_pairs),
    }


def again(account: Account) -> None:
    prune.prune(prune.Order(is_now=True), account=AwsCloud(account=account), console=Console(), is_dry=False)


def killed_at(number: int, *, cloud: Rehearsal, forks: ForkServerContext, build: Path) -> bool:
    """Prune in a process that is killed after its n-th call; return whether it lived to see it."""
    mine, its = forks.Pipe()
    child = forks.Process(target=pruning_child.run, args=(its, cloud.url, str(build), HOST))
    child.start()
    assert child.pid
    cloud.faults = Faults(kill_at=number, kill_pid=child.pid)
    mine.send("go")
    child.join()
    cloud.faults = NONE
    for end in (mine, its):
        end.close()
    assert child.exitcode in {0, KILLED}
    return child.exitcode == KILLED


def test_a_prune_of_two_regions_killed_after_any_call_ends_as_if_it_was_not(
    cloud: Rehearsal,
    account: Account,
    forks: ForkServerContext,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build = tmp_path / "build"
    begin_again(cloud, account, build)
    before = state(cloud)
    again(account)
    expected, calls = state(cloud), len(cloud.calls)
    assert {name for name, value in expected.items() if value == before[name]} == set()
    began, killed = time.monotonic(), 0
    for number in range(1, calls + 1):
        begin_again(cloud, account, build)
        killed += killed_at(number, cloud=cloud, forks=forks, build=build)
        again(account)
        assert state(cloud) == expected, f"killed at call {number}"
    with capsys.disabled():
        sys.stdout.write(f"\nclean: {calls} calls; {killed} kills of {calls}; {time.monotonic() - began:.0f} s\n")
    # Threads share the calls, so that a run may need a few less than the clean one and outlive the last numbers.
    assert killed >= calls * 0.9
