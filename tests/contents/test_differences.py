"""What differs between two manifests, each respect by itself; what is the same is not told of."""

from typing import Any

import pytest

from bakery.contents import differences
from bakery.contents.differences import Change, Kind
from bakery.contents.manifest import Boot, CronEntry, Listening, Manifest, Package, Plugin, Privileged, Timer, User
from bakery.definition.bases import BaseName
from tests.manifests import a_manifest, a_package

OLD_COMMIT, NEW_COMMIT = "0ld0" * 10, "c0de" * 10
OLD_COMMIT = OLD_COMMIT.replace("l", "1")


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Change, ...]]:
    found = differences.of(a_manifest(**old), a_manifest(**new))
    return {section.key: section.changes for section in found.sections}


def packages(old: list[Package], new: list[Package], **both: Any) -> list[tuple[str, str, str, str]]:
    found = changes({"packages": tuple(old), **both}, {"packages": tuple(new), **both})
    return [(one.kind.value, one.name, one.old, one.new) for one in found.get("packages", ())]


def test_nothing_differs_between_a_release_and_itself() -> None:
    found = differences.of(a_manifest(), a_manifest())
    assert found.sections == ()
    assert found.summary() == "nothing differs"


def test_packages_are_added_removed_upgraded_and_downgraded() -> None:
    old = [a_package("a", "1"), a_package("b", "1.10"), a_package("c", "2~rc1"), a_package("same", "1")]
    new = [a_package("b", "1.9"), a_package("c", "2"), a_package("d", "1"), a_package("same", "1")]
    assert packages(old, new) == [
        ("removed", "a", "1", ""),
        ("downgraded", "b", "1.10", "1.9"),
        ("upgraded", "c", "2~rc1", "2"),
        ("added", "d", "", "1"),
    ]


def test_a_package_of_another_architecture_is_another_package() -> None:
    native, foreign = a_package("libc6", "1"), a_package("libc6", "1", arch="i386")
    assert packages([native], [native, foreign]) == [("added", "libc6:i386", "", "1")]
    assert packages([a_package("adduser", "1")], [a_package("adduser", "1", arch="all")]) == []


@pytest.mark.parametrize(("suite", "is_security"), [("bookworm-security", True), ("bookworm", False), ("", False)])
def test_an_upgrade_is_a_security_update_where_its_suite_tells(suite: str, is_security: bool) -> None:
    new = a_package("openssl", "2", suite=suite)
    (change,) = changes({"packages": (a_package("openssl", "1"),)}, {"packages": (new,)})["packages"]
    assert change.is_security is is_security


URLS = {
    ("debian-12", "3.0.15-1~deb12u1"): "https://sources.debian.org/src/openssl/3.0.15-1~deb12u1/debian/changelog/",
    ("debian-13", "1:2"): "https://sources.debian.org/src/openssl/1:2/debian/changelog/",
    ("ubuntu-24.04", "3.0.13-0ubuntu3.5"): "https://launchpad.net/ubuntu/+source/openssl/3.0.13-0ubuntu3.5",
    ("debian-12", "5:27.3.1-1~debian.12~bookworm"): "",
}


@pytest.mark.parametrize(("base", "version"), [*URLS])
def test_a_package_of_the_distributions_has_a_page_of_its_changes(base: str, version: str) -> None:
    new = a_package("libssl3", version, source_name="openssl")
    (change,) = changes({"packages": ()}, {"packages": (new,), "base": BaseName(base)})["packages"]
    assert change.url == URLS[base, version]


def test_what_is_dokkus_has_its_release_or_no_page() -> None:
    made = (a_package("dokku", "0.38.27"), a_package("plugn", "0.15.0"))
    dokku, plugn = changes({"packages": ()}, {"packages": made})["packages"]
    assert dokku.url == "https://github.com/dokku/dokku/releases/tag/v0.38.27"
    assert plugn.url == ""


def test_a_plugin_is_compared_by_its_commit() -> None:
    url = "https://github.com/dokku/dokku-letsencrypt.git"
    old = Plugin(name="letsencrypt", commit=OLD_COMMIT, url=url, version="0.20.0")
    new = Plugin(name="letsencrypt", commit=NEW_COMMIT, url=url, version="0.21.0")
    (change,) = changes({"plugins": (old,)}, {"plugins": (new,)})["plugins"]
    assert (change.kind, change.old, change.new) == (Kind.CHANGED, "0.20.0 01d001d001d0", "0.21.0 c0dec0dec0de")
    assert change.url == f"https://github.com/dokku/dokku-letsencrypt/compare/{OLD_COMMIT}...{NEW_COMMIT}"
    (gone,) = changes({"plugins": (old,)}, {})["plugins"]
    assert (gone.kind, gone.name, gone.new, gone.url) == (Kind.REMOVED, "letsencrypt", "", "")


