"""Moving `latest`: each region is recorded as it is done, and a rollback goes to what was whole before, no further."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from bakery import ROOT
from bakery.catalog import catalog, promotions
from bakery.catalog.catalog import Release
from bakery.cloud import naming
from bakery.clouds.aws import published
from bakery.clouds.aws.account import Account
from bakery.clouds.aws.cloud import AwsCloud
from bakery.contents import changelog
from bakery.core import folders
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.bases import Arch
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.server import Rehearsal
from bakery.release import promote, publish, rebuild, validate
from bakery.release.findings import Finding, State
from bakery.release.publish import Order
from tests import rehearsed, releases
from tests.aws_account import account_of
from tests.rehearsed import HOME, RELEASE

OLDEST, OLDER = "20260901-0415-0123456789ab", "20261001-0415-0123456789ab"
LATEST = "/dokku-bakery/host/latest/amd64"
THREE = (HOME, "eu-west-1", "us-east-1")
FAR = "us-east-1"
WHOLE = layers.whole("host")


@pytest.fixture
def cloud(cloud: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(published, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(validate, "PATIENCE_S", 0.5)
    define(monkeypatch)
    rehearsed.bake(cloud)
    return cloud


def define(monkeypatch: pytest.MonkeyPatch, **values: Any) -> None:
    """Give `host` another table [aws]; without words, none."""
    changed = WHOLE.model_copy(update={"aws": WHOLE.aws.model_copy(update={"regions": (), **values})})
    monkeypatch.setattr(layers, "whole", lambda _: changed)


@pytest.fixture
def account(cloud: Rehearsal) -> Account:
    return account_of(cloud)


def half_deaf(cloud: Rehearsal, *regions: str) -> Account:
    """Return an account that some regions do not answer."""
    account = account_of(cloud)
    assert account.usable
    account.patience_s = 0.2
    for region in regions:
        releases.cut_off(account, region)
    return account


def move(account: Account, *regions: str, release: str = "") -> Release:
    return promote.promote(
        Order(image="host", release=release, regions=regions), account=AwsCloud(account=account), console=Console()
    )


def back(account: Account, *regions: str) -> list[str]:
    found = promote.rollback(Order(image="host", regions=regions), account=AwsCloud(account=account), console=Console())
    return [one.release for one in found]


def latest(account: Account, region: str) -> str:
    """Return the release whose image the parameter names, by the image's own name."""
    found = account.region(region).ssm("get_parameter", Name=LATEST)["Parameter"]["Value"]
    (image,) = account.region(region).ec2("describe_images", ImageIds=[found])["Images"]
    return naming.release_of(image["Name"])


def in_aws(account: Account) -> list[str]:
    return [latest(account, region) for region in THREE]


def in_catalog() -> list[str]:
    history = catalog.read("host", is_rehearsal=True).history(Arch.AMD64)
    return [promotions.current(history, region) for region in THREE]


def wrong(account: Account) -> list[Finding]:
    report = validate.validate(("host",), regions=(), account=AwsCloud(account=account), console=Console())
    return [one for one in report.findings if one.state is not State.CORRECT]


@pytest.fixture
def lived(cloud: Rehearsal, account: Account) -> Account:
    """Return an account in three regions of which two releases were `latest`, one after the other."""
    for name in (OLDEST, OLDER):
        rehearsed.bake(cloud, name)
        move(account, *THREE, release=name)
    return account


def test_promoting_points_latest_and_the_catalog_at_it(account: Account) -> None:
    release = move(account, HOME, "eu-west-1")
    assert latest(account, "eu-west-1") == release.release
    known = catalog.read("host", is_rehearsal=True)
    assert [known.latest_in(name, release.arch) for name in (HOME, "eu-west-1", "us-east-1")] == [
        release,
        release,
        None,
    ]


