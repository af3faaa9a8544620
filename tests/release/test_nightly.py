"""Nights on the rehearsal cloud: what changed is baked and promoted, what did not pass is not; nothing boots here."""

import errno
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT
from bakery.catalog import catalog, promotions
from bakery.cloud import naming
from bakery.cloud.values import BaseImage
from bakery.clouds.aws import acts, lateness, published
from bakery.clouds.aws.cloud import AwsCloud
from bakery.clouds.aws.place import AwsPlace
from bakery.contents import changelog, diff
from bakery.core.console import Console
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch, Base
from bakery.rehearsal.server import Rehearsal
from bakery.release import bake as region_bake
from bakery.release import changes, matrix, nightly, promote, prune, there, verify
from bakery.release.night import Night, State
from bakery.release.nightly import Doors, Order
from bakery.release.publish import Order as Publication
from bakery.report import site
from tests import nights
from tests.aws_account import account_of
from tests.loopback import serving
from tests.nights import Kitchen

HOME, FAR = "eu-west-2", "us-east-1"


@pytest.fixture
def cloud(cloud: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for module in (published, lateness):
        monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    return cloud


@pytest.fixture
def kitchen(cloud: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kitchen]:
    with serving() as archive:
        yield nights.kitchen(archive, tmp_path / "images", monkeypatch)


@pytest.fixture
def account(kitchen: Kitchen, cloud: Rehearsal) -> AwsCloud:
    return AwsCloud(account=account_of(cloud))


def a_night(
    account: AwsCloud, *images: str, is_dry: bool = False, places: tuple[str, ...] = (HOME, FAR)
) -> list[Night]:
    order = Order(images=images or ("host",), places=places, base="debian-12", is_dry=is_dry)
    return nightly.nightly(order, doors=Doors(account=lambda _: account), console=Console())


def latest(image: str = "host") -> dict[str, str]:
    """Return the night of the release that `latest` names, by region."""
    history = catalog.read(image, is_rehearsal=True).history(Arch.AMD64)
    return {region: release[6:8] for region, release in promotions.everywhere(history).items()}


UPGRADED = ("openssl", "3.0.15", "3.0.17")


def told(before: str, after: str) -> dict[str, list[tuple[str, ...]]]:
    """Return which packages were upgraded between two releases, as each of those says that tell people of it."""
    found = diff.compare(diff.Order(image="host", old=before, new=after, is_rehearsal=True))
    text = changelog.path_of("host", is_rehearsal=True).read_text()
    page = site.write(site.Order(images=("host",), is_rehearsal=True), console=Console()).parent
    pages = (page / "host" / f"{after}-amd64.html").read_text()
    line = re.compile(r"^- \w+ `(.+?)` `(.+?)` → `(.+?)`", re.MULTILINE)
    row = re.compile(r"<tr[^>]*><td[^>]*>upgraded</td>" + r".*?<code>(.+?)</code>" * 3)
    return {
        "diff": [(one.name, one.old, one.new) for section in found.sections for one in section.changes],
        "changelog": line.findall(text.partition(f"## {after}")[2].partition("## ")[0]),
        "report": row.findall(pages),
    }


def test_three_good_nights_and_a_bad_one(cloud: Rehearsal, kitchen: Kitchen, account: AwsCloud) -> None:
    (first,) = a_night(account)
    assert (first.state, first.release[6:8], first.notes) == (State.BAKED, "01", ("promoted",))
    assert latest() == {HOME: "01", FAR: "01"}

    kitchen.night = 2
    calls = len(cloud.calls)
    (second,) = a_night(account)
    assert (second.state, second.release, second.moves) == (State.UNCHANGED, first.release, ())
    assert kitchen.packed == kitchen.judged == ["host"]
    changing = {call.action for call in cloud.calls[calls:] if not call.action.startswith(("Describe", "Get"))}
    assert changing == set()

    kitchen.night = 3
    kitchen.stock(security={"openssl": "3.0.17"})
    (third,) = a_night(account)
    assert [move.line for move in third.moves] == ["openssl 3.0.15 → 3.0.17 (security)"]
    assert (third.state, third.why) == (State.BAKED, ("1 package would move, 1 of them for security",))
    assert latest() == {HOME: "03", FAR: "03"}
    assert told(first.release, third.release) == {"diff": [UPGRADED], "changelog": [UPGRADED], "report": [UPGRADED]}

    kitchen.night, kitchen.is_broken = 4, True
    kitchen.stock(security={"openssl": "3.0.18"})
    (fourth,) = a_night(account)
    assert fourth.state is State.FAILED
    assert fourth.failure is not None
    assert fourth.failure.exit_code is ExitCode.REJECTED
    assert latest() == {HOME: "03", FAR: "03"}


def test_a_night_that_failed_is_not_unchanged_and_the_next_one_carries_on(kitchen: Kitchen, account: AwsCloud) -> None:
    kitchen.is_broken = True
    (failed,) = a_night(account)
    assert failed.state is State.FAILED
    kitchen.is_broken = False
    (after,) = a_night(account)
    assert (after.state, after.notes) == (State.BAKED, ("promoted",))
    assert kitchen.packed == ["host"]
    assert latest() == {HOME: "01", FAR: "01"}


def test_what_did_not_pass_yesterday_is_baked_anew(
    kitchen: Kitchen, account: AwsCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    kitchen.is_broken = True
    a_night(account)
    kitchen.night, kitchen.is_broken = 2, False
    monkeypatch.setattr(changes, "RETRIED", timedelta(0))
    (after,) = a_night(account)
    assert kitchen.packed == ["host", "host"]
    assert after.release[6:8] == "02"


def test_a_test_that_fails_once_is_asked_again_and_called_flaky(kitchen: Kitchen, account: AwsCloud) -> None:
    kitchen.rejections = 1
    (night,) = a_night(account)
    assert night.state is State.BAKED
    assert "host passed at the second try only: flaky" in night.notes
    assert (kitchen.packed, kitchen.judged) == (["host"], ["host", "host"])
    kitchen.night, kitchen.rejections = 2, 1
    kitchen.stock(security={"openssl": "3.0.17"})
    a_night(account)
    assert (kitchen.packed, kitchen.judged) == (["host"] * 2, ["host"] * 4)


def test_a_new_place_is_a_copy_and_no_bake(kitchen: Kitchen, account: AwsCloud) -> None:
    a_night(account, places=(HOME,))
    (night,) = a_night(account)
    assert (night.state, night.notes) == (State.UNCHANGED, (f"brought to {FAR}", "promoted"))
    assert kitchen.packed == ["host"]
    assert latest() == {HOME: "01", FAR: "01"}


def test_a_night_that_was_killed_before_it_promoted_is_finished_by_the_next(
    kitchen: Kitchen, account: AwsCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = promote.promote
    monkeypatch.setattr(promote, "promote", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        a_night(account)
    assert latest() == {}
    monkeypatch.setattr(promote, "promote", real)
    (night,) = a_night(account)
    assert (night.state, night.notes) == (State.UNCHANGED, ("promoted",))
    assert latest() == {HOME: "01", FAR: "01"}


# Layers


def test_a_layer_is_baked_once_and_what_stands_on_it_after_it(kitchen: Kitchen, account: AwsCloud) -> None:
    host, shop = a_night(account, "shop", "host")
    assert (host.image, shop.image) == ("host", "shop")
    assert kitchen.packed == ["host", "shop"]
    assert [night.state for night in a_night(account, "shop", "host")] == [State.UNCHANGED] * 2
    kitchen.night = 2
    kitchen.stock(security={"openssl": "3.0.17"})
    a_night(account, "shop", "host")
    assert kitchen.packed == ["host", "shop"] * 2


def test_a_package_of_the_layer_below_bakes_both_even_where_only_the_upper_is_asked_for(
    kitchen: Kitchen, account: AwsCloud
) -> None:
    a_night(account, "shop")
    kitchen.night = 2
    kitchen.stock(security={"openssl": "3.0.17"})
    (night,) = a_night(account, "shop")
    assert kitchen.packed == ["host", "shop", "host", "shop"]
    assert [move.line for move in night.moves] == ["openssl 3.0.15 → 3.0.17 (security)"]
    assert night.why == ("host: 1 package would move, 1 of them for security", "host is baked anew")


def test_another_base_bakes_once(kitchen: Kitchen, account: AwsCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    a_night(account)
    real = AwsPlace.newest_base

    def newer(place: AwsPlace, base: Base, arch: Arch) -> BaseImage:
        found = real(place, base, arch)
        older = account.account.region(place.name).ec2("describe_images", Filters=[_named_like(found.name[:10])])
        others = sorted(one["ImageId"] for one in older["Images"] if one["ImageId"] != found.id)
        return replace(found, id=others[0])

    monkeypatch.setattr(AwsPlace, "newest_base", newer)
    kitchen.night = 2
    (night,) = a_night(account)
    assert (night.state, night.release[6:8], night.moves) == (State.BAKED, "02", ())
    assert night.why[0].startswith("there is a newer debian-12: ami-")
    kitchen.night = 3
    (after,) = a_night(account)
    assert after.state is State.UNCHANGED


def _named_like(beginning: str) -> dict[str, object]:
    return {"Name": "name", "Values": [f"{beginning}*"]}


def test_a_release_that_does_not_tell_what_it_began_with_is_judged_by_dates(
    kitchen: Kitchen, account: AwsCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AwsPlace, "mark", lambda place, image, tags: acts.tag(place.region, image, _without(tags)))
    a_night(account)
    assert [night.state for night in a_night(account)] == [State.UNCHANGED]
    monkeypatch.setattr(there, "SHOWN_LATE", timedelta(days=3650))
    (night,) = a_night(account, is_dry=True)
    assert night.why[0].startswith("there is a newer debian-12: ami-")


def _without(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != naming.BEGIN} or {"any": "other"}


# What cannot be learned


def test_an_archive_that_is_silent_is_said_and_age_decides(
    kitchen: Kitchen, account: AwsCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_night(account)
    kitchen.archive.pages["/debian/dists/bookworm/InRelease"] = 503
    (night,) = a_night(account)
    assert night.state is State.UNCHANGED
    assert night.doubts == ("no answer from bookworm (HTTP 503)",)
    assert "not known: no answer from bookworm (HTTP 503), so base and age decide" in night.story
    assert "same definition, base and packages" not in night.story
    kitchen.night = 2
    order = Order(images=("host",), places=(HOME,), base="debian-12", max_age_days=0)
    (late,) = nightly.nightly(order, doors=Doors(account=lambda _: account), console=Console())
    assert (late.state, late.release[6:8]) == (State.BAKED, "02")


def test_a_release_whose_packages_nobody_knows_is_judged_by_age_too(kitchen: Kitchen, account: AwsCloud) -> None:
    a_night(account)
    for path in catalog.path_of("host", is_rehearsal=True).parent.rglob("contents/**/*.json"):
        path.unlink()
    (night,) = a_night(account)
    assert (night.state, night.doubts) == (State.UNCHANGED, ("it is not known which packages it has",))


@pytest.mark.parametrize(("field", "days"), [("Valid-Until", -3), ("Date", 3)])
def test_an_archive_whose_dates_are_wrong_fails_the_night_with_exit_code_3(
    kitchen: Kitchen, account: AwsCloud, field: str, days: int
) -> None:
    a_night(account)
    moment = datetime.now(UTC) + timedelta(days=days)
    kitchen.stock(fields=f"{field}: {moment:%a, %d %b %Y %H:%M:%S} UTC\n")
    found = a_night(account)
    assert [night.state for night in found] == [State.FAILED]
    with pytest.raises(BakeryError, match="InRelease was ") as caught:
        nightly.require_done(found)
    assert caught.value.exit_code is ExitCode.MISSING


# In every place


def each(account: AwsCloud) -> Night:
    order = Order(images=("host",), places=(HOME, FAR), base="debian-12", is_each_verified=True)
    (night,) = nightly.nightly(order, doors=Doors(account=lambda _: account), console=Console())
    return night


def test_a_new_release_is_judged_in_every_place_before_it_is_latest_anywhere(
    kitchen: Kitchen, account: AwsCloud
) -> None:
    kitchen.rejected_in = FAR
    night = each(account)
    assert (night.state, latest(), kitchen.judged_in) == (State.FAILED, {}, [HOME, FAR])
    assert night.failure is not None
    assert night.failure.exit_code is ExitCode.REJECTED
    kitchen.rejected_in = ""
    assert each(account).notes == ("promoted",)
    assert (latest(), kitchen.judged_in) == ({HOME: "01", FAR: "01"}, [HOME, FAR, FAR])
    each(account)
    assert (kitchen.judged_in, kitchen.packed) == ([HOME, FAR, FAR], ["host"])


def test_a_night_that_does_not_promote_leaves_it_to_another(kitchen: Kitchen, account: AwsCloud) -> None:
    order = Order(images=("host",), places=(HOME, FAR), base="debian-12", is_promoted=False)
    (night,) = nightly.nightly(order, doors=Doors(account=lambda _: account), console=Console())
    assert (night.state, night.notes, latest()) == (State.BAKED, (), {})
    (job,) = matrix.unproven(("host",), places=(), is_rehearsal=True)
    assert job.options == f"--image host --release {night.release} --region {FAR} --rehearse"
    wanted = verify.Order(image="host", release=night.release, regions=(FAR,))
    verify.verify(wanted, account=account, console=Console())
    assert kitchen.judged_in == [HOME, FAR]
    (after,) = a_night(account)
    assert (after.state, after.notes, latest()) == (State.UNCHANGED, ("promoted",), {HOME: "01", FAR: "01"})


@pytest.mark.parametrize(
    ("release", "regions", "said"),
    [("", ("sa-east-1",), "host 2026.* is not in sa-east-1"), ("2025", (FAR,), "there is no release '2025' of host")],
)
def test_what_is_nowhere_cannot_be_judged(account: AwsCloud, release: str, regions: tuple[str, ...], said: str) -> None:
    a_night(account)
    with pytest.raises(BakeryError, match=said) as caught:
        verify.verify(verify.Order(image="host", release=release, regions=regions), account=account, console=Console())
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE


def test_an_older_release_is_not_judged_by_todays_tests(kitchen: Kitchen, account: AwsCloud) -> None:
    (first,) = a_night(account)
    kitchen.night = 2
    kitchen.stock(security={"openssl": "3.0.17"})
    a_night(account)
    kitchen.judged.clear()
    with pytest.raises(BakeryError, match=f"{FAR}: host {first.release} is of another definition than") as caught:
        verify.verify(
            verify.Order(image="host", release=first.release, regions=(FAR,)), account=account, console=Console()
        )
    assert (caught.value.exit_code, kitchen.judged) == (ExitCode.IMPOSSIBLE, [])


# Bad releases


def test_a_bad_release_is_rolled_back_and_no_night_promotes_the_like_of_it(
    cloud: Rehearsal, kitchen: Kitchen, account: AwsCloud
) -> None:
    a_night(account)
    kitchen.night = 2
    kitchen.stock(security={"nginx": "1.22.2"})
    a_night(account)
    assert latest() == {HOME: "02", FAR: "02"}

    # Its machines misbehave: one command, and new machines are good again.
    promote.rollback(Publication(image="host"), account=account, console=Console())
    assert latest() == {HOME: "01", FAR: "01"}
    (night,) = a_night(account)
    assert (night.state, latest()) == (State.UNCHANGED, {HOME: "01", FAR: "01"})
    assert night.notes == (f"not promoted: it is marked as bad; latest stays {_named('01')}",)

    # The same again, of the same packages, because somebody forced it.
    kitchen.night = 3
    forced = region_bake.Order(image="host", regions=(HOME,), base="debian-12", is_forced=True)
    region_bake.bake(forced, account=account, console=Console())
    (again,) = a_night(account)
    assert again.notes == (
        f"brought to {FAR}",
        f"not promoted: it holds the same as {_named('02')}, which is marked as bad; latest stays {_named('01')}",
    )
    assert latest() == {HOME: "01", FAR: "01"}

    # A package moves, so it is another one: it may be good.
    kitchen.night = 4
    kitchen.stock(security={"nginx": "1.22.3"})
    (better,) = a_night(account)
    assert (better.notes, latest()) == (("promoted",), {HOME: "04", FAR: "04"})


def _named(night: str) -> str:
    (found,) = [one.release for one in catalog.read("host", is_rehearsal=True).releases if one.release[6:8] == night]
    return found


# The command around it


def test_a_dry_night_says_what_it_would_do_and_does_nothing(
    cloud: Rehearsal, kitchen: Kitchen, account: AwsCloud
) -> None:
    (night,) = a_night(account, is_dry=True)
    assert (night.state, night.why) == (State.DUE, ("bake and verify: there is none yet",))
    assert (kitchen.packed, latest()) == ([], {})
    assert {call.action for call in cloud.calls if not call.action.startswith(("Describe", "Get"))} == set()


def test_one_image_that_fails_harms_no_other(kitchen: Kitchen, account: AwsCloud) -> None:
    kitchen.rejections = 2
    host, shop = a_night(account, "host", "shop")
    assert (host.state, shop.state) == (State.FAILED, State.BAKED)
    with pytest.raises(BakeryError, match="1 image of 2 failed: host") as caught:
        nightly.require_done([host, shop])
    assert caught.value.exit_code is ExitCode.REJECTED


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/var/lib/x"), "/var/lib/x: No space left on device"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset by peer"),
    ],
)
def test_one_image_that_the_system_refuses_something_harms_no_other(
    error: OSError, said: str, kitchen: Kitchen, account: AwsCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it comes: at the look, at the bake, or when what is old is removed."""
    for point in ("look", "bake"):
        with monkeypatch.context() as patch:
            right = getattr(there.There, point)

            def refuse(self: there.There, *at: Any, right: Any = right, **told: Any) -> Any:
                if self.image == "shop":
                    raise error
                return right(self, *at, **told)

            patch.setattr(there.There, point, refuse)
            good, bad = a_night(account, "host", "shop")
        assert (good.image, bad.image, bad.state) == ("host", "shop", State.FAILED)
        assert good.state in {State.BAKED, State.UNCHANGED}
        assert bad.failure is not None
        assert said in bad.failure.message

    def refuse_to_prune(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(prune, "prune", refuse_to_prune)
    (only,) = a_night(account)
    assert only.failure is not None
    assert said in only.failure.message


def test_what_prune_cannot_do_is_told_and_fails_the_night(
    kitchen: Kitchen, account: AwsCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BakeryError("eu-west-2: no answer", exit_code=ExitCode.MISSING)

    monkeypatch.setattr(prune, "prune", fail)
    (night,) = a_night(account)
    assert (night.state, latest()) == (State.FAILED, {HOME: "01", FAR: "01"})
    assert "nothing or not all was pruned: eu-west-2: no answer" in night.story


def test_a_second_night_at_once_says_so_and_does_nothing(account: AwsCloud) -> None:
    script = "import fcntl, sys\nwith open(sys.argv[1], 'a') as file:\n    fcntl.flock(file, fcntl.LOCK_EX)\n"
    script += (
        "    file.truncate(0); file.write('4711'); file.flush()\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    nightly.lock_file().parent.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-c", script, str(nightly.lock_file())]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BakeryError, match=r"another run \(process 4711\) is busy with a nightly") as caught:
            a_night(account)
        assert other.stdin is not None
        other.stdin.close()
    assert caught.value.exit_code is ExitCode.BUSY
    assert latest() == {}


def test_the_result_is_one_table_and_a_page_for_the_run(
    kitchen: Kitchen,
    account: AwsCloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    found = a_night(account)
    assert capsys.readouterr().out == ""
    nightly.show(found, is_rehearsal=True, console=Console())
    told = capsys.readouterr().out
    assert "host" in told
    assert "baked" in told
    assert page.read_text().startswith("before\n## a night of a rehearsal\n\n| image | place |")


def test_a_page_that_cannot_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "gone" / "summary.md"))
    nightly.show([], is_rehearsal=False, console=Console())
    assert "summary.md: No such file or directory: the night is not on that page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"places": ("eu-west-2", "eu-west-9")}, "there is no region 'eu-west-9'"),
        ({"base": "debian-1"}, "there is no base 'debian-1'"),
        ({"accelerator": "warp"}, "--accelerator warp is not known"),
    ],
)
def test_what_no_image_could_be_asked_for_is_one_line_and_no_night(
    account: AwsCloud, told: dict[str, Any], said: str
) -> None:
    order = Order(**{"images": ("host", "shop"), "places": (HOME,), **told})
    with pytest.raises(BakeryError) as caught:
        nightly.nightly(order, doors=Doors(account=lambda _: account), console=Console())
    assert (caught.value.message, caught.value.exit_code) == (said, ExitCode.IMPOSSIBLE)


def test_a_rehearsal_without_a_region_is_refused(account: AwsCloud) -> None:
    order, doors = Order(images=("host",)), Doors(account=lambda _: account, is_rehearsal=True)
    with pytest.raises(BakeryError, match="host is for no region, and a rehearsal is of regions") as caught:
        nightly.nightly(order, doors=doors, console=Console())
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
