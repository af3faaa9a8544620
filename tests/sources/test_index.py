import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.bases import Arch
from bakery.sources.apt import AptSource
from bakery.sources.index import KEPT_DAYS, PackageList, available_versions, condense, names, package_lists
from tests.loopback import Loopback, serving


@pytest.fixture
def archive() -> Iterator[Loopback]:
    with serving() as loopback:
        loopback.add_suite("/debian", "bookworm", {"nginx": ["1.22.1-9+deb12u9"], "nginx-common": ["7"]})
        loopback.add_suite("/debian", "bookworm-security", {"nginx": ["1.22.1-9+deb12u11", "1.22.1-9+deb12u10"]})
        yield loopback


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "dokku-bakery/lists"


def lists(archive: Loopback, *, suites: tuple[str, ...] = ("bookworm", "bookworm-security")) -> list[PackageList]:
    found = []
    for suite in suites:
        source = AptSource(uri=f"{archive.url}/debian", suite=suite, components=("main", "contrib"))
        release = archive.pages[f"/debian/dists/{suite}/InRelease"]
        assert isinstance(release, bytes)
        found += package_lists(source, release=release.decode(), arch=Arch.AMD64)
    return found


def test_versions_of_all_suites_come_newest_first(archive: Loopback) -> None:
    assert available_versions("nginx", lists(archive)) == [
        *("1.22.1-9+deb12u11", "1.22.1-9+deb12u10", "1.22.1-9+deb12u9")
    ]


def test_only_the_package_itself_counts(archive: Loopback) -> None:
    assert available_versions("ngin", lists(archive)) == available_versions("ngin.", lists(archive)) == []


def test_names_are_those_of_packages_and_of_what_they_provide(archive: Loopback) -> None:
    assert names(lists(archive)) == {"nginx", "nginx-common"}
    listed = condense(b"Package: mawk\nVersion: 1.3\nProvides: awk (= 1.3), new-awk\n")
    assert listed.splitlines() == [b"mawk 1.3", b"awk ", b"new-awk "]


def test_a_list_is_fetched_once_for_every_package_and_run(archive: Loopback) -> None:
    available_versions("nginx", lists(archive))
    available_versions("nginx-common", lists(archive))
    assert len(archive.asked) == 2


def test_a_list_that_changed_is_fetched_again(archive: Loopback) -> None:
    available_versions("nginx", lists(archive))
    archive.add_suite("/debian", "bookworm", {"nginx": ["1.22.2-1"]})
    assert available_versions("nginx", lists(archive))[0] == "1.22.2-1"
    assert len(archive.asked) == 3


def test_a_component_the_release_does_not_list_is_not_asked_for(archive: Loopback) -> None:
    assert [one.url.removeprefix(archive.url) for one in lists(archive, suites=("bookworm",))] == [
        "/debian/dists/bookworm/main/binary-amd64/Packages.xz"
    ]


def test_a_list_that_is_not_what_its_release_says_is_refused(archive: Loopback, cache: Path) -> None:
    wanted = lists(archive, suites=("bookworm",))
    archive.pages["/debian/dists/bookworm/main/binary-amd64/Packages.xz"] = b"something else"
    with pytest.raises(BakeryError, match="is not what its Release file says") as caught:
        available_versions("nginx", wanted)
    assert caught.value.exit_code == ExitCode.MISSING
    assert not cache.exists()


def test_a_list_that_does_not_come_is_missing(archive: Loopback) -> None:
    wanted = lists(archive, suites=("bookworm",))
    archive.pages["/debian/dists/bookworm/main/binary-amd64/Packages.xz"] = 500
    with pytest.raises(BakeryError, match="500") as caught:
        available_versions("nginx", wanted)
    assert caught.value.exit_code == ExitCode.MISSING


def test_lists_nobody_asked_for_in_a_month_are_thrown_away(archive: Loopback, cache: Path) -> None:
    cache.mkdir(parents=True)
    long_ago = time.time() - (KEPT_DAYS + 1) * 24 * 3600
    for name, age in (("old", long_ago), ("new", time.time())):
        (cache / name).touch()
        os.utime(cache / name, (age, age))
    available_versions("nginx", lists(archive, suites=("bookworm",)))
    assert not (cache / "old").exists()
    assert (cache / "new").exists()


def test_twenty_thousand_packages_are_condensed_in_a_second() -> None:
    filler = "Description: a package\nDepends: libc6 (>= 2.34)\n" * 8
    packages = "".join(f"Package: p{number}\nVersion: 1.{number}\n{filler}\n" for number in range(20_000)).encode()
    began = time.process_time()
    lines = condense(packages)
    assert time.process_time() - began < 1
    assert lines.splitlines()[19_999] == b"p19999 1.19999"


def test_lists_that_are_read_at_the_same_time_do_not_disturb_each_other(archive: Loopback, cache: Path) -> None:
    for _ in range(20):
        assert len(available_versions("nginx", lists(archive) * 4)) == 3
        assert not list(cache.glob(".*")), "a draft was left"
        for kept in cache.iterdir():
            kept.unlink()