def test_the_changelog_says_where_a_release_is_latest_and_that_one_is_bad(lived: Account) -> None:
    move(lived)
    after = changelog.path_of("host", is_rehearsal=True).read_text()
    back(lived)
    now = changelog.path_of("host", is_rehearsal=True).read_text()
    assert "**latest** in " in after.split(f"## {RELEASE} amd64", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
    assert "**bad** since " in now.split(f"## {RELEASE} amd64", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def test_latest_may_come_late_and_is_read_back_until_it_is_true(cloud: Rehearsal, account: Account) -> None:
    cloud.faults = Faults(parameter_s=0.3)
    release = move(account, HOME)
    assert latest(account, HOME) == release.release


# A region that does not answer


def test_a_promote_that_fails_in_one_region_is_recorded_in_the_others(cloud: Rehearsal, lived: Account) -> None:
    with pytest.raises(BakeryError, match=f"1 region is not done:\n  {FAR}: .*no answer") as caught:
        move(half_deaf(cloud, FAR), *THREE, release=RELEASE)
    assert caught.value.exit_code is ExitCode.MISSING
    assert in_catalog() == [RELEASE, RELEASE, OLDER] == in_aws(lived)


def test_after_it_validate_says_promote_or_rollback_and_never_prune(cloud: Rehearsal, lived: Account) -> None:
    with pytest.raises(BakeryError):
        move(half_deaf(cloud, FAR), *THREE, release=RELEASE)
    again = f"./inv promote --rehearse --release {RELEASE} --image host, or ./inv rollback --rehearse --image host"
    (finding,) = wrong(lived)
    assert (finding.state, finding.region, finding.release) == (State.MISSING, FAR, RELEASE)
    assert (finding.why, finding.hint) == ("a promote of it was not finished here", again)
    (silent,) = wrong(half_deaf(cloud, FAR))
    assert (silent.state, silent.region, silent.hint) == (State.UNREACHABLE, FAR, again)


def test_a_rollback_after_it_brings_all_to_what_was_whole_before_and_the_next_one_further(
    cloud: Rehearsal, lived: Account
) -> None:
    with pytest.raises(BakeryError):
        move(half_deaf(cloud, FAR), *THREE, release=RELEASE)
    assert back(lived) == [OLDER]
    assert in_aws(lived) == [OLDER] * 3 == in_catalog()
    assert wrong(lived) == []
    assert back(lived) == [OLDEST]
    assert in_aws(lived) == [OLDEST] * 3 == in_catalog()
    with pytest.raises(BakeryError, match=f"{OLDEST} is the only release that was ever promoted") as caught:
        back(lived)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_a_promote_after_that_rollback_reaches_all(cloud: Rehearsal, lived: Account) -> None:
    with pytest.raises(BakeryError):
        move(half_deaf(cloud, FAR), *THREE, release=RELEASE)
    back(lived)
    move(lived, *THREE, release=RELEASE)
    assert in_aws(lived) == [RELEASE] * 3 == in_catalog()
    assert back(lived) == [OLDER]


def test_a_promote_that_is_typed_again_finishes_what_was_left(cloud: Rehearsal, lived: Account) -> None:
    with pytest.raises(BakeryError):
        move(half_deaf(cloud, FAR), *THREE, release=RELEASE)
    # Without a region: those that the first one asked for are gone on with.
    move(lived, release=RELEASE)
    assert in_aws(lived) == [RELEASE] * 3 == in_catalog()
    assert wrong(lived) == []


def test_a_rollback_that_fails_in_one_region_goes_on_there_and_no_further(cloud: Rehearsal, lived: Account) -> None:
    move(lived, *THREE, release=RELEASE)
    with pytest.raises(BakeryError, match=f"1 region is not done:\n  {FAR}"):
        back(half_deaf(cloud, FAR))
    assert in_catalog() == [OLDER, OLDER, RELEASE] == in_aws(lived)
    (finding,) = wrong(lived)
    assert (finding.region, finding.release) == (FAR, OLDER)
    assert finding.hint == "./inv rollback --rehearse --image host  (goes on)"
    assert back(lived) == [OLDER]
    assert in_aws(lived) == [OLDER] * 3 == in_catalog()


def test_the_region_of_the_copies_may_be_dead_where_all_have_theirs(cloud: Rehearsal, lived: Account) -> None:
    publish.publish(
        Order(image="host", release=RELEASE, regions=THREE), account=AwsCloud(account=lived), console=Console()
    )
    with pytest.raises(BakeryError, match=f"1 region is not done:\n  {HOME}"):
        move(half_deaf(cloud, HOME), *THREE, release=RELEASE)
    assert in_aws(lived) == [OLDER, RELEASE, RELEASE]
    with pytest.raises(BakeryError, match=f"1 region is not done:\n  {HOME}"):
        back(half_deaf(cloud, HOME))
    assert in_aws(lived) == [OLDER] * 3


# A run that was killed


def test_a_promote_that_was_killed_before_the_catalog_knew_is_rolled_back_there_too(
    cloud: Rehearsal, lived: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(promotions, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            move(account_of(cloud), HOME, release=RELEASE)
    assert in_aws(lived) == [RELEASE, OLDER, OLDER]
    assert in_catalog() == [OLDER] * 3
    (finding,) = wrong(lived)
    assert (finding.region, finding.release, finding.why) == (HOME, RELEASE, "a promote of it was not finished here")
    assert back(lived) == [OLDER]
    assert in_aws(lived) == [OLDER] * 3
    assert wrong(lived) == []


# One region


def test_one_region_is_promoted_and_rolled_back_alone(lived: Account) -> None:
    move(lived, FAR, release=RELEASE)
    assert in_aws(lived) == [OLDER, OLDER, RELEASE] == in_catalog()
    assert back(lived, FAR) == [OLDER]
    assert in_aws(lived) == [OLDER] * 3
    assert back(lived, FAR) == [OLDEST]
    assert in_aws(lived) == [OLDER, OLDER, OLDEST] == in_catalog()
    assert wrong(lived) == []


def test_a_rollback_of_one_region_leaves_the_others_for_the_next(lived: Account) -> None:
    move(lived, *THREE, release=RELEASE)
    back(lived, FAR)
    assert in_aws(lived) == [RELEASE, RELEASE, OLDER]
    back(lived)
    assert in_aws(lived) == [OLDER] * 3


def test_a_region_that_came_later_gets_what_the_others_go_back_to(lived: Account) -> None:
    more = "sa-east-1"
    move(lived, *THREE, more, release=RELEASE)
    assert back(lived) == [OLDER]
    assert latest(lived, more) == OLDER
    assert wrong(lived) == []


def test_what_is_moved_is_what_is_returned(lived: Account) -> None:
    move(lived, FAR, release=RELEASE)
    (found,) = promote.rollback(Order(image="host"), account=AwsCloud(account=lived), console=Console())
    assert [*found.places] == [FAR]


def test_a_region_without_a_past_is_refused(cloud: Rehearsal, lived: Account) -> None:
    before = len(cloud.calls)
    for region, message, hint in [
        ("eu-west-22", "there is no region 'eu-west-22'", "did you mean 'eu-west-2'?"),
        ("sa-east-1", "sa-east-1: host was never promoted there", f"it was in {', '.join(sorted(THREE))}"),
    ]:
        with pytest.raises(BakeryError) as caught:
            back(lived, region)
        assert (caught.value.message, caught.value.hint) == (message, hint)
        assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    move(lived, "sa-east-1", release=OLDEST)
    assert {call.action for call in cloud.calls[before:]} > {"PutParameter"}


def test_a_region_that_aws_does_not_know_changes_nothing(cloud: Rehearsal, lived: Account) -> None:
    kept, before = catalog.read("host", is_rehearsal=True), len(cloud.calls)
    with pytest.raises(BakeryError, match="there is no region 'eu-west-22'") as caught:
        move(lived, HOME, "eu-west-22", release=RELEASE)
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.IMPOSSIBLE, "did you mean 'eu-west-2'?")
    assert catalog.read("host", is_rehearsal=True) == kept
    assert [call.action for call in cloud.calls[before:] if not call.action.startswith("Describe")] == []


# Bad releases


def bad() -> list[str]:
    return [one.release for one in catalog.read("host", is_rehearsal=True).releases if one.bad_since]


def test_what_a_rollback_leaves_is_marked_as_bad_and_what_it_goes_to_is_not(
    lived: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    move(lived, *THREE, release=RELEASE)
    back(lived)
    assert bad() == [RELEASE]
    assert wrong(lived) == []
    capsys.readouterr()
    rebuild.show(("host",), is_rehearsal=True, console=Console())
    assert capsys.readouterr().out.count("bad since") == 1


def test_a_rollback_that_failed_somewhere_marks_what_it_leaves_all_the_same(cloud: Rehearsal, lived: Account) -> None:
    move(lived, *THREE, release=RELEASE)
    with pytest.raises(BakeryError):
        back(half_deaf(cloud, FAR))
    assert bad() == [RELEASE]
    back(lived)
    assert (in_aws(lived), bad()) == ([OLDER] * 3, [RELEASE])


def test_the_newest_is_not_promoted_while_it_is_bad_unless_it_is_named(lived: Account) -> None:
    move(lived, *THREE, release=RELEASE)
    back(lived)
    with pytest.raises(BakeryError, match=f"host {RELEASE}, the newest, is marked as bad since 20") as caught:
        move(lived, *THREE)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint.startswith(f"./inv promote --release {RELEASE} --image host")
    assert in_aws(lived) == [OLDER] * 3
    move(lived, *THREE, release=RELEASE)
    assert (in_aws(lived), bad()) == ([RELEASE] * 3, [])


# Two commands at once


def test_a_promote_waits_for_another_one_and_says_so(lived: Account, capsys: pytest.CaptureFixture[str]) -> None:
    lock = catalog.path_of("host", is_rehearsal=True).with_name(".host.latest.lock")
    script = "import fcntl, sys\nwith open(sys.argv[1], 'a') as file:\n    fcntl.flock(file, fcntl.LOCK_EX)\n"
    script += "    print('held', flush=True)\n    sys.stdin.read()"
    argv = [sys.executable, "-c", script, str(lock)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        mover = threading.Thread(target=move, args=(lived, *THREE), kwargs={"release": RELEASE})
        mover.start()
        mover.join(0.5)
        assert in_aws(lived) == [OLDER] * 3
        other.stdin.close()
        mover.join()
    assert in_aws(lived) == [RELEASE] * 3
    assert "is busy with `latest` of host: waiting for it" in capsys.readouterr().err


def test_where_the_catalog_cannot_be_written_nothing_is_moved(
    cloud: Rehearsal, lived: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(folders, "write_json", fail)
    before = len(cloud.calls)
    for act in (move, back):
        with pytest.raises(BakeryError, match="could not be written: Read-only file system"):
            act(lived, *THREE)
    assert [call.action for call in cloud.calls[before:] if not call.action.startswith("Describe")] == []


def test_what_is_being_removed_is_not_promoted(account: Account) -> None:
    region = account.region(HOME)
    mark = {"Key": naming.REMOVING, "Value": "now"}
    (image,) = region.ec2("describe_images", Owners=["self"])["Images"]
    region.ec2("create_tags", Resources=[image["ImageId"]], Tags=[mark])
    with pytest.raises(BakeryError, match="is being removed"):
        move(account, HOME)
    assert region.ssm("get_parameters", Names=[LATEST])["Parameters"] == []


def test_a_launch_template_is_made_and_then_renewed(
    cloud: Rehearsal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(monkeypatch, launch_template="host")
    region = account.region(HOME)

    def started() -> str:
        answer = region.ec2("describe_launch_template_versions", LaunchTemplateName="host", Versions=["$Default"])
        return str(answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]["ImageId"])

    first = move(account, HOME)
    assert started() == first.places[HOME].image_id
    newer = rehearsed.bake(cloud, "20261124-0415-0123456789ab")
    move(account, HOME, release=newer.release)
    assert started() == newer.places[HOME].image_id