SSH = Listening(protocol="tcp", address="*", port=22, program="sshd")
EACH = {
    "units": ("ssh.service", "docker.service"),
    "timers": (Timer(unit="a.timer", due=("OnCalendar=daily",)), Timer(unit="b.timer")),
    "cron": (CronEntry(file="/etc/crontab", line="17 * * * * root x"), CronEntry(file="/etc/cron.daily/dpkg")),
    "listening": (SSH, Listening(protocol="tcp", address="*", port=80)),
    "users": (User(name="root", uid=0), User(name="dokku", uid=1001)),
    "privileged": (
        Privileged(path="/usr/bin/su", mode="4755", owner="root:root"),
        Privileged(path="/usr/bin/wall", mode="2755", owner="root:tty"),
    ),
}


@pytest.mark.parametrize("key", [*EACH])
def test_each_thing_that_comes_or_goes_is_told_of(key: str) -> None:
    one, other = EACH[key]
    found = changes({key: (one,)}, {key: (other,)})
    assert [*found] == [key]
    assert sorted(change.kind for change in found[key]) == [Kind.ADDED, Kind.REMOVED]


@pytest.mark.parametrize(
    ("key", "old", "new", "told"),
    [
        ("timers", EACH["timers"][0], Timer(unit="a.timer", due=("OnCalendar=weekly",)), "OnCalendar=weekly"),
        ("users", User(name="dokku", uid=1001), User(name="dokku", uid=1001, groups=("docker",)), "docker"),
        ("privileged", EACH["privileged"][0], Privileged(path="/usr/bin/su", mode="6755", owner="root:root"), "6755"),
        ("listening", SSH, SSH.model_copy(update={"program": "dropbear"}), "dropbear"),
    ],
)
def test_a_thing_that_is_otherwise_than_before_is_told_as_changed(key: str, old: Any, new: Any, told: str) -> None:
    (change,) = changes({key: (old,)}, {key: (new,)})[key]
    assert change.kind is Kind.CHANGED
    assert told in change.new
    assert told not in change.old


def test_a_kernel_is_told_by_its_release() -> None:
    (change,) = changes({"kernel": "6.1.0-40"}, {"kernel": "6.1.0-41"})["kernel"]
    assert (change.old, change.new) == ("6.1.0-40", "6.1.0-41")


def test_directories_are_told_of_from_a_megabyte_on() -> None:
    old = {"/usr/lib": 500_000_000, "/etc": 4096, "/opt": 3_000_000}
    new = {"/usr/lib": 512_500_000, "/etc": 900_000, "/var/lib": 2_000_000}
    found = [
        (one.kind.value, one.name, one.new) for one in changes({"directories": old}, {"directories": new})["sizes"]
    ]
    assert found == [
        ("removed", "/opt", "0.0 MB (-3.0)"),
        ("changed", "/usr/lib", "512.5 MB (+12.5)"),
        ("added", "/var/lib", "2.0 MB (+2.0)"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"boot": Boot(total_s=20), "machine": "aws"}, {"boot": Boot(total_s=23), "machine": "aws"}, False),
        ({"boot": Boot(total_s=20), "machine": "aws"}, {"boot": Boot(total_s=25), "machine": "aws"}, True),
        ({"boot": Boot(total_s=20), "machine": "aws"}, {"boot": Boot(total_s=15), "machine": "aws"}, True),
        ({"boot": Boot(total_s=20), "machine": "kvm"}, {"boot": Boot(total_s=60), "machine": "aws"}, False),
        ({"boot": Boot(total_s=20), "machine": "tcg"}, {"boot": Boot(total_s=60), "machine": "tcg"}, False),
        ({"boot": Boot(total_s=20), "machine": "aws"}, {"boot": None, "machine": "aws"}, False),
    ],
)
def test_boots_are_compared_on_machines_of_one_kind_and_beyond_their_spread(
    old: dict[str, Any], new: dict[str, Any], told: bool
) -> None:
    assert ("boot" in changes(old, new)) is told


def manifest(*some: Package) -> Manifest:
    return a_manifest(packages=some)


def test_a_summary_counts() -> None:
    old = manifest(a_package("a", "1"), a_package("b", "1"))
    new = manifest(a_package("a", "2", suite="noble-security"), a_package("b", "2"), a_package("c", "1"))
    found = differences.of(old, new)
    assert found.summary() == "packages: 1 added, 2 upgraded, 1 of them security"
    assert [one.name for one in found.security] == ["a"]
