"""Where AWS shows late what was done, every command ends as where it shows at once, trial after trial."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakery.catalog import catalog
from bakery.cloud.inventory import Question
from bakery.clouds.aws import groups, instances, inventory, lateness, published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.core.console import Console
from bakery.definition import layers
from bakery.rehearsal.faults import NONE, Faults
from bakery.rehearsal.server import Rehearsal
from bakery.release import launch, launch_order, promote, prune, publish
from tests import rehearsed, releases
from tests.aws_account import account_of
from tests.rehearsed import HOME, RELEASE
from tests.releases import BOTH

LATE = Faults(lag_s=0.4, hidden_s=0.3, parameter_s=0.2, pending_s=0.1)
TRIALS = 2
OLDER = "20261001-0415-0123456789ab"
TWO = (HOME, "eu-west-1")
READER = "210987654321"


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(published, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(lateness, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(instances, "PAUSE_S", 0.05)
    return cloud


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give `host` a reader and a launch template."""
    whole = layers.whole("host")
    table = whole.aws.model_copy(update={"share_with": (READER,), "launch_template": "fleet"})
    monkeypatch.setattr(layers, "whole", lambda _: whole.model_copy(update={"aws": table}))


def anew(cloud: Rehearsal, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> Account:
    """Return the account of a new cloud that has these faults, with a catalog of its own."""
    cloud.reset()
    cloud.faults = faults
    monkeypatch.setenv("BAKERY_BUILD_DIR", str(tmp_path / f"build-{number}"))
    return account_of(cloud)


def trials(
    cloud: Rehearsal, do: Callable[[Account], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, list[Any]]:
    """Return what comes of it where all shows at once, and what in each trial where it shows late."""
    found = [
        do(anew(cloud, faults, tmp_path, monkeypatch, number)) for number, faults in enumerate([NONE, *[LATE] * TRIALS])
    ]
    return found[0], found[1:]


@pytest.mark.usefixtures("shared")
def test_publish_promote_and_rollback_end_the_same(
    cloud: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def do(account: Account) -> dict[str, Any]:
        for name in (OLDER, RELEASE):
            rehearsed.bake(cloud, name)
        told: dict[str, Any] = {"account": AwsCloud(account=account), "console": Console()}
        for name in (OLDER, RELEASE):
            publish.publish(publish.Order(image="host", release=name, regions=TWO), **told)
            promote.promote(publish.Order(image="host", release=name, regions=TWO), **told)
        promote.rollback(publish.Order(image="host"), **told)
        cloud.faults = NONE
        fleet = [started(account, region) for region in TWO]
        return {**rehearsed.state(cloud, account, regions=TWO), "fleet": fleet, "readers": readers(cloud)}

    expected, late = trials(cloud, do, tmp_path, monkeypatch)
    assert expected["fleet"] == [OLDER] * 2
    assert len(expected["images"]) == len(expected["snapshots"]) == 4
    assert late == [expected] * TRIALS


def started(account: Account, region: str) -> str:
    """Return the release that the launch template starts."""
    asked = {"LaunchTemplateName": "fleet", "Versions": ["$Default"]}
    (version,) = account.region(region).ec2("describe_launch_template_versions", **asked)["LaunchTemplateVersions"]
    image_id = version["LaunchTemplateData"]["ImageId"]
    known = catalog.read("host", is_rehearsal=True).releases
    return next(one.release for one in known if one.places[region].image_id == image_id)


def readers(cloud: Rehearsal) -> list[Any]:
    world = cloud.world
    own = releases.own_snapshots(cloud)
    return [sorted(world.snapshots[one].readers) for one in own]


def test_launch_starts_as_many_machines_as_were_asked_for_and_makes_one_group(
    cloud: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = releases.definition()
    releases.define(monkeypatch, definition)

    def do(account: Account) -> list[Any]:
        releases.put(cloud, definition, is_latest=True)
        order = launch_order.Order(image="host", regions=BOTH, is_waiting=False, count=2)
        launch.launch(order, account=AwsCloud(account=account), console=Console()).require_all()
        with monkeypatch.context() as patch:
            patch.setattr(instances, "wait_running", interrupt)
            with pytest.raises(KeyboardInterrupt):
                launch.launch(order, account=AwsCloud(account=account_of(cloud)), console=Console())
        cloud.faults = NONE
        groups = [account.region(one).ec2("describe_security_groups")["SecurityGroups"] for one in BOTH]
        ports = [sorted(rule["FromPort"] for rule in one[-1]["IpPermissions"]) for one in groups]
        return [len(cloud.instances()), [sorted(one["GroupName"] for one in some) for some in groups], ports]

    expected, late = trials(cloud, do, tmp_path, monkeypatch)
    assert expected == [4, [["default", "dokku-bakery"]] * 2, [[22, 80, 443, 8077]] * 2]
    assert late == [expected] * TRIALS


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_prune_leaves_the_same_and_nothing_over(
    cloud: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = releases.definition()
    releases.define(monkeypatch, definition)

    def do(account: Account) -> list[Any]:
        releases.put(cloud, definition, age_days=40)
        releases.put(cloud, definition, is_latest=True)
        for region in BOTH:
            groups.group(account.region(region), name="dokku-bakery-bake", ports=(22,))
        for again in (account, account_of(cloud)):
            prune.prune(prune.Order(is_now=True), account=AwsCloud(account=again), console=Console(), is_dry=False)
        cloud.faults = NONE
        left = [inventory.take(account.region(region), Question()) for region in BOTH]
        return [
            [sorted(one.name for one in some.images.values()) for some in left],
            [(some.snapshots, some.groups, some.keys) for some in left],
            len(releases.own_snapshots(cloud)),
            [sorted(releases.parameters(region)) for region in BOTH],
            [one.release for one in catalog.read("host", is_rehearsal=True).releases],
        ]

    expected, late = trials(cloud, do, tmp_path, monkeypatch)
    assert expected[2] == 2
    assert late == [expected] * TRIALS
