"""Which packages would move, asked of archives on this machine."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import BaseFrom, base
from bakery.definition.model import Definition
from bakery.sources import movers
from bakery.sources.apt import AptSource, Mirrors, Origin
from bakery.sources.index import SilentError
from bakery.sources.movers import Installed, Move
from bakery.sources.offers import archives_of
from bakery.sources.preflight import Demand
from tests.loopback import Loopback, serving

NOW = datetime(2026, 11, 27, 4, 15, tzinfo=UTC)
SUITES = ("bookworm", "bookworm-updates", "bookworm-security")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving() as loopback:
        loopback.add_suite("/debian", "bookworm", {"nginx": ["1.22.1-9"], "nginx-common": ["1.22.1-9"], "curl": ["8"]})
        loopback.add_suite("/debian", "bookworm-updates", {"tzdata": ["2026b"]})
        loopback.add_suite("/debian", "bookworm-security", {"curl": ["8.1"]})
        yield loopback


def demand(archive: Loopback, *, suites: tuple[str, ...] = SUITES, **values: Any) -> Demand:
    layer = Definition.model_validate({"name": "shop", "steps": ["docker", "nginx"], **values})
    own = (AptSource(uri=f"{archive.url}/debian", suite=suite, components=("main",)) for suite in suites)
    mirrors = Mirrors(origin=Origin.HOST, sources=tuple(own))
    return Demand(layers=[layer], base=base("debian-12"), base_from=BaseFrom.ARCHIVE, mirrors=mirrors)


def found(wanted: Demand, **versions: str) -> list[Move]:
    installed = [Installed(name=name.replace("_", "-"), version=version) for name, version in versions.items()]
    return movers.find(installed, wanted, answers=movers.ask([wanted]), now=NOW)


def refusal(wanted: Demand) -> BakeryError:
    with pytest.raises(BakeryError) as caught:
        found(wanted, curl="8")
    return caught.value


def test_a_newer_version_in_any_suite_is_a_move_and_the_one_of_the_security_suite_is_marked(archive: Loopback) -> None:
    moves = found(demand(archive), curl="8", tzdata="2026a", nginx="1.22.1-9")
    assert [move.line for move in moves] == ["curl 8 → 8.1 (security)", "tzdata 2026a → 2026b"]


def test_what_is_as_new_or_newer_or_unknown_to_the_archives_stays(archive: Loopback) -> None:
    assert found(demand(archive), curl="8.1", nginx="1.22.1-10", own_package="1") == []


def test_an_update_is_a_security_update_too_when_it_holds_one(archive: Loopback) -> None:
    archive.add_suite("/debian", "bookworm-updates", {"curl": ["8.2"]})
    (move,) = found(demand(archive), curl="8")
    assert (move.now, move.is_security) == ("8.2", True)
    (move,) = found(demand(archive), curl="8.1")
    assert (move.now, move.is_security) == ("8.2", False)


def test_a_pinned_package_and_what_moves_with_it_stay_within_the_pin(archive: Loopback) -> None:
    offered = ["1.22.1-9", "1.22.1-9+deb12u9", "1.24.0-1"]
    archive.add_suite("/debian", "bookworm", dict.fromkeys(("nginx", "nginx-common", "curl"), offered))
    archive.add_suite("/debian", "bookworm-security", {"libnginx-mod-lua": ["1:0.11"]})
    moves = found(
        demand(archive, nginx={"version": "1.22.*"}),
        nginx="1.22.1-9",
        nginx_common="1.22.1-9",
        libnginx_mod_lua="1:0.10",
    )
    assert {move.name: move.now for move in moves} == {
        "nginx": "1.22.1-9+deb12u9",
        "nginx-common": "1.22.1-9+deb12u9",
        "libnginx-mod-lua": "1:0.11",
    }


def test_an_update_that_only_a_share_of_machines_gets_yet_is_no_move(archive: Loopback) -> None:
    for phase, expected in (("30", []), ("100", ["8.2"])):
        archive.add_suite("/debian", "bookworm-updates", {"curl": [f"8.2\nPhased-Update-Percentage: {phase}"]})
        assert [move.now for move in found(demand(archive), curl="8.1")] == expected


def vendors(archive: Loopback) -> dict[str, Any]:
    there = {"archive": archive.url}
    return {
        "steps": ["docker", "nginx", "firstboot", "dokku"],
        "docker": there,
        "dokku": {**there, "version": "0.38.27"},
    }


def test_a_vendor_gives_its_own_packages_and_what_nobody_else_has(archive: Loopback) -> None:
    archive.add_suite(
        "/linux/debian",
        "bookworm",
        {"docker-buildx-plugin": ["0.31"], "curl": ["99"], "containerd.io": ["2"]},
        component="stable",
    )
    archive.add_suite("/debian", "bookworm-security", {"docker-buildx-plugin": ["0.40"], "curl": ["8.1"]})
    wanted = demand(archive, suites=("bookworm-security",), **vendors(archive))
    moves = found(wanted, docker_buildx_plugin="0.30", curl="8.1", **{"containerd.io": "1"})
    assert [move.line for move in moves] == ["containerd.io 1 → 2", "docker-buildx-plugin 0.30 → 0.31"]


def test_dokku_moves_by_decision_alone_and_its_helpers_by_themselves(archive: Loopback) -> None:
    archive.add_suite("/linux/debian", "bookworm", {"docker-buildx-plugin": ["1"]}, component="stable")
    # dokku's archive has a folder for each distribution, as the distribution's own stand-in has here.
    offered = {"dokku": ["0.38.27", "0.39.1"], "dokku-update": ["0.9", "0.10"], "curl": ["8"]}
    archive.add_suite("/debian", "bookworm", offered)
    wanted = demand(archive, **vendors(archive))
    assert [move.line for move in found(wanted, dokku="0.38.27", dokku_update="0.9")] == ["dokku-update 0.9 → 0.10"]


def test_a_cloud_image_of_ubuntu_is_asked_of_ubuntu_and_one_of_debian_of_this_machines_mirror(
    archive: Loopback,
) -> None:
    layer = Definition.model_validate({"name": "shop", "steps": []})
    ubuntu = Demand(layers=[layer], base=base("ubuntu-24.04"), base_from=BaseFrom.CLOUD, mirrors=None)
    assert {one.source.uri for one in archives_of(ubuntu)} == {
        "http://archive.ubuntu.com/ubuntu",
        "http://security.ubuntu.com/ubuntu",
    }
    own = demand(archive).mirrors
    debian = Demand(layers=[layer], base=base("debian-12"), base_from=BaseFrom.CLOUD, mirrors=own)
    assert [(one.source.suite, one.is_security) for one in archives_of(debian)] == [
        *(("bookworm", False), ("bookworm-updates", False), ("bookworm-security", True))
    ]


@pytest.mark.parametrize("status", [404, 500, None])
def test_an_archive_that_does_not_answer_is_silent_and_named(archive: Loopback, status: int | None) -> None:
    archive.pages["/debian/dists/bookworm-security/InRelease"] = status
    wanted = demand(archive)
    with pytest.raises(SilentError, match="no answer from bookworm-security") as caught:
        movers.find([Installed(name="curl", version="8")], wanted, answers=movers.ask([wanted], deadline_s=1), now=NOW)
    assert caught.value.exit_code is ExitCode.MISSING


def test_a_list_that_does_not_come_is_silence_too(archive: Loopback) -> None:
    archive.pages["/debian/dists/bookworm-security/main/binary-amd64/Packages.xz"] = 503
    with pytest.raises(SilentError, match="HTTP 503"):
        found(demand(archive), curl="8")


def test_without_any_archive_of_the_distribution_nothing_is_known(archive: Loopback) -> None:
    with pytest.raises(SilentError, match="no archive of debian-12 is known on this machine"):
        found(demand(archive, suites=()), curl="8")


def put_release(archive: Loopback, text: str) -> None:
    archive.pages["/debian/dists/bookworm-security/InRelease"] = text.encode()


def test_a_page_of_somebody_else_is_no_release_file(archive: Loopback) -> None:
    put_release(archive, "<html>log in to our network</html>")
    error = refusal(demand(archive))
    assert not isinstance(error, SilentError)
    assert error.exit_code is ExitCode.MISSING
    assert error.message.endswith("/debian/dists/bookworm-security/InRelease is no Release file: it lists no packages")


def test_a_release_file_without_lists_for_this_processor_is_broken(archive: Loopback) -> None:
    put_release(archive, f"Suite: x\nSHA256:\n {'0' * 64} 5 main/binary-riscv64/Packages.xz\n")
    assert refusal(demand(archive)).message.endswith("lists no packages for amd64 in main")


def test_a_list_that_is_no_archive_file_is_broken(archive: Loopback) -> None:
    page = "/debian/dists/bookworm-security/main/binary-amd64/Packages.xz"
    archive.pages[page] = b"not xz at all"
    put_release(archive, f"SHA256:\n {hashlib.sha256(b'not xz at all').hexdigest()} 13 main/binary-amd64/Packages.xz\n")
    error = refusal(demand(archive))
    assert "cannot be unpacked" in error.message
    assert error.exit_code is ExitCode.MISSING


@pytest.mark.parametrize(
    ("field", "moment", "said"),
    [
        ("Valid-Until", NOW - timedelta(days=3), "was valid until 2026-11-24 04:15 UTC: the archive or its mirror has"),
        ("Date", NOW + timedelta(days=2), "was made on 2026-11-29 04:15 UTC, which is still to come (here it is 2026-"),
    ],
)
def test_what_is_stale_or_from_the_future_is_refused_with_both_dates(
    archive: Loopback, field: str, moment: datetime, said: str
) -> None:
    fields = f"{field}: {moment:%a, %d %b %Y %H:%M:%S} UTC\n"
    archive.add_suite("/debian", "bookworm-security", {"curl": ["8.1"]}, fields=fields)
    error = refusal(demand(archive))
    assert not isinstance(error, SilentError)
    assert error.exit_code is ExitCode.MISSING
    assert said in error.message
    assert "date -u" in error.hint


def test_clocks_that_differ_by_minutes_are_no_reason(archive: Loopback) -> None:
    fields = f"Date: {NOW + timedelta(minutes=9):%a, %d %b %Y %H:%M:%S} UTC\n"
    archive.add_suite("/debian", "bookworm-security", {"curl": ["8.1"]}, fields=fields)
    assert [move.name for move in found(demand(archive), curl="8")] == ["curl"]


def test_a_date_that_is_none_is_said(archive: Loopback) -> None:
    archive.add_suite("/debian", "bookworm-security", {"curl": ["8.1"]}, fields="Date: yesterday\n")
    assert "Date: 'yesterday' is no date" in refusal(demand(archive)).message


def test_archives_of_several_images_are_asked_once(archive: Loopback) -> None:
    movers.ask([demand(archive), demand(archive, suites=SUITES[:1])])
    assert len(archive.asked) == 3


def test_a_pin_that_takes_a_package_back_moves_nothing_at_night_and_is_foreseen(archive: Loopback) -> None:
    wanted = demand(archive, nginx={"version": "1.22.*"})
    assert found(wanted, nginx="1.24.0-1") == []
    installed = [Installed(name=name, version="1.24.0-1") for name in ("nginx", "docker.io")]
    (back,) = movers.foresee(installed, wanted, answers=movers.ask([wanted]), now=NOW).moves
    assert back.line == "nginx 1.24.0-1 → 1.22.1-9"


def test_what_is_asked_for_and_not_there_is_foreseen_with_its_version_or_as_lacking(archive: Loopback) -> None:
    wanted = demand(archive)
    prospect = movers.foresee([Installed(name="own", version="1")], wanted, answers=movers.ask([wanted]), now=NOW)
    assert [move.line for move in prospect.added] == ["nginx none → 1.22.1-9"]
    assert prospect.lacking == ["docker.io"]
    assert [one.name for one in prospect.unoffered] == ["own"]
